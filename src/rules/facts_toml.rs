//! facts.toml → [`Vocabulary`].

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::catalogue;
use super::diagnostic::{Code, Diagnostic};
use super::syntax::Parser;
use crate::domain::text::suggestion;
use crate::domain::vocabulary::{Attribute, AttributeType, Import, Term, Vocabulary};

/// The file's name within the scripts folder.
pub const PATH: &str = "facts.toml";

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    import: ImportSection,
    columns: BTreeMap<Spanned<String>, String>,
    attributes: BTreeMap<Spanned<String>, AttributeSection>,
    activities: BTreeMap<String, TermSection>,
    roles: BTreeMap<String, TermSection>,
    seniorities: BTreeMap<String, TermSection>,
    factors: BTreeMap<Spanned<String>, TermSection>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ImportSection {
    id: Option<String>,
    display_name: Option<String>,
    subject: SubjectKind,
    missing: Vec<String>,
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
    #[serde(default)]
    actionable: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermSection {
    meaning: String,
    #[serde(default)]
    unit: String,
}

impl From<TermSection> for Term {
    fn from(section: TermSection) -> Term {
        Term { meaning: section.meaning, unit: section.unit }
    }
}

/// Parses the file; all findings at once as far as its syntax allows.
pub fn parse(text: &str) -> Result<Vocabulary, Vec<Diagnostic>> {
    let file: File = toml::from_str(text).map_err(|error| vec![from_toml(text, &error)])?;
    let mut problems = Vec::new();
    let parser = Parser::new();
    problems.extend(file.attributes.keys().filter_map(|name| check_name(&parser, text, name)));
    problems.extend(file.factors.keys().filter_map(|name| check_name(&parser, text, name)));
    for fact in file.columns.keys() {
        let name = fact.as_ref().as_str();
        if !catalogue::IMPORTABLE.contains(&name) {
            let help = suggestion(name, catalogue::IMPORTABLE.iter().copied());
            let message = format!("[columns] has no fact \"{name}\"");
            problems.push(at(text, &fact.span(), Code::UnknownName, message).with_help(help));
        }
    }
    let mut attributes = BTreeMap::new();
    for (name, section) in file.attributes {
        match attribute(section) {
            Ok(attribute) => _ = attributes.insert(name.into_inner(), attribute),
            Err(message) => {
                let message = format!("attribute \"{}\" {message}", name.as_ref());
                problems.push(at(text, &name.span(), Code::BadFactsToml, message));
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let terms =
        |section: BTreeMap<String, TermSection>| section.into_iter().map(|(n, t)| (n, t.into())).collect();
    Ok(Vocabulary {
        attributes,
        activities: terms(file.activities),
        roles: terms(file.roles),
        seniorities: terms(file.seniorities),
        factors: file.factors.into_iter().map(|(name, term)| (name.into_inner(), term.into())).collect(),
        import: Import {
            id: file.import.id,
            display_name: file.import.display_name,
            person: file.import.subject == SubjectKind::Person,
            missing: file.import.missing,
            columns: file.columns.into_iter().map(|(fact, column)| (fact.into_inner(), column)).collect(),
        },
    })
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
    };
    let AttributeSection { unit, meaning, column, actionable, .. } = section;
    Ok(Attribute { kind, unit, meaning, column, actionable })
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
    if catalogue::is_taken(name) || !parser.is_name(name) {
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
