//! `assay profile review`, and the reviews that are overdue.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::review_html;

use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, bold, coloured, counted, plain};
use crate::cli::{Done, operation};
use crate::grpc::pb;

#[derive(Args)]
#[command(after_help = "\
It compares the leads of the last quarter with those of the year before: what has drifted, by more than chance explains, which
criteria still tell won leads from lost ones, which industries come up, and what to change. Nothing changes until it is signed off.

Examples:
  assay profile review profiles/main
  assay profile review profiles/main --days 30 --filter 'country = DE' --html review.html
  assay profile review profiles/main --sign-off operations/k3b --accept p1,p3 --author an --reason \"autumn review\"")]
pub struct ReviewVerb {
    /// The profile
    #[arg(value_name = "PROFILE")]
    profile: String,
    /// Leads that came in within so many days are recent
    #[arg(long, default_value_t = 90, value_name = "DAYS")]
    days: i32,
    /// Those of so many days before are the reference
    #[arg(long, default_value_t = 365, value_name = "DAYS")]
    reference_days: i32,
    /// Which leads count [default: those that belong to the profile]
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    /// Write the review as a page that stands by itself too
    #[arg(long, value_name = "FILE", conflicts_with = "sign_off")]
    html: Option<PathBuf>,
    /// Sign this review off, which was made before and read: the next one is due a cadence from now
    #[arg(long, value_name = "OPERATION")]
    sign_off: Option<String>,
    /// Carry these proposals out, when it is signed off
    #[arg(long, value_delimiter = ',', value_name = "ID,…", requires = "sign_off")]
    accept: Vec<String>,
    /// Who signs it off
    #[arg(long, default_value = "", value_name = "NAME")]
    author: String,
    /// Why
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Args)]
#[command(after_help = "\
Exit code 1 if a review is due.

Examples:
  assay profile overdue")]
pub struct OverdueVerb {
    #[command(flatten)]
    server: ServerArg,
}

impl ReviewVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        if let Some(operation) = self.sign_off {
            let count = self.accept.len();
            let request = pb::CompleteReviewRequest {
                name: self.profile,
                operation,
                accepted: self.accept,
                change: Some(pb::Change { author: self.author, reason: self.reason }),
                ..Default::default()
            };
            let profile = clients.profiles().complete_review(request).await?.into_inner();
            let done = counted(count, "proposal");
            outln!("{} is reviewed: revision {}, {done} carried out", profile.name, profile.revision);
            return Ok(Done::Well);
        }
        let request = pb::ReviewProfileRequest {
            name: self.profile,
            recent_days: self.days,
            reference_days: self.reference_days,
            filter: self.filter,
            request_id: String::new(),
        };
        let started = clients.profiles().review_profile(request).await?.into_inner();
        let name = started.name.clone();
        let review: pb::ProfileReview = operation::response(&clients, started).await?;
        out!("{}", text(&review));
        if let Some(path) = &self.html {
            std::fs::write(path, review_html::page(&review))
                .with_context(|| format!("{} can't be written", path.display()))?;
            outln!("\n{} has everything.", path.display());
        }
        let accept = if review.proposals.is_empty() { "" } else { " --accept p1,…" };
        outln!("\nWhen it is read, sign it off with --sign-off {name}{accept}");
        Ok(Done::Well)
    }
}

impl OverdueVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let found =
            clients.profiles().list_overdue_reviews(pb::ListOverdueReviewsRequest {}).await?.into_inner();
        if found.reviews.is_empty() {
            outln!("No review is due.");
            return Ok(Done::Well);
        }
        let mut table = Table::new(&["profile", "name", "overdue since"], &[]);
        for review in &found.reviews {
            let since = counted(usize::try_from(review.overdue_days).unwrap_or(0), "day");
            table.row([review.profile.clone(), review.display_name.clone(), since]);
        }
        out!("{}", table.render());
        Ok(Done::No)
    }
}

