//! What a file's columns seem to be, as the parts of a facts.toml.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::bail;

use super::column::{Column, Guess, MOST_CHOICES};
use super::words::{
    BEHAVIOURS, Behaviour, CALLED, CONTACT_ANSWERS, CONTACT_NAMES, CONTACT_TITLES, IDS, NAMES, NON_ANSWERS,
    PEOPLE, SHIPPED,
};
use crate::cli::rows::{FileArg, Opened};
use crate::domain::canonical::{folded, same_word};
use crate::domain::text::suggestion;
use crate::domain::written::{Decimal, SHARED};

/// What was found in a file.
pub struct Inferred {
    /// The file's name.
    pub shown: String,
    pub rows: usize,
    columns: Vec<Column>,
    id: Option<usize>,
    name: Option<usize>,
    pub is_person: bool,
    /// Built-in facts with their columns.
    facts: Vec<(&'static str, usize)>,
    activities: Vec<Activity>,
    contact: Option<Contact>,
    /// What marks decimals in those columns that show it, if they agree.
    usual: Option<Decimal>,
    /// What means won in the column that tells outcomes, if it has to be said.
    won: Vec<String>,
}

/// The columns of a kind of activity.
struct Activity {
    kind: &'static Behaviour,
    count: Option<usize>,
    last: Option<usize>,
}

struct Contact {
    name: usize,
    title: Option<usize>,
    answers: Option<usize>,
}

/// Facts of companies, and of people.
const OF_COMPANIES: [&str; 6] = ["industry", "domain", "employees", "revenue", "founded_year", "tech"];
/// Facts that can't have decimals.
const WHOLE: [&str; 3] = ["employees", "founded_year", "age"];
const OF_PEOPLE: [&str; 3] = ["age", "city", "occupation"];

impl Inferred {
    /// Looks at all rows of a file.
    pub fn of(path: &Path, input: &FileArg) -> anyhow::Result<Self> {
        let Opened { header, mut rows } = Opened::open(path, input)?;
        let mut columns: Vec<Column> = header.iter().map(|name| Column::named(name)).collect();
        let mut count = 0;
        while let Some(row) = rows.read()? {
            if row.is_blank() || row.problem.is_some() {
                continue;
            }
            count += 1;
            for (place, (column, cell)) in columns.iter_mut().zip(&row.cells).enumerate() {
                column.see(cell.trim(), row.number(place).is_some());
            }
        }
        if count == 0 {
            bail!("{} has no rows to learn from", path.display());
        }
        let shown = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self::from_columns(shown, count, columns))
    }

    fn from_columns(shown: String, rows: usize, columns: Vec<Column>) -> Self {
        let called =
            |names: &[&str]| columns.iter().position(|column| names.contains(&folded(&column.name).as_str()));
        let ends_as_id = || {
            columns.iter().position(|column| folded(&column.name).ends_with("id") && column.is_unique(rows))
        };
        let id = called(&IDS).or_else(ends_as_id);
        let name = called(&NAMES).filter(|name| Some(*name) != id);

        let of_people = |column: &Column| PEOPLE.iter().any(|word| folded(&column.name).contains(word));
        let has = |fact: &str| CALLED.iter().any(|(known, names)| *known == fact && called(names).is_some());
        let of_companies = called(&["company", "company name", "firma", "account name"]).is_some();
        let is_person = (has("age") || columns.iter().any(of_people)) && !has("employees") && !of_companies;
        let foreign = if is_person { &OF_COMPANIES[..] } else { &OF_PEOPLE[..] };
        let facts = CALLED
            .iter()
            .filter(|(fact, _)| !foreign.contains(fact))
            .filter_map(|(fact, names)| Some((*fact, called(names)?)))
            .collect();

        let is_number = |place: &usize| matches!(columns[*place].kind(rows), Guess::Number | Guess::YesNo);
        let is_day =
            |place: &usize| matches!(columns[*place].kind(rows), Guess::Date(_) | Guess::AmbiguousDate(_));
        let activities = BEHAVIOURS
            .iter()
            .map(|kind| Activity {
                kind,
                count: called(kind.count).filter(is_number),
                last: called(kind.last).filter(is_day),
            })
            .filter(|activity| activity.count.or(activity.last).is_some())
            .collect();
        let contact = called(&CONTACT_NAMES).filter(|_| !is_person).map(|name| Contact {
            name,
            title: called(&CONTACT_TITLES),
            answers: called(&CONTACT_ANSWERS).filter(is_number),
        });
        let marks: Vec<Decimal> = columns.iter().filter_map(|column| column.evidence.decimal()).collect();
        let usual = marks.first().copied().filter(|first| marks.iter().all(|mark| mark == first));
        let won = Vec::new();
        Self { shown, rows, id, name, is_person, facts, activities, contact, usual, won, columns }
    }

