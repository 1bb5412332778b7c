//! What a lead and its activities must be, and all that is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Activity, Company, Customer, LeadContent, LeadDraft, MAX_STAGE_CHANGES, Person, StageChange, Subject,
};
use crate::domain::canonical::same_word;
use crate::domain::check::Checker;
use crate::domain::time::Time;
use crate::domain::value::Value;
use crate::domain::vocabulary::{Attribute, AttributeType, Term, Vocabulary};

fn check_term(c: &mut Checker, field: &str, word: &str, what: &str, terms: &BTreeMap<String, Term>) {
    if !word.is_empty() && !terms.contains_key(word) {
        let help = c.suggestion(word, terms.keys().map(String::as_str));
        c.wrong_field(field, format!("facts.toml declares no {what} \"{word}\"; {help}"));
    }
}

impl LeadDraft {
    pub fn check(&self, c: &mut Checker, vocabulary: &Vocabulary) {
        self.content.check(c, vocabulary);
        let Some(changes) = &self.stage_changes else { return };
        c.count("stage_changes", changes.len(), MAX_STAGE_CHANGES);
        let mut before: Option<&StageChange> = None;
        c.each("stage_changes", changes, |c, change| {
            c.require(change.from != change.to, "to", "must not be the stage before");
            c.number("odds", change.odds, 0.0, 1.0);
            if let Some(before) = before {
                c.require(
                    before.time <= change.time,
                    "time",
                    "must not be earlier than that of the change before",
                );
                c.require(before.to == change.from, "from", "must be where the change before went to");
            }
            c.length("reason", &change.reason, 0, 200);
            c.length("actor", &change.actor, 0, 200);
            before = Some(change);
        });
    }
}

impl LeadContent {
    pub fn check(&self, c: &mut Checker, vocabulary: &Vocabulary) {
        c.count("external_ids", self.external_ids.len(), 50);
        for (system, id) in &self.external_ids {
            let field = format!("external_ids[\"{system}\"]");
            c.require(
                !system.is_empty() && system.len() <= 63,
                &field,
                "the system needs 1 to 63 characters",
            );
            c.length(&field, id, 1, 200);
            let printable = !system.chars().chain(id.chars()).any(char::is_control);
            c.require(printable, &field, "must not contain control characters");
        }
        match &self.subject {
            Subject::Company(company) => c.within("company", |c| company.check(c)),
            Subject::Person(person) => c.within("person", |c| person.check(c)),
        }
        if let Some(contacts) = &self.contacts {
            c.count("contacts.contacts", contacts.len(), 1_000);
            let mut ids = BTreeSet::new();
            c.each("contacts.contacts", contacts, |c, contact| {
                let id = &contact.id;
                c.require(ids.insert(id), "id", format!("\"{id}\" is taken by an earlier contact"));
                c.require(contact.inbound >= 0, "inbound", "must be 0 or more");
                c.require(contact.outbound >= 0, "outbound", "must be 0 or more");
                check_term(c, "seniority", &contact.seniority, "seniority", &vocabulary.seniorities);
                check_term(c, "decision_role", &contact.decision_role, "role", &vocabulary.roles);
                check_declared(c, "attributes", &contact.attributes, &vocabulary.contact_attributes);
            });
        }
        c.count("attributes", self.attributes.len(), 500);
        for (name, fact) in &self.attributes {
            c.within(format!("attributes[\"{name}\"]"), |c| {
                fact.check(c);
                match vocabulary.attributes.get(name) {
                    Some(attribute) => {
                        if let Some(mistake) = mistake(c, attribute, &fact.value) {
                            c.wrong_field("value", mistake);
                        }
                    }
                    None => {
                        let help = c.suggestion(name, vocabulary.attributes.keys().map(String::as_str));
                        c.wrong(format!("facts.toml declares no attribute \"{name}\"; {help}"));
                    }
                }
            });
        }
        c.length("owner", &self.owner, 0, 200);
        c.length("source", &self.source, 0, 200);
        c.length("stage_reason", &self.stage_reason, 0, 200);
        if let Some(customer) = &self.customer {
            c.within("customer", |c| customer.check(c));
        }
    }
}

/// Whether a value has the type that the attribute declares.
pub fn fits_type(attribute: &Attribute, value: &Value) -> bool {
    match (&attribute.kind, value) {
        (AttributeType::Choice(choices), Value::Text(word)) => {
            !attribute.closed || choices.iter().any(|choice| same_word(choice, word))
        }
        (AttributeType::Date, Value::Text(day)) => Time::of_date(day).is_some(),
        (AttributeType::Number, Value::Number(_))
        | (AttributeType::Text, Value::Text(_))
        | (AttributeType::YesNo, Value::YesNo(_))
        | (AttributeType::List, Value::List(_))
        | (AttributeType::Money, Value::Money(_)) => true,
        _ => false,
    }
}

