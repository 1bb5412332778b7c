//! The files of a rule set, and how they are read from a folder.

pub mod facts_toml;
pub mod table;
pub mod watch;

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use crate::domain::text::hex;
use crate::rules::diagnostics::{Code, Diagnostic};

/// The most that one file may hold: parsing takes more than linear time.
pub const MAX_FILE_BYTES: usize = 64 * 1024;
/// The most files that a set may have.
pub const MAX_FILES: usize = 1_000;
/// The most bytes that all files may hold: compiling them takes a few seconds then.
pub const MAX_TOTAL_BYTES: usize = 4 << 20;
/// The most folders that a set may have, and how deep they may be nested.
const MAX_FOLDERS: usize = 200;
const MAX_DEPTH: usize = 8;

/// How files with tests end.
pub const TESTS: &str = ".test.toml";

/// The texts of `**/*.rhai`, `facts.toml` and `tables/*.csv` by path, with `/` between its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    files: BTreeMap<String, String>,
    /// The tests beside the scripts, by path. They are no part of the set: what scores is what it is, whoever tests it.
    tests: BTreeMap<String, String>,
}

impl Sources {
    /// Files by path, tests among them.
    pub fn new(files: BTreeMap<String, String>) -> Self {
        let (tests, files) = files.into_iter().partition(|(path, _)| path.ends_with(TESTS));
        Self { files, tests }
    }

    /// The tests beside the scripts, by path.
    pub fn tests(&self) -> &BTreeMap<String, String> {
        &self.tests
    }

    /// The same with other text in a file.
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    pub fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    /// All files by path, tests among them: what [`Sources::new`] is given.
    pub fn with_tests(&self) -> BTreeMap<String, String> {
        self.files.iter().chain(&self.tests).map(|(path, text)| (path.clone(), text.clone())).collect()
    }

    /// A line of a file, counted from 1.
    pub fn line(&self, path: &str, line: u32) -> Option<&str> {
        without_mark(self.get(path)?).lines().nth(line.checked_sub(1)? as usize)
    }

    /// The set's name: the SHA-256 over the sorted paths and contents, each with its length before it.
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        for (path, text) in &self.files {
            for part in [path, text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        hex(&hash.finalize())
    }

    /// Reads a folder. Hidden entries (`.swp`, `..data`) are left out, symbolic links are followed: that is
    /// how Kubernetes mounts a ConfigMap. Everything unreadable is told at once.
    pub fn read(folder: &Path) -> Result<Self, Vec<Diagnostic>> {
        let mut files = BTreeMap::new();
        let mut problems = Vec::new();
        walk(folder, "", 0, &mut 0, &mut |relative, path| {
            if files.len() > MAX_FILES {
                return;
            }
            match read_file(path, most_bytes(relative)) {
                Ok(text) => _ = files.insert(relative.to_owned(), text),
                Err(problem) => problems.push(problem.of(relative)),
            }
        })
        .unwrap_or_else(|error| {
            let message = format!("the scripts folder {} can't be read: {error}", folder.display());
            problems.push(Diagnostic::of_file("", Code::Unreadable, message));
        });
        problems.extend(too_many(files.len()));
        problems.extend(too_large_together(files.values()));
        if problems.is_empty() { Ok(Self::new(files)) } else { Err(problems) }
    }
}

/// A text without the mark that some editors begin a file with, and which means nothing.
pub fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

/// The finding that there are too many files, if there are.
pub fn too_many(files: usize) -> Option<Diagnostic> {
    let message = format!("there are more than {MAX_FILES} files");
    (files > MAX_FILES).then(|| Diagnostic::of_file("", Code::TooLarge, message))
}

/// The finding that files are too large together, if they are.
pub fn too_large_together<'a>(texts: impl Iterator<Item = &'a String>) -> Option<Diagnostic> {
    let total: usize = texts.map(String::len).sum();
    let message = format!("the files have {total} bytes together, at most {MAX_TOTAL_BYTES} are allowed");
    (total > MAX_TOTAL_BYTES).then(|| Diagnostic::of_file("", Code::TooLarge, message))
}

/// Why a file's text can't be had.
enum Unreadable {
    Io(io::Error),
    TooLarge(u64),
    NotUtf8,
}

impl Unreadable {
    fn of(self, file: &str) -> Diagnostic {
        match self {
            Unreadable::Io(error) => Diagnostic::of_file(file, Code::Unreadable, error.to_string()),
            Unreadable::NotUtf8 => Diagnostic::of_file(file, Code::Unreadable, "the file is not UTF-8 text"),
            Unreadable::TooLarge(size) => too_large(file, size),
        }
    }
}

/// The most bytes of a file: tables cost little to read.
pub fn most_bytes(path: &str) -> usize {
    if table::table_name(path).is_some() { MAX_TOTAL_BYTES } else { MAX_FILE_BYTES }
}

/// The finding that a file is too large.
pub fn too_large(file: &str, size: u64) -> Diagnostic {
    let message = format!("the file has {size} bytes, at most {} are allowed", most_bytes(file));
    let help = match table::table_name(file) {
        Some(_) => "split it, or leave out columns that no rule asks for",
        None => "split it: functions can move to lib/",
    };
    Diagnostic::of_file(file, Code::TooLarge, message).with_help(help)
}

fn read_file(path: &Path, most: usize) -> Result<String, Unreadable> {
    // A pipe would be waited for, a device might never end. Whatever stands there may be replaced at any moment, so
    // opening must not wait, and what was opened is looked at.
    let file = std::fs::File::options().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path);
    let file = file.map_err(Unreadable::Io)?;
    let meta = file.metadata().map_err(Unreadable::Io)?;
    if !meta.is_file() {
        return Err(Unreadable::Io(io::Error::other("it is not a plain file")));
    }
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(Unreadable::Io)?;
    if bytes.len() > most {
        return Err(Unreadable::TooLarge(meta.len()));
    }
    String::from_utf8(bytes).map_err(|_| Unreadable::NotUtf8)
}

