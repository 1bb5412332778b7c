//! A made-up vendor of field-service software with its canvas, segments, profile and leads. Seeded: the same
//! seed gives the same business.

use std::collections::BTreeMap;

use prost_types::Timestamp;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::grpc::pb::{self, Block, LinkKind, criterion::Expectation};

/// The ids of the sample's resources.
pub const CANVAS: &str = "canvases/fernworks";
pub const PROFILE: &str = "profiles/mid-market";

fn note(id: &str, block: Block, text: &str) -> pb::Note {
    pb::Note { id: id.into(), block: block as i32, text: text.into(), ..Default::default() }
}

fn link(kind: LinkKind, from: &str, to: &str) -> pb::Link {
    pb::Link { kind: kind as i32, from: from.into(), to: to.into(), ..Default::default() }
}

/// The canvas without what points to its segments, which come later.
pub fn canvas() -> pb::Canvas {
    pb::Canvas {
        display_name: "Fernworks".into(),
        kind: pb::CanvasKind::BusinessModel as i32,
        language: "en".into(),
        maturity: pb::Maturity::Growth as i32,
        size_unit: "companies".into(),
        priority_script: "default".into(),
        notes: vec![
            note(
                "routes",
                Block::ValuePropositions,
                "Technicians drive a third less: routes that plan themselves",
            ),
            note("proof", Block::ValuePropositions, "Proof of every visit, signed on the spot"),
            note("partners", Block::Channels, "Resellers of accounting software"),
            note("webinar", Block::Channels, "Webinars on cutting the cost of a visit"),
            note("success", Block::CustomerRelationships, "A named success manager from the first day"),
            note("community", Block::CustomerRelationships, "A community of dispatchers"),
            note("seats", Block::RevenueStreams, "A fee per technician and month"),
            note("planner", Block::KeyResources, "The route planner and its map data"),
            note("onboarding", Block::KeyActivities, "Onboarding within two weeks"),
            note("maps", Block::KeyPartnerships, "A supplier of maps and traffic data"),
            note("team", Block::CostStructure, "The delivery team"),
        ],
        links: vec![
            link(LinkKind::PaidFor, "seats", "routes"),
            link(LinkKind::Supplies, "maps", "planner"),
            link(LinkKind::Needs, "routes", "planner"),
            link(LinkKind::Costs, "onboarding", "team"),
        ],
        ..Default::default()
    }
}

/// The links from notes to the segments.
pub fn segment_links() -> Vec<pb::Link> {
    let to = |segment: &str| format!("{CANVAS}/segments/{segment}");
    vec![
        link(LinkKind::Serves, "routes", &to("medium")),
        link(LinkKind::Serves, "proof", &to("small")),
        link(LinkKind::Reaches, "partners", &to("small")),
        link(LinkKind::Reaches, "webinar", &to("medium")),
        link(LinkKind::Relates, "success", &to("medium")),
        link(LinkKind::PaidBy, "seats", &to("medium")),
    ]
}

