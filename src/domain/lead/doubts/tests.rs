use super::*;
use crate::domain::labels::LANGUAGES;
use crate::domain::lead::{Company, Person};
use crate::domain::profile::SizeBand;
use crate::domain::score::Points;
use crate::domain::value::{FactValue, Value};

fn now() -> Time {
    Time::of_date("2026-11-01").unwrap()
}

fn contact(id: &str, role: &str, title: &str, inbound: i32) -> Contact {
    Contact {
        id: id.parse().unwrap(),
        display_name: id.to_uppercase(),
        title: title.into(),
        department: String::new(),
        seniority: String::new(),
        decision_role: role.into(),
        inbound,
        outbound: 1,
        last_engaged_time: (inbound > 0).then(|| now().plus_days(-5)),
        attributes: Default::default(),
    }
}

/// A lead without any doubt.
fn sound() -> LeadContent {
    let company = Company { display_name: "Acme".into(), employees: Some(120), ..Company::default() };
    LeadContent {
        contacts: Some(vec![
            contact("an", "budget_holder", "Head of finance", 2),
            contact("bo", "technical_evaluator", "Head of IT", 3),
        ]),
        ..LeadContent::of(Subject::Company(company))
    }
}

fn profile() -> ProfileContent {
    let role = |role: &str, required| DecisionRole {
        role: role.into(),
        required,
        min_contacts: 1,
        min_employees: Some(20),
        ..Default::default()
    };
    let band =
        |min, max, served| SizeBand { min, max: Some(max), points: Points(100), served, capacity: None };
    ProfileContent {
        size_bands: vec![
            band(20, 500, Served::Now),
            band(500, 900, Served::Costly),
            band(900, 5_000, Served::No),
        ],
        decision_roles: vec![role("budget_holder", false), role("technical_evaluator", true)],
        ..Default::default()
    }
}

fn judged<'a>(lead: &'a LeadContent, profile: &'a ProfileContent) -> Judged<'a> {
    Judged { lead, profile, last_activity: None, created: Some(now().plus_days(-400)), as_of: now() }
}

fn employees(lead: &mut LeadContent, employees: Option<i64>) {
    if let Subject::Company(company) = &mut lead.subject {
        company.employees = employees;
    }
}

#[test]
fn a_sound_lead_has_no_doubt_and_each_mistake_has_its_own() {
    let profile = profile();
    assert_eq!(judged(&sound(), &profile).doubts(), []);
    assert_eq!(judged(&sound(), &profile).next_role(), None);
    type Spoil = fn(&mut LeadContent);
    let spoilt: &[(&[LeadDoubt], &str, Spoil)] = &[
        (&[LeadDoubt::Oversized], "1200", |lead| employees(lead, Some(1_200))),
        (&[LeadDoubt::Costly], "600", |lead| employees(lead, Some(600))),
        (&[LeadDoubt::CeoOnly], "AN (CEO & founder), BO (Managing Director)", |lead| {
            lead.contacts.as_mut().unwrap()[0].title = "CEO & founder".into();
            lead.contacts.as_mut().unwrap()[1].title = "Managing Director".into();
        }),
        (&[LeadDoubt::SingleThreaded], "BO (Head of IT)", |lead| {
            lead.contacts.as_mut().unwrap()[0].inbound = 0
        }),
        (&[LeadDoubt::NoBudgetHolder], "", |lead| lead.contacts.as_mut().unwrap()[0].decision_role.clear()),
        (&[LeadDoubt::NobodyKnown, LeadDoubt::Stale], "", |lead| lead.contacts = None),
        (&[LeadDoubt::NobodyAnswers, LeadDoubt::Stale], "2", |lead| {
            for contact in lead.contacts.as_mut().unwrap() {
                (contact.inbound, contact.last_engaged_time) = (0, None);
            }
        }),
        (&[LeadDoubt::Stale], "2026-06-04", |lead| {
            for contact in lead.contacts.as_mut().unwrap() {
                contact.last_engaged_time = Some(now().plus_days(-150));
            }
        }),
        (&[LeadDoubt::OldFacts], "pain, 2026-01-05", |lead| {
            let fact = |days| FactValue {
                value: Value::Number(0.5),
                source: String::new(),
                confidence: None,
                verified_time: Some(now().plus_days(days)),
            };
            lead.attributes = [("pain".into(), fact(-300)), ("urgency".into(), fact(-20))].into();
        }),
    ];
    for (doubts, evidence, spoil) in spoilt {
        let mut lead = sound();
        spoil(&mut lead);
        let found = judged(&lead, &profile).doubts();
        assert_eq!(found.iter().map(|finding| finding.doubt).collect::<Vec<_>>(), *doubts, "{found:?}");
        assert_eq!(found[0].evidence, *evidence);
    }
    let told: Vec<LeadDoubt> = spoilt.iter().map(|(doubts, ..)| doubts[0]).collect();
    assert_eq!(told, LeadDoubt::ALL);
}

