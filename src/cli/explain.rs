use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;

use super::Done;
use super::leads_file::{LeadRow, LeadsFile};
use super::mapping::Mapped;
use super::rows::FileArg;
use super::score::{ScoredBy, Scorer};
use super::table::{Table, bold, points, signed};
use crate::cli::output::out;
use crate::grpc::pb::{self, ContributionKind};

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay explain leads/acme --server http://127.0.0.1:50051
  assay explain leads.csv --id 1042
  assay explain leads.csv --row 7 --profile-file icp.json")]
pub struct Explain {
    /// A stored lead such as leads/acme, or a file of leads
    #[arg(value_name = "LEAD|FILE")]
    what: String,
    #[command(flatten)]
    by: ScoredBy,
    #[command(flatten)]
    input: FileArg,
    /// Which row of the file, counted from 1 below the header
    #[arg(long, conflicts_with = "id", value_name = "N")]
    row: Option<usize>,
    /// Which row of the file, by its id
    #[arg(long)]
    id: Option<String>,
}

impl Explain {
    pub async fn run(self) -> anyhow::Result<Done> {
        let stored = self.what.starts_with("leads/") && !PathBuf::from(&self.what).exists();
        if stored && self.by.server.is_none() {
            bail!("{} is a stored lead: name the server that has it with --server URL", self.what);
        }
        if stored && (self.row.is_some() || self.id.is_some()) {
            bail!("--row and --id choose a row of a file; {} is a stored lead", self.what);
        }
        let scorer = self.by.connect().await?;
        let (title, score) = if stored {
            let (lead, score) = scorer.score_stored(&self.what).await?;
            (title(&lead), score)
        } else {
            let mapped = self.row_of_file(&scorer)?;
            (title(&mapped.lead), scorer.score(mapped.lead, mapped.activities).await?)
        };
        out!("{}", render(&title, &score));
        Ok(Done::Well)
    }

    fn row_of_file(&self, scorer: &Scorer) -> anyhow::Result<Mapped> {
        let path = self.what.as_ref();
        let mut file =
            LeadsFile::open(path, &self.input, &scorer.vocabulary, &self.by.currency, scorer.as_of)?;
        let wanted = self.row.or(self.id.is_none().then_some(1));
        while let Some(LeadRow { number, lead, .. }) = file.read()? {
            let is_it = match wanted {
                Some(wanted) => wanted == number,
                None => lead.as_ref().is_ok_and(|lead| Some(&lead.id) == self.id.as_ref()),
            };
            if is_it {
                file.tell();
                return lead.map(|lead| *lead).map_err(|problem| anyhow::anyhow!(problem));
            }
        }
        None.with_context(|| match (&self.id, wanted) {
            (Some(id), _) => format!("{} has no row with the id {id}", self.what),
            (None, wanted) => format!("{} has no row {}", self.what, wanted.unwrap_or(1)),
        })
    }
}

/// How a person calls a lead.
pub fn title(lead: &pb::Lead) -> String {
    let name = match &lead.subject {
        Some(pb::lead::Subject::Company(company)) => company.display_name.as_str(),
        Some(pb::lead::Subject::Person(person)) => person.display_name.as_str(),
        None => "?",
    };
    if lead.name.is_empty() { name.to_owned() } else { format!("{name} ({})", lead.name) }
}

