//! `assay rules diff`: what differs between two sets, rule by rule.

use std::path::Path;

use anyhow::Context as _;
use clap::Args;

use super::log::{resolve, short};
use super::read_folder;
use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{bold, coloured, counted, plain};
use crate::grpc::{convert, dynamic, pb};
use crate::rules::diff::difference;

#[derive(Args)]
#[command(after_help = "\
Each side is a folder, or a set that the server keeps by the beginning of its name. With one, the rules in force on the server
are the side before. Exit code 1 if anything differs.

Examples:
  assay rules diff new-rules                  what a folder would change
  assay rules diff scripts new-rules          two folders, without a server
  assay rules diff 3fa9c1 77b0e2 --files      two sets that the server keeps, line by line too")]
pub struct Diff {
    /// The set, or the set before
    #[arg(value_name = "DIR|SET")]
    first: String,
    /// The set after
    #[arg(value_name = "DIR|SET")]
    second: Option<String>,
    /// Show the lines that differ too
    #[arg(long)]
    files: bool,
    /// Write everything as JSON instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArg,
}

impl Diff {
    pub async fn run(self) -> anyhow::Result<Done> {
        let is_folder = |side: &str| Path::new(side).is_dir();
        let found = match &self.second {
            Some(second) if is_folder(&self.first) && is_folder(second) => {
                let (before, after) = (read_folder(Path::new(&self.first))?, read_folder(Path::new(second))?);
                convert::rules::difference(difference(&before, &after))
            }
            _ => self.of_server(is_folder).await?,
        };
        if self.json {
            let message = dynamic::of(&found, "DiffRuleSetsResponse").context("there is no such message")?;
            outln!("{:#}", dynamic::to_json(&message));
        } else {
            out!("{}", text(&found));
            if self.files {
                found.files.iter().for_each(|file| out!("{}", lines(file)));
            }
        }
        Ok(if found.files.is_empty() { Done::Well } else { Done::No })
    }

    async fn of_server(&self, is_folder: impl Fn(&str) -> bool) -> anyhow::Result<pb::DiffRuleSetsResponse> {
        let clients = Clients::connect(&self.server.server).await?;
        let (before, after) = match &self.second {
            Some(second) => (Some(&self.first), second),
            None => (None, &self.first),
        };
        let mut request = pb::DiffRuleSetsRequest::default();
        if is_folder(after) {
            request.files = super::files_of(&read_folder(Path::new(after))?);
        } else {
            request.after = resolve(&clients, after).await?;
        }
        match before {
            // What is in a folder before, and kept by the server after.
            Some(folder) if is_folder(folder) => {
                let name = pb::GetRuleSetRequest { name: request.after };
                let set = clients.rules().get_rule_set(name).await?.into_inner();
                let files = set.files.into_iter().map(|file| (file.path, file.content)).collect();
                let after = crate::rules::source::Sources::new(files);
                return Ok(convert::rules::difference(difference(&read_folder(Path::new(folder))?, &after)));
            }
            Some(set) => request.before = resolve(&clients, set).await?,
            None => {}
        }
        Ok(clients.rules().diff_rule_sets(request).await?.into_inner())
    }
}

/// What differs, as people read it.
pub fn text(found: &pb::DiffRuleSetsResponse) -> String {
    if found.statements.is_empty() && found.files.is_empty() {
        return "Nothing differs.\n".to_owned();
    }
    let mut out = String::new();
    let mut file = "";
    for differs in &found.statements {
        if differs.file != file {
            file = &differs.file;
            out += &format!("{}\n", bold(file));
        }
        let (mark, colour) = match differs.kind.as_str() {
            "added" => ("+", "32"),
            "removed" => ("-", "31"),
            _ => ("~", "33"),
        };
        let line = if differs.line_after == 0 { differs.line_before } else { differs.line_after };
        let name = match differs.name.as_str() {
            "" => differs.statement.clone(),
            name => format!("{} \"{}\"", differs.statement, plain(name)),
        };
        out += &format!("  {} line {line}\n", coloured(colour, &format!("{mark} {name}")));
        for part in &differs.parts {
            let told = match (differs.kind.as_str(), part.before.as_str(), part.after.as_str()) {
                ("follows", ..) => format!("goes by {}, which is another", part.part),
                (_, "", after) => format!("{}: {}", part.part, plain(after)),
                ("removed", before, _) => format!("{}: {}", part.part, plain(before)),
                (_, before, "") => format!("{}: {} → nothing", part.part, plain(before)),
                (_, before, after) => format!("{}: {} → {}", part.part, plain(before), plain(after)),
            };
            out += &format!("      {told}\n");
        }
    }
    let others: Vec<&str> = found
        .files
        .iter()
        .map(|differs| differs.path.as_str())
        .filter(|path| !found.statements.iter().any(|differs| differs.file == *path))
        .collect();
    if !others.is_empty() {
        out += &format!("{}: {}\n", counted(others.len(), "other file"), others.join(", "));
    }
    out
}

/// The lines of a file that differ.
fn lines(file: &pb::FileDifference) -> String {
    let mut out = format!("\n{}\n", bold(&file.path));
    if file.diff.is_empty() {
        return out + "too large to tell which lines differ\n";
    }
    for line in file.diff.lines() {
        let shown = plain(line);
        out += &match line.as_bytes().first() {
            Some(b'+') => coloured("32", &shown),
            Some(b'-') => coloured("31", &shown),
            _ => shown,
        };
        out.push('\n');
    }
    out
}

/// A line that says which set came into force, after what.
pub fn activated(change: &pb::RuleChange) -> String {
    match change.former_rule_set.as_str() {
        "" => format!("{} is in force.", short(&change.rule_set)),
        former => format!("{} is in force, in place of {}.", short(&change.rule_set), short(former)),
    }
}
