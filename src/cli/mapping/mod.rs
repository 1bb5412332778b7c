//! Columns of a file → facts, as facts.toml maps them.
//!
//! A cell that can't be read is an unknown fact and a note, never a lost row. The file is looked at twice: first for how
//! each column writes its numbers, then for its facts.

mod hints;
mod notes;
mod reader;
mod refused;

use std::collections::{BTreeMap, BTreeSet};

use super::rows::Row;
use crate::domain::canonical::{folded, same_word};
use crate::domain::time::Time;
use crate::domain::vocabulary::{Attribute, Column, ContactColumns, Vocabulary};
use crate::domain::written::{Decimal, Evidence};
use crate::grpc::pb::{self, lead::Subject};
use crate::rules::language::catalogue::IMPORTABLE;
use hints::Lacks;
pub use notes::Notes;
use reader::Reader;

/// The most characters of a lead's name, as the service takes them.
const LONGEST_NAME: usize = 200;

/// What means "unknown" in every file, folded.
const MISSING: [&str; 24] = [
    "",
    "-",
    "--",
    "–",
    "—",
    "?",
    "n/a",
    "#n/a",
    "#na",
    "n.a.",
    "null",
    "#null!",
    "nan",
    "nil",
    "unknown",
    "(blank)",
    "(none)",
    "not available",
    "not applicable",
    "#value!",
    "#ref!",
    "#div/0!",
    "#name?",
    "#num!",
];

/// A column that is read, and how.
#[derive(Debug, Clone)]
struct Place {
    column: usize,
    header: String,
    decimal: Option<Decimal>,
    date: Option<String>,
    /// Whether its numbers have no decimals.
    whole: bool,
    evidence: Evidence,
}

impl Place {
    /// What marks the decimals: as declared, else as the whole column shows.
    fn decimal(&self) -> Option<Decimal> {
        self.decimal.or_else(|| self.evidence.decimal())
    }
}

/// A part of a contact: a column, or the same word in each row.
enum Part {
    Column(usize),
    Same(String),
}

struct ContactParts {
    name: Part,
    /// By the names that contacts have for them.
    others: BTreeMap<&'static str, Part>,
}

struct ActivityPlaces {
    kind: String,
    count: Option<Place>,
    last: Option<Place>,
    amount: Option<Place>,
}

/// How the columns of one file become facts.
pub struct Mapping<'v> {
    vocabulary: &'v Vocabulary,
    currency: String,
    /// Ages are as of the time that the scores speak of.
    as_of: Time,
    id: Option<Place>,
    display_name: Option<Place>,
    facts: BTreeMap<&'static str, Place>,
    attributes: Vec<(String, &'v Attribute, Place)>,
    activities: Vec<ActivityPlaces>,
    contacts: Vec<ContactParts>,
    /// Columns that are no fact.
    pub ignored: Vec<String>,
    /// Columns that facts.toml names and the file lacks, and columns that look like a slip of one.
    pub hints: Vec<String>,
}

/// A row as a lead.
#[derive(Debug, Clone)]
pub struct Mapped {
    pub id: String,
    pub name: String,
    pub lead: pb::Lead,
    pub activities: Vec<pb::Activity>,
}

/// The names of a file's columns, found whatever their case.
struct Header<'h> {
    names: &'h [String],
    used: BTreeMap<usize, String>,
    problems: Vec<String>,
}

impl Header<'_> {
    /// The column of a name: the exact one, else the only one that is the same but for case and spaces.
    fn find(&mut self, name: &str) -> Option<usize> {
        let exact = self.matching(|known| known.trim() == name.trim());
        let found = if exact.is_empty() { self.matching(|known| same_word(known, name)) } else { exact };
        if let [first, second, ..] = found[..] {
            let (first, second) = (first + 1, second + 1);
            self.problems.push(format!(
                "the column \"{name}\" stands twice, as column {first} and column {second}: rename or remove one"
            ));
        }
        found.first().copied()
    }

    fn matching(&self, is_it: impl Fn(&str) -> bool) -> Vec<usize> {
        self.names.iter().enumerate().filter(|(_, name)| is_it(name)).map(|(i, _)| i).collect()
    }

    /// Notes what a column is read as; two facts can't come from one column.
    fn take(&mut self, column: usize, what: &str) {
        if let Some(before) = self.used.insert(column, what.to_owned()) {
            let name = &self.names[column];
            self.problems.push(format!("the column \"{name}\" is mapped twice, as {before} and as {what}"));
        }
    }
}

