//! facts.toml → [`Vocabulary`].

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::domain::canonical::folded;
use crate::domain::lead::LeadStage;
use crate::domain::lead::way::EXPLORATION;
use crate::domain::text::suggestion;
use crate::domain::time::Zone;
use crate::domain::vocabulary::{
    ActivityColumns, Aliases, Attribute, AttributeType, Column, ContactColumns, Import, StageReason, Term,
    Vocabulary,
};
use crate::domain::written::Decimal;
use crate::rules::diagnostics::{Code, Diagnostic};
use crate::rules::language;
use crate::rules::language::catalogue::IMPORTABLE;
use crate::rules::language::items::ITEM_NAMES;
use crate::rules::syntax::Parser;

/// The file's name within the scripts folder.
pub const PATH: &str = "facts.toml";

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    time: TimeSection,
    import: ImportSection,
    columns: BTreeMap<Spanned<String>, ColumnEntry>,
    aliases: BTreeMap<Spanned<String>, BTreeMap<String, Vec<String>>>,
    attributes: BTreeMap<Spanned<String>, AttributeSection>,
    activities: BTreeMap<String, ActivityTermSection>,
    contacts: ContactsSection,
    roles: BTreeMap<String, RoleSection>,
    seniorities: BTreeMap<String, TermSection>,
    factors: BTreeMap<Spanned<String>, TermSection>,
    reasons: BTreeMap<Spanned<String>, ReasonSection>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct TimeSection {
    zone: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ImportSection {
    id: Option<String>,
    display_name: Option<String>,
    subject: SubjectKind,
    missing: Vec<String>,
    decimal: Option<DecimalMark>,
    date: Option<String>,
}

/// What marks the decimals, as the file writes it.
#[derive(Deserialize, Clone, Copy)]
enum DecimalMark {
    #[serde(rename = ".")]
    Point,
    #[serde(rename = ",")]
    Comma,
}

impl From<DecimalMark> for Decimal {
    fn from(mark: DecimalMark) -> Decimal {
        match mark {
            DecimalMark::Point => Decimal::Point,
            DecimalMark::Comma => Decimal::Comma,
        }
    }
}

/// A column by its name, or with its format.
#[derive(Deserialize)]
#[serde(untagged)]
enum ColumnSection {
    Name(String),
    Formatted(Formatted),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Formatted {
    column: String,
    decimal: Option<DecimalMark>,
    date: Option<String>,
}

impl From<ColumnSection> for Column {
    fn from(section: ColumnSection) -> Column {
        match section {
            ColumnSection::Name(name) => Column { name, ..Column::default() },
            ColumnSection::Formatted(Formatted { column, decimal, date }) => {
                Column { name: column, decimal: decimal.map(Into::into), date }
            }
        }
    }
}

/// What stands under a name in [columns]: the column of a fact, or the tables `activity` and `contact`.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a column's name, { column = \"…\", decimal = \",\", date = \"…\" }, [columns.activity.NAME] with count, last and amount, or [[columns.contact]]"
)]
enum ColumnEntry {
    Column(ColumnSection),
    Contacts(Vec<ContactColumns>),
    Activities(BTreeMap<String, ActivitySection>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivitySection {
    count: Option<ColumnSection>,
    last: Option<ColumnSection>,
    amount: Option<ColumnSection>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
enum SubjectKind {
    #[default]
    Company,
    Person,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TypeName {
    Number,
    Text,
    Choice,
    YesNo,
    List,
    Money,
    Date,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeSection {
    #[serde(rename = "type")]
    kind: TypeName,
    #[serde(default)]
    choices: Vec<String>,
    #[serde(default)]
    unit: String,
    meaning: String,
    column: Option<String>,
    decimal: Option<DecimalMark>,
    date: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(default = "yes")]
    closed: bool,
    #[serde(default)]
    actionable: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermSection {
    meaning: String,
    #[serde(default)]
    unit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonSection {
    meaning: String,
    #[serde(default)]
    stages: Vec<LeadStage>,
}

/// An activity type, with what is told of one beside its amount.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivityTermSection {
    meaning: String,
    #[serde(default)]
    unit: String,
    /// Whether the vendor can bring it about.
    #[serde(default)]
    actionable: bool,
    #[serde(default)]
    properties: BTreeMap<Spanned<String>, AttributeSection>,
}

/// What is told of a contact beside what every contact has.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ContactsSection {
    attributes: BTreeMap<Spanned<String>, AttributeSection>,
}

/// A role in a decision, and whether the vendor can reach those who have it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleSection {
    meaning: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    actionable: bool,
}

impl From<TermSection> for Term {
    fn from(section: TermSection) -> Term {
        Term { meaning: section.meaning, unit: section.unit, actionable: false }
    }
}

impl From<RoleSection> for Term {
    fn from(RoleSection { meaning, unit, actionable }: RoleSection) -> Term {
        Term { meaning, unit, actionable }
    }
}

/// Parses the file; all findings at once as far as its syntax allows.
pub fn parse(text: &str) -> Result<Vocabulary, Vec<Diagnostic>> {
    let file: File = toml::from_str(text).map_err(|error| vec![from_toml(text, &error)])?;
    let mut problems = Vec::new();
    let parser = Parser::new();
    problems.extend(file.attributes.keys().filter_map(|name| check_name(&parser, text, name)));
    problems.extend(file.factors.keys().filter_map(|name| check_name(&parser, text, name)));
    let columns = columns(text, file.columns, &file.activities, &mut problems);
    let aliases = aliases(text, file.aliases, &file.attributes, &mut problems);
    let attributes = attributes(text, file.attributes, &mut problems);
    let (mut activities, mut properties) = (BTreeMap::new(), BTreeMap::new());
    for (kind, ActivityTermSection { meaning, unit, actionable, properties: of_kind }) in file.activities {
        let of_kind = parts(&parser, text, of_kind, &mut problems);
        if !of_kind.is_empty() {
            properties.insert(kind.clone(), of_kind);
        }
        activities.insert(kind, Term { meaning, unit, actionable });
    }
    let contact_attributes = parts(&parser, text, file.contacts.attributes, &mut problems);
    let zone = match file.time.zone {
        None => Zone::default(),
        Some(name) => Zone::named(name.as_ref()).unwrap_or_else(|| {
            let message = format!("there is no time zone \"{}\"", name.as_ref());
            let finding = at(text, &name.span(), Code::UnknownWord, message);
            problems.push(finding.with_help("name it as in the IANA database, such as Europe/Berlin"));
            Zone::default()
        }),
    };
    let reasons = reasons(text, file.reasons, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let terms =
        |section: BTreeMap<String, TermSection>| section.into_iter().map(|(n, t)| (n, t.into())).collect();
    Ok(Vocabulary {
        attributes,
        activities,
        properties,
        contact_attributes,
        roles: file.roles.into_iter().map(|(role, section)| (role, section.into())).collect(),
        seniorities: terms(file.seniorities),
        factors: file.factors.into_iter().map(|(name, term)| (name.into_inner(), term.into())).collect(),
        reasons,
        import: Import {
            id: file.import.id,
            display_name: file.import.display_name,
            person: file.import.subject == SubjectKind::Person,
            missing: file.import.missing,
            decimal: file.import.decimal.map(Into::into),
            date: file.import.date,
            ..columns
        },
        aliases,
        zone,
    })
}

/// The codes that say why a lead leaves its way.
fn reasons(
    text: &str,
    sections: BTreeMap<Spanned<String>, ReasonSection>,
    problems: &mut Vec<Diagnostic>,
) -> BTreeMap<String, StageReason> {
    let mut reasons = BTreeMap::new();
    for (code, ReasonSection { meaning, stages }) in sections {
        let mut wrong = |message: String, help: &str| {
            problems.push(at(text, &code.span(), Code::BadFactsToml, message).with_help(help));
        };
        let name = code.as_ref();
        if name == EXPLORATION {
            wrong(format!("the reason \"{name}\" is the service's own"), "choose another name");
        } else if name.is_empty() || name.chars().count() > 200 {
            wrong(format!("a reason needs 1 to 200 characters, not {}", name.chars().count()), "shorten it");
        }
        if let Some(stage) = stages.iter().find(|stage| !stage.takes_reason()) {
            let message = format!("a lead becomes {} without a reason", stage.as_str());
            wrong(message, "the stages that take one are rejected, recycled, lost and churned");
        }
        reasons.insert(code.into_inner(), StageReason { meaning, stages });
    }
    reasons
}

fn attributes(
    text: &str,
    sections: BTreeMap<Spanned<String>, AttributeSection>,
    problems: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Attribute> {
    let mut attributes = BTreeMap::new();
    for (name, section) in sections {
        match attribute(section) {
            Ok(attribute) => _ = attributes.insert(name.into_inner(), attribute),
            Err(message) => {
                let message = format!("attribute \"{}\" {message}", name.as_ref());
                problems.push(at(text, &name.span(), Code::BadFactsToml, message));
            }
        }
    }
    attributes
}

/// What is told of an activity or of a contact. Conditions on it read it by its name, as they read the parts that all
/// have.
fn parts(
    parser: &Parser,
    text: &str,
    sections: BTreeMap<Spanned<String>, AttributeSection>,
    problems: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Attribute> {
    for name in sections.keys() {
        let taken = ITEM_NAMES.iter().any(|known| known.name == name.as_ref());
        if taken {
            let message = format!("\"{}\" is a part of every activity or contact", name.as_ref());
            let finding = at(text, &name.span(), Code::Reserved, message);
            problems.push(finding.with_help("choose another name"));
        } else {
            problems.extend(check_name(parser, text, name));
        }
    }
    let found = attributes(text, sections, problems);
    for (name, attribute) in &found {
        if matches!(attribute.kind, AttributeType::List | AttributeType::Money) || attribute.column.is_some()
        {
            let message =
                format!("\"{name}\" must be a number, text, choice, yes_no or date, without a column");
            problems.push(Diagnostic::of_file(PATH, Code::BadFactsToml, message));
        }
    }
    found
}

/// What [columns] says.
fn columns(
    text: &str,
    entries: BTreeMap<Spanned<String>, ColumnEntry>,
    declared: &BTreeMap<String, ActivityTermSection>,
    problems: &mut Vec<Diagnostic>,
) -> Import {
    let mut import = Import::default();
    for (key, entry) in entries {
        let name = key.as_ref().as_str();
        let mut wrong = |code, message: String, help: String| {
            problems.push(at(text, &key.span(), code, message).with_help(help));
        };
        match (name, entry) {
            ("activity", ColumnEntry::Activities(activities)) => {
                for (kind, section) in activities {
                    if !declared.contains_key(&kind) {
                        let help = suggestion(&kind, declared.keys().map(String::as_str));
                        wrong(Code::UnknownWord, format!("there is no activity \"{kind}\""), help);
                    } else if section.count.is_none() && section.last.is_none() {
                        let help = "name a column with `count`, with `last`, or both".to_owned();
                        wrong(Code::BadFactsToml, format!("the activity \"{kind}\" has no column"), help);
                    }
                    let ActivitySection { count, last, amount } = section;
                    let [count, last, amount] = [count, last, amount].map(|column| column.map(Column::from));
                    import.activities.insert(kind, ActivityColumns { count, last, amount });
                }
            }
            ("contact", ColumnEntry::Contacts(contacts)) => {
                import.contacts = contacts;
            }
            (_, ColumnEntry::Column(column)) if IMPORTABLE.contains(&name) => {
                import.columns.insert(name.to_owned(), column.into());
            }
            (_, ColumnEntry::Column(_)) => {
                let help = suggestion(name, IMPORTABLE.iter().copied());
                wrong(Code::UnknownName, format!("[columns] has no fact \"{name}\""), help);
            }
            _ => {
                let help =
                    "write [columns.activity.NAME], [[columns.contact]], or fact = \"column\"".to_owned();
                wrong(Code::BadFactsToml, format!("\"{name}\" is not written as it should be"), help);
            }
        }
    }
    import
}

/// The facts whose words may have aliases, beside attributes.
const WITH_ALIASES: [&str; 10] = [
    "country",
    "region",
    "city",
    "industry",
    "tech",
    "occupation",
    "language",
    "growth_stage",
    "stage",
    "outcome",
];

/// What [aliases] says, turned around: the alias → the word that is meant.
fn aliases(
    text: &str,
    entries: BTreeMap<Spanned<String>, BTreeMap<String, Vec<String>>>,
    attributes: &BTreeMap<Spanned<String>, AttributeSection>,
    problems: &mut Vec<Diagnostic>,
) -> Aliases {
    let mut all = Aliases::new();
    for (key, words) in entries {
        let fact = key.as_ref().as_str();
        let mut known = WITH_ALIASES.into_iter().chain(attributes.keys().map(|name| name.as_ref().as_str()));
        if !known.clone().any(|name| name == fact) {
            let help = suggestion(fact, known.by_ref().collect::<Vec<_>>());
            let message = format!("[aliases] has no fact \"{fact}\"");
            problems.push(at(text, &key.span(), Code::UnknownName, message).with_help(help));
        }
        let of_fact = all.entry(fact.to_owned()).or_default();
        for (meant, aliases) in words {
            for alias in aliases.iter().chain([&meant]) {
                let before = of_fact.insert(folded(alias), meant.clone());
                if before.as_ref().is_some_and(|before| *before != meant) {
                    let message = format!("\"{alias}\" means two words of {fact}");
                    problems.push(at(text, &key.span(), Code::Duplicate, message));
                }
            }
        }
    }
    all
}

fn attribute(section: AttributeSection) -> Result<Attribute, String> {
    let kind = match section.kind {
        TypeName::Choice if section.choices.is_empty() => return Err("is a choice without choices".into()),
        TypeName::Choice => AttributeType::Choice(section.choices),
        _ if !section.choices.is_empty() => return Err("has choices, so its type must be \"choice\"".into()),
        TypeName::Number => AttributeType::Number,
        TypeName::Text => AttributeType::Text,
        TypeName::YesNo => AttributeType::YesNo,
        TypeName::List => AttributeType::List,
        TypeName::Money => AttributeType::Money,
        TypeName::Date => AttributeType::Date,
    };
    let AttributeSection { unit, meaning, column, actionable, decimal, date, min, max, closed, .. } = section;
    let numeric = matches!(kind, AttributeType::Number | AttributeType::Money);
    if !numeric && (min.is_some() || max.is_some() || decimal.is_some()) {
        return Err("has a min, max or decimal, so its type must be \"number\" or \"money\"".into());
    }
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        return Err("has a min above its max".into());
    }
    if date.is_some() && kind != AttributeType::Date {
        return Err("has a format of dates, so its type must be \"date\"".into());
    }
    let formatted = decimal.is_some() || date.is_some();
    // A format without a name is of the column that is called like the attribute.
    let column = match column {
        Some(name) => Some(Column { name, decimal: decimal.map(Into::into), date }),
        None if formatted => Some(Column { name: String::new(), decimal: decimal.map(Into::into), date }),
        None => None,
    };
    Ok(Attribute { kind, unit, meaning, column, actionable, min, max, closed })
}

/// Whether an attribute may be called so: a word that means nothing in scripts yet.
pub fn is_free(name: &str) -> bool {
    !language::is_taken(name) && Parser::new().is_name(name)
}

/// Names of attributes and factors are used as words in scripts, so they must be free there.
fn check_name(parser: &Parser, text: &str, key: &Spanned<String>) -> Option<Diagnostic> {
    let name = key.as_ref();
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !starts_well || !name.chars().all(legal) {
        let message =
            format!("\"{name}\" can't be used in scripts: write it with a-z, 0-9 and _, a letter first");
        return Some(at(text, &key.span(), Code::BadFactsToml, message));
    }
    if language::is_taken(name) || !parser.is_name(name) {
        let message = format!("\"{name}\" already has a meaning in scripts");
        let finding = at(text, &key.span(), Code::Reserved, message);
        return Some(finding.with_help("choose another name"));
    }
    None
}

/// A finding at a place in the text, given in bytes.
fn at(text: &str, span: &Range<usize>, code: Code, message: impl Into<String>) -> Diagnostic {
    let before = text.get(..span.start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
    Diagnostic::at(PATH, text, line, column, code, message)
}

fn from_toml(text: &str, error: &toml::de::Error) -> Diagnostic {
    match error.span() {
        Some(span) => at(text, &span, Code::BadFactsToml, error.message()),
        None => Diagnostic::of_file(PATH, Code::BadFactsToml, error.message()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn findings_have_places() {
        let text = "[attributes.seats]\ntype = \"number\"\nmeaning = \"Seats\"\n\n[attributes.rule]\ntype = \"choice\"\nmeaning = \"?\"\n";
        let problems = parse(text).unwrap_err();
        let found: Vec<_> = problems.iter().map(|p| (p.line, p.column, p.code)).collect();
        assert_eq!(found, [(5, 13, Code::Reserved), (5, 13, Code::BadFactsToml)]);
        let unknown = parse("[attributes.a]\ntype = \"nmber\"\nmeaning = \"\"").unwrap_err();
        assert_eq!((unknown[0].line, unknown[0].column, unknown[0].length), (2, 8, 7));
        let text = "[import]\ndisplay_name = \"name\"\n[columns]\nname = \"x\"\n[attributes]\nrule = { type = \"text\", meaning = \"\" }\n";
        let problems = parse(text).unwrap_err();
        let found: Vec<_> = problems.iter().map(|p| (p.line, p.column, p.length)).collect();
        assert_eq!(found, [(6, 1, 4), (4, 1, 4)]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_vocabulary_or_a_finding(text in "\\PC*|(\\[(attributes|import|columns)(\\.[a-z\\u{e9}]{1,3})?\\]\n[a-z]{0,4} ?= ?[\"0-9a-z]{0,5}\n){1,3}") {
            if let Err(problems) = parse(&text) {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|p| !p.message.is_empty()));
            }
        }
    }
}
