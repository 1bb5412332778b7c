//! Leads and activities.

use std::collections::BTreeMap;

use super::value::{self, fact_out, facts, money, money_out};
use super::{
    PartIds, WireEnum, change_out, choice, optional, required_time, stated, stated_or_zero, time, timestamp,
};
use crate::app::leads::LeadView;
use crate::domain::canonical::host;
use crate::domain::check::Checker;
use crate::domain::lead::{
    Activity, Company, Contact, Customer, CustomerStatus, GrowthStage, LatestScore, Lead, LeadContent,
    LeadDraft, LeadStage, Outcome, OutcomeKind, Person, Purchase, Renewal, StageChange, Subject,
};
use crate::domain::name::LeadName;
use crate::domain::time::Time;
use crate::domain::version::Version;
use crate::grpc::pb::{self, lead};

super::wire_enum!(GrowthStage, GrowthStage, Startup, Growth, Mature, Declining);
super::wire_enum!(LeadStage, LeadStage, New, Mql, Sal, Sql, Customer, Lost, Churned, Rejected, Recycled);
super::wire_enum!(CustomerStatus, CustomerStatus, Active, Paused, Churned);
super::wire_enum!(OutcomeKind, OutcomeKind, Won, Lost);

/// A lead with its history, if that is given.
pub fn draft(c: &mut Checker, mut lead: pb::Lead) -> LeadDraft {
    let changes = std::mem::take(&mut lead.stage_changes);
    let stage_changes = c.each("stage_changes", changes, |c, change| StageChange {
        from: stated(c, "from", change.from, LeadStage::New),
        to: stated(c, "to", change.to, LeadStage::New),
        time: required_time(c, "time", change.time),
        reason: change.reason,
        actor: change.actor,
        grade: change.grade,
        score: optional(c, "score", &change.score),
        odds: change.odds,
    });
    // A history that is left out is not one that is empty: the lead's own goes on.
    let stage_changes = Some(stage_changes).filter(|changes| !changes.is_empty());
    LeadDraft { content: content(c, lead), stage_changes }
}

pub fn content(c: &mut Checker, lead: pb::Lead) -> LeadContent {
    LeadContent {
        external_ids: lead.external_ids,
        subject: subject(c, lead.subject),
        contacts: lead.contacts.map(|list| contacts(c, "contacts.contacts", list.contacts)),
        attributes: facts(c, lead.attributes),
        owner: lead.owner,
        source: lead.source,
        profile: optional(c, "profile", &lead.profile),
        stage: choice(c, "stage", lead.stage).unwrap_or_default(),
        stage_reason: lead.stage_reason,
        first_seen: time(c, "first_seen_time", lead.first_seen_time),
        erase_after: time(c, "erase_after_time", lead.erase_after_time),
        customer: lead.customer.map(|customer| c.within("customer", |c| customer_in(c, customer))),
        outcome: lead.outcome.map(|outcome| {
            c.within("outcome", |c| Outcome {
                kind: stated(c, "kind", outcome.kind, OutcomeKind::Won),
                time: time(c, "time", outcome.time),
                reason: outcome.reason,
            })
        }),
    }
}

fn subject(c: &mut Checker, subject: Option<lead::Subject>) -> Subject {
    match subject {
        Some(lead::Subject::Company(company)) => c.within("company", |c| {
            Subject::Company(Company {
                display_name: company.display_name,
                domain: host(&company.domain),
                industry: trimmed(company.industry),
                country: trimmed(company.country),
                region: trimmed(company.region),
                employees: company.employees,
                annual_revenue: company.annual_revenue.map(money),
                founded_year: company.founded_year,
                growth_stage: choice(c, "growth_stage", company.growth_stage),
                technologies: company.technologies.map(|list| list.values.into_iter().map(trimmed).collect()),
            })
        }),
        Some(lead::Subject::Person(person)) => Subject::Person(Person {
            display_name: person.display_name,
            birth_year: person.birth_year,
            country: trimmed(person.country),
            region: trimmed(person.region),
            city: trimmed(person.city),
            occupation: person.occupation,
            language: person.language,
        }),
        None => {
            c.wrong_field("subject", "is required: a company or a person");
            Subject::Company(Company { display_name: "?".into(), ..Company::default() })
        }
    }
}

/// A word without the spaces around it.
fn trimmed(word: String) -> String {
    if word.trim().len() == word.len() { word } else { word.trim().to_owned() }
}

