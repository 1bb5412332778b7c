//! A first facts.toml out of a file: what its columns seem to be, for a person who knows it to read and correct.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::Done;
use super::rows::{FileArg, Opened};
use super::table::counted;
use crate::cli::output::out;
use crate::domain::canonical::folded;
use crate::domain::time::Time;
use crate::domain::written::{self, Decimal, Evidence, Unread};
use crate::rules::catalogue::is_taken;

#[derive(Subcommand)]
pub enum Facts {
    /// Write a first facts.toml out of a file's columns
    Infer(Infer),
}

#[derive(Args)]
#[command(after_help = "\
What it writes is a beginning: read it, correct it, and say what the words mean.

Examples:
  assay facts infer leads.csv --out scripts/facts.toml
  assay facts infer export.xlsx | less")]
pub struct Infer {
    /// The file: delimited text with a header line, JSON Lines, Parquet, or a spreadsheet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where it goes; a file that is there is not overwritten; `-` is standard output
    #[arg(long, default_value = "-", value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    input: FileArg,
}

impl Facts {
    pub async fn run(self) -> anyhow::Result<Done> {
        let Facts::Infer(infer) = self;
        let Opened { header, mut rows } = Opened::open(&infer.file, &infer.input)?;
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
            bail!("{} has no rows to learn from", infer.file.display());
        }
        let shown =
            infer.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = written(&shown, count, &columns);
        if infer.out.as_os_str() == "-" {
            out!("{text}");
            return Ok(Done::Well);
        }
        if infer.out.exists() {
            bail!("{} is there already: name another file with --out", infer.out.display());
        }
        std::fs::write(&infer.out, text).with_context(|| infer.out.display().to_string())?;
        eprintln!(
            "{} of {} looked at: read {} and correct it",
            counted(count, "row"),
            shown,
            infer.out.display()
        );
        Ok(Done::Well)
    }
}

/// How many different cells are kept of a column.
const MOST_WORDS: usize = 200;
/// How many words a choice may have: few, or more where each stands in very many rows.
const FEW_CHOICES: usize = 12;
const MOST_CHOICES: usize = 40;

/// In so few rows, numbers may be all different by chance.
const FEW_ROWS: usize = 20;

/// The ways in which days are written, beside 2026-11-26.
const DATES: [&str; 6] = ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y"];

/// What was seen of a column.
struct Column {
    name: String,
    filled: usize,
    /// The different cells with how often each stood there; of many, the first.
    words: BTreeMap<String, usize>,
    evidence: Evidence,
    numbers: usize,
    ambiguous: usize,
    money: usize,
    iso_days: usize,
    /// How many cells each of [`DATES`] can read.
    days: [usize; DATES.len()],
    yes_no: usize,
    lists: usize,
}

impl Column {
    fn named(name: &str) -> Self {
        Self {
            name: name.trim().to_owned(),
            filled: 0,
            words: BTreeMap::new(),
            evidence: Evidence::default(),
            numbers: 0,
            ambiguous: 0,
            money: 0,
            iso_days: 0,
            days: [0; DATES.len()],
            yes_no: 0,
            lists: 0,
        }
    }

    fn see(&mut self, cell: &str, is_number: bool) {
        if cell.is_empty() {
            return;
        }
        self.filled += 1;
        if self.words.len() < MOST_WORDS || self.words.contains_key(cell) {
            *self.words.entry(cell.to_owned()).or_default() += 1;
        }
        if is_number {
            self.numbers += 1;
            self.yes_no += usize::from(matches!(cell, "0" | "1"));
            return;
        }
        self.evidence.see(cell, false);
        self.ambiguous += usize::from(matches!(written::read(cell, None, false), Err(Unread::Ambiguous)));
        let read = [Decimal::Point, Decimal::Comma]
            .into_iter()
            .find_map(|decimal| written::read(cell, Some(decimal), false).ok());
        if let Some(number) = read {
            self.numbers += 1;
            self.money += usize::from(number.currency.is_some());
        }
        let day = cell.split(['T', ' ']).next().unwrap_or(cell);
        self.iso_days += usize::from(Time::of_date(day).is_some());
        for (format, seen) in DATES.iter().zip(&mut self.days) {
            *seen += usize::from(Time::of_date_by(format, cell).is_some());
        }
        let word = folded(cell);
        self.yes_no += usize::from(matches!(
            word.as_str(),
            "yes" | "no" | "true" | "false" | "y" | "n" | "ja" | "nein" | "0" | "1"
        ));
        self.lists += usize::from(cell.contains([';', '|']));
    }

