//! Columns of a file → facts, as facts.toml maps them.
//!
//! A cell that can't be read is an unknown fact and a note, never a lost row. The file is looked at twice: first for how
//! each column writes its numbers, then for its facts.

use std::collections::{BTreeMap, BTreeSet};

use prost_types::Timestamp;

use super::rows::Row;
use crate::domain::canonical::{folded, host, same_word};
use crate::domain::check::Checker;
use crate::domain::text::{nearest, suggestion};
use crate::domain::time::Time;
use crate::domain::vocabulary::{Attribute, AttributeType, Column, ContactColumns, Vocabulary};
use crate::domain::written::{self, Decimal, Evidence, SHARED, Unread, Written};
use crate::grpc::convert;
use crate::grpc::pb::{self, lead::Subject, value::Kind};
use crate::rules::catalogue::IMPORTABLE;

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
/// The same, unless it is the code of a country.
const NAMIBIA: &str = "na";
/// How many activities a row may tell of one kind.
const MAX_COUNT: f64 = 1_000.0;
/// How many lines a note names.
const SHOWN_LINES: usize = 3;

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

/// What was odd about the cells of a file, told once a column and kind.
#[derive(Debug, Default)]
pub struct Notes(BTreeMap<(String, String), Note>);

#[derive(Debug, Default)]
struct Note {
    count: usize,
    lines: Vec<u64>,
    example: String,
}

impl Notes {
    fn add(&mut self, column: &str, what: impl Into<String>, cell: &str, line: u64) {
        let note = self.0.entry((column.to_owned(), what.into())).or_default();
        note.count += 1;
        if note.lines.len() < SHOWN_LINES {
            note.lines.push(line);
        }
        if note.example.is_empty() {
            note.example = cell.chars().take(40).collect();
        }
    }

    /// A sentence each.
    pub fn told(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|((column, what), note)| {
            let lines: Vec<String> = note.lines.iter().map(u64::to_string).collect();
            let more = if note.count > note.lines.len() { ", …" } else { "" };
            let noun = if note.lines.len() == 1 { "line" } else { "lines" };
            let cells = super::table::counted(note.count, "cell");
            format!(
                "{column}: {cells} such as \"{}\" ({noun} {}{more}): {what}",
                note.example,
                lines.join(", ")
            )
        })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
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
        let id = import.id.as_deref().and_then(|name| header.find(name));
        let display_name = import.display_name.as_deref().and_then(|name| header.find(name));
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
                let whole = matches!(fact, "employees" | "founded_year" | "age");
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
        hints.extend(unused.iter().filter_map(|i| looks_like(vocabulary, &header.names[*i], &found)));
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

