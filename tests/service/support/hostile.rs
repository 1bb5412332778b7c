//! The hostile scripts in `tests/hostile`; `EXPECT.toml` there says how they are kept and how each must end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile")
}

/// A script as it attacks: lines of the form `//@ N × text` are replaced by the text, N times, each time with its number in
/// place of `{i}`.
pub fn expanded(kept: &str) -> String {
    let mut out = String::new();
    for line in kept.split_inclusive('\n') {
        let repeated = line.strip_prefix("//@ ").and_then(|rest| rest.split_once(" × "));
        match repeated.and_then(|(count, text)| Some((count.parse::<usize>().ok()?, text))) {
            Some((count, text)) => {
                let text = text.strip_suffix('\n').unwrap_or(text);
                let text = text.replace("\\n", "\n");
                out.extend((0..count).map(|i| text.replace("{i}", &i.to_string())));
            }
            None => out.push_str(line),
        }
    }
    out
}

/// The files of a set in which a hostile script stands where its name says.
pub fn set(name: &str) -> BTreeMap<String, String> {
    let kept = std::fs::read(folder().join(name)).unwrap();
    let script = expanded(&String::from_utf8_lossy(&kept));
    let shipped = super::shipped();
    let mut files: BTreeMap<String, String> = ["facts.toml", "lib/shapes.rhai"]
        .into_iter()
        .map(|path| (path.to_owned(), std::fs::read_to_string(shipped.join(path)).unwrap()))
        .collect();
    let user = "import \"lib/hostile\" as hostile;\n\
                rule \"r\" when hostile::attack(employees) > 0 then 1 because \"x\";\n\
                grade \"D\" otherwise;\n";
    match name.split('_').next() {
        Some("lib") => {
            files.insert("lib/hostile.rhai".into(), script);
            files.insert("lead_scoring/hostile.rhai".into(), user.into());
        }
        Some("segment") => _ = files.insert("segment_priority/hostile.rhai".into(), script),
        _ => _ = files.insert("lead_scoring/hostile.rhai".into(), script),
    }
    files
}

/// How each script must end.
pub fn expectations() -> BTreeMap<String, Vec<String>> {
    toml::from_str(&std::fs::read_to_string(folder().join("EXPECT.toml")).unwrap()).unwrap()
}