    /// Whether nearly all filled cells are so: a few slips are no reason.
    fn mostly(&self, seen: usize) -> bool {
        self.filled > 0 && seen * 20 >= self.filled * 19
    }

    fn kind(&self, rows: usize) -> Guess {
        if self.filled == 0 {
            return Guess::Nothing;
        }
        if self.mostly(self.yes_no) && self.words.len() <= 4 {
            return Guess::YesNo;
        }
        if self.mostly(self.iso_days) {
            return Guess::Date(None);
        }
        let readable: Vec<&'static str> = DATES
            .iter()
            .zip(&self.days)
            .filter(|(_, seen)| self.mostly(**seen))
            .map(|(format, _)| *format)
            .collect();
        match readable[..] {
            [] => {}
            [only] => return Guess::Date(Some(only.to_owned())),
            // 01/02/2026 may be either.
            _ => return Guess::AmbiguousDate(readable),
        }
        if self.mostly(self.numbers) {
            return if self.money * 4 > self.filled { Guess::Money } else { Guess::Number };
        }
        if self.lists * 3 > self.filled {
            return Guess::List;
        }
        let different = self.words.len();
        let few = different <= FEW_CHOICES
            && (different * 4 <= self.filled || rows < 8 && different * 2 <= self.filled);
        let frequent = different <= MOST_CHOICES && different * 50 <= self.filled;
        if few || frequent {
            return Guess::Choice;
        }
        Guess::Text
    }

    /// Whether what marks its decimals can't be told.
    fn hides_its_decimals(&self) -> bool {
        self.ambiguous > 0 && self.evidence.decimal().is_none()
    }

    /// Whether a rule could ask for it: what is written freely, what is the same in every row, and numbers
    /// that only tell rows apart, are no facts.
    fn is_worth_asking(&self, kind: &Guess, rows: usize) -> bool {
        match kind {
            Guess::Text => false,
            Guess::Number => rows <= FEW_ROWS || !self.is_unique(rows),
            Guess::YesNo => rows <= FEW_ROWS || self.words.len() > 1,
            _ => true,
        }
    }

    fn is_unique(&self, rows: usize) -> bool {
        self.filled == rows
            && (self.words.len() == rows || rows > MOST_WORDS && self.words.values().all(|n| *n == 1))
    }

    /// Some of its cells, the most frequent first.
    fn examples(&self, most: usize) -> Vec<&str> {
        let mut words: Vec<_> = self.words.iter().collect();
        words.sort_by_key(|(word, count)| (std::cmp::Reverse(**count), *word));
        words.into_iter().take(most).map(|(word, _)| word.as_str()).collect()
    }

    /// Its name as rules can write it.
    fn as_word(&self) -> String {
        let mut word = String::new();
        let mut before = ' ';
        for c in self.name.chars() {
            let begins_a_word = before.is_ascii_lowercase() && c.is_ascii_uppercase();
            if (begins_a_word || !c.is_ascii_alphanumeric()) && !word.is_empty() && !word.ends_with('_') {
                word.push('_');
            }
            if c.is_ascii_alphanumeric() {
                word.push(c.to_ascii_lowercase());
            }
            before = c;
        }
        let word = word.trim_end_matches('_').to_owned();
        match word.chars().next() {
            None => "column".into(),
            Some(first) if first.is_ascii_digit() => format!("n_{word}"),
            Some(_) if is_taken(&word) => format!("{word}_in_file"),
            Some(_) => word,
        }
    }
}