    /// Whether no column is a fact at all.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
            && self.attributes.is_empty()
            && self.activities.is_empty()
            && self.contacts.is_empty()
    }

    /// Looks at how the numbers of a row are written.
    pub fn see(&mut self, cells: &[String]) {
        let vocabulary = self.vocabulary;
        let of_attributes = self.attributes.iter_mut().map(|(.., place)| place);
        let of_activities = self.activities.iter_mut().flat_map(|a| [&mut a.count, &mut a.amount]).flatten();
        for place in self.facts.values_mut().chain(of_attributes).chain(of_activities) {
            if let Some(cell) = known(vocabulary, cells, place.column) {
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
        let mut reader = Reader { mapping: self, cells, line, notes };
        let name = text_of(&self.display_name);
        let subject = reader.subject(name.clone());
        let mut lead = pb::Lead {
            subject: Some(subject),
            attributes: reader.attributes(),
            owner: reader.text("owner"),
            source: reader.text("source"),
            contacts: reader.contacts(),
            ..Default::default()
        };
        let activities = reader.activities();
        let name = name.unwrap_or_else(|| id.clone());
        match &mut lead.subject {
            Some(Subject::Company(company)) if company.display_name.is_empty() => {
                company.display_name.clone_from(&name)
            }
            Some(Subject::Person(person)) if person.display_name.is_empty() => {
                person.display_name.clone_from(&name)
            }
            _ => {}
        }
        self.drop_what_is_refused(&mut lead, line, notes)?;
        Ok(Mapped { id, name, lead, activities })
    }

    /// Takes out what the service would refuse, such as a negative number of employees: the fact, not the row.
    fn drop_what_is_refused(&self, lead: &mut pb::Lead, line: u64, notes: &mut Notes) -> Result<(), String> {
        let mut problems = Vec::new();
        for _ in 0..3 {
            let mut c = Checker::at("");
            let content = convert::lead::content(&mut c, lead.clone());
            content.check(&mut c, self.vocabulary);
            let Err(invalid) = c.finish(()) else { return Ok(()) };
            problems = invalid.0;
            for violation in &problems {
                if clear(lead, &violation.field) {
                    notes.add(&violation.field, format!("unknown: {}", violation.description), "", line);
                }
            }
        }
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Err(format!("line {line}: {}", all.join("; ")))
    }
}

/// Takes the fact out that a violation names; says whether there was one.
fn clear(lead: &mut pb::Lead, field: &str) -> bool {
    if let Some(name) = field.strip_prefix("attributes[\"").and_then(|rest| rest.split('"').next()) {
        return lead.attributes.remove(name).is_some();
    }
    if let Some(index) = field.strip_prefix("contacts.contacts[").and_then(|rest| rest.split(']').next()) {
        let contact = index.parse().ok().and_then(|i: usize| lead.contacts.as_mut()?.contacts.get_mut(i));
        let Some(contact) = contact else { return false };
        *contact =
            pb::Contact { display_name: std::mem::take(&mut contact.display_name), ..Default::default() };
        return true;
    }
    let name = field.rsplit('.').next().unwrap_or_default().split('[').next().unwrap_or_default();
    match (&mut lead.subject, name) {
        (_, "owner") => lead.owner.clear(),
        (_, "source") => lead.source.clear(),
        (Some(Subject::Company(company)), name) => match name {
            "domain" => company.domain.clear(),
            "industry" => company.industry.clear(),
            "country" => company.country.clear(),
            "region" => company.region.clear(),
            "employees" => company.employees = None,
            "annual_revenue" => company.annual_revenue = None,
            "founded_year" => company.founded_year = None,
            "technologies" => company.technologies = None,
            _ => return false,
        },
        (Some(Subject::Person(person)), name) => match name {
            "birth_year" => person.birth_year = None,
            "country" => person.country.clear(),
            "region" => person.region.clear(),
            "city" => person.city.clear(),
            "occupation" => person.occupation.clear(),
            "language" => person.language.clear(),
            _ => return false,
        },
        _ => return false,
    }
    true
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

/// The fact that an unused column was perhaps meant to be.
fn looks_like(vocabulary: &Vocabulary, name: &str, found: &BTreeSet<&str>) -> Option<String> {
    let import = &vocabulary.import;
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for fact in IMPORTABLE {
        wanted.push((fact, import.columns.get(fact).map_or(fact, |of| of.name.as_str())));
        wanted.push((fact, fact));
    }
    for (name, attribute) in &vocabulary.attributes {
        let column = attribute.column.as_ref().map(|of| of.name.as_str()).filter(|name| !name.is_empty());
        wanted.push((name, column.unwrap_or(name)));
        wanted.push((name, name));
    }
    wanted.retain(|(fact, _)| !found.contains(fact));
    let plain = |text: &str| folded(text).replace([' ', '-', '.'], "_");
    let spelled: Vec<String> = wanted.iter().map(|(_, column)| plain(column)).collect();
    let near = nearest(&plain(name), spelled.iter().map(String::as_str))?;
    let (fact, _) = wanted[spelled.iter().position(|known| known == near)?];
    Some(format!(
        "the column \"{}\" is not used: if it is {fact}, write {fact} = \"{}\" under [columns] in facts.toml, \
         or column = \"…\" under its attribute",
        name.trim(),
        name.trim()
    ))
}

/// A cell that says something.
fn known<'c>(vocabulary: &Vocabulary, cells: &'c [String], column: usize) -> Option<&'c str> {
    let cell = cells.get(column)?.trim();
    let word = folded(cell);
    let missing =
        MISSING.contains(&word.as_str()) || vocabulary.import.missing.iter().any(|m| folded(m) == word);
    (!missing).then_some(cell)
}