/// A score as a table that a salesperson understands.
pub fn render(title: &str, score: &pb::Score) -> String {
    let verdict = match score.status() {
        pb::ScoreStatus::Scored => format!("Grade {}", score.grade),
        pb::ScoreStatus::Disqualified => "Disqualified".into(),
        _ => "Too little is known for a grade".into(),
    };
    let mut out =
        format!("{}\n", bold(&format!("{title}: {verdict}, {} points", points(score.total_hundredths))));
    out += &format!(
        "Fit {} + engagement {}; {:.0} % of the facts that the rules ask for are known",
        points(score.fit_hundredths),
        points(score.engagement_hundredths),
        score.completeness * 100.0
    );
    if let Some(coverage) = score.role_coverage {
        out += &format!("; {:.0} % of the decision roles are reached", coverage * 100.0);
    }
    out += "\n\n";
    let mut table = Table::new(&["points", "why", "seen by", "rule"], &[0]);
    for entry in &score.contributions {
        let number = match entry.kind() {
            ContributionKind::Disqualify => "out".into(),
            ContributionKind::GradeCap => format!("≤ {}", entry.rule),
            _ => signed(entry.points_hundredths),
        };
        let rule = match entry.position.as_ref() {
            Some(place) => format!("{} ({}:{})", entry.rule, place.file, place.line),
            None => entry.rule.clone(),
        };
        table.row([number, entry.reason.clone(), inputs(entry), rule]);
    }
    table.row([points(score.total_hundredths), "in all".into(), String::new(), String::new()]);
    out += &table.render();
    if !score.unknowns.is_empty() {
        out += "\nCould not be judged, because it is not known:\n";
        for unknown in &score.unknowns {
            out += &format!("  {} (for \"{}\")\n", unknown.fact, unknown.rule);
        }
    }
    out += &could_be(score);
    for warning in &score.warnings {
        out += &format!("\nMind: {} ({}). Remedy: {}.\n", warning.text, warning.evidence, warning.remedy);
    }
    out
}

/// How many questions are shown.
const SHOWN_QUESTIONS: usize = 5;

/// What the unknown could still make of the score, and what to find out first.
fn could_be(score: &pb::Score) -> String {
    let (Some(low), Some(high)) = (score.low_hundredths, score.high_hundredths) else { return String::new() };
    if low == high && score.next_questions.is_empty() {
        return String::new();
    }
    let mut out = format!("\nIf more were known, it could be {} to {} points.", points(low), points(high));
    if !score.next_questions.is_empty() {
        out += " What to find out first:\n";
    } else {
        out.push('\n');
    }
    out += &could_find(&score.next_questions);
    out
}

/// What finding out each fact could make of the score.
pub fn could_find(questions: &[pb::NextQuestion]) -> String {
    let mut out = String::new();
    for question in questions.iter().take(SHOWN_QUESTIONS) {
        let (low, high) = (question.low_hundredths, question.high_hundredths);
        let total = if low == high { points(low) } else { format!("{} to {}", points(low), points(high)) };
        let grades = match (question.worst_grade.as_str(), question.best_grade.as_str()) {
            ("", "") => "no grade".into(),
            ("", best) if question.could_disqualify => format!("grade {best}"),
            ("", best) => format!("grade {best} or none"),
            (worst, best) if worst == best => format!("grade {best}"),
            (worst, best) => format!("grade {best} to {worst}"),
        };
        let out_of_it = if question.could_disqualify { ", or disqualified" } else { "" };
        out += &format!("  {}: {total} points, {grades}{out_of_it}\n", question.fact);
    }
    out
}

fn inputs(entry: &pb::Contribution) -> String {
    let shown = entry.inputs.iter().map(|(name, value)| format!("{name} = {}", shown(value)));
    shown.collect::<Vec<_>>().join(", ")
}

pub fn shown(value: &pb::Value) -> String {
    use pb::value::Kind;
    let text = match &value.kind {
        Some(Kind::Number(number)) => format!("{}", (number * 100.0).round() / 100.0),
        Some(Kind::Text(text)) => text.clone(),
        Some(Kind::YesNo(yes)) => if *yes { "yes" } else { "no" }.into(),
        Some(Kind::List(list)) => list.values.join("/"),
        Some(Kind::Money(money)) => format!("{} {}", money.units, money.currency_code),
        None => "?".into(),
    };
    if text.chars().count() > 40 { text.chars().take(39).chain(['…']).collect() } else { text }
}