pub fn contacts(c: &mut Checker, field: &str, contacts: Vec<pb::Contact>) -> Vec<Contact> {
    let mut ids = PartIds::new("contact", contacts.iter().map(|contact| contact.id.as_str()));
    c.each(field, contacts, |c, contact| Contact {
        id: ids.read(c, &contact.id),
        display_name: contact.display_name,
        title: contact.title,
        department: contact.department,
        seniority: contact.seniority,
        decision_role: contact.decision_role,
        inbound: contact.inbound,
        outbound: contact.outbound,
        last_engaged_time: time(c, "last_engaged_time", contact.last_engaged_time),
        attributes: value::values(c, "attributes", contact.attributes),
    })
}

fn customer_in(c: &mut Checker, customer: pb::Customer) -> Customer {
    Customer {
        since: time(c, "since", customer.since),
        status: choice(c, "status", customer.status),
        contract_value: customer.contract_value.map(money),
        renewals: c.each("renewals", customer.renewals, |c, renewal| Renewal {
            time: required_time(c, "time", renewal.time),
            renewed: renewal.renewed,
        }),
        purchases: c.each("purchases", customer.purchases, |c, purchase| Purchase {
            time: required_time(c, "time", purchase.time),
            amount: purchase.amount.map(money),
        }),
        margin: customer.margin,
        paid_on_time: customer.paid_on_time,
    }
}

/// Activities. One that does not say when it became known became so at `known_by_default`, or, without
/// that, when it happened.
pub fn activities(
    c: &mut Checker,
    activities: Vec<pb::Activity>,
    known_by_default: Option<Time>,
) -> Vec<Activity> {
    c.each("activities", activities, |c, activity| {
        let happened = required_time(c, "time", activity.time);
        let known = time(c, "known_time", activity.known_time);
        Activity {
            id: Some(activity.id).filter(|id| !id.is_empty()),
            kind: activity.r#type,
            time: happened,
            known_time: known.or(known_by_default).unwrap_or(happened),
            amount: activity.amount.unwrap_or(1.0),
            contact: optional(c, "contact", &activity.contact),
            properties: value::values(c, "properties", activity.properties),
        }
    })
}

/// What is doubtful about activities, told once for each kind of doubt.
pub fn doubts(activities: &[pb::Activity], now: Time) -> Vec<pb::Warning> {
    let read = self::activities(&mut Checker::default(), activities.to_vec(), Some(now));
    let mut found = BTreeMap::<&str, (String, usize)>::new();
    for (code, text) in read.iter().filter_map(|activity| activity.doubt(now)) {
        found.entry(code).or_insert((text, 0)).1 += 1;
    }
    let warning = |(code, (text, count)): (&str, (String, usize))| pb::Warning {
        code: code.into(),
        severity: pb::WarningSeverity::Warning as i32,
        text: if count == 1 { text } else { format!("{text}, and so {} more", count - 1) },
        evidence: format!("the server's clock says {now}"),
        remedy: "send the time at which it happened, and set the clock of whoever notes it".into(),
    };
    found.into_iter().map(warning).collect()
}

/// An activity by its number in the lead's log.
pub fn activity_out((number, activity): &(i64, Activity)) -> pb::Activity {
    pb::Activity {
        id: activity.id.clone().unwrap_or_else(|| format!("#{number}")),
        r#type: activity.kind.clone(),
        time: Some(timestamp(activity.time)),
        known_time: Some(timestamp(activity.known_time)),
        amount: Some(activity.amount),
        contact: activity.contact.as_ref().map(ToString::to_string).unwrap_or_default(),
        properties: value::values_out(&activity.properties),
    }
}

pub fn view_out(view: &LeadView) -> pb::Lead {
    let latest = view.record.latest_score.as_ref();
    pb::Lead {
        latest_score: latest.map(|latest| latest_out(latest, view.stale)),
        last_activity_time: view.record.last_activity.map(timestamp),
        segment: latest.and_then(|l| l.segment.as_ref()).map(ToString::to_string).unwrap_or_default(),
        ..outward(&view.record.lead)
    }
}

fn latest_out(latest: &LatestScore, stale: bool) -> pb::LatestScore {
    pb::LatestScore {
        score: latest.name.to_string(),
        grade: latest.grade.clone(),
        total_hundredths: latest.total.0,
        fit_hundredths: latest.fit.0,
        engagement_hundredths: latest.engagement.0,
        as_of_time: Some(timestamp(latest.as_of)),
        stale,
        status: latest.status.outward(),
    }
}