/// The segments with their ids, each with a persona.
pub fn segments() -> Vec<(&'static str, pb::Segment, pb::Persona)> {
    let need = |kind: pb::NeedKind, text: &str, intensity| pb::Need {
        kind: kind as i32,
        text: text.into(),
        intensity,
        ..Default::default()
    };
    let persona = |name: &str, role: &str, pain: &str| pb::Persona {
        display_name: name.into(),
        decision_role: role.into(),
        pains: vec![pain.into()],
        preferred_channels: vec!["phone".into(), "webinar".into()],
        ..Default::default()
    };
    let facet = |kind: pb::FacetKind, content: &str| pb::Facet {
        kind: kind as i32,
        content: content.into(),
        ..Default::default()
    };
    let small = pb::Segment {
        display_name: "Small workshops".into(),
        size: Some(18_000.0),
        growth_rate: Some(0.02),
        fit: Some(0.45),
        capacity: Some(900.0),
        needs: vec![need(pb::NeedKind::Need, "Get paid faster", Some(0.6))],
        custom_factors: BTreeMap::from([("delivery_effort".into(), 0.2)]),
        ..Default::default()
    };
    let medium = pb::Segment {
        display_name: "Medium service companies".into(),
        size: Some(6_500.0),
        growth_rate: Some(0.12),
        fit: Some(0.85),
        capacity: Some(240.0),
        needs: vec![
            need(pb::NeedKind::Pain, "Technicians spend hours on the road", Some(0.9)),
            need(pb::NeedKind::Desire, "Visits that are right the first time", Some(0.7)),
        ],
        custom_factors: BTreeMap::from([("delivery_effort".into(), 0.4)]),
        relationship_plan: Some(pb::RelationshipPlan {
            facets: vec![
                facet(
                    pb::FacetKind::RelationshipType,
                    "A dedicated person until the third month, then community",
                ),
                facet(pb::FacetKind::Support, "Answer within two working hours"),
                facet(pb::FacetKind::RetentionAndLoyalty, "A review of saved hours every quarter"),
            ],
        }),
        ..Default::default()
    };
    let large = pb::Segment {
        display_name: "Large operators".into(),
        size: Some(400.0),
        growth_rate: None,
        fit: Some(0.35),
        capacity: Some(6.0),
        needs: vec![need(pb::NeedKind::Need, "One system for all countries", None)],
        custom_factors: BTreeMap::from([("delivery_effort".into(), 0.9)]),
        ..Default::default()
    };
    vec![
        ("small", small, persona("Rosa, owner of a workshop", "decision_maker", "Paper slips get lost")),
        (
            "medium",
            medium,
            persona("Minh, head of dispatch", "champion", "Every change of plan means ten calls"),
        ),
        ("large", large, persona("Claire, CIO", "budget_holder", "Twelve systems that do the same")),
    ]
}

fn criterion(id: &str, fact: &str, expectation: Expectation, points: i64, because: &str) -> pb::Criterion {
    pb::Criterion {
        id: id.into(),
        dimension: pb::Dimension::IndustryAndScenario as i32,
        indicator: pb::Indicator::Hard as i32,
        fact: fact.into(),
        points_hundredths: points * 100,
        because: because.into(),
        expectation: Some(expectation),
        ..Default::default()
    }
}

fn words(words: &[&str]) -> pb::TextList {
    pb::TextList { values: words.iter().map(ToString::to_string).collect() }
}

pub fn profile() -> pb::Profile {
    let band = |min, max, points: i64, served: pb::Served| pb::SizeBand {
        min,
        max,
        points_hundredths: points * 100,
        served: served as i32,
        capacity: None,
    };
    let role = |role: &str, required| pb::DecisionRole {
        role: role.into(),
        required,
        min_contacts: 1,
        ..Default::default()
    };
    let services = Expectation::In(words(&["heating", "elevators", "telecom"]));
    let growing = Expectation::In(words(&["growth", "mature"]));
    let public = Expectation::In(words(&["government"]));
    pb::Profile {
        display_name: "Service companies that we can make happy".into(),
        segment: format!("{CANVAS}/segments/medium"),
        maturity: pb::Maturity::Growth as i32,
        scoring_script: "default".into(),
        criteria: vec![
            criterion("industry", "industry", services, 16, "In a trade that sends technicians out"),
            criterion("stage", "growth_stage", growing, 6, "Grown enough to have processes"),
            criterion("revenue", "revenue", Expectation::AtLeast(2e6), 6, "Turns over two million or more"),
        ],
        size_bands: vec![
            band(10, Some(50), 4, pb::Served::Now),
            band(50, Some(500), 14, pb::Served::Now),
            band(500, Some(1_500), 6, pb::Served::Costly),
            band(1_500, None, -6, pb::Served::No),
        ],
        decision_roles: vec![
            role("champion", true),
            role("decision_maker", true),
            role("technical_evaluator", true),
            role("budget_holder", false),
        ],
        disqualifiers: vec![criterion(
            "public",
            "industry",
            public,
            0,
            "Public tenders take longer than we live",
        )],
        technologies: ["datev", "sap", "salesforce"].map(String::from).to_vec(),
        pains: vec!["driving".into(), "paper".into()],
        industries: ["heating", "elevators", "telecom"].map(String::from).to_vec(),
        countries: ["DE", "IT", "VN"].map(String::from).to_vec(),
        review: Some(pb::Review { cadence_days: 90, ..Default::default() }),
        ..Default::default()
    }
}