/// Whether a path within the folder belongs to the set.
fn belongs(relative: &str) -> bool {
    let is_script = relative.ends_with(".rhai") || relative.ends_with(TESTS);
    is_script || relative == "facts.toml" || table::table_name(relative).is_some()
}

/// Calls `found` for every file of the set, in the order of paths within each folder.
fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    visited: &mut usize,
    found: &mut impl FnMut(&str, &Path),
) -> io::Result<()> {
    // Links can make a small tree endless.
    *visited += 1;
    if *visited > MAX_FOLDERS {
        return Err(io::Error::other(format!("there are more than {MAX_FOLDERS} folders in it")));
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // What the folder tells of an entry is enough for most: others may have put thousands of files here.
        let kind = entry.file_type()?;
        let relevant = kind.is_dir() || kind.is_symlink() || belongs(&format!("{prefix}{name}"));
        if relevant && !name.starts_with('.') {
            entries.push((name, kind));
        }
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, kind) in entries {
        let (relative, path) = (format!("{prefix}{name}"), folder.join(&name));
        let is_folder = match kind.is_symlink() {
            true => std::fs::metadata(&path).is_ok_and(|meta| meta.is_dir()),
            false => kind.is_dir(),
        };
        match is_folder {
            true if depth < MAX_DEPTH => walk(&path, &format!("{relative}/"), depth + 1, visited, found)?,
            true => {}
            // Also what can't be looked at is reported by reading it: a dangling link must not
            // make a script vanish from the set.
            false if belongs(&relative) => found(&relative, &path),
            false => {}
        }
    }
    Ok(())
}

/// A file as the file system tells of it; times in nanoseconds, of the contents and of anything else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    path: String,
    size: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

pub type Manifest = Vec<Entry>;

/// What tells cheaply that a folder may have changed: paths, sizes, times and file numbers.
pub fn manifest(folder: &Path) -> Manifest {
    use std::os::unix::fs::MetadataExt as _;
    let mut entries = Vec::new();
    let walked = walk(folder, "", 0, &mut 0, &mut |relative, path| {
        let path = (relative.to_owned(), std::fs::metadata(path));
        entries.push(match path {
            (path, Ok(meta)) => Entry {
                path,
                size: meta.len(),
                inode: meta.ino(),
                modified: (meta.mtime(), meta.mtime_nsec()),
                changed: (meta.ctime(), meta.ctime_nsec()),
            },
            (path, Err(_)) => Entry { path, ..Entry::default() },
        });
    });
    if let Err(error) = walked {
        entries.push(Entry { path: format!("unreadable: {:?}", error.kind()), ..Entry::default() });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(files: &[(&str, &str)]) -> Sources {
        Sources::new(files.iter().map(|(p, t)| ((*p).into(), (*t).into())).collect())
    }

    #[test]
    fn the_id_tells_moved_text_apart() {
        let a = sources(&[("a.rhai", "xy"), ("b.rhai", "z")]);
        let b = sources(&[("a.rhai", "x"), ("b.rhai", "yz")]);
        assert_ne!(a.id(), b.id());
        assert_eq!(a.id(), a.clone().id());
        assert_eq!(a.id().len(), 64);
    }

    #[test]
    fn only_scripts_and_facts_belong_to_the_set() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        };
        for path in [
            "facts.toml",
            "lead_scoring/default.rhai",
            "lead_scoring/default.test.toml",
            "lead_scoring/.default.rhai.swp",
            "lead_scoring/default.rhai~",
            "..2026/default.rhai",
            "4913",
        ] {
            put(path);
        }
        let read = Sources::read(dir.path()).unwrap();
        let paths: Vec<_> = read.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["facts.toml", "lead_scoring/default.rhai"]);
        let tests: Vec<&String> = read.tests().keys().collect();
        assert_eq!(tests, ["lead_scoring/default.test.toml"]);
        std::fs::remove_file(dir.path().join("lead_scoring/default.test.toml")).unwrap();
        let without = Sources::read(dir.path()).unwrap();
        assert!(read.id() == without.id() && read != without, "tests are no part of the set");
    }

    #[test]
    fn what_cannot_be_read_is_told_and_not_left_out() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("gone.rhai")).unwrap();
        std::fs::write(dir.path().join("latin.rhai"), [0xE9]).unwrap();
        std::fs::write(dir.path().join("long.rhai"), vec![b' '; MAX_FILE_BYTES + 1]).unwrap();
        let problems = Sources::read(dir.path()).unwrap_err();
        let found: Vec<_> = problems.iter().map(|p| (p.file.as_str(), p.code)).collect();
        let expected = [
            ("gone.rhai", Code::Unreadable),
            ("latin.rhai", Code::Unreadable),
            ("long.rhai", Code::TooLarge),
        ];
        assert_eq!(found, expected);
        assert!(Sources::read(&dir.path().join("missing")).is_err());

        // A link to itself many times over, and a pipe that nobody writes to.
        let endless = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c", "d", "e", "f"] {
            std::os::unix::fs::symlink(".", endless.path().join(name)).unwrap();
        }
        assert_eq!(Sources::read(endless.path()).unwrap_err()[0].code, Code::Unreadable);
        let piped = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo").arg(piped.path().join("x.rhai")).status().unwrap();
        assert!(made.success());
        assert_eq!(Sources::read(piped.path()).unwrap_err()[0].code, Code::Unreadable);
    }
}
