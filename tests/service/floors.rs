//! Imports point down only, siblings never meet, and each library lives on its floor.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The floors from the bottom, with what each may use of the others.
const MAY_USE: [(&str, &[&str]); 7] = [
    ("domain", &[]),
    ("rules", &["domain"]),
    ("storage", &["domain"]),
    ("render", &["domain"]),
    ("assistant", &[]),
    ("app", &["domain", "rules", "storage", "assistant"]),
    ("grpc", &["domain", "rules", "storage", "render", "app"]),
];

/// Libraries with the only places where they may be named.
const HOMES: [(&str, &[&str]); 14] = [
    ("ureq", &["src/assistant.rs"]),
    ("harfrust", &["src/render/"]),
    ("thread_priority", &["src/priority.rs"]),
    ("opentelemetry", &["src/telemetry.rs", "src/grpc/middleware/observe.rs", "src/grpc/middleware/call.rs"]),
    ("rlimit", &["src/cli/", "src/server.rs"]),
    ("tokio_postgres", &["src/storage/postgres/"]),
    ("rhai", &["src/rules/syntax/"]),
    ("lsp_server", &["src/cli/lsp.rs"]),
    ("lsp_types", &["src/cli/lsp.rs", "src/cli/lsp/"]),
    ("rusqlite", &["src/storage/sqlite/"]),
    ("tonic", &["src/grpc/", "src/server.rs", "src/connections.rs", "src/cli/"]),
    ("prost", &["src/grpc/"]),
    ("notify", &["src/rules/"]),
    ("anyhow", &["src/cli/", "src/config.rs", "src/server.rs", "src/telemetry.rs"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The files with their text up to their tests.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&root.join("src"), &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        (path.strip_prefix(root).unwrap().display().to_string(), code)
    };
    found.into_iter().map(read).collect()
}

#[test]
fn imports_point_down_only() {
    let mut wrong = Vec::new();
    for (file, code) in files() {
        let Some((floor, allowed)) =
            MAY_USE.iter().find(|(floor, _)| file.starts_with(&format!("src/{floor}/")))
        else {
            continue;
        };
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for used in line.match_indices("crate::").map(|(at, _)| &line[at + 7..]) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if used != *floor
                    && !allowed.contains(&used.as_str())
                    && used != "tests"
                    && used != "priority"
                {
                    wrong.push(format!("{file}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn libraries_stay_on_their_floor() {
    let mut wrong = BTreeSet::new();
    for (file, code) in files() {
        for (library, homes) in HOMES {
            let at_home = homes.iter().any(|home| file.starts_with(home));
            let named = code.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
                let path = format!("{library}::");
                line.match_indices(&path).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                })
            });
            if named && !at_home {
                wrong.insert(format!("{library} in {file}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