impl<'v> Mapping<'v> {
    /// Maps the columns of a file. A column that stands or is mapped twice is an error: all of them are told.
    pub fn new(
        vocabulary: &'v Vocabulary,
        header: &[String],
        currency: &str,
        as_of: Time,
    ) -> Result<Self, Vec<String>> {
        let import = &vocabulary.import;
        let mut header = Header { names: header, used: BTreeMap::new(), problems: Vec::new() };
        let mut hints = Vec::new();
        let place = |header: &Header, column: usize, of: Option<&Column>, whole: bool| Place {
            column,
            header: header.names[column].trim().to_owned(),
            decimal: of.and_then(|of| of.decimal).or(import.decimal),
            date: of.and_then(|of| of.date.clone()).or_else(|| import.date.clone()),
            whole,
            evidence: Evidence::default(),
        };
        let id = import.id.as_deref().and_then(|name| header.find(name)).or_else(|| header.find("id"));
        let display_name = import.display_name.as_deref().and_then(|name| header.find(name));
        let display_name = display_name.or_else(|| header.find("display_name"));
        let id = id.map(|column| place(&header, column, None, false));
        let display_name = display_name.map(|column| place(&header, column, None, false));
        if let Some(name) = import.display_name.as_deref().filter(|_| display_name.is_none()) {
            hints.push(format!("there is no column \"{name}\" with the name; leads are called by their id"));
        }
        let mut facts = BTreeMap::new();
        for fact in IMPORTABLE {
            let of = import.columns.get(fact);
            // A column that is called like the fact itself needs no mapping.
            let column = of.and_then(|of| header.find(&of.name)).or_else(|| header.find(fact));
            if let Some(column) = column {
                header.take(column, fact);
                let whole = matches!(fact, "employees" | "founded_year" | "age" | "birth_year");
                facts.insert(fact, place(&header, column, of, whole));
            }
        }
        let mut attributes = Vec::new();
        for (name, attribute) in &vocabulary.attributes {
            let of = attribute.column.as_ref();
            let own = of.filter(|of| !of.name.is_empty()).and_then(|of| header.find(&of.name));
            if let Some(column) = own.or_else(|| header.find(name)) {
                header.take(column, name);
                attributes.push((name.clone(), attribute, place(&header, column, of, false)));
            }
        }
        let mut activities = Vec::new();
        for (kind, columns) in &import.activities {
            let mut read = |of: &Option<Column>, what: &str, whole: bool| {
                let of = of.as_ref()?;
                let column = header.find(&of.name);
                match column {
                    Some(column) => header.take(column, &format!("{what} of the activity {kind}")),
                    None => hints.push(format!("there is no column \"{}\" for the activity {kind}", of.name)),
                }
                column.map(|column| place(&header, column, Some(of), whole))
            };
            let (count, last) = (read(&columns.count, "count", true), read(&columns.last, "last", false));
            let amount = read(&columns.amount, "amount", false);
            if count.is_some() || last.is_some() {
                activities.push(ActivityPlaces { kind: kind.clone(), count, last, amount });
            }
        }
        let contacts =
            import.contacts.iter().filter_map(|of| contact_parts(&mut header, of, &mut hints)).collect();
        let named =
            [&id, &display_name].into_iter().flatten().map(|place| place.column).collect::<BTreeSet<_>>();
        let is_used = |i: usize| named.contains(&i) || header.used.contains_key(&i);
        let unused: Vec<usize> = (0..header.names.len()).filter(|i| !is_used(*i)).collect();
        let found: BTreeSet<&str> =
            facts.keys().copied().chain(attributes.iter().map(|(name, ..)| name.as_str())).collect();
        let lacks = Lacks { ids: id.is_none(), names: display_name.is_none(), but: &found };
        let names = unused.iter().map(|i| header.names[*i].trim());
        hints.extend(names.filter_map(|name| hints::hint(vocabulary, name, &lacks)));
        let ignored = unused.into_iter().map(|i| header.names[i].trim().to_owned());
        let ignored = ignored.filter(|name| !name.is_empty()).collect();
        if !header.problems.is_empty() {
            header.problems.dedup();
            return Err(header.problems);
        }
        let currency = currency.into();
        Ok(Self {
            vocabulary,
            currency,
            as_of,
            id,
            display_name,
            facts,
            attributes,
            activities,
            contacts,
            ignored,
            hints,
        })
    }

    /// Whether there is a column with the rows' ids.
    pub fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// Whether there is a column with the leads' names.
    pub fn has_names(&self) -> bool {
        self.display_name.is_some()
    }

