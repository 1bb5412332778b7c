//! The facts of a case, as a test writes them: by their names in the language.

use toml::Value as Toml;

use crate::domain::canonical::host;
use crate::domain::lead::{Company, GrowthStage, LeadContent, LeadStage, Person, Subject};
use crate::domain::text::suggestion;
use crate::domain::time::Time;
use crate::domain::value::{FactValue, Money, Value};
use crate::domain::vocabulary::{AttributeType, Vocabulary};

/// The built-in facts that a case can state.
const KNOWN: [&str; 18] = [
    "birth_year",
    "city",
    "country",
    "created",
    "domain",
    "employees",
    "founded_year",
    "growth_stage",
    "industry",
    "language",
    "name",
    "occupation",
    "owner",
    "region",
    "revenue",
    "source",
    "stage",
    "tech",
];

/// A lead with these facts; or everything that is wrong with them.
pub fn lead(
    facts: &toml::Table,
    is_person: bool,
    currency: &str,
    vocabulary: &Vocabulary,
) -> Result<LeadContent, Vec<String>> {
    let subject = match is_person {
        true => Subject::Person(Person { display_name: "Case".into(), ..Person::default() }),
        false => Subject::Company(Company { display_name: "Case".into(), ..Company::default() }),
    };
    let mut lead = LeadContent::of(subject);
    let mut wrong = Vec::new();
    for (name, value) in facts {
        if let Err(told) = set(&mut lead, name, value, currency, vocabulary) {
            wrong.push(format!("{name} {told}"));
        }
    }
    if wrong.is_empty() { Ok(lead) } else { Err(wrong) }
}

/// Gives a fact of a lead another value, by its name in the language; or says what is wrong with that.
pub fn set_fact(
    lead: &mut LeadContent,
    name: &str,
    value: &Value,
    currency: &str,
    vocabulary: &Vocabulary,
) -> Result<(), String> {
    let written = match value {
        // Whole numbers are facts that count something, too.
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            Toml::Integer(*number as i64)
        }
        Value::Number(number) => Toml::Float(*number),
        Value::Text(text) => Toml::String(text.clone()),
        Value::YesNo(yes) => Toml::Boolean(*yes),
        Value::List(words) => Toml::Array(words.iter().cloned().map(Toml::String).collect()),
        Value::Money(money) if money.currency != currency => {
            return Err(format!("must be in {currency}"));
        }
        Value::Money(money) => Toml::Float(money.amount()),
    };
    set(lead, name, &written, currency, vocabulary)
}