/// A text without the mark that our own output puts before what a spreadsheet would run.
fn undefused(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if super::scored::is_formula(rest) => rest,
        _ => cell,
    }
}

/// Reads the cells of one row.
struct Reader<'r, 'v> {
    mapping: &'r Mapping<'v>,
    cells: &'r [String],
    line: u64,
    notes: &'r mut Notes,
}

impl<'r> Reader<'r, '_> {
    fn place(&self, fact: &str) -> Option<(&'r Place, &'r str)> {
        let place = self.mapping.facts.get(fact)?;
        let cell = known(self.mapping.vocabulary, self.cells, place.column)?;
        // Of these, only the code of a country can be meant.
        let unknown = same_word(cell, NAMIBIA) && (fact != "country" || cell != "NA");
        (!unknown).then_some((place, cell))
    }

    fn note(&mut self, place: &Place, what: impl Into<String>, cell: &str) {
        self.notes.add(&place.header, what, cell, self.line);
    }

    fn text(&self, fact: &str) -> String {
        let cell = self.place(fact).map_or("", |(_, cell)| undefused(cell));
        self.mapping.vocabulary.meant(fact, cell).to_owned()
    }

    /// A number as it is written, or a note why it is unknown.
    fn number(&mut self, place: &Place, cell: &str) -> Option<Written> {
        match written::read(cell, place.decimal(), place.whole) {
            Ok(written) => {
                if written.range {
                    self.note(place, "a range counts as its middle", cell);
                }
                Some(written)
            }
            Err(Unread::Ambiguous) => {
                let what = "unknown: it may be a thousand times larger or smaller, and no other cell of the column says which; \
                            declare decimal = \",\" or decimal = \".\" under [import] or for the column in facts.toml";
                self.note(place, what, cell);
                None
            }
            Err(Unread::NotANumber) => {
                self.note(place, "unknown: it is not a number", cell);
                None
            }
        }
    }

    fn whole(&mut self, fact: &str) -> Option<i64> {
        let (place, cell) = self.place(fact)?;
        let value = self.number(place, cell)?.value;
        if value.fract() != 0.0 || value.abs() >= 1e15 {
            self.note(place, "unknown: it is not a whole number", cell);
            return None;
        }
        Some(value as i64)
    }

    fn year(&mut self, fact: &str) -> Option<i32> {
        self.whole(fact).and_then(|number| i32::try_from(number).ok())
    }

    fn money(&mut self, place: &Place, cell: &str) -> Option<pb::Money> {
        let Written { value, currency, .. } = self.number(place, cell)?;
        if value.abs() >= 9e15 {
            self.note(place, "unknown: it is too large an amount", cell);
            return None;
        }
        let own = &self.mapping.currency;
        match currency {
            Some(SHARED) => {
                self.note(place, "unknown: the sign is that of several currencies; write the code", cell);
                return None;
            }
            Some(other) if other != own => {
                let what = format!("in {other}: unknown to rules, which count in {own} (--currency)");
                self.note(place, what, cell);
            }
            _ => {}
        }
        let units = value.trunc();
        let nanos = ((value - units) * 1e9).round() as i32;
        let currency_code = currency.unwrap_or(own).to_owned();
        Some(pb::Money { currency_code, units: units as i64, nanos })
    }

    fn date(&mut self, place: &Place, cell: &str) -> Option<Time> {
        let date = cell.get(..10).filter(|_| cell.len() > 10 && matches!(cell.as_bytes()[10], b'T' | b' '));
        let by_format = place.date.as_deref().and_then(|format| Time::of_date_by(format, cell));
        let date = by_format.or_else(|| Time::of_date(date.unwrap_or(cell)));
        if date.is_none() {
            let what = "unknown: it is not a day as 2026-11-26; declare the format, such as date = \"%d.%m.%Y\", \
                        under [import] or for the column in facts.toml";
            self.note(place, what, cell);
        }
        date
    }

    fn subject(&mut self, name: Option<String>) -> Subject {
        let display_name = name.unwrap_or_default();
        if self.mapping.vocabulary.import.person {
            // An age is of the time that the scores speak of, so the clock does not change it.
            let birth_year = self.year("age").map(|age| self.mapping.as_of.year() - age);
            return Subject::Person(pb::Person {
                display_name,
                birth_year,
                country: self.text("country"),
                region: self.text("region"),
                city: self.text("city"),
                occupation: self.text("occupation"),
                language: self.text("language"),
            });
        }
        let employees = self.whole("employees");
        let founded_year = self.year("founded_year");
        let annual_revenue = self.place("revenue").and_then(|(place, cell)| self.money(place, cell));
        Subject::Company(pb::Company {
            display_name,
            domain: host(&self.text("domain")),
            industry: self.text("industry"),
            country: self.text("country"),
            region: self.text("region"),
            employees,
            annual_revenue,
            founded_year,
            growth_stage: self.growth_stage(),
            technologies: self.place("tech").map(|(_, cell)| {
                let meant = |word: String| self.mapping.vocabulary.meant("tech", &word).to_owned();
                pb::TextList { values: words(cell).into_iter().map(meant).collect() }
            }),
        })
    }

    fn growth_stage(&mut self) -> i32 {
        let Some((place, cell)) = self.place("growth_stage") else { return 0 };
        let word = folded(self.mapping.vocabulary.meant("growth_stage", cell)).to_uppercase();
        match pb::GrowthStage::from_str_name(&format!("GROWTH_STAGE_{word}")) {
            Some(stage) => stage as i32,
            None => {
                self.note(place, "unknown: it is not startup, growth, mature or declining", cell);
                0
            }
        }
    }

    fn attributes(&mut self) -> BTreeMap<String, pb::FactValue> {
        let mapping = self.mapping;
        let mut attributes = BTreeMap::new();
        for (name, attribute, place) in &mapping.attributes {
            let choice = match &attribute.kind {
                // A choice may be "none" or "unknown".
                AttributeType::Choice(choices) => {
                    let cell = self.cells.get(place.column).map_or("", |cell| cell.trim());
                    choices.iter().find(|choice| same_word(choice, cell))
                }
                _ => None,
            };
            let kind = match choice {
                Some(choice) => Some(Kind::Text(choice.clone())),
                None => known(mapping.vocabulary, self.cells, place.column)
                    .filter(|cell| !same_word(cell, NAMIBIA))
                    .and_then(|cell| self.attribute(name, attribute, place, cell)),
            };
            if let Some(kind) = kind {
                let value = Some(pb::Value { kind: Some(kind) });
                attributes.insert(name.clone(), pb::FactValue { value, ..Default::default() });
            }
        }
        attributes
    }

    fn attribute(&mut self, name: &str, attribute: &Attribute, place: &Place, cell: &str) -> Option<Kind> {
        let meant = self.mapping.vocabulary.meant(name, cell);
        match &attribute.kind {
            AttributeType::Number => {
                let Written { value, percent, .. } = self.number(place, cell)?;
                // Where the unit is percent, so is the number.
                let unit = folded(&attribute.unit);
                let of_hundred = percent && (unit.contains('%') || unit.contains("percent"));
                let value = if of_hundred { value * 100.0 } else { value };
                self.within(attribute, place, value, cell).map(Kind::Number)
            }
            AttributeType::Money => {
                let money = self.money(place, cell)?;
                let amount = money.units as f64 + f64::from(money.nanos) / 1e9;
                self.within(attribute, place, amount, cell).map(|_| Kind::Money(money))
            }
            AttributeType::Text => Some(Kind::Text(meant.to_owned())),
            AttributeType::Choice(choices) => {
                if let Some(choice) = choices.iter().find(|choice| same_word(choice, meant)) {
                    return Some(Kind::Text(choice.clone()));
                }
                let help = suggestion(meant, choices.iter().map(String::as_str));
                match attribute.closed {
                    true => self.note(place, format!("unknown: it is not one of the choices; {help}"), cell),
                    false => {
                        self.note(place, format!("not one of the choices that are declared; {help}"), cell)
                    }
                }
                (!attribute.closed).then(|| Kind::Text(meant.to_owned()))
            }
            AttributeType::YesNo => match folded(cell).as_str() {
                "yes" | "y" | "true" | "1" | "ja" | "oui" | "sì" | "sí" | "có" | "是" | "نعم" | "x" | "✓" => {
                    Some(Kind::YesNo(true))
                }
                "no" | "n" | "false" | "0" | "nein" | "non" | "không" | "否" | "لا" => {
                    Some(Kind::YesNo(false))
                }
                _ => {
                    self.note(place, "unknown: it is neither yes nor no", cell);
                    None
                }
            },
            AttributeType::List => {
                let meant = |word: String| self.mapping.vocabulary.meant(name, &word).to_owned();
                Some(Kind::List(pb::TextList { values: words(cell).into_iter().map(meant).collect() }))
            }
            AttributeType::Date => self.date(place, cell).map(|day| Kind::Text(day.date())),
        }
    }

    /// A number, unless it lies outside what the attribute declares.
    fn within(&mut self, attribute: &Attribute, place: &Place, value: f64, cell: &str) -> Option<f64> {
        let low = attribute.min.filter(|min| value < *min).map(|min| format!("less than {min}"));
        let high = attribute.max.filter(|max| value > *max).map(|max| format!("more than {max}"));
        match low.or(high) {
            None => Some(value),
            Some(outside) => {
                self.note(place, format!("unknown: it is {outside}, which facts.toml rules out"), cell);
                None
            }
        }
    }

    fn activities(&mut self) -> Vec<pb::Activity> {
        let mapping = self.mapping;
        let mut activities = Vec::new();
        for ActivityPlaces { kind, count, last, amount } in &mapping.activities {
            let cell = |place: &Place| known(mapping.vocabulary, self.cells, place.column);
            let last = last.as_ref().and_then(|place| Some((place, cell(place)?)));
            let counted = count.as_ref().and_then(|place| Some((place, cell(place)?)));
            let amount = amount.as_ref().and_then(|place| Some((place, cell(place)?)));
            let last = last.and_then(|(place, cell)| self.date(place, cell));
            let mut number = match counted {
                Some((place, cell)) => self.number(place, cell).map_or(0.0, |written| written.value.floor()),
                // A column with the last time alone tells of one.
                None => f64::from(u8::from(count.is_none() && last.is_some())),
            };
            if number > MAX_COUNT || number < 0.0 {
                if let Some((place, cell)) = counted {
                    self.note(place, format!("0 to {MAX_COUNT} are counted, no more"), cell);
                }
                number = number.clamp(0.0, MAX_COUNT);
            }
            let amount =
                amount.and_then(|(place, cell)| self.number(place, cell)).map(|written| written.value);
            let time = last.unwrap_or(mapping.as_of).min(mapping.as_of);
            let time = Some(convert::timestamp(time));
            activities.extend((0..number as usize).map(|_| pb::Activity {
                r#type: kind.clone(),
                time,
                known_time: time,
                amount: amount.map(|amount| amount / number),
                ..Default::default()
            }));
        }
        activities
    }

    /// The contacts of a row; unknown where no column tells of them.
    fn contacts(&mut self) -> Option<pb::ContactList> {
        let mapping = self.mapping;
        if mapping.contacts.is_empty() {
            return None;
        }
        let mut contacts = Vec::new();
        for ContactParts { name, others } in &mapping.contacts {
            let cell = |part: &Part| match part {
                Part::Same(word) => Some(word.clone()),
                Part::Column(column) => known(mapping.vocabulary, self.cells, *column).map(str::to_owned),
            };
            let Some(display_name) = cell(name) else { continue };
            let part = |what: &str| others.get(what).and_then(cell).unwrap_or_default();
            let declared = |word: String, known: &BTreeMap<String, crate::domain::vocabulary::Term>| {
                known
                    .keys()
                    .find(|name| same_word(&name.replace('_', " "), &word.replace('_', " ")))
                    .cloned()
                    .unwrap_or(word)
            };
            let count = |what: &str| {
                let read = written::read(&part(what), None, true);
                read.map_or(0, |written| written.value.clamp(0.0, 1e6) as i32)
            };
            let last: Option<Timestamp> = Time::of_date(&part("last")).map(convert::timestamp);
            contacts.push(pb::Contact {
                display_name,
                title: part("title"),
                department: part("department"),
                seniority: declared(part("seniority"), &mapping.vocabulary.seniorities),
                decision_role: declared(part("role"), &mapping.vocabulary.roles),
                inbound: count("inbound"),
                outbound: count("outbound"),
                last_engaged_time: last,
                ..Default::default()
            });
        }
        Some(pb::ContactList { contacts })
    }
}