/// What is wrong with a value of an attribute, if anything is.
fn mistake(c: &Checker, attribute: &Attribute, value: &Value) -> Option<String> {
    if fits_type(attribute, value) {
        return None;
    }
    Some(match (&attribute.kind, value) {
        (AttributeType::Choice(choices), Value::Text(word)) => {
            let help = c.suggestion(word, choices.iter().map(String::as_str));
            format!("\"{word}\" is not one of its choices; {help}")
        }
        (AttributeType::Date, Value::Text(day)) => {
            format!("\"{day}\" is not a day: write it as 2026-11-26")
        }
        (kind, _) => format!("must be a {} as facts.toml declares", kind.label()),
    })
}

impl Company {
    fn check(&self, c: &mut Checker) {
        c.length("display_name", &self.display_name, 1, 200);
        for (field, text) in [
            ("domain", &self.domain),
            ("industry", &self.industry),
            ("country", &self.country),
            ("region", &self.region),
        ] {
            c.length(field, text, 0, 200);
        }
        c.number("employees", self.employees.map(|n| n as f64), 0.0, 1e9);
        c.number("founded_year", self.founded_year.map(f64::from), 1.0, 9_999.0);
        if let Some(revenue) = &self.annual_revenue {
            c.within("annual_revenue", |c| revenue.check(c));
        }
        if let Some(technologies) = &self.technologies {
            c.count("technologies.values", technologies.len(), 1_000);
        }
    }
}

impl Person {
    fn check(&self, c: &mut Checker) {
        c.length("display_name", &self.display_name, 1, 200);
        c.number("birth_year", self.birth_year.map(f64::from), 1.0, 9_999.0);
        for (field, text) in [
            ("country", &self.country),
            ("region", &self.region),
            ("city", &self.city),
            ("occupation", &self.occupation),
            ("language", &self.language),
        ] {
            c.length(field, text, 0, 200);
        }
    }
}

impl Customer {
    fn check(&self, c: &mut Checker) {
        if let Some(value) = &self.contract_value {
            c.within("contract_value", |c| value.check(c));
        }
        c.each("purchases", &self.purchases, |c, purchase| {
            if let Some(amount) = &purchase.amount {
                c.within("amount", |c| amount.check(c));
            }
        });
        c.count("renewals", self.renewals.len(), 1_000);
        c.count("purchases", self.purchases.len(), 1_000);
        c.number("margin", self.margin, f64::NEG_INFINITY, 1.0);
        c.number("paid_on_time", self.paid_on_time, 0.0, 1.0);
    }
}

impl Activity {
    pub fn check(&self, c: &mut Checker, vocabulary: &Vocabulary, now: Time) {
        c.require(!self.kind.is_empty(), "type", "is required");
        check_term(c, "type", &self.kind, "activity type", &vocabulary.activities);
        // Sums of these stay finite, however many there are.
        c.number("amount", Some(self.amount), -1e12, 1e12);
        c.require(self.time <= now.plus_days(1), "time", "must not be more than a day later than now");
        c.require(self.known_time <= now.plus_seconds(SKEW), "known_time", "must not be later than now");
        let none = BTreeMap::new();
        let declared = vocabulary.properties.get(&self.kind).unwrap_or(&none);
        check_declared(c, "properties", &self.properties, declared);
        if let Some(id) = &self.id {
            c.length("id", id, 1, 128);
            let printable = !id.chars().any(char::is_control) && !id.starts_with('#');
            c.require(printable, "id", "must be printable and not begin with \"#\"");
        }
    }

    /// What is doubtful about when it happened, as a code and a text.
    pub fn doubt(&self, now: Time) -> Option<(&'static str, String)> {
        if self.time > now.plus_seconds(SKEW) {
            return Some(("FUTURE_TIME", format!("{} at {} has not happened yet", self.kind, self.time)));
        }
        let later = self.time.max(self.known_time);
        (later > now)
            .then(|| ("CLOCK_SKEW", format!("{} at {later} is later than the server's clock", self.kind)))
    }
}

/// Checks values against what facts.toml declares of them.
fn check_declared(
    c: &mut Checker,
    field: &str,
    values: &BTreeMap<String, Value>,
    declared: &BTreeMap<String, Attribute>,
) {
    c.count(field, values.len(), MAX_DECLARED);
    for (name, value) in values {
        c.within(format!("{field}[\"{name}\"]"), |c| match declared.get(name) {
            Some(attribute) => {
                let mistake = mistake(c, attribute, value);
                mistake.into_iter().for_each(|mistake| c.wrong(mistake));
            }
            None => {
                let help = c.suggestion(name, declared.keys().map(String::as_str));
                c.wrong(format!("facts.toml declares no \"{name}\" here; {help}"));
            }
        });
        if let Value::Text(text) = value {
            c.length(&format!("{field}[\"{name}\"]"), text, 0, 2_000);
        }
    }
}

/// The most values of an activity or of a contact.
const MAX_DECLARED: usize = 50;

/// By how many seconds a caller's clock may go ahead of ours.
const SKEW: i64 = 300;
