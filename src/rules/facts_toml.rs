//! facts.toml → [`Vocabulary`].

use std::collections::BTreeMap;

use serde::Deserialize;

use super::catalogue;
use super::diagnostic::{Code, Diagnostic, token_length};
use super::syntax::Parser;
use crate::domain::text::suggestion;
use crate::domain::vocabulary::{Attribute, AttributeType, Import, Term, Vocabulary};

/// The file's name within the scripts folder.
pub const PATH: &str = "facts.toml";

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    import: ImportSection,
    columns: BTreeMap<String, String>,
    attributes: BTreeMap<String, AttributeSection>,
    activities: BTreeMap<String, TermSection>,
    roles: BTreeMap<String, TermSection>,
    seniorities: BTreeMap<String, TermSection>,
    factors: BTreeMap<String, TermSection>,
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

/// The most findings that are told of the file.
const MAX_PROBLEMS: usize = 100;

/// Parses the file; all findings at once as far as its syntax allows.
pub fn parse(text: &str) -> Result<Vocabulary, Vec<Diagnostic>> {
    let file: File = toml::from_str(text).map_err(|error| vec![from_toml(text, &error)])?;
    let mut problems = Vec::new();
    let parser = Parser::new();
    for name in file.attributes.keys() {
        check_name(&parser, text, "attributes", name, &mut problems);
    }
    for name in file.factors.keys() {
        check_name(&parser, text, "factors", name, &mut problems);
    }
    for fact in file.columns.keys() {
        // Each finding is looked for in the text: beyond what is kept that is for nothing.
        if problems.len() >= MAX_PROBLEMS {
            return Err(problems);
        }
        if !catalogue::IMPORTABLE.contains(&fact.as_str()) {
            let help = suggestion(fact, catalogue::IMPORTABLE.iter().copied());
            let message = format!("[columns] has no fact \"{fact}\"");
            problems.push(at_word(text, fact, Code::UnknownName, message).with_help(help));
        }
    }
    let mut attributes = BTreeMap::new();
    for (name, section) in file.attributes {
        match attribute(section) {
            Err(_) if problems.len() >= MAX_PROBLEMS => {}
            Ok(attribute) => _ = attributes.insert(name, attribute),
            Err(message) => {
                let header = format!("[attributes.{name}]");
                problems.push(at_word(
                    text,
                    &header,
                    Code::BadFactsToml,
                    format!("attribute \"{name}\" {message}"),
                ));
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
        factors: terms(file.factors),
        import: Import {
            id: file.import.id,
            display_name: file.import.display_name,
            person: file.import.subject == SubjectKind::Person,
            missing: file.import.missing,
            columns: file.columns,
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
fn check_name(parser: &Parser, text: &str, section: &str, name: &str, problems: &mut Vec<Diagnostic>) {
    if problems.len() >= MAX_PROBLEMS {
        return;
    }
    let header = format!("[{section}.{name}]");
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !starts_well || !name.chars().all(legal) {
        let message =
            format!("\"{name}\" can't be used in scripts: write it with a-z, 0-9 and _, a letter first");
        problems.push(at_word(text, &header, Code::BadFactsToml, message));
    } else if catalogue::is_taken(name) || !parser.is_name(name) {
        let message = format!("\"{name}\" already has a meaning in scripts");
        problems.push(at_word(text, &header, Code::Reserved, message).with_help("choose another name"));
    }
}

/// A finding at the first place where a word stands.
fn at_word(text: &str, word: &str, code: Code, message: String) -> Diagnostic {
    let found = text.lines().enumerate().find_map(|(i, line)| line.find(word).map(|at| (i, line, at)));
    let mut diagnostic = Diagnostic::of_file(PATH, code, message);
    if let Some((i, line, at)) = found {
        diagnostic.line = i as u32 + 1;
        diagnostic.column = line[..at].chars().count() as u32 + 1;
        diagnostic.length = word.chars().count() as u32;
    }
    diagnostic
}

fn from_toml(text: &str, error: &toml::de::Error) -> Diagnostic {
    let mut diagnostic = Diagnostic::of_file(PATH, Code::BadFactsToml, error.message());
    let before = error.span().and_then(|span| text.get(..span.start));
    if let Some(before) = before {
        diagnostic.line = before.matches('\n').count() as u32 + 1;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        diagnostic.column = before[line_start..].chars().count() as u32 + 1;
        let line = text[line_start..].lines().next().unwrap_or_default();
        diagnostic.length = token_length(line, diagnostic.column);
    }
    diagnostic
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
        assert_eq!(found, [(5, 1, Code::Reserved), (5, 1, Code::BadFactsToml)]);
        let unknown = parse("[attributes.a]\ntype = \"nmber\"\nmeaning = \"\"").unwrap_err();
        assert_eq!((unknown[0].line, unknown[0].column, unknown[0].length), (2, 8, 7));
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
