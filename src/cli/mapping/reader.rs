//! The cells of one row → facts.

use std::collections::BTreeMap;

use prost_types::Timestamp;

use super::{ActivityPlaces, ContactParts, Mapping, Notes, Part, Place, known, undefused};
use crate::cli::rows::Row;
use crate::domain::canonical::{folded, host, is_host, same_word};
use crate::domain::text::{nearest, suggestion};
use crate::domain::time::Time;
use crate::domain::vocabulary::{Attribute, AttributeType, Term};
use crate::domain::written::{self, Rough, SHARED, Unread, Written};
use crate::grpc::convert;
use crate::grpc::pb::{self, lead::Subject, value::Kind};

/// The code of a country that means "unknown" in any other column, as people write it.
const NAMIBIA: &str = "na";
/// How many activities a row may tell of one kind.
const MAX_COUNT: f64 = 1_000.0;

/// Reads the cells of one row.
pub(super) struct Reader<'r, 'v> {
    pub mapping: &'r Mapping<'v>,
    pub row: &'r Row,
    pub line: u64,
    pub notes: &'r mut Notes,
}

impl<'r> Reader<'r, '_> {
    fn place(&self, fact: &str) -> Option<(&'r Place, &'r str)> {
        let place = self.mapping.facts.get(fact)?;
        let cell = known(self.mapping.vocabulary, &self.row.cells, place.column)?;
        // Of these, only the code of a country can be meant.
        let unknown = same_word(cell, NAMIBIA) && (fact != "country" || cell != "NA");
        (!unknown).then_some((place, cell))
    }

    fn note(&mut self, place: &Place, what: impl Into<String>, cell: &str) {
        self.notes.add(&place.header, what, cell, self.line);
    }

    pub fn text(&mut self, fact: &str) -> String {
        let Some((place, cell)) = self.place(fact) else { return String::new() };
        let cell = undefused(cell);
        self.hint(fact, place, cell);
        self.mapping.vocabulary.meant(fact, cell).to_owned()
    }

    /// Tells of a word that is none of those that facts.toml knows, but like one of them.
    fn hint(&mut self, fact: &str, place: &Place, word: &str) {
        let Some(meanings) = self.mapping.vocabulary.aliases.get(fact) else { return };
        if meanings.contains_key(&folded(word)) {
            return;
        }
        if let Some(near) = nearest(word, meanings.keys().map(String::as_str)) {
            let meant = &meanings[near];
            self.note(
                place,
                format!("kept as it is, like no word that facts.toml knows; did you mean \"{meant}\"?"),
                word,
            );
        }
    }

    /// The host of a domain, however it is written; unknown if it can be none.
    fn domain(&mut self) -> String {
        let Some((place, cell)) = self.place("domain") else { return String::new() };
        let host = host(undefused(cell));
        if is_host(&host) {
            return host;
        }
        self.note(place, "unknown: it is no domain", cell);
        String::new()
    }

    /// A number as it is written, or a note why it is unknown.
    fn number(&mut self, place: &Place, cell: &str) -> Option<Written> {
        if let Some(value) = self.row.number(place.column) {
            return Some(Written { value, ..Written::default() });
        }
        match written::read(cell, place.decimal(), place.whole) {
            Ok(written) => {
                if let Some(rough) = written.rough {
                    let counts = match rough {
                        Rough::Range => "a range counts as its middle",
                        Rough::AtLeast => "what has no upper end counts as its lower one",
                        Rough::About => "what is said to be rough counts as it stands",
                    };
                    self.note(place, counts, cell);
                }
                Some(written)
            }
            Err(Unread::Ambiguous) => {
                let what = "unknown: it may be a thousand times larger or smaller, and no other cell of the column says which; \
                            declare decimal = \",\" or decimal = \".\" under [import] or for the column in facts.toml";
                self.note(place, what, cell);
                None
            }
            Err(Unread::Against) => {
                self.note(place, "unknown: it is not written as facts.toml declares for the column", cell);
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
        let Written { value, currency, percent, .. } = self.number(place, cell)?;
        if percent {
            self.note(place, "unknown: a percentage is no amount", cell);
            return None;
        }
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
        // A time of the day may stand behind it.
        let day = cell.split_once([' ', 'T']).map_or(cell, |(day, _)| day);
        let by_format =
            |format: &str| Time::of_date_by(format, cell).or_else(|| Time::of_date_by(format, day));
        let date = place.date.as_deref().and_then(by_format).or_else(|| Time::of_date(day));
        if date.is_none() {
            let what = "unknown: it is not a day as 2026-11-26; declare the format, such as date = \"%d.%m.%Y\", \
                        under [import] or for the column in facts.toml";
            self.note(place, what, cell);
        }
        date
    }

    pub fn subject(&mut self, name: Option<String>) -> Subject {
        let display_name = name.unwrap_or_default();
        if self.mapping.vocabulary.import.person {
            // An age is of the time that the scores speak of, so the clock does not change it.
            let by_age = self.year("age").map(|age| self.mapping.as_of.year() - age);
            let birth_year = self.year("birth_year").or(by_age);
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
            domain: self.domain(),
            industry: self.text("industry"),
            country: self.text("country"),
            region: self.text("region"),
            employees,
            annual_revenue,
            founded_year,
            growth_stage: self.growth_stage(),
            technologies: self.place("tech").map(|(place, cell)| {
                let words = words(cell);
                words.iter().for_each(|word| self.hint("tech", place, word));
                let meant = |word: String| self.mapping.vocabulary.meant("tech", &word).to_owned();
                pb::TextList { values: words.into_iter().map(meant).collect() }
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

    /// The day of something that has happened; one that is to come is a slip.
    pub fn day(&mut self, fact: &str) -> Option<Timestamp> {
        let (place, cell) = self.place(fact)?;
        let day = self.date(place, cell)?;
        if day > self.mapping.as_of {
            self.note(place, "left out: it is to come yet", cell);
            return None;
        }
        Some(convert::timestamp(day))
    }

    pub fn stage(&mut self) -> i32 {
        let Some((place, cell)) = self.place("stage") else { return 0 };
        let word = folded(self.mapping.vocabulary.meant("stage", cell)).to_uppercase();
        match pb::LeadStage::from_str_name(&format!("LEAD_STAGE_{word}")) {
            Some(stage) => stage as i32,
            None => {
                let help = "it is no stage; say which stage is meant under [aliases.stage] in facts.toml, such as \
                            customer = [\"Closed won\"]";
                self.note(place, format!("left out: {help}"), cell);
                0
            }
        }
    }

    pub fn outcome(&mut self) -> Option<pb::Outcome> {
        let (place, cell) = self.place("outcome")?;
        let kind = match folded(self.mapping.vocabulary.meant("outcome", cell)).as_str() {
            "won" | "yes" | "true" | "1" => pb::OutcomeKind::Won,
            "lost" | "no" | "false" | "0" => pb::OutcomeKind::Lost,
            _ => {
                let help =
                    "say what is meant under [aliases.outcome] in facts.toml, such as won = [\"Closed won\"]";
                self.note(place, format!("left out: it is neither won nor lost; {help}"), cell);
                return None;
            }
        };
        Some(pb::Outcome {
            kind: kind as i32,
            time: self.day("outcome_time"),
            reason: self.text("outcome_reason"),
        })
    }

    pub fn attributes(&mut self) -> BTreeMap<String, pb::FactValue> {
        let mapping = self.mapping;
        let mut attributes = BTreeMap::new();
        for (name, attribute, place) in &mapping.attributes {
            let choice = match &attribute.kind {
                // A choice may be "none" or "unknown".
                AttributeType::Choice(choices) => {
                    let cell = self.row.cells.get(place.column).map_or("", |cell| cell.trim());
                    choices.iter().find(|choice| same_word(choice, cell))
                }
                _ => None,
            };
            let kind = match choice {
                Some(choice) => Some(Kind::Text(choice.clone())),
                None => known(mapping.vocabulary, &self.row.cells, place.column)
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
            AttributeType::YesNo => {
                let answer = written::yes_or_no(cell);
                if answer.is_none() {
                    self.note(place, "unknown: it is neither yes nor no", cell);
                }
                answer.map(Kind::YesNo)
            }
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

    pub fn activities(&mut self) -> Vec<pb::Activity> {
        let mapping = self.mapping;
        let mut activities = Vec::new();
        for ActivityPlaces { kind, count, last, amount } in &mapping.activities {
            let cell = |place: &Place| known(mapping.vocabulary, &self.row.cells, place.column);
            let when = last.as_ref();
            let last = last.as_ref().and_then(|place| Some((place, cell(place)?)));
            let counted = count.as_ref().and_then(|place| Some((place, cell(place)?)));
            let amount = amount.as_ref().and_then(|place| Some((place, cell(place)?)));
            let told = last.map(|(place, cell)| (place, cell, self.date(place, cell)));
            let last = told.and_then(|(.., last)| last);
            let mut number = match counted {
                Some((place, cell)) => self.number(place, cell).map_or(0.0, |written| written.value.floor()),
                // The last time alone tells of one.
                None => f64::from(u8::from(last.is_some())),
            };
            if !(0.0..=MAX_COUNT).contains(&number) {
                if let Some((place, cell)) = counted {
                    self.note(place, format!("0 to {MAX_COUNT} are counted, no more"), cell);
                }
                number = number.clamp(0.0, MAX_COUNT);
            }
            let amount =
                amount.and_then(|(place, cell)| self.number(place, cell)).map(|written| written.value);
            // When something happened is never guessed: only where no column tells of it, it is as of the file.
            let time = match (when, last) {
                (_, Some(last)) if last <= mapping.as_of => last,
                (_, Some(_)) => {
                    if let Some((place, cell, _)) = told {
                        self.note(
                            place,
                            "left out: it is to come yet, as of the time that the scores speak of",
                            cell,
                        );
                    }
                    continue;
                }
                (None, None) => mapping.as_of,
                (Some(place), None) => {
                    if number > 0.0 {
                        self.note(place, format!("{kind} is left out: when it happened is not known"), "");
                    }
                    continue;
                }
            };
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
    pub fn contacts(&mut self) -> Option<pb::ContactList> {
        let mapping = self.mapping;
        if mapping.contacts.is_empty() {
            return None;
        }
        let mut contacts = Vec::new();
        for ContactParts { name, others } in &mapping.contacts {
            let cell = |part: &Part| match part {
                Part::Same(word) => Some(word.clone()),
                Part::Column(column) => {
                    known(mapping.vocabulary, &self.row.cells, *column).map(str::to_owned)
                }
            };
            let Some(display_name) = cell(name) else { continue };
            let part = |what: &str| others.get(what).and_then(cell).unwrap_or_default();
            let declared = |word: String, known: &BTreeMap<String, Term>| {
                known
                    .keys()
                    .find(|name| same_word(&name.replace('_', " "), &word.replace('_', " ")))
                    .cloned()
                    .unwrap_or(word)
            };
            let import = &mapping.vocabulary.import;
            let mut refused = Vec::new();
            let mut count = |what: &str| {
                let cell = part(what);
                let read = written::read(&cell, import.decimal, true).ok();
                let read = read.filter(|written| written.value.fract() == 0.0 && written.value >= 0.0);
                if read.is_none() && !cell.is_empty() {
                    refused.push((
                        format!("contact.{what}"),
                        "counts as none: it is not a whole number",
                        cell,
                    ));
                }
                read.map_or(0, |written| written.value.min(1e6) as i32)
            };
            let (inbound, outbound) = (count("inbound"), count("outbound"));
            let cell = part("last");
            let by_format = import.date.as_deref().and_then(|format| Time::of_date_by(format, &cell));
            let last = by_format.or_else(|| Time::of_date(&cell)).map(convert::timestamp);
            if last.is_none() && !cell.is_empty() {
                refused.push((
                    "contact.last".into(),
                    "unknown: it is not a day as declared, nor as 2026-11-26",
                    cell,
                ));
            }
            contacts.push(pb::Contact {
                display_name,
                title: part("title"),
                department: part("department"),
                seniority: declared(part("seniority"), &mapping.vocabulary.seniorities),
                decision_role: declared(part("role"), &mapping.vocabulary.roles),
                inbound,
                outbound,
                last_engaged_time: last,
                ..Default::default()
            });
            for (what, told, cell) in refused {
                self.notes.add(&what, told, &cell, self.line);
            }
        }
        Some(pb::ContactList { contacts })
    }
}

/// Words separated by `;`, `|`, `,` or line ends.
fn words(cell: &str) -> Vec<String> {
    let separated = cell.split([';', '|', ',', '\n']);
    separated.map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