enum Guess {
    Nothing,
    Number,
    Money,
    YesNo,
    Date(Option<String>),
    AmbiguousDate(Vec<&'static str>),
    List,
    Choice,
    Text,
}

/// Built-in facts with the words that columns are called by.
const CALLED: [(&str, &[&str]); 16] = [
    ("industry", &["industry", "branche", "sector", "vertical", "industrie"]),
    ("country", &["country", "land", "pays", "paese", "país", "quốc gia", "国家"]),
    ("region", &["region", "state", "province", "bundesland"]),
    ("city", &["city", "town", "ort", "stadt", "ville", "città"]),
    ("domain", &["domain", "website", "web site", "url", "homepage", "webseite"]),
    (
        "employees",
        &[
            "employees",
            "number of employees",
            "no. of employees",
            "headcount",
            "staff",
            "mitarbeiter",
            "mitarbeiterzahl",
            "effectif",
            "dipendenti",
        ],
    ),
    (
        "revenue",
        &[
            "revenue",
            "annual revenue",
            "turnover",
            "umsatz",
            "jahresumsatz",
            "chiffre d'affaires",
            "fatturato",
        ],
    ),
    ("founded_year", &["founded", "founded year", "year founded", "gründungsjahr"]),
    ("tech", &["technologies", "technology", "tech", "tech stack"]),
    ("age", &["age", "alter", "âge", "età"]),
    ("occupation", &["occupation", "what is your current occupation", "profession", "beruf"]),
    ("owner", &["owner", "lead owner", "account owner", "sales rep", "zuständig"]),
    ("source", &["source", "lead source", "original source", "quelle"]),
    ("stage", &["stage", "lead stage", "lifecycle stage", "lead status"]),
    ("outcome", &["outcome", "converted", "won", "is won", "deal outcome", "closed won"]),
    ("created", &["created", "created at", "created date", "create date", "erstellt am", "angelegt"]),
];

const IDS: [&str; 9] = [
    "id",
    "record id",
    "lead id",
    "account id",
    "prospect id",
    "customer id",
    "lead number",
    "kundennummer",
    "uuid",
];
const NAMES: [&str; 11] = [
    "name",
    "company",
    "company name",
    "account",
    "account name",
    "firma",
    "firmenname",
    "organization",
    "display_name",
    "full name",
    "société",
];
const PEOPLE: [&str; 5] = ["occupation", "first name", "last name", "birth date", "date of birth"];
/// What people leave in a form instead of an answer.
const NON_ANSWERS: [&str; 8] =
    ["select", "please select", "bitte wählen", "not set", "none selected", "tbd", "xxx", "keine angabe"];

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The file's columns as a facts.toml.
fn written(shown: &str, rows: usize, columns: &[Column]) -> String {
    let called =
        |names: &[&str]| columns.iter().position(|column| names.contains(&folded(&column.name).as_str()));
    let id = called(&IDS).or_else(|| {
        columns.iter().position(|column| folded(&column.name).ends_with("id") && column.is_unique(rows))
    });
    let name = called(&NAMES).filter(|name| Some(*name) != id);
    let of_people = |column: &Column| PEOPLE.iter().any(|word| folded(&column.name).contains(word));
    let of_companies = ["company", "company name", "firma", "employees", "account name"];
    let has_ages = CALLED.iter().any(|(fact, names)| *fact == "age" && called(names).is_some());
    let is_person = (has_ages || columns.iter().any(of_people)) && called(&of_companies).is_none();
    let mut out = format!(
        "# Made of {shown} ({}) by `assay facts infer`: a beginning, to be read and corrected.\n\n[import]\n",
        counted(rows, "row")
    );
    match id {
        Some(id) => _ = writeln!(out, "id = {}", quoted(&columns[id].name)),
        None => out.push_str("# id = \"…\"                     # no column looks like an id: rows are numbered, and can't be imported\n"),
    }
    if let Some(name) = name {
        _ = writeln!(out, "display_name = {}", quoted(&columns[name].name));
    }
    _ = writeln!(out, "subject = \"{}\"", if is_person { "person" } else { "company" });
    let marks: Vec<Decimal> = columns.iter().filter_map(|column| column.evidence.decimal()).collect();
    let usual = marks.first().copied().filter(|first| marks.iter().all(|mark| mark == first));
    let missing: Vec<String> = columns
        .iter()
        .flat_map(|column| column.words.keys())
        .filter(|word| NON_ANSWERS.contains(&folded(word).as_str()))
        .map(|word| quoted(word))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    if !missing.is_empty() {
        _ = writeln!(out, "missing = [{}]", missing.join(", "));
    }
    let facts: Vec<(&str, usize)> = CALLED
        .iter()
        .filter_map(|(fact, names)| Some((*fact, called(names)?)))
        .filter(|(fact, _)| {
            !is_person
                || !matches!(*fact, "industry" | "domain" | "employees" | "revenue" | "founded_year" | "tech")
        })
        .filter(|(fact, _)| is_person || !matches!(*fact, "age" | "city" | "occupation"))
        .collect();
    out.push_str("\n[columns]\n");
    for (fact, place) in &facts {
        let column = &columns[*place];
        _ = writeln!(out, "{fact} = {}", place_of(column, rows, usual));
    }
    for (place, column) in columns.iter().enumerate() {
        let is_used =
            Some(place) == id || Some(place) == name || facts.iter().any(|(_, used)| *used == place);
        if !is_used && !column.name.is_empty() {
            attribute(&mut out, column, rows, usual);
        }
    }
    out
}

/// How a column is named, with what has to be said to read it.
fn place_of(column: &Column, rows: usize, usual: Option<Decimal>) -> String {
    let name = quoted(&column.name);
    match column.kind(rows) {
        Guess::Date(Some(format)) => format!("{{ column = {name}, date = {} }}", quoted(&format)),
        // What can't be told is not guessed: until a person says it, the fact is unknown.
        Guess::AmbiguousDate(formats) => {
            format!("{name}  # to be said: {{ column = {name}, date = … }} with {}", either(&formats))
        }
        Guess::Number | Guess::Money if column.hides_its_decimals() => {
            format!("{name}  # to be said: {{ column = {name}, decimal = … }} with {}", marks(usual))
        }
        _ => name,
    }
}

/// The formats that a column of days may be in.
fn either(formats: &[&str]) -> String {
    formats.iter().map(|format| quoted(format)).collect::<Vec<_>>().join(" or ")
}

/// The marks of decimals that a column may have, that of the other columns first.
fn marks(usual: Option<Decimal>) -> &'static str {
    match usual {
        Some(Decimal::Comma) => "\",\" (as other columns have it) or \".\"",
        Some(Decimal::Point) => "\".\" (as other columns have it) or \",\"",
        None => "\".\" or \",\"",
    }
}