/// A lead with what happened to it.
pub struct SampleLead {
    pub id: String,
    pub lead: pb::Lead,
    pub activities: Vec<pb::Activity>,
}

/// Leads as of a time, in seconds since 1970. A few are very good, many are middling, some are hopeless, and of most
/// something is unknown.
pub fn leads(count: usize, seed: u64, now: i64) -> Vec<SampleLead> {
    let mut random = SmallRng::seed_from_u64(seed);
    (0..count).map(|number| lead(number, &mut random, now)).collect()
}

fn lead(number: usize, random: &mut SmallRng, now: i64) -> SampleLead {
    const FIRST: [&str; 12] = [
        "North", "Blue", "River", "Stone", "Alpine", "Harbour", "Silver", "Green", "Delta", "Orion", "Cedar",
        "Lotus",
    ];
    const SECOND: [&str; 8] =
        ["Heating", "Lifts", "Telecom", "Clean", "Logistics", "Foods", "Works", "Services"];
    const INDUSTRIES: [(&str, u32); 6] = [
        ("heating", 30),
        ("elevators", 14),
        ("telecom", 14),
        ("retail", 22),
        ("logistics", 15),
        ("government", 5),
    ];
    // How promising the account is decides most of what is seen of it.
    let warmth: f64 = random.random_range(0.0..1.0_f64).powf(1.4);
    let known = |random: &mut SmallRng, share: f64| random.random_bool(share);
    let industry = if random.random_bool(0.25 + warmth * 0.5) {
        INDUSTRIES[..3].choose(random)
    } else {
        INDUSTRIES.choose_weighted(random, |(_, weight)| *weight).ok()
    };
    let employees = (3.0 + random.random_range(0.0..1.0_f64).powf(3.0) * 2_500.0 * (1.2 - warmth)) as i64 + 8;
    let name = format!(
        "{} {} {}",
        FIRST.choose(random).unwrap_or(&""),
        SECOND.choose(random).unwrap_or(&""),
        number + 1
    );
    let technologies = ["datev", "sap", "salesforce", "excel", "paper"];
    let money = |units| pb::Money { currency_code: "EUR".into(), units, nanos: 0 };
    let company = pb::Company {
        domain: format!("{}.example", name.to_lowercase().replace(' ', "-")),
        display_name: name,
        industry: industry.map(|(industry, _)| (*industry).to_owned()).unwrap_or_default(),
        country: ["DE", "IT", "VN", "FR", "US"].choose(random).unwrap_or(&"DE").to_string(),
        region: String::new(),
        employees: known(random, 0.85).then_some(employees),
        annual_revenue: known(random, 0.6).then(|| money(employees * random.random_range(60_000..160_000))),
        founded_year: known(random, 0.5).then(|| random.random_range(1960..2024)),
        growth_stage: match random.random_range(0..6) {
            0 => pb::GrowthStage::Startup,
            1 | 2 => pb::GrowthStage::Growth,
            3 => pb::GrowthStage::Mature,
            4 => pb::GrowthStage::Declining,
            _ => pb::GrowthStage::Unspecified,
        } as i32,
        technologies: known(random, 0.7).then(|| {
            let used = technologies.iter().filter(|_| random.random_bool(0.2 + warmth * 0.3));
            pb::TextList { values: used.map(ToString::to_string).collect() }
        }),
    };
    let mut attributes = BTreeMap::new();
    let mut fact = |name: &str, kind| {
        let value = Some(pb::Value { kind: Some(kind) });
        attributes.insert(
            name.to_owned(),
            pb::FactValue { value, source: "interview".into(), ..Default::default() },
        );
    };
    use pb::value::Kind;
    if known(random, 0.6) {
        fact(
            "pain_intensity",
            Kind::Number((warmth * 0.6 + random.random_range(0.0..0.4) * 1.0_f64).min(1.0)),
        );
    }
    if known(random, 0.5) {
        let urgency = ["none", "this_year", "this_quarter", "now"];
        let step = (warmth * 3.0 + random.random_range(0.0..1.0)) as usize;
        fact("urgency", Kind::Text(urgency[step.min(3)].into()));
    }
    if known(random, 0.4) {
        fact("budget", Kind::Money(money(random.random_range(2..60) * 1_000)));
    }
    let won = random.random_bool(0.05 + warmth * 0.3);
    let decided = random.random_bool(0.5);
    SampleLead {
        id: format!("demo-{:04}", number + 1),
        activities: activities(random, warmth, now),
        lead: pb::Lead {
            external_ids: BTreeMap::from([("crm".into(), format!("C{:05}", number + 1))]),
            subject: Some(pb::lead::Subject::Company(company)),
            contacts: known(random, 0.8).then(|| contacts(random, warmth)),
            attributes,
            source: ["webinar", "referral", "search", "fair"].choose(random).unwrap_or(&"search").to_string(),
            owner: ["an", "bruno", "chiara"].choose(random).unwrap_or(&"an").to_string(),
            profile: PROFILE.into(),
            outcome: decided.then(|| pb::Outcome {
                kind: if won { pb::OutcomeKind::Won } else { pb::OutcomeKind::Lost } as i32,
                ..Default::default()
            }),
            ..Default::default()
        },
    }
}

