//! Scores made-up leads and segments with a new set before it comes into force.

use std::collections::BTreeMap;

use crate::domain::canvas::{
    AmountRange, Block, Canvas, CanvasContent, CanvasKind, Hypothesis, Maturity, Note,
};
use crate::domain::lead::{Activity, Company, Contact, GrowthStage, LeadContent, Person, Subject};
use crate::domain::name::{CanvasName, Id};
use crate::domain::profile::{DecisionRole, ProfileContent, Served, SizeBand};
use crate::domain::score::Points;
use crate::domain::segment::{LeadTally, Need, NeedKind, Segment, SegmentContent};
use crate::domain::time::Time;
use crate::domain::value::{FactValue, Money, Value};
use crate::domain::version::Version;
use crate::domain::vocabulary::{Attribute, AttributeType, Vocabulary};
use crate::rules::diagnostics::{Code, Diagnostic, Severity};
use crate::rules::evaluate::facts::{LeadFacts, SegmentFacts};
use crate::rules::evaluate::score::RuleError;
use crate::rules::language::ScriptKind;
use crate::rules::set::RuleSet;

/// The most steps that all scripts may take together on the made-up leads: some hundreds are usual for each.
const MAX_STEPS: u64 = 10_000_000;

/// Runs every script on leads (or segments) of which nothing and of which everything is known.
pub fn smoke(set: &RuleSet, currency: &str) -> Result<(), Vec<Diagnostic>> {
    let mut failures = Vec::new();
    let profile = profile(&set.vocabulary);
    let as_of = Time::from_micros(1_767_225_600_000_000).unwrap_or_default();
    let activities = activities(&set.vocabulary, as_of);
    let leads = leads(&set.vocabulary, currency);
    let segments = segments(&set.vocabulary);
    let canvas = canvas(&segments);
    let items = canvas.lint_items(as_of, &BTreeMap::new());
    let mut steps = 0;
    for script in set.scripts() {
        if steps > MAX_STEPS {
            let message =
                format!("its scripts take more than {MAX_STEPS} steps together on made-up examples");
            failures.push(Diagnostic::of_file("", Code::TooLarge, message));
            break;
        }
        let failed = match script.kind {
            ScriptKind::LeadScoring => leads.iter().find_map(|lead| {
                let known = lead.contacts.is_some();
                let activities = if known { &activities[..] } else { &[] };
                let facts = LeadFacts {
                    lead,
                    activities,
                    profile: &profile,
                    created: known.then_some(as_of),
                    as_of,
                    currency,
                    vocabulary: &set.vocabulary,
                };
                counted(set.assess_counting(script, facts), &mut steps)
            }),
            ScriptKind::SegmentPriority => segments.iter().find_map(|(segment, leads)| {
                counted(set.prioritize_counting(script, SegmentFacts { segment, leads: *leads }), &mut steps)
            }),
            ScriptKind::CanvasLint => {
                items.iter().find_map(|item| counted(set.findings_counting(script, item), &mut steps))
            }
        };
        failures.extend(failed.map(|error| Diagnostic {
            line: error.position.line,
            column: error.position.column,
            length: 1,
            severity: Severity::Error,
            help: "the rule must not fail on it: ask for the case with `and`, or use known(), clamp() or ratio()".into(),
            ..Diagnostic::of_file(
                &error.position.file,
                Code::SmokeFailed,
                format!("rule \"{}\" fails on a made-up example: {}", error.rule, error.message),
            )
        }));
    }
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

/// How many steps each lead-scoring script takes on a made-up lead of which everything is known.
pub fn costs(set: &RuleSet, currency: &str) -> Vec<(String, u32)> {
    let profile = profile(&set.vocabulary);
    let as_of = Time::from_micros(1_767_225_600_000_000).unwrap_or_default();
    let activities = activities(&set.vocabulary, as_of);
    let leads = leads(&set.vocabulary, currency);
    let scripts = set.scripts().filter(|script| script.kind == ScriptKind::LeadScoring);
    let cost = |script: &std::sync::Arc<crate::rules::Script>| {
        let steps = leads.iter().map(|lead| {
            let facts = LeadFacts {
                lead,
                activities: &activities,
                profile: &profile,
                created: Some(as_of),
                as_of,
                currency,
                vocabulary: &set.vocabulary,
            };
            set.assess_counting(script, facts).1
        });
        (script.path.to_string(), steps.max().unwrap_or_default())
    };
    scripts.map(cost).collect()
}

/// A canvas with a note in every block, one of which says all that a note can, and with segments.
fn canvas(segments: &[(SegmentContent, LeadTally)]) -> Canvas {
    let money = |units| Money { currency: "EUR".into(), units, nanos: 0 };
    let notes =
        CanvasKind::BusinessModel.blocks().into_iter().filter(|block| *block != Block::CustomerSegments);
    let notes = notes.enumerate().filter_map(|(number, block)| {
        Some(Note {
            id: id("note", number)?,
            block,
            text: "A note of five words".into(),
            color: String::new(),
            tags: vec!["tag".into()],
            amount: (number > 0).then(|| AmountRange {
                low: money(10),
                high: money(20),
                period: String::new(),
            }),
            hypothesis: (number > 1).then(Hypothesis::default),
            offer: None,
        })
    });
    let segments = segments.iter().enumerate().filter_map(|(number, (content, _))| {
        let (version, personas, proposition_notes) = Default::default();
        Some((
            id("segment", number)?,
            Segment { version, content: content.clone(), personas, proposition_notes },
        ))
    });
    Canvas {
        name: CanvasName { canvas: Id::unreadable() },
        version: Version::default(),
        content: CanvasContent {
            display_name: "Made up".into(),
            kind: CanvasKind::BusinessModel,
            language: "en".into(),
            maturity: Maturity::Growth,
            notes: notes.collect(),
            links: Vec::new(),
            priority_script: "default".into(),
            size_unit: String::new(),
            annotations: BTreeMap::new(),
        },
        forked_from: None,
        forked_from_revision: 0,
        segments: segments.collect(),
    }
}

/// The error of a result, if it is one; adds the steps that it took.
fn counted<T>((result, steps): (Result<T, RuleError>, u32), sum: &mut u64) -> Option<RuleError> {
    *sum += u64::from(steps);
    result.err()
}

fn id(text: &str, number: usize) -> Option<Id> {
    format!("{text}-{number}").parse().ok()
}

fn profile(vocabulary: &Vocabulary) -> ProfileContent {
    let role = |role: &String| DecisionRole {
        role: role.clone(),
        required: true,
        min_contacts: 1,
        ..DecisionRole::default()
    };
    ProfileContent {
        display_name: "Smoke".into(),
        size_bands: vec![SizeBand {
            min: 1,
            max: Some(1_000),
            points: Points(1_000),
            served: Served::Now,
            capacity: Some(10),
        }],
        decision_roles: vocabulary.roles.keys().map(role).collect(),
        technologies: vec!["postgres".into()],
        industries: vec!["software".into()],
        countries: vec!["VN".into()],
        ..ProfileContent::default()
    }
}

/// A value of each declared type.
fn samples(declared: &BTreeMap<String, Attribute>, currency: &str) -> BTreeMap<String, Value> {
    let sample = |attribute: &Attribute| match &attribute.kind {
        AttributeType::Number => Value::Number(0.5),
        AttributeType::Text => Value::Text("word".into()),
        AttributeType::Choice(choices) => Value::Text(choices.first().cloned().unwrap_or_default()),
        AttributeType::YesNo => Value::YesNo(true),
        AttributeType::List => Value::List(vec!["word".into()]),
        AttributeType::Money => Value::Money(Money { currency: currency.into(), units: 100_000, nanos: 0 }),
        AttributeType::Date => Value::Text("2026-01-15".into()),
    };
    declared.iter().map(|(name, attribute)| (name.clone(), sample(attribute))).collect()
}

fn activities(vocabulary: &Vocabulary, as_of: Time) -> Vec<Activity> {
    let kinds = vocabulary.activities.keys().enumerate();
    let activity = |(i, kind): (usize, &String)| {
        let time = as_of.plus_days(-(i as i64) - 1);
        Activity {
            id: None,
            kind: kind.clone(),
            time,
            known_time: time,
            amount: 1.0,
            contact: None,
            properties: vocabulary.properties.get(kind).map(|of| samples(of, "EUR")).unwrap_or_default(),
        }
    };
    kinds.map(activity).collect()
}

/// A company and a person of whom nothing is known, and again with everything known.
fn leads(vocabulary: &Vocabulary, currency: &str) -> Vec<LeadContent> {
    let words = |text: &str| vec![text.to_owned()];
    let money = || Money { currency: currency.into(), units: 100_000, nanos: 0 };
    let company = Company {
        display_name: "Smoke".into(),
        domain: "smoke.example".into(),
        industry: "software".into(),
        country: "VN".into(),
        region: "south".into(),
        employees: Some(120),
        annual_revenue: Some(money()),
        founded_year: Some(2015),
        growth_stage: Some(GrowthStage::Growth),
        technologies: Some(words("postgres")),
    };
    let person = Person {
        display_name: "Smoke".into(),
        birth_year: Some(1990),
        country: "VN".into(),
        region: "south".into(),
        city: "Huế".into(),
        occupation: "teacher".into(),
        language: "vi".into(),
    };
    let attributes = samples(&vocabulary.attributes, currency).into_iter();
    let attributes = attributes.map(|(name, value)| (name, FactValue::of(value)));
    let contacts = vocabulary.roles.keys().enumerate().filter_map(|(i, role)| {
        Some(Contact {
            id: id("contact", i)?,
            display_name: String::new(),
            title: String::new(),
            department: String::new(),
            seniority: vocabulary.seniorities.keys().next().cloned().unwrap_or_default(),
            decision_role: role.clone(),
            inbound: 1,
            outbound: 1,
            last_engaged_time: None,
            attributes: samples(&vocabulary.contact_attributes, currency),
        })
    });
    let contacts: Vec<_> = contacts.collect();
    let attributes: BTreeMap<_, _> = attributes.collect();
    let known = |subject| LeadContent {
        contacts: Some(contacts.clone()),
        attributes: attributes.clone(),
        owner: "owner".into(),
        source: "source".into(),
        ..LeadContent::of(subject)
    };
    vec![
        LeadContent::of(Subject::Company(Company::default())),
        LeadContent::of(Subject::Person(Person::default())),
        known(Subject::Company(company)),
        known(Subject::Person(person)),
    ]
}

fn segments(vocabulary: &Vocabulary) -> Vec<(SegmentContent, LeadTally)> {
    let known = SegmentContent {
        size: Some(5_000.0),
        growth_rate: Some(0.1),
        fit: Some(0.5),
        capacity: Some(100.0),
        needs: Vec::from_iter(id("need", 1).map(|id| Need {
            id,
            kind: NeedKind::Pain,
            text: "Something hurts".into(),
            intensity: Some(0.5),
        })),
        custom_factors: vocabulary.factors.keys().map(|name| (name.clone(), 0.5)).collect(),
        ..SegmentContent::default()
    };
    let leads = LeadTally { leads: 20, graded: 10, graded_a: 2, won: 3, lost: 7 };
    vec![(SegmentContent::default(), LeadTally::default()), (known, leads)]
}