#[test]
fn a_small_firm_is_its_owner_and_a_person_has_no_decision_chain() {
    let profile = profile();
    let mut lead = sound();
    employees(&mut lead, Some(12));
    lead.contacts = Some(vec![contact("an", "budget_holder", "Owner", 1)]);
    assert_eq!(judged(&lead, &profile).doubts(), []);
    lead.subject = Subject::Person(Person::default());
    lead.contacts = None;
    lead.first_seen = Some(now().plus_days(-10));
    assert_eq!((judged(&lead, &profile).doubts(), judged(&lead, &profile).next_role()), (Vec::new(), None));
}

#[test]
fn who_was_won_or_lost_is_not_stale() {
    let mut lead = sound();
    lead.contacts.as_mut().unwrap().iter_mut().for_each(|contact| contact.last_engaged_time = None);
    assert_eq!(judged(&lead, &profile()).doubts()[0].evidence, now().plus_days(-400).date());
    for stage in [LeadStage::Customer, LeadStage::Lost, LeadStage::Rejected, LeadStage::Churned] {
        lead.stage = stage;
        assert_eq!(judged(&lead, &profile()).doubts(), []);
    }
}

#[test]
fn the_next_role_is_the_first_required_one_that_is_not_reached() {
    let mut profile = profile();
    let mut lead = sound();
    lead.contacts = None;
    let next = judged(&lead, &profile).next_role().unwrap();
    assert_eq!((next.role.as_str(), next.state), ("technical_evaluator", RoleState::Unknown));
    lead.contacts = Some(vec![contact("bo", "technical_evaluator", "", 0)]);
    let next = judged(&lead, &profile).next_role().unwrap();
    assert_eq!(next.text("en"), "BO is known, and has not answered yet");
    lead.contacts = Some(vec![contact("bo", "technical_evaluator", "", 1)]);
    assert_eq!(judged(&lead, &profile).next_role().unwrap().role, "budget_holder");
    profile.decision_roles[1].min_contacts = 2;
    let next = judged(&lead, &profile).next_role().unwrap();
    assert_eq!(
        (next.text("en"), next.text("it")),
        ("1 of 2 have answered".into(), "hanno risposto 1 su 2".into())
    );
    // At a small account, neither takes part.
    employees(&mut lead, Some(5));
    assert_eq!(judged(&lead, &profile).next_role(), None);
}

#[test]
fn titles_of_heads_are_known_and_others_are_not_taken_for_them() {
    let heads = [
        "CEO",
        "Co-Founder & CEO",
        "Owner",
        "Geschäftsführer",
        "Tổng giám đốc",
        "公司总经理",
        "Titolare",
        "المالك",
    ];
    let others =
        ["Vice President Sales", "Product Owner", "Head of IT", "Assistant to the CEO", "Oceanographer", ""];
    let is_head = |title: &&str| heads_the_firm(&contact("a", "", title, 0));
    assert!(heads.iter().all(is_head) && !others.iter().any(is_head));
}

#[test]
fn every_doubt_says_something_in_each_language() {
    for doubt in LeadDoubt::ALL {
        let finding = LeadFinding { doubt, evidence: "α".into() };
        for said in [
            LANGUAGES.map(|language| finding.text(language)),
            LANGUAGES.map(|language| doubt.remedy(language).into()),
        ] {
            let names = said.iter().filter(|text| text.contains('α')).count();
            assert!(names == 0 || names == said.len(), "{said:?}");
            for (index, text) in said.iter().enumerate() {
                assert!(!text.contains('{'), "{text}");
                assert_eq!(said.iter().position(|other| other == text), Some(index));
            }
        }
    }
}
