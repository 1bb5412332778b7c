//! Rows of a CSV file → leads, by the columns that facts.toml maps.

use std::collections::BTreeMap;

use crate::domain::text::suggestion;
use crate::domain::vocabulary::{Attribute, AttributeType, Vocabulary};
use crate::grpc::pb::{self, lead::Subject, value::Kind};
use crate::rules::catalogue::IMPORTABLE;

/// How a file's columns become a lead.
pub struct Mapping<'v> {
    vocabulary: &'v Vocabulary,
    currency: String,
    id: Option<usize>,
    display_name: Option<usize>,
    facts: BTreeMap<&'static str, usize>,
    attributes: Vec<(String, &'v Attribute, usize)>,
    /// Columns that mean nothing to us.
    pub ignored: Vec<String>,
    /// What facts.toml maps to columns that are not there.
    pub missing: Vec<String>,
}

/// One row, read.
pub struct Row {
    pub id: String,
    pub lead: pb::Lead,
}

impl<'v> Mapping<'v> {
    pub fn new(vocabulary: &'v Vocabulary, header: &csv::StringRecord, currency: &str) -> Self {
        let find = |name: &str| header.iter().position(|column| column == name);
        let import = &vocabulary.import;
        let mut missing = Vec::new();
        let mut mapped = |what: &str, column: &str| {
            // A column that is called like the fact itself needs no mapping.
            let found = find(column).or_else(|| find(what));
            if found.is_none() {
                let help = suggestion(column, header.iter());
                missing.push(format!("{what}: there is no column \"{column}\"; {help}"));
            }
            found
        };
        let id = import.id.as_deref().and_then(|column| mapped("id", column));
        let display_name = import.display_name.as_deref().and_then(|column| mapped("display_name", column));
        let mut facts = BTreeMap::new();
        for fact in IMPORTABLE {
            let column = match import.columns.get(fact) {
                Some(column) => mapped(fact, column),
                None => find(fact),
            };
            facts.extend(column.map(|column| (fact, column)));
        }
        let mut attributes = Vec::new();
        for (name, attribute) in &vocabulary.attributes {
            let column = match &attribute.column {
                Some(column) => mapped(name, column),
                None => find(name),
            };
            attributes.extend(column.map(|column| (name.clone(), attribute, column)));
        }
        let used = |i: usize| {
            id == Some(i)
                || display_name == Some(i)
                || facts.values().any(|column| *column == i)
                || attributes.iter().any(|(.., column)| *column == i)
        };
        let ignored = header.iter().enumerate().filter(|(i, _)| !used(*i)).map(|(_, name)| name.to_owned());
        let ignored = ignored.collect();
        Self { vocabulary, currency: currency.into(), id, display_name, facts, attributes, ignored, missing }
    }