pub fn percent(share: Option<pb::Share>) -> String {
    let share = share.unwrap_or_default();
    if share.of == 0 { String::new() } else { format!("{:.0} % of {}", share.ratio * 100.0, share.of) }
}

/// What a drift means.
pub fn drift_words(verdict: pb::DriftVerdict) -> &'static str {
    match verdict {
        pb::DriftVerdict::Stable => "stable",
        pb::DriftVerdict::Moderate => "has moved",
        pb::DriftVerdict::Large => "has moved far",
        pb::DriftVerdict::TooFew | pb::DriftVerdict::Unspecified => "too few to tell",
    }
}

/// Whether a criterion tells won leads from lost ones.
pub fn separation_words(separation: pb::Separation) -> &'static str {
    match separation {
        pb::Separation::Separates => "yes",
        pb::Separation::Reverses => "the wrong way",
        pb::Separation::NoEffect => "no",
        pb::Separation::NoLonger => "no longer",
        pb::Separation::TooFew | pb::Separation::Unspecified => "too few to tell",
    }
}

fn drift(drift: &pb::Drift) -> String {
    let words = drift_words(drift.verdict());
    let verdict = match drift.verdict() {
        pb::DriftVerdict::Moderate => coloured("33", words),
        pb::DriftVerdict::Large => coloured("31", words),
        _ => words.to_owned(),
    };
    format!("{verdict} (PSI {:.2}, without drift about {:.2})", drift.psi, drift.expected_psi)
}

fn text(review: &pb::ProfileReview) -> String {
    let mut out = format!(
        "{} at revision {}: {} recent leads, {} in the reference\n",
        review.profile, review.revision, review.recent_count, review.reference_count
    );
    if let Some(score) = &review.score {
        out += &format!("Scores: {}\n", drift(score));
    }
    out += &format!("Won: {} before, {} now", percent(review.reference_won), percent(review.recent_won));
    let is_chance = review.outcome_chance >= 0.01;
    out += if is_chance { ", which may be chance\n" } else { "\n" };
    if !review.criteria.is_empty() {
        let head = ["criterion", "tells won from lost", "won where it holds", "where not", "drift"];
        let mut table = Table::new(&head, &[2, 3]);
        for criterion in &review.criteria {
            let separation = separation_words(criterion.separation());
            let verdict = criterion.drift.as_ref().map(pb::Drift::verdict).unwrap_or_default();
            let drift = match verdict {
                pb::DriftVerdict::Moderate => "moved",
                pb::DriftVerdict::Large => "moved far",
                pb::DriftVerdict::Stable => "stable",
                pb::DriftVerdict::TooFew | pb::DriftVerdict::Unspecified => "",
            };
            table.row([
                criterion.criterion.clone(),
                separation.to_owned(),
                percent(criterion.won_where_holds),
                percent(criterion.won_where_fails),
                drift.to_owned(),
            ]);
        }
        out += &format!("\n{}", table.render());
    }
    if !review.industries.is_empty() {
        let mut table = Table::new(&["industry", "before", "now", "won", "aimed at"], &[1, 2, 3]);
        for shift in &review.industries {
            let aimed = if shift.targeted { "yes" } else { "no" }.to_owned();
            let cells = [percent(shift.reference), percent(shift.recent), percent(shift.won), aimed];
            table.row([shift.industry.clone()].into_iter().chain(cells));
        }
        out += &format!("\n{}", table.render());
    }
    match review.proposals.is_empty() {
        true => out += "\nNothing to change.\n",
        false => {
            out += &format!("\n{}\n", bold("Proposed"));
            for proposal in &review.proposals {
                let what = match (proposal.before.as_str(), proposal.after.as_str()) {
                    (before, "") => format!("- {} ({})", proposal.path, plain(before)),
                    ("", after) => format!("+ {}: {}", proposal.path, plain(after)),
                    (before, after) => format!("~ {}: {} → {}", proposal.path, plain(before), plain(after)),
                };
                out += &format!("  {}  {what}\n      {}\n", proposal.id, plain(&proposal.evidence));
            }
        }
    }
    out
}