/// Content as it would be read under a name.
pub fn shown(name: LeadName, draft: LeadDraft) -> pb::Lead {
    let LeadDraft { content, stage_changes } = draft;
    let (version, stage_changes) = (Version::default(), stage_changes.unwrap_or_default());
    outward(&Lead { name, version, content, stage_changes })
}

pub fn outward(lead: &Lead) -> pb::Lead {
    let Lead { name, version, content, stage_changes } = lead;
    let subject = match &content.subject {
        Subject::Company(company) => lead::Subject::Company(company_out(company)),
        Subject::Person(person) => lead::Subject::Person(pb::Person {
            display_name: person.display_name.clone(),
            birth_year: person.birth_year,
            country: person.country.clone(),
            region: person.region.clone(),
            city: person.city.clone(),
            occupation: person.occupation.clone(),
            language: person.language.clone(),
        }),
    };
    let stage_change = |change: &StageChange| pb::StageChange {
        from: change.from.outward(),
        to: change.to.outward(),
        time: Some(timestamp(change.time)),
        reason: change.reason.clone(),
        actor: change.actor.clone(),
        grade: change.grade.clone(),
        score: change.score.as_ref().map(ToString::to_string).unwrap_or_default(),
        odds: change.odds,
    };
    pb::Lead {
        name: name.to_string(),
        external_ids: content.external_ids.clone(),
        subject: Some(subject),
        contacts: content
            .contacts
            .as_ref()
            .map(|contacts| pb::ContactList { contacts: contacts.iter().map(contact_out).collect() }),
        attributes: content.attributes.iter().map(|(name, fact)| (name.clone(), fact_out(fact))).collect(),
        owner: content.owner.clone(),
        source: content.source.clone(),
        profile: content.profile.as_ref().map(ToString::to_string).unwrap_or_default(),
        stage: content.stage.outward(),
        stage_changes: stage_changes.iter().map(stage_change).collect(),
        customer: content.customer.as_ref().map(customer_out),
        outcome: content.outcome.as_ref().map(|outcome| pb::Outcome {
            kind: outcome.kind.outward(),
            time: outcome.time.map(timestamp),
            reason: outcome.reason.clone(),
        }),
        latest_score: None,
        segment: String::new(),
        revision: version.revision,
        etag: version.etag(),
        create_time: Some(timestamp(version.create_time)),
        update_time: Some(timestamp(version.update_time)),
        last_activity_time: None,
        stage_reason: content.stage_reason.clone(),
        first_seen_time: content.first_seen.map(timestamp),
        erase_after_time: content.erase_after.map(timestamp),
        change: change_out(&version.change),
    }
}

fn company_out(company: &Company) -> pb::Company {
    pb::Company {
        display_name: company.display_name.clone(),
        domain: company.domain.clone(),
        industry: company.industry.clone(),
        country: company.country.clone(),
        region: company.region.clone(),
        employees: company.employees,
        annual_revenue: company.annual_revenue.as_ref().map(money_out),
        founded_year: company.founded_year,
        growth_stage: stated_or_zero(company.growth_stage),
        technologies: company.technologies.as_ref().map(|words| pb::TextList { values: words.clone() }),
    }
}

fn contact_out(contact: &Contact) -> pb::Contact {
    pb::Contact {
        id: contact.id.to_string(),
        display_name: contact.display_name.clone(),
        title: contact.title.clone(),
        department: contact.department.clone(),
        seniority: contact.seniority.clone(),
        decision_role: contact.decision_role.clone(),
        inbound: contact.inbound,
        outbound: contact.outbound,
        last_engaged_time: contact.last_engaged_time.map(timestamp),
        attributes: value::values_out(&contact.attributes),
    }
}

fn customer_out(customer: &Customer) -> pb::Customer {
    pb::Customer {
        since: customer.since.map(timestamp),
        status: stated_or_zero(customer.status),
        contract_value: customer.contract_value.as_ref().map(money_out),
        renewals: customer
            .renewals
            .iter()
            .map(|renewal| pb::Renewal { time: Some(timestamp(renewal.time)), renewed: renewal.renewed })
            .collect(),
        purchases: customer
            .purchases
            .iter()
            .map(|purchase| pb::Purchase {
                time: Some(timestamp(purchase.time)),
                amount: purchase.amount.as_ref().map(money_out),
            })
            .collect(),
        margin: customer.margin,
        paid_on_time: customer.paid_on_time,
    }
}
