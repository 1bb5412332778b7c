//! `assay profile check`: how a profile may mislead, with what was seen and what helps.

use std::path::PathBuf;

use clap::Args;

use crate::app::{Clock as _, SystemClock};
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, bold, counted, plain};
use crate::cli::{Done, documents};
use crate::domain::check::Checker;
use crate::domain::profile::doubts::Misconception;
use crate::grpc::{convert, pb};

#[derive(Args)]
#[command(after_help = "\
It looks for what profiles go wrong by: chasing big customers, ignoring the decision chain, a portrait that nobody looks at again, and
too little detail. Exit code 1 if it finds any of it.

Examples:
  assay profile check profile.json
  assay profile check profiles/main --server http://127.0.0.1:50051 --lang vi")]
pub struct Check {
    /// A profile of a server, or a file of YAML or JSON
    #[arg(value_name = "PROFILE")]
    profile: String,
    /// The language of the texts: en, vi, zh, ar or it
    #[arg(long, default_value = "en", value_name = "LANG")]
    lang: String,
    #[command(flatten)]
    server: ServerArg,
}

impl Check {
    pub async fn run(self) -> anyhow::Result<Done> {
        let path = PathBuf::from(&self.profile);
        if self.profile.starts_with("profiles/") && !path.exists() {
            return self.of_server().await;
        }
        let profile = documents::profile(&path)?;
        let mut c = Checker::at("profile");
        let content = convert::profile::content(&mut c, profile);
        let content = c.finish(content)?;
        let found = content.doubts(SystemClock.now());
        let mut last: Option<Misconception> = None;
        for finding in &found {
            let misconception = finding.doubt.misconception();
            if last != Some(misconception) {
                if let Some(last) = last {
                    outln!("  → {}\n", last.remedy(&self.lang));
                }
                outln!("{}", bold(misconception.title(&self.lang)));
                last = Some(misconception);
            }
            outln!("  {}  [{}]  {}", plain(&finding.text(&self.lang)), finding.doubt.as_str(), finding.path);
        }
        match last {
            Some(last) => {
                outln!("  → {}\n", last.remedy(&self.lang));
                outln!("{}: {}", self.profile, counted(found.len(), "doubt"));
                Ok(Done::No)
            }
            None => {
                outln!("{}: no doubt about it", self.profile);
                Ok(Done::Well)
            }
        }
    }

    /// What a server says, with what its leads tell.
    async fn of_server(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::CheckProfileRequest {
            name: self.profile.clone(),
            language: self.lang,
            filter: String::new(),
        };
        let found = clients.profiles().check_profile(request).await?.into_inner();
        // One remedy stands behind all signs of a misconception.
        for of_one in found.doubts.chunk_by(|a, b| a.remedy == b.remedy) {
            for doubt in of_one {
                outln!("  {}  [{}]  {}", plain(&doubt.text), doubt.code, plain(&doubt.evidence));
            }
            outln!("  → {}\n", of_one[0].remedy);
        }
        if found.lead_count > 0 {
            out!("{}", coverage(&found));
        }
        if found.doubts.is_empty() {
            outln!("{}: no doubt about it", self.profile);
            return Ok(Done::Well);
        }
        outln!("{}: {}", self.profile, counted(found.doubts.len(), "doubt"));
        Ok(Done::No)
    }
}

/// Of how many leads the criteria are known and hold, and what became of them.
fn coverage(found: &pb::CheckProfileResponse) -> String {
    let share = |share: Option<pb::Share>| {
        let share = share.unwrap_or_default();
        if share.of == 0 { String::new() } else { format!("{:.0} %", share.ratio * 100.0) }
    };
    let mut out = bold(&format!("Of {}", counted(usize::try_from(found.lead_count).unwrap_or(0), "lead")));
    out.push('\n');
    if !found.criteria.is_empty() {
        let head = ["criterion", "known of", "holds of these", "won where it holds", "where not"];
        let mut table = Table::new(&head, &[1, 2, 3, 4]);
        for of in &found.criteria {
            let cells = [of.known, of.holds, of.won_where_holds, of.won_where_fails].map(share);
            table.row([of.criterion.clone()].into_iter().chain(cells));
        }
        out += &table.render();
    }
    if !found.bands.is_empty() {
        let mut table = Table::new(&["employees", "leads", "under way", "capacity", "won"], &[1, 2, 3, 4]);
        for band in &found.bands {
            let to = band.max.map_or("and more".to_owned(), |max| format!("to below {max}"));
            let capacity = band.capacity.map(|capacity| capacity.to_string()).unwrap_or_default();
            let (leads, served) = (band.lead_count.to_string(), band.served_count.to_string());
            table.row([format!("{} {to}", band.min), leads, served, capacity, share(band.won)]);
        }
        out += &format!("\n{}", table.render());
    }
    out.push('\n');
    out
}