fn attribute(out: &mut String, column: &Column, rows: usize, usual: Option<Decimal>) {
    let kind = column.kind(rows);
    let examples: Vec<String> =
        column.examples(4).iter().map(|word| word.chars().take(40).collect()).collect();
    let share = column.filled * 100 / rows.max(1);
    let seen = format!("# {share} % filled: {}", examples.join(" | ").replace('\n', " "));
    let name = column.as_word();
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
    if !column.is_worth_asking(&kind, rows) {
        let column = quoted(&column.name);
        _ = writeln!(out, "\n{seen}\n# [attributes.{name}]\n# type = \"{label}\"\n# column = {column}");
        return;
    }
    _ = writeln!(out, "\n{seen}\n[attributes.{name}]\ntype = \"{label}\"");
    if matches!(kind, Guess::Choice) {
        let answers = column.examples(MOST_CHOICES).into_iter();
        let choices: Vec<String> =
            answers.filter(|word| !NON_ANSWERS.contains(&folded(word).as_str())).map(quoted).collect();
        _ = writeln!(out, "choices = [{}]", choices.join(", "));
    }
    if column.name != name {
        _ = writeln!(out, "column = {}", quoted(&column.name));
    }
    match &kind {
        Guess::Date(Some(format)) => _ = writeln!(out, "date = {}", quoted(format)),
        Guess::AmbiguousDate(formats) => _ = writeln!(out, "# to be said: date = {}", either(formats)),
        Guess::Number | Guess::Money if column.hides_its_decimals() => {
            _ = writeln!(out, "# to be said: decimal = {}", marks(usual));
        }
        _ => {}
    }
    _ = writeln!(out, "meaning = {}", quoted(&column.name));
}
