//! What replicas have loaded, the sets that are kept, and the log of what was done to them.

use anyhow::bail;
use clap::Args;

use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, bold, coloured, moment, plain};
use crate::grpc::pb;

/// As much of a set's name as people compare.
const SHORT: usize = 12;

/// A set's name as people read it.
pub fn short(name: &str) -> String {
    name.trim_start_matches("ruleSets/").chars().take(SHORT).collect()
}

/// The kept set whose name begins so; a whole name is taken as it is.
pub async fn resolve(clients: &Clients, given: &str) -> anyhow::Result<String> {
    let digits = given.trim_start_matches("ruleSets/");
    if digits.len() == 64 {
        return Ok(format!("ruleSets/{digits}"));
    }
    if digits.len() < 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!(
            "\"{given}\" is neither a folder nor the beginning of a set's name; `assay rules list` shows them"
        );
    }
    let mut found = Vec::new();
    let mut request = pb::ListRuleSetsRequest { page_size: 1_000, ..Default::default() };
    loop {
        let page = clients.rules().list_rule_sets(request.clone()).await?.into_inner();
        let begins = |set: &pb::RuleSet| set.name.trim_start_matches("ruleSets/").starts_with(digits);
        found.extend(page.rule_sets.into_iter().filter(begins).map(|set| set.name));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    match found.as_slice() {
        [] => bail!("no set is kept whose name begins with {digits}; `assay rules list` shows them"),
        [only] => Ok(only.clone()),
        several => bail!("{} sets begin with {digits}: write more of the name", several.len()),
    }
}

#[derive(Args)]
#[command(after_help = "\
Exit code 1 if nothing is in force, or if the newest change can't come into force.

Examples:
  assay rules status
  assay rules status --server http://10.0.0.7:50051")]
pub struct Status {
    #[command(flatten)]
    server: ServerArg,
}

impl Status {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let status = clients.rules().get_rule_status(pb::GetRuleStatusRequest {}).await?.into_inner();
        let guard = match status.guard {
            Some(share) => format!(", and a guard at {} %", 100.0 * share),
            None => String::new(),
        };
        let mode = match status.mode() {
            pb::RuleMode::Store => "the store",
            pb::RuleMode::Directory | pb::RuleMode::Unspecified => "its folder",
        };
        outln!("{} takes its rules from {mode}{guard}.", bold(&plain(&status.replica)));
        match &status.active {
            Some(active) => {
                let (set, since) = (short(&active.rule_set), moment(active.since));
                outln!("In force since {since}: {set}, {}", active.scripts.join(", "));
            }
            None => outln!("{}", coloured("31", "Nothing is in force.")),
        }
        let Some(pending) = &status.pending else {
            return Ok(if status.active.is_some() { Done::Well } else { Done::No });
        };
        let found = moment(pending.found_time);
        outln!(
            "{}",
            coloured("33", &format!("Found {found} and not in force: {}", short(&pending.rule_set)))
        );
        for finding in &pending.diagnostics {
            let place = match finding.line {
                0 => finding.file.clone(),
                line => format!("{}:{line}:{}", finding.file, finding.column),
            };
            let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
            outln!("  {place}[{}] {}", finding.code, plain(&finding.message));
            if !finding.help.is_empty() {
                outln!("      {}", plain(&finding.help));
            }
        }
        Ok(Done::No)
    }
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay rules list
  assay rules diff 3fa9c1")]
pub struct List {
    /// How many, the newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1_000), value_name = "N")]
    limit: i32,
    #[command(flatten)]
    server: ServerArg,
}

impl List {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let status = clients.rules().get_rule_status(pb::GetRuleStatusRequest {}).await?.into_inner();
        let active = status.active.map(|active| active.rule_set).unwrap_or_default();
        let request = pb::ListRuleSetsRequest { page_size: self.limit, ..Default::default() };
        let page = clients.rules().list_rule_sets(request).await?.into_inner();
        let mut table = Table::new(&["set", "kept since", "last in force", "author", "reason"], &[]);
        for set in page.rule_sets {
            let pb::Change { author, reason } = set.change.unwrap_or_default();
            let in_force = match set.name == active {
                true => "now".to_owned(),
                false => moment(set.last_in_force_time),
            };
            table.row([short(&set.name), moment(set.create_time), in_force, author, reason]);
        }
        out!("{}", table.render());
        Ok(Done::Well)
    }
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay rules log
  assay rules log --limit 100")]
pub struct Log {
    /// How many entries, the newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1_000), value_name = "N")]
    limit: i32,
    #[command(flatten)]
    server: ServerArg,
}

impl Log {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::ListRuleChangesRequest { page_size: self.limit, ..Default::default() };
        let page = clients.rules().list_rule_changes(request).await?.into_inner();
        let head = ["no.", "time", "what", "set", "before", "replica", "moved", "author", "reason"];
        let mut table = Table::new(&head, &[0, 6]);
        for entry in page.rule_changes {
            let what = entry.kind().as_str_name().trim_start_matches("RULE_CHANGE_KIND_").to_lowercase();
            let moved = entry.guard.as_ref().map_or(String::new(), |guard| {
                let moved = guard.moved.map_or("?".to_owned(), |moved| format!("{:.1} %", 100.0 * moved));
                if guard.is_overridden { format!("{moved} overridden") } else { moved }
            });
            let pb::Change { author, reason } = entry.change.unwrap_or_default();
            table.row([
                entry.number.to_string(),
                moment(entry.time),
                what.replace('_', " "),
                short(&entry.rule_set),
                short(&entry.former_rule_set),
                entry.replica,
                moved,
                author,
                reason,
            ]);
        }
        out!("{}", table.render());
        Ok(Done::Well)
    }
}
