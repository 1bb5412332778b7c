//! Pages that stand by themselves: reports that are attached to a message or a request for a change.

pub use crate::render::escape;

const STYLE: &str = "\
:root{color-scheme:light dark}
body{font:16px/1.5 'DejaVu Sans','Noto Sans',Verdana,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.5rem 0 2rem}
table.wide{width:100%}
th,td{border-bottom:1px solid #8888;padding:.25rem .6rem;text-align:left;vertical-align:middle}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td.up{background:#3f8a5833}td.down{background:#b0482f33}td.same{opacity:.6}
svg{display:block}
figure{margin:1rem 0}";

/// A page of a title and what stands under it.
pub fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}\n</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    )
}
