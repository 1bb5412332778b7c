//! `assay rules facts`: every word that rules may use.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::cli::Done;
use crate::cli::output::out;
use crate::cli::table::Table;
use crate::domain::vocabulary::{Term, Vocabulary};
use crate::rules::assist::type_label;
use crate::rules::language::ScriptKind;
use crate::rules::language::catalogue::Catalogue;
use crate::rules::language::functions::FUNCTIONS;
use crate::rules::language::items::ITEM_NAMES;
use crate::rules::language::members::{ICP_FIELDS, MEMBERS, Member, Of};
use crate::rules::source::Sources;

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay rules facts
  assay rules facts /etc/assay/scripts")]
pub struct Facts {
    /// The folder with the rules, for what its facts.toml declares
    #[arg(env = "ASSAY_SCRIPTS", default_value = "scripts", value_name = "DIR")]
    folder: PathBuf,
}

impl Facts {
    pub fn run(self) -> anyhow::Result<Done> {
        let path = self.folder.join("facts.toml");
        let vocabulary = match Sources::read(&self.folder) {
            Ok(sources) if sources.get("facts.toml").is_none() => Vocabulary::default(),
            Ok(sources) => crate::rules::vocabulary(&sources).map_err(|findings| {
                let shown: String = findings.iter().map(|f| f.render("", &sources)).collect();
                anyhow::anyhow!("{} is broken:\n{shown}", path.display())
            })?,
            Err(problems) => {
                let first = problems.into_iter().next().map(|problem| problem.message);
                return Err(anyhow::anyhow!(first.unwrap_or_default())).context("the folder can't be read");
            }
        };
        out!("{}", reference(&vocabulary));
        Ok(Done::Well)
    }
}

/// The reference of every word that rules may use.
fn reference(vocabulary: &Vocabulary) -> String {
    let catalogue = Catalogue::new(vocabulary);
    let mut out = String::from("Facts of leads (lead_scoring/)\n\n");
    let facts = |kind: ScriptKind| {
        let mut table = Table::new(&["fact", "type", "of", "unit", "meaning"], &[]);
        for fact in catalogue.facts.iter().filter(|fact| fact.scope.kinds()[0] == kind) {
            let ty = type_label(&fact.ty);
            let cells = [
                fact.name.to_string(),
                ty,
                fact.scope.as_str().into(),
                fact.unit.clone(),
                fact.meaning.clone(),
            ];
            table.row(cells);
        }
        table.render()
    };
    out += &facts(ScriptKind::LeadScoring);
    out += "\nParts of facts\n\n";
    let mut table = Table::new(&["written", "type", "meaning"], &[]);
    let parts = |of: &[Of]| {
        MEMBERS.iter().filter(|member| of.contains(&member.of)).map(member_row).collect::<Vec<_>>()
    };
    for row in parts(&[Of::Activity, Of::Contacts, Of::Items]) {
        table.row(row);
    }
    for (field, _, meaning) in ICP_FIELDS {
        table.row([format!("icp.{field}"), "list".into(), format!("the profile's {meaning}")]);
    }
    let more = [
        ("total, fit, engagement", "number", "the points that were counted; in `grade` and `cap_grade` only"),
        ("word in list", "yes_no", "whether a word is in a list; turned round by not (word in list)"),
    ];
    for row in more.map(|row| <[&str; 3]>::from(row).map(String::from)).into_iter().chain(parts(&[
        Of::List,
        Of::Words,
        Of::Text,
    ])) {
        table.row(row);
    }
    out += &table.render();
    out += "\nNames in conditions on items\n\n";
    let mut table = Table::new(&["name", "of", "type", "meaning"], &[]);
    for part in &ITEM_NAMES {
        table.row([part.name, part.of.as_str(), part.ty, part.meaning].map(String::from));
    }
    let declared = vocabulary.properties.iter().map(|(kind, of)| (format!("activity(\"{kind}\")"), of));
    for (of, parts) in declared.chain([("contact".to_owned(), &vocabulary.contact_attributes)]) {
        for (name, part) in parts {
            let label = part.kind.label().to_owned();
            table.row([name.clone(), of.clone(), label, part.meaning.clone()]);
        }
    }
    out += &table.render();
    out += "\nFacts of segments (segment_priority/)\n\n";
    out += &facts(ScriptKind::SegmentPriority);
    out += "\nFacts of notes and segments (canvas_lint/), beside those of segments\n\n";
    out += &facts(ScriptKind::CanvasLint);
    out += "\nFunctions\n\n";
    let mut table = Table::new(&["written", "meaning"], &[]);
    for function in &FUNCTIONS {
        table.row([function.written, function.meaning].map(String::from));
    }
    out += &table.render();
    let words = [
        ("Activity types", &vocabulary.activities),
        ("Roles", &vocabulary.roles),
        ("Seniorities", &vocabulary.seniorities),
    ];
    for (title, terms) in words {
        out += &format!("\n{title}\n\n{}", terms_table(terms));
    }
    out += "\nReasons why leads leave their way\n\n";
    let mut table = Table::new(&["reason", "stages", "meaning"], &[]);
    for (code, reason) in &vocabulary.reasons {
        let stages: Vec<&str> = reason.stages.iter().map(|stage| stage.as_str()).collect();
        let stages = if stages.is_empty() { "any".to_owned() } else { stages.join(", ") };
        table.row([code.clone(), stages, reason.meaning.clone()]);
    }
    out += &table.render();
    out
}

fn member_row(member: &Member) -> [String; 3] {
    [member.written, member.ty, member.meaning].map(String::from)
}

fn terms_table(terms: &BTreeMap<String, Term>) -> String {
    let mut table = Table::new(&["word", "unit", "meaning"], &[]);
    for (word, term) in terms {
        table.row([word.clone(), term.unit.clone(), term.meaning.clone()]);
    }
    table.render()
}