fn set(
    lead: &mut LeadContent,
    name: &str,
    value: &Toml,
    currency: &str,
    vocabulary: &Vocabulary,
) -> Result<(), String> {
    if let Some(attribute) = vocabulary.attributes.get(name) {
        let value = attribute_value(&attribute.kind, value, currency)?;
        lead.attributes.insert(name.to_owned(), FactValue::of(value));
        return Ok(());
    }
    match (name, &mut lead.subject) {
        ("owner", _) => lead.owner = text(value)?,
        ("source", _) => lead.source = text(value)?,
        ("created", _) => lead.first_seen = Some(day(value)?),
        ("stage", _) => {
            let word = text(value)?;
            let words = LeadStage::ALL.map(LeadStage::as_str);
            let found = LeadStage::ALL.into_iter().find(|stage| stage.as_str() == word);
            lead.stage = found.ok_or_else(|| format!("is no stage; {}", suggestion(&word, words)))?;
        }
        (
            "name",
            Subject::Company(Company { display_name, .. }) | Subject::Person(Person { display_name, .. }),
        ) => {
            *display_name = text(value)?;
        }
        ("country", Subject::Company(Company { country, .. }) | Subject::Person(Person { country, .. })) => {
            *country = text(value)?;
        }
        ("region", Subject::Company(Company { region, .. }) | Subject::Person(Person { region, .. })) => {
            *region = text(value)?;
        }
        ("domain", Subject::Company(company)) => company.domain = host(&text(value)?),
        ("industry", Subject::Company(company)) => company.industry = text(value)?,
        ("employees", Subject::Company(company)) => company.employees = Some(whole(value)?),
        ("founded_year", Subject::Company(company)) => {
            company.founded_year = Some(i32::try_from(whole(value)?).map_err(|_| "is no year".to_owned())?);
        }
        ("revenue", Subject::Company(company)) => company.annual_revenue = Some(money(value, currency)?),
        ("tech", Subject::Company(company)) => company.technologies = Some(texts(value)?),
        ("growth_stage", Subject::Company(company)) => {
            let word = text(value)?;
            let words = GrowthStage::ALL.map(GrowthStage::as_str);
            let found = GrowthStage::ALL.into_iter().find(|stage| stage.as_str() == word);
            company.growth_stage =
                Some(found.ok_or_else(|| format!("is none; {}", suggestion(&word, words)))?);
        }
        ("birth_year", Subject::Person(person)) => {
            person.birth_year = Some(i32::try_from(whole(value)?).map_err(|_| "is no year".to_owned())?);
        }
        ("city", Subject::Person(person)) => person.city = text(value)?,
        ("occupation", Subject::Person(person)) => person.occupation = text(value)?,
        ("language", Subject::Person(person)) => person.language = text(value)?,
        (name, _) if KNOWN.contains(&name) => {
            return Err(
                "is no fact of such a lead: companies and persons have different ones (subject = \"person\")"
                    .into(),
            );
        }
        (name, _) => {
            let known = KNOWN.into_iter().chain(vocabulary.attributes.keys().map(String::as_str));
            return Err(format!(
                "is no fact that can be stated; {}",
                suggestion(name, known.collect::<Vec<_>>())
            ));
        }
    }
    Ok(())
}

fn attribute_value(kind: &AttributeType, value: &Toml, currency: &str) -> Result<Value, String> {
    Ok(match kind {
        AttributeType::Number => Value::Number(number(value)?),
        AttributeType::Text | AttributeType::Choice(_) => Value::Text(text(value)?),
        AttributeType::YesNo => match value {
            Toml::Boolean(yes) => Value::YesNo(*yes),
            _ => return Err("must be true or false".into()),
        },
        AttributeType::List => Value::List(texts(value)?),
        AttributeType::Money => Value::Money(money(value, currency)?),
        AttributeType::Date => Value::Text(day(value)?.date()),
    })
}

fn text(value: &Toml) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "must be a text, such as \"DE\"".into())
}

fn texts(value: &Toml) -> Result<Vec<String>, String> {
    let words = value
        .as_array()
        .and_then(|words| words.iter().map(|word| word.as_str().map(str::to_owned)).collect());
    words.ok_or_else(|| "must be a list of texts, such as [\"SAP\"]".into())
}

fn number(value: &Toml) -> Result<f64, String> {
    let number = value.as_float().or(value.as_integer().map(|n| n as f64));
    number.filter(|number| number.is_finite()).ok_or_else(|| "must be a number".into())
}

fn whole(value: &Toml) -> Result<i64, String> {
    value.as_integer().ok_or_else(|| "must be a whole number".into())
}

fn money(value: &Toml, currency: &str) -> Result<Money, String> {
    let amount = number(value)?;
    // Billionths, as the wire has them; amounts of tests are small enough.
    let nanos = ((amount - amount.trunc()) * 1e9).round() as i32;
    Ok(Money { currency: currency.to_owned(), units: amount.trunc() as i64, nanos })
}

/// A day, as TOML's own date or as a text.
pub fn day(value: &Toml) -> Result<Time, String> {
    let text = match value {
        Toml::Datetime(time) => time.to_string(),
        other => text(other)?,
    };
    let time = Time::of_date(&text).or_else(|| text.parse().ok());
    time.ok_or_else(|| "must be a day, such as \"2026-06-01\"".into())
}
