//! The accounts of a file that tell how they ended.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::cli::leads_file::{LeadRow, LeadsFile};
use crate::cli::mapping::is_missing;
use crate::cli::rows::FileArg;
use crate::domain::canonical::same_word;
use crate::domain::check::Checker;
use crate::domain::profile::ProfileContent;
use crate::domain::text::suggestion;
use crate::domain::time::Time;
use crate::domain::vocabulary::Vocabulary;
use crate::grpc::{convert, pb};
use crate::rules::LeadFacts;
use crate::rules::set::RuleSet;

/// Where accounts are read from, and how.
pub struct Source<'a> {
    pub file: &'a Path,
    pub input: &'a FileArg,
    pub currency: &'a str,
    pub as_of: Time,
    /// Where outcomes are told, unless facts.toml says it all.
    pub outcome: Option<OutcomeColumn<'a>>,
}

/// A column with what means won in it; without such words, the usual ones.
pub struct OutcomeColumn<'a> {
    /// As it is called; none is the one that facts.toml names.
    pub name: Option<&'a str>,
    pub won: &'a [String],
}

/// How many rows were left out.
#[derive(Default)]
pub struct Reading {
    /// Without an outcome.
    pub undecided: usize,
    pub unread: usize,
}

impl Source<'_> {
    pub fn open<'v>(&self, rules: &'v RuleSet) -> anyhow::Result<LeadsFile<'v>> {
        LeadsFile::open(self.file, self.input, &rules.vocabulary, self.currency, self.as_of)
    }

    /// Visits the accounts with an outcome in the file's order, with their row's number, until a visit says that it is enough.
    pub fn each(
        &self,
        file: &mut LeadsFile,
        rules: &RuleSet,
        mut visit: impl FnMut(usize, &LeadFacts, bool) -> anyhow::Result<bool>,
    ) -> anyhow::Result<Reading> {
        let place = match &self.outcome {
            Some(column) => Some(column.place(file, &rules.vocabulary)?),
            None => None,
        };
        let profile = ProfileContent::default();
        let mut reading = Reading::default();
        while let Some(LeadRow { number, row, lead }) = file.read()? {
            let Ok(mapped) = lead else {
                reading.unread += 1;
                continue;
            };
            let won = match (place, &self.outcome) {
                (Some(place), Some(column)) => {
                    column.is_won(row.cells.get(place).map_or("", |cell| cell.trim()))
                }
                _ => mapped.lead.outcome.as_ref().map(|outcome| outcome.kind() == pb::OutcomeKind::Won),
            };
            let Some(won) = won else {
                reading.undecided += 1;
                continue;
            };
            let mut c = Checker::at("");
            let lead = convert::lead::content(&mut c, mapped.lead);
            let facts = LeadFacts {
                lead: &lead,
                activities: &[],
                profile: &profile,
                created: None,
                as_of: self.as_of,
                currency: self.currency,
                vocabulary: &rules.vocabulary,
            };
            if !visit(number, &facts, won)? {
                break;
            }
        }
        Ok(reading)
    }
}

impl OutcomeColumn<'_> {
    fn place(&self, file: &LeadsFile, vocabulary: &Vocabulary) -> anyhow::Result<usize> {
        let name = self.name.map(str::to_owned).or_else(|| column_of(vocabulary, "outcome"));
        let Some(name) = name else {
            bail!("--won needs the column that it is about: name it with --outcome")
        };
        let place = file.header.iter().position(|known| same_word(known.trim(), &name));
        let help = || suggestion(&name, file.header.iter().map(String::as_str));
        place.with_context(|| format!("there is no column \"{name}\"; {}", help()))
    }

    fn is_won(&self, cell: &str) -> Option<bool> {
        if is_missing(cell) {
            return None;
        }
        if !self.won.is_empty() {
            return Some(self.won.iter().any(|word| same_word(word, cell)));
        }
        let is = |words: &[&str]| words.iter().any(|word| same_word(word, cell));
        match (is(&["won", "yes", "true", "1"]), is(&["lost", "no", "false", "0"])) {
            (false, false) => None,
            (won, _) => Some(won),
        }
    }
}

/// The column that a fact is read from, as facts.toml has it.
pub fn column_of(vocabulary: &Vocabulary, fact: &str) -> Option<String> {
    let built_in = vocabulary.import.columns.get(fact).map(|column| column.name.clone());
    built_in.or_else(|| {
        let attribute = vocabulary.attributes.get(fact)?;
        Some(attribute.column.as_ref().map_or_else(|| fact.to_owned(), |column| column.name.clone()))
    })
}