/// Words separated by `;`, `|`, `,` or line ends.
fn words(cell: &str) -> Vec<String> {
    let separated = cell.split([';', '|', ',', '\n']);
    separated.map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::source::Sources;
    use proptest::prelude::*;

    fn vocabulary(facts: &str) -> Vocabulary {
        let sources = Sources::new([("facts.toml".to_owned(), facts.to_owned())].into());
        crate::rules::vocabulary(&sources).unwrap()
    }

    const FACTS: &str = r#"
        [import]
        id = "No"
        missing = ["Select"]
        [columns]
        employees = "Staff"
        [columns.activity.page_visit]
        count = "Visits"
        last = { column = "Last Visit", date = "%d.%m.%Y" }
        [[columns.contact]]
        name = "Contact"
        title = "Title"
        role = "=champion"
        [attributes.score]
        type = "number"
        meaning = "x"
        min = 0
        max = 1
        [attributes.urgency]
        type = "choice"
        choices = ["now", "later"]
        meaning = "x"
        [attributes.budget]
        type = "money"
        meaning = "x"
        [attributes.mail]
        type = "yes_no"
        column = "Do Not Email"
        meaning = "x"
        [attributes.renewal]
        type = "date"
        meaning = "x"
        [activities.page_visit]
        meaning = "x"
        [roles.champion]
        meaning = "x"
        [aliases.country]
        DE = ["Germany", "Deutschland"]
    "#;

    fn strings(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    fn as_of() -> Time {
        "2026-11-26T00:00:00Z".parse().unwrap()
    }

    fn read(header: &[&str], rows: &[&[&str]]) -> (Vec<Mapped>, Vec<String>) {
        let vocabulary = vocabulary(FACTS);
        let mut mapping = Mapping::new(&vocabulary, &strings(header), "EUR", as_of()).unwrap();
        rows.iter().for_each(|cells| mapping.see(&strings(cells)));
        let mut notes = Notes::default();
        let read = |(i, cells): (usize, &&[&str])| {
            let row = Row { line: i as u64 + 2, cells: strings(cells), ..Row::default() };
            mapping.row(i + 1, &row, &mut notes).unwrap()
        };
        let mapped = rows.iter().enumerate().map(read).collect();
        (mapped, notes.told().collect())
    }

    fn company(mapped: &Mapped) -> &pb::Company {
        match &mapped.lead.subject {
            Some(Subject::Company(company)) => company,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn cells_become_facts_and_what_can_not_be_read_is_unknown_and_noted() {
        let header =
            ["no ", "Staff", "Industry", "score", "urgency", "budget", "Do Not Email", "country", "renewal"];
        let (rows, notes) = read(
            &header,
            &[
                &["7", "5,400", "Select", "0.5", "NOW", "USD 12.5", "No", "Germany", "2027-01-31"],
                &["8", "many", "#N/A", "7", "soon", "1.250.000,00 €", "maybe", " de ", "31.1.2027"],
                &["9", "-5", "heating ", "60 %", "", "25.000", "ja", "", ""],
            ],
        );
        assert_eq!(
            (rows[0].id.as_str(), company(&rows[0]).employees, company(&rows[0]).industry.as_str()),
            ("7", Some(5_400), "")
        );
        assert_eq!((company(&rows[0]).country.as_str(), company(&rows[1]).country.as_str()), ("DE", "DE"));
        let kind = |row: usize, name: &str| {
            rows[row].lead.attributes.get(name).and_then(|fact| fact.value.clone()?.kind)
        };
        let money = |code: &str, units, nanos| {
            Some(Kind::Money(pb::Money { currency_code: code.into(), units, nanos }))
        };
        assert_eq!(kind(0, "urgency"), Some(Kind::Text("now".into())));
        assert_eq!(kind(0, "budget"), money("USD", 12, 500_000_000));
        assert_eq!(kind(0, "renewal"), Some(Kind::Text("2027-01-31".into())));
        assert_eq!(kind(1, "budget"), money("EUR", 1_250_000, 0));
        for name in ["score", "urgency", "mail", "renewal"] {
            assert_eq!(kind(1, name), None, "{name}");
        }
        assert_eq!((kind(2, "score"), kind(2, "mail")), (Some(Kind::Number(0.6)), Some(Kind::YesNo(true))));
        // The column writes a point and a comma for decimals: 25.000 may be either.
        assert_eq!(kind(2, "budget"), None);
        assert_eq!(company(&rows[2]).employees, None);
        for part in [
            "\"many\" (line 3)",
            "more than 1",
            "not one of the choices",
            "neither yes nor no",
            "a thousand times",
            "2026-11-26",
            "in USD",
        ] {
            assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:#?}");
        }
    }

    #[test]
    fn columns_become_activities_and_contacts() {
        let header = ["No", "Visits", "Last Visit", "Contact", "Title"];
        let (rows, notes) =
            read(&header, &[&["1", "3", "20.11.2026", "Rosa", "CTO"], &["2", "", "", "", ""]]);
        assert_eq!(rows[0].activities.len(), 3);
        let contacts = &rows[0].lead.contacts.as_ref().unwrap().contacts;
        assert_eq!(
            (contacts[0].display_name.as_str(), contacts[0].decision_role.as_str()),
            ("Rosa", "champion")
        );
        assert!(rows[1].activities.is_empty() && rows[1].lead.contacts.as_ref().unwrap().contacts.is_empty());
        assert!(notes.is_empty(), "{notes:#?}");
    }

    #[test]
    fn a_column_that_stands_or_is_mapped_twice_is_an_error() {
        let vocabulary = vocabulary(FACTS);
        let header = strings(&["No", "budget", "budget", "x"]);
        let problems = Mapping::new(&vocabulary, &header, "EUR", as_of()).err().unwrap();
        assert!(problems[0].contains("column 2 and column 3"), "{problems:?}");
        // Which case is meant is clear.
        let header = strings(&["No", "Budget", "budget", "employes"]);
        let mapping = Mapping::new(&vocabulary, &header, "EUR", as_of()).unwrap();
        assert_eq!(mapping.ignored, ["Budget", "employes"]);
        assert!(
            mapping.hints.iter().any(|hint| hint.contains("employees = \"employes\"")),
            "{:?}",
            mapping.hints
        );
    }

    proptest! {
        #[test]
        fn any_row_is_read(cells in prop::collection::vec("\\PC{0,8}|-?[0-9]{1,25}([.,][0-9]{1,3}){0,2}", 9)) {
            let vocabulary = vocabulary(FACTS);
            let header = strings(&["no", "Staff", "industry", "score", "urgency", "budget", "Do Not Email", "Visits", "Contact"]);
            let mut mapping = Mapping::new(&vocabulary, &header, "EUR", as_of()).unwrap();
            mapping.see(&cells);
            let row = Row { line: 2, cells, ..Row::default() };
            if let Err(problem) = mapping.row(1, &row, &mut Notes::default()) {
                prop_assert!(problem.contains("no id"), "{}", problem);
            }
        }
    }
}
