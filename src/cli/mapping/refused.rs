//! What the service would refuse of a row, taken out of it: the fact, not the row.

use super::{LONGEST_NAME, Mapping, Notes, Place};
use crate::domain::check::Checker;
use crate::grpc::convert;
use crate::grpc::pb::{self, lead::Subject};

impl Mapping<'_> {
    /// Where the fact stands that a field of a lead was made of.
    fn place_of(&self, field: &str) -> Option<&Place> {
        let name = field.rsplit('.').next()?.split('[').next()?;
        let fact = match name {
            "annual_revenue" => "revenue",
            "technologies" => "tech",
            name => name,
        };
        self.facts.get(fact)
    }

    /// Takes out what the service would refuse, such as a negative number of employees: the fact, not the row.
    pub(super) fn drop_what_is_refused(
        &self,
        lead: &mut pb::Lead,
        cells: &[String],
        line: u64,
        notes: &mut Notes,
    ) -> Result<(), String> {
        let mut problems = Vec::new();
        for _ in 0..3 {
            let mut c = Checker::at("");
            let content = convert::lead::content(&mut c, lead.clone());
            content.check(&mut c, self.vocabulary);
            let Err(invalid) = c.finish(()) else { return Ok(()) };
            problems = invalid.0;
            for violation in &problems {
                if clear(lead, &violation.field) {
                    let (column, cell) = match self.place_of(&violation.field) {
                        Some(place) => (place.header.as_str(), cells[place.column].trim()),
                        None => (violation.field.as_str(), ""),
                    };
                    notes.add(column, format!("unknown: {}", violation.description), cell, line);
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
        let display_name = contact.display_name.chars().take(LONGEST_NAME).collect();
        *contact = pb::Contact { display_name, ..Default::default() };
        return true;
    }
    let name = field.rsplit('.').next().unwrap_or_default().split('[').next().unwrap_or_default();
    match (&mut lead.subject, name) {
        (_, "stage_reason") => lead.stage_reason.clear(),
        (_, "owner") => lead.owner.clear(),
        (_, "profile") => lead.profile.clear(),
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