    /// Whether no column is a fact at all.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
            && self.attributes.is_empty()
            && self.activities.is_empty()
            && self.contacts.is_empty()
    }

    /// Looks at how the numbers of a row are written.
    pub fn see(&mut self, row: &Row) {
        let vocabulary = self.vocabulary;
        let of_attributes = self.attributes.iter_mut().map(|(.., place)| place);
        let of_activities = self.activities.iter_mut().flat_map(|a| [&mut a.count, &mut a.amount]).flatten();
        for place in self.facts.values_mut().chain(of_attributes).chain(of_activities) {
            if row.number(place.column).is_none()
                && let Some(cell) = known(vocabulary, &row.cells, place.column)
            {
                place.evidence.see(cell, place.whole);
            }
        }
    }

    /// Reads a row; `number` counts rows from 1. What can't be read is noted and unknown; only a row without an id, where
    /// there is a column for it, is an error.
    pub fn row(&self, number: usize, row: &Row, notes: &mut Notes) -> Result<Mapped, String> {
        let (cells, line) = (&row.cells, row.line);
        let text_of = |place: &Option<Place>| {
            let place = place.as_ref()?;
            known(self.vocabulary, cells, place.column).map(undefused).map(str::to_owned)
        };
        let id = match &self.id {
            None => number.to_string(),
            Some(place) => text_of(&self.id).ok_or_else(|| {
                format!("line {line}: the row has no id: its cell in \"{}\" is empty", place.header)
            })?,
        };
        let mut reader = Reader { mapping: self, row, line, notes };
        let name = text_of(&self.display_name);
        let subject = reader.subject(name.clone());
        let mut lead = pb::Lead {
            subject: Some(subject),
            attributes: reader.attributes(),
            owner: reader.text("owner"),
            source: reader.text("source"),
            profile: reader.text("profile"),
            contacts: reader.contacts(),
            stage: reader.stage(),
            stage_reason: reader.text("stage_reason"),
            outcome: reader.outcome(),
            first_seen_time: reader.day("created"),
            ..Default::default()
        };
        let activities = reader.activities();
        let mut name = name.unwrap_or_else(|| id.clone());
        if let Some((end, _)) = name.char_indices().nth(LONGEST_NAME) {
            let column = self.display_name.as_ref().map_or("the name", |place| place.header.as_str());
            notes.add(column, format!("cut to {LONGEST_NAME} characters"), &name, line);
            name.truncate(end);
        }
        match &mut lead.subject {
            Some(Subject::Company(company)) => company.display_name.clone_from(&name),
            Some(Subject::Person(person)) => person.display_name.clone_from(&name),
            None => {}
        }
        self.drop_what_is_refused(&mut lead, cells, line, notes)?;
        Ok(Mapped { id, name, lead, activities })
    }
}

fn contact_parts(header: &mut Header, of: &ContactColumns, hints: &mut Vec<String>) -> Option<ContactParts> {
    let mut part = |text: &str| match text.strip_prefix('=') {
        Some(word) => Some(Part::Same(word.trim().to_owned())),
        None => {
            let column = header.find(text);
            match column {
                Some(column) => header.take(column, "a part of a contact"),
                None => hints.push(format!("there is no column \"{text}\" for a contact")),
            }
            column.map(Part::Column)
        }
    };
    let name = part(&of.name)?;
    let mut others = BTreeMap::new();
    for (what, column) in [
        ("title", &of.title),
        ("department", &of.department),
        ("seniority", &of.seniority),
        ("role", &of.role),
        ("inbound", &of.inbound),
        ("outbound", &of.outbound),
        ("last", &of.last),
    ] {
        if let Some(part) = column.as_deref().and_then(&mut part) {
            others.insert(what, part);
        }
    }
    Some(ContactParts { name, others })
}

/// Whether a cell says in any file that nothing is known.
pub fn is_missing(cell: &str) -> bool {
    MISSING.contains(&folded(cell).as_str())
}

/// A cell that says something.
fn known<'c>(vocabulary: &Vocabulary, cells: &'c [String], column: usize) -> Option<&'c str> {
    let cell = cells.get(column)?.trim();
    let word = folded(cell);
    let missing = is_missing(cell) || vocabulary.import.missing.iter().any(|m| folded(m) == word);
    (!missing).then_some(cell)
}

/// A text without the mark that our own output puts before what a spreadsheet would run.
fn undefused(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if super::sheet_out::is_formula(rest) => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests;