    /// The one currency of the file's amounts.
    pub fn currency(&self) -> Option<&'static str> {
        let codes: BTreeSet<_> = self.columns.iter().flat_map(|column| column.currencies.keys()).collect();
        codes.first().copied().copied().filter(|code| codes.len() == 1 && *code != SHARED)
    }

    /// The same for learning what won ones have: every column by itself, so none as an activity or contact; with the outcome in a
    /// column of this name, if one is named, and what means won there, if that has to be said; all else means lost.
    pub fn for_learning(mut self, outcome: Option<&str>, won: &[String]) -> anyhow::Result<Self> {
        self.activities.clear();
        self.contact = None;
        if let Some(outcome) = outcome {
            let place = self.columns.iter().position(|column| same_word(&column.name, outcome));
            let Some(place) = place else {
                let names = self.columns.iter().map(|column| column.name.as_str());
                bail!("{} has no column \"{outcome}\"; {}", self.shown, suggestion(outcome, names));
            };
            self.facts.retain(|(fact, column)| *fact != "outcome" && *column != place);
            self.facts.push(("outcome", place));
        }
        // The stage says how far the seller has come, which is no fact of the account.
        self.facts.retain(|(fact, _)| *fact != "stage");
        if !self.facts.iter().any(|(fact, _)| *fact == "outcome") {
            let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            bail!(
                "{} has no column that is known to tell outcomes: name it with --outcome; its columns are {}",
                self.shown,
                names.join(", ")
            );
        }
        self.won = won.to_vec();
        Ok(self)
    }

    /// The whole of a facts.toml that stands by itself.
    pub fn text(&self) -> String {
        let mut out = self.import();
        for Activity { kind, .. } in &self.activities {
            _ = writeln!(out, "\n[activities.{}]\nmeaning = {}", kind.activity, quoted(kind.meaning));
        }
        self.attributes(&mut out, &[]);
        self.outcomes(&mut out);
        out
    }

    /// What is meant by the words of the column that tells outcomes.
    fn outcomes(&self, out: &mut String) {
        let place = self.facts.iter().find(|(fact, _)| *fact == "outcome").map(|(_, place)| *place);
        let (Some(place), false) = (place, self.won.is_empty()) else { return };
        let is_won = |word: &&String| self.won.iter().any(|won| same_word(won, word));
        let (won, lost): (Vec<&String>, Vec<&String>) = self.columns[place].words.keys().partition(is_won);
        out.push_str("\n[aliases.outcome]\n");
        for (meaning, words) in [("won", won), ("lost", lost)] {
            let words: Vec<String> =
                words.into_iter().filter(|word| !same_word(word, meaning)).map(|word| quoted(word)).collect();
            _ = writeln!(out, "{meaning} = [{}]", words.join(", "));
        }
    }

    /// The sections of columns, with what shipped attributes are found in which.
    pub fn import(&self) -> String {
        let name_of = |place: usize| quoted(&self.columns[place].name);
        let mut out = String::from("[import]\n");
        match self.id {
            Some(id) => _ = writeln!(out, "id = {}", name_of(id)),
            None => out.push_str(
                "# id = \"…\"                     # no column looks like an id: rows are numbered, and can't be imported\n",
            ),
        }
        if let Some(name) = self.name {
            _ = writeln!(out, "display_name = {}", name_of(name));
        }
        _ = writeln!(out, "subject = \"{}\"", if self.is_person { "person" } else { "company" });
        let answers = self.columns.iter().flat_map(|column| column.words.keys());
        let missing: BTreeSet<String> =
            answers.filter(|word| is_no_answer(word)).map(|word| quoted(word)).collect();
        if !missing.is_empty() {
            _ = writeln!(out, "missing = [{}]", missing.into_iter().collect::<Vec<_>>().join(", "));
        }

        out.push_str("\n[columns]\n");
        for (fact, place) in &self.facts {
            _ = writeln!(out, "{fact} = {}", self.place_of(*place, WHOLE.contains(fact)));
        }
        for Activity { kind, count, last } in &self.activities {
            _ = writeln!(out, "\n[columns.activity.{}]", kind.activity);
            for (part, place) in [("count", count), ("last", last)] {
                if let Some(place) = place {
                    _ = writeln!(out, "{part} = {}", self.place_of(*place, true));
                }
            }
        }
        if let Some(contact) = &self.contact {
            _ = writeln!(out, "\n[[columns.contact]]\nname = {}", name_of(contact.name));
            for (part, place) in [("title", contact.title), ("inbound", contact.answers)] {
                if let Some(place) = place {
                    _ = writeln!(out, "{part} = {}", name_of(place));
                }
            }
        }
        out
    }

    /// The columns of shipped attributes, by the attributes' names.
    pub fn shipped(&self) -> Vec<(&'static str, String)> {
        let place = |names: &[&str]| {
            self.columns.iter().position(|column| names.contains(&folded(&column.name).as_str()))
        };
        SHIPPED.iter().filter_map(|(name, names)| Some((*name, self.place_lines(place(names)?)))).collect()
    }

    /// The attributes that the other columns are, but for those that are `taken` by name.
    pub fn attributes(&self, out: &mut String, taken: &[&str]) {
        let mut used: BTreeSet<usize> = self.facts.iter().map(|(_, place)| *place).collect();
        used.extend(self.id.iter().chain(&self.name));
        used.extend(self.activities.iter().flat_map(|activity| [activity.count, activity.last]).flatten());
        if let Some(Contact { name, title, answers }) = &self.contact {
            used.extend([Some(*name), *title, *answers].into_iter().flatten());
        }
        let mut names: BTreeSet<String> = taken.iter().map(ToString::to_string).collect();
        for (place, column) in self.columns.iter().enumerate() {
            let is_shipped = !taken.is_empty()
                && SHIPPED.iter().any(|(_, words)| words.contains(&folded(&column.name).as_str()));
            if used.contains(&place) || column.name.is_empty() || is_shipped {
                continue;
            }
            let mut name = column.as_word();
            while names.contains(&name) {
                name.push_str("_in_file");
            }
            self.attribute(out, column, &name);
            names.insert(name);
        }
    }

    fn attribute(&self, out: &mut String, column: &Column, name: &str) {
        let kind = column.kind(self.rows);
        let label = match kind {
            Guess::Nothing => {
                _ = writeln!(out, "\n# The column {} is empty.", quoted(&column.name));
                return;
            }
            Guess::Number => "number",
            Guess::Text => "text",
            Guess::Money => "money",
            Guess::YesNo => "yes_no",
            Guess::Date(_) | Guess::AmbiguousDate(_) => "date",
            Guess::List => "list",
            Guess::Choice => "choice",
        };
        let examples: Vec<String> =
            column.examples(4).iter().map(|word| word.chars().take(40).collect()).collect();
        let share = column.filled * 100 / self.rows.max(1);
        _ = writeln!(out, "\n# {share} % filled: {}", examples.join(" | ").replace(['\n', '\r'], " "));
        if !column.is_worth_asking(&kind, self.rows) {
            let column = quoted(&column.name);
            _ = writeln!(out, "# [attributes.{name}]\n# type = \"{label}\"\n# column = {column}");
            return;
        }
        _ = writeln!(out, "[attributes.{name}]\ntype = \"{label}\"");
        if matches!(kind, Guess::Choice) {
            let answers = column.examples(MOST_CHOICES).into_iter();
            let choices: Vec<String> = answers.filter(|word| !is_no_answer(word)).map(quoted).collect();
            _ = writeln!(out, "choices = [{}]", choices.join(", "));
        }
        if column.name != name {
            _ = writeln!(out, "column = {}", quoted(&column.name));
        }
        out.push_str(&self.format_lines(column));
        _ = writeln!(out, "meaning = {}", quoted(&column.name));
    }

    /// How a built-in fact's column is named, with what has to be said to read it. What can't be told is not guessed: until a
    /// person says it, the fact is unknown.
    fn place_of(&self, place: usize, whole: bool) -> String {
        let column = &self.columns[place];
        let name = quoted(&column.name);
        match column.kind(self.rows) {
            Guess::Date(Some(format)) => format!("{{ column = {name}, date = {} }}", quoted(&format)),
            Guess::AmbiguousDate(formats) => {
                format!("{name}  # to be said: {{ column = {name}, date = … }} with {}", either(&formats))
            }
            Guess::Number | Guess::Money if column.hides_its_decimals(whole) => {
                format!("{name}  # to be said: {{ column = {name}, decimal = … }} with {}", self.marks())
            }
            _ => name,
        }
    }

    /// The same for an attribute, as lines of its section.
    fn place_lines(&self, place: usize) -> String {
        let column = &self.columns[place];
        format!("column = {}\n{}", quoted(&column.name), self.format_lines(column))
    }

    fn format_lines(&self, column: &Column) -> String {
        match column.kind(self.rows) {
            Guess::Date(Some(format)) => format!("date = {}\n", quoted(&format)),
            Guess::AmbiguousDate(formats) => format!("# to be said: date = {}\n", either(&formats)),
            Guess::Number | Guess::Money if column.hides_its_decimals(false) => {
                format!("# to be said: decimal = {}\n", self.marks())
            }
            _ => String::new(),
        }
    }

    /// The marks of decimals that a column may have, that of the other columns first.
    fn marks(&self) -> &'static str {
        match self.usual {
            Some(Decimal::Comma) => "\",\" (as other columns have it) or \".\"",
            Some(Decimal::Point) => "\".\" (as other columns have it) or \",\"",
            None => "\".\" or \",\"",
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn is_no_answer(word: &str) -> bool {
    NON_ANSWERS.contains(&folded(word).as_str())
}

/// The formats that a column of days may be in.
fn either(formats: &[&str]) -> String {
    formats.iter().map(|format| quoted(format)).collect::<Vec<_>>().join(" or ")
}
