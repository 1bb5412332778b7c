//! `assay profile check`: how a profile may mislead, with what was seen and what helps.

use std::path::PathBuf;

use clap::Args;

use crate::app::{Clock as _, SystemClock};
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::outln;
use crate::cli::table::{bold, counted, plain};
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
        let profile = match self.profile.starts_with("profiles/") && !path.exists() {
            true => {
                let clients = Clients::connect(&self.server.server).await?;
                let request = pb::GetProfileRequest { name: self.profile.clone(), ..Default::default() };
                clients.profiles().get_profile(request).await?.into_inner()
            }
            false => documents::profile(&path)?,
        };
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
}