    /// Whether no column is a fact at all.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.attributes.is_empty()
    }

    /// Reads a row; `number` counts rows from 1. All that is wrong with it is told at once.
    pub fn row(&self, number: usize, record: &csv::StringRecord) -> Result<Row, (String, Vec<String>)> {
        let cell = |column: usize| {
            let cell = record.get(column).unwrap_or_default().trim();
            (!cell.is_empty() && !self.vocabulary.import.missing.iter().any(|m| m == cell)).then_some(cell)
        };
        let id = self.id.and_then(cell).map_or_else(|| number.to_string(), str::to_owned);
        let mut problems = Vec::new();
        let fact = |name: &str| self.facts.get(name).and_then(|column| cell(*column)).map(str::to_owned);
        let text = |name: &str| fact(name).unwrap_or_default();
        let mut whole = |name: &str| {
            let number = fact(name)?;
            let parsed =
                parse_number(&number).filter(|n| n.fract() == 0.0 && n.abs() < 1e15).map(|n| n as i64);
            if parsed.is_none() {
                problems.push(format!("{name}: \"{number}\" is not a whole number"));
            }
            parsed
        };
        let name = self.display_name.and_then(cell).map_or_else(|| format!("Row {number}"), str::to_owned);
        let year = |number: Option<i64>| number.and_then(|n| i32::try_from(n).ok());
        let subject = if self.vocabulary.import.person {
            // An age is kept as the year of birth, as of now.
            let birth_year = year(whole("age")).map(|age| this_year() - age);
            Subject::Person(pb::Person {
                display_name: name,
                birth_year,
                country: text("country"),
                region: text("region"),
                city: text("city"),
                occupation: text("occupation"),
                language: text("language"),
            })
        } else {
            let employees = whole("employees");
            let founded_year = year(whole("founded_year"));
            let annual_revenue = fact("revenue").and_then(|revenue| {
                let money = self.money(&revenue);
                if money.is_none() {
                    problems.push(format!("revenue: \"{revenue}\" is not an amount"));
                }
                money
            });
            let growth_stage = fact("growth_stage").map_or(0, |stage| {
                let name = format!("GROWTH_STAGE_{}", stage.to_uppercase());
                pb::GrowthStage::from_str_name(&name).map_or_else(
                    || {
                        problems.push(format!("growth_stage: \"{stage}\" is not a stage"));
                        0
                    },
                    |stage| stage as i32,
                )
            });
            Subject::Company(pb::Company {
                display_name: name,
                domain: text("domain").to_lowercase(),
                industry: text("industry"),
                country: text("country"),
                region: text("region"),
                employees,
                annual_revenue,
                founded_year,
                growth_stage,
                technologies: fact("tech").map(|list| pb::TextList { values: words(&list) }),
            })
        };
        let mut attributes = BTreeMap::new();
        for (name, attribute, column) in &self.attributes {
            let Some(cell) = cell(*column) else { continue };
            match self.value(attribute, cell) {
                Ok(kind) => {
                    let value = Some(pb::Value { kind: Some(kind) });
                    attributes.insert(name.clone(), pb::FactValue { value, ..Default::default() });
                }
                Err(problem) => problems.push(format!("{name}: {problem}")),
            }
        }
        if !problems.is_empty() {
            return Err((id, problems));
        }
        let lead = pb::Lead {
            subject: Some(subject),
            attributes,
            owner: text("owner"),
            source: text("source"),
            ..Default::default()
        };
        Ok(Row { id, lead })
    }

    fn value(&self, attribute: &Attribute, cell: &str) -> Result<Kind, String> {
        match &attribute.kind {
            AttributeType::Number => {
                parse_number(cell).map(Kind::Number).ok_or_else(|| format!("\"{cell}\" is not a number"))
            }
            AttributeType::Text => Ok(Kind::Text(cell.to_owned())),
            AttributeType::Choice(choices) if choices.iter().any(|choice| choice == cell) => {
                Ok(Kind::Text(cell.to_owned()))
            }
            AttributeType::Choice(choices) => {
                let help = suggestion(cell, choices.iter().map(String::as_str));
                Err(format!("\"{cell}\" is not one of its choices; {help}"))
            }
            AttributeType::YesNo => match cell.to_lowercase().as_str() {
                "yes" | "y" | "true" | "1" => Ok(Kind::YesNo(true)),
                "no" | "n" | "false" | "0" => Ok(Kind::YesNo(false)),
                _ => Err(format!("\"{cell}\" is neither yes nor no")),
            },
            AttributeType::List => Ok(Kind::List(pb::TextList { values: words(cell) })),
            AttributeType::Money => {
                self.money(cell).map(Kind::Money).ok_or_else(|| format!("\"{cell}\" is not an amount"))
            }
        }
    }

    /// `1200.50`, in the deployment's currency, or `USD 1200.50`.
    fn money(&self, cell: &str) -> Option<pb::Money> {
        let (currency, amount) = match cell.split_once(' ') {
            Some((currency, amount)) => (currency, amount),
            None => (self.currency.as_str(), cell),
        };
        let amount = parse_number(amount).filter(|n| n.abs() < 9e15)?;
        let units = amount.trunc();
        let nanos = ((amount - units) * 1e9).round() as i32;
        Some(pb::Money { currency_code: currency.into(), units: units as i64, nanos })
    }
}

fn parse_number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Words separated by `;` or `|`.
fn words(cell: &str) -> Vec<String> {
    cell.split([';', '|']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn this_year() -> i32 {
    use crate::app::{Clock as _, SystemClock};
    SystemClock.now().year()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vocabulary() -> Vocabulary {
        let facts = r#"
            [import]
            id = "No"
            missing = ["Select"]
            [columns]
            employees = "Staff"
            [attributes.score]
            type = "number"
            meaning = "x"
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
        "#;
        crate::rules::vocabulary(&crate::rules::source::Sources::new(
            [("facts.toml".to_owned(), facts.to_owned())].into(),
        ))
        .unwrap()
    }

    #[test]
    fn cells_become_facts_and_missing_ones_stay_unknown() {
        let vocabulary = vocabulary();
        let header = csv::StringRecord::from(vec![
            "No",
            "Staff",
            "industry",
            "score",
            "urgency",
            "budget",
            "Do Not Email",
            "x",
        ]);
        let mapping = Mapping::new(&vocabulary, &header, "EUR");
        assert_eq!(mapping.ignored, ["x"]);
        let row = mapping
            .row(1, &vec!["7", "120", "Select", "0.5", "now", "USD 12.5", "No", "?"].into())
            .ok()
            .unwrap();
        assert_eq!(row.id, "7");
        let Some(Subject::Company(company)) = &row.lead.subject else { panic!() };
        assert_eq!((company.employees, company.industry.as_str()), (Some(120), ""));
        let budget = row.lead.attributes["budget"].value.clone().unwrap().kind.unwrap();
        assert_eq!(
            budget,
            Kind::Money(pb::Money { currency_code: "USD".into(), units: 12, nanos: 500_000_000 })
        );
        let (id, problems) =
            mapping.row(2, &vec!["8", "many", "", "x", "noww", "?", "maybe", ""].into()).err().unwrap();
        assert_eq!((id.as_str(), problems.len()), ("8", 5));
        assert!(problems.iter().any(|p| p.contains("did you mean \"now\"?")), "{problems:?}");
    }

    proptest! {
        #[test]
        fn any_row_is_read_or_says_why(cells in prop::collection::vec("\\PC{0,8}|-?[0-9]{1,25}(e[0-9]{1,3})?", 0..10)) {
            let vocabulary = vocabulary();
            let header = csv::StringRecord::from(vec!["No", "Staff", "industry", "score", "urgency", "budget", "Do Not Email"]);
            let mapping = Mapping::new(&vocabulary, &header, "EUR");
            if let Err((_, problems)) = mapping.row(1, &cells.into()) {
                prop_assert!(!problems.is_empty());
            }
        }
    }
}