fn contacts(random: &mut SmallRng, warmth: f64) -> pb::ContactList {
    let roles = ["champion", "decision_maker", "technical_evaluator", "budget_holder", "user"];
    let seniorities = ["manager", "head", "specialist", "c_level", "specialist"];
    let known = roles.iter().zip(seniorities).filter(|_| random.random_bool(0.15 + warmth * 0.6));
    let known: Vec<_> = known.collect();
    let contacts = known.into_iter().map(|(role, seniority)| pb::Contact {
        display_name: format!("Contact for {role}"),
        seniority: seniority.into(),
        decision_role: (*role).into(),
        inbound: if random.random_bool(0.2 + warmth * 0.6) { random.random_range(1..9) } else { 0 },
        outbound: random.random_range(1..9),
        ..Default::default()
    });
    pb::ContactList { contacts: contacts.collect() }
}

fn activities(random: &mut SmallRng, warmth: f64, now: i64) -> Vec<pb::Activity> {
    let mut activities = Vec::new();
    let mut add = |random: &mut SmallRng, kind: &str, amount: f64| {
        let reach = 20.0 + (1.0 - warmth) * 160.0;
        let age = (random.random_range(0.0..1.0_f64).powf(1.5) * reach * 86_400.0) as i64;
        let time = Some(Timestamp { seconds: now - age - 60, nanos: 0 });
        activities.push(pb::Activity {
            r#type: kind.into(),
            time,
            known_time: time,
            amount: Some(amount),
            ..Default::default()
        });
    };
    for _ in 0..(random.random_range(0.0..1.0) * warmth * 14.0) as usize {
        add(random, "page_visit", 1.0);
    }
    if random.random_bool(warmth * 0.6) {
        add(random, "pricing_visit", 1.0);
    }
    if random.random_bool(warmth * 0.45) {
        add(random, "demo_request", 1.0);
    }
    for _ in 0..(random.random_range(0.0..1.0) * warmth * 3.5) as usize {
        add(random, "meeting", 1.5);
    }
    activities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_business() {
        let (a, b) = (leads(50, 7, 1_000_000_000), leads(50, 7, 1_000_000_000));
        assert!(a.iter().zip(&b).all(|(a, b)| a.lead == b.lead && a.activities == b.activities));
        assert_ne!(a[0].lead, leads(1, 8, 1_000_000_000)[0].lead);
    }
}
