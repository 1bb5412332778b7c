//! Small valid resources for the cases.

use super::*;

pub fn time(micros: i64) -> Time {
    Time::from_micros(micros).unwrap()
}

pub fn name(id: &str) -> LeadName {
    LeadName { lead: id.parse().unwrap() }
}

pub fn content() -> LeadContent {
    LeadContent::of(Subject::Company(Company { display_name: "Acme".into(), ..Company::default() }))
}

pub fn with_id(system: &str, id: &str) -> LeadContent {
    LeadContent { external_ids: [(system.to_owned(), id.to_owned())].into(), ..content() }
}

pub fn lead(id: &str, created: i64) -> Lead {
    Lead::create(name(id), content(), time(created))
}

pub fn profile(id: &str, segment: Option<&str>) -> Profile {
    Profile {
        name: ProfileName { profile: id.parse().unwrap() },
        version: Version::first(time(1)),
        content: ProfileContent {
            display_name: "Main".into(),
            segment: segment.map(|name| name.parse().unwrap()),
            ..ProfileContent::default()
        },
    }
}

pub fn canvas(id: &str) -> Canvas {
    Canvas {
        name: CanvasName { canvas: id.parse().unwrap() },
        version: Version::first(time(1)),
        content: CanvasContent {
            display_name: "Main".into(),
            kind: CanvasKind::Lean,
            language: "en".into(),
            maturity: Maturity::Growth,
            notes: Vec::new(),
            links: Vec::new(),
            priority_script: "default".into(),
            size_unit: String::new(),
            annotations: Default::default(),
        },
        forked_from: None,
        forked_from_revision: 0,
        segments: BTreeMap::new(),
    }
}

pub fn canvas_with_segment(id: &str, segment: &str) -> Canvas {
    let version = Version::first(time(1));
    let content = crate::domain::segment::SegmentContent::default();
    let segment_id: Id = segment.parse().unwrap();
    let (personas, proposition_notes) = (BTreeMap::new(), Vec::new());
    let segment = crate::domain::segment::Segment { version, content, personas, proposition_notes };
    Canvas { segments: [(segment_id, segment)].into(), ..canvas(id) }
}

pub fn activity(kind: &str, amount: f64) -> Activity {
    let (kind, contact) = (kind.into(), "c-1".parse().ok());
    Activity {
        id: None,
        kind,
        time: time(5),
        known_time: time(6),
        amount,
        contact,
        properties: Default::default(),
    }
}

pub fn score(lead: &str, as_of: i64, grade: Option<&str>) -> Score {
    Score {
        name: None,
        basis: Basis {
            lead: Some(name(lead)),
            lead_revision: 1,
            profile: "profiles/main".parse().ok(),
            profile_revision: 1,
            rule_set: "ab".into(),
            script: "default".into(),
            as_of: time(as_of),
            activity_count: 0,
            currency: "EUR".into(),
            remarks: 0,
        },
        assessment: Assessment {
            status: ScoreStatus::Scored,
            total: Points(1_234),
            fit: Points(1_000),
            engagement: Points(234),
            grade: grade.map(Into::into),
            completeness: 1.0 / 3.0,
            role_coverage: None,
            contributions: Vec::new(),
            unknowns: Vec::new(),
            warnings: Vec::new(),
            outlook: None,
        },
    }
}

pub async fn keep_rules(store: &dyn Store) {
    let files = [("a.rhai".to_owned(), "x".to_owned())].into();
    let set = StoredRuleSet { id: "ab".into(), create_time: time(1), files };
    store.change_rules(loaded(set, "replica"), None).await.unwrap();
}

/// What a replica writes down that puts a set in force when it was made.
pub fn loaded(set: StoredRuleSet, replica: &str) -> RuleChangeWanted {
    let change = RuleChange {
        number: 0,
        time: set.create_time,
        kind: RuleChangeKind::Loaded,
        rule_set: set.id.clone(),
        former: String::new(),
        change: Change::default(),
        replica: replica.into(),
        guarded: None,
        shadow: None,
    };
    RuleChangeWanted { change, set: Some(set), expected: None }
}

/// Everything, by name.
pub fn all() -> Query {
    Query { limit: 1_000, ..Query::default() }
}

/// Scores, the newest first.
pub fn newest() -> Query {
    Query { order: Order { descending: true, ..Order::default() }, ..all() }
}

/// The key of a request under an id.
pub fn request(id: &str, digest: &str, at: i64) -> RequestKey {
    RequestKey { method: "Test/Write", id: id.into(), digest: digest.into(), time: time(at) }
}

/// A receipt that answers with a text and tells of some leads.
pub fn receipt<T: 'static>(key: &RequestKey, text: &'static str, leads: &[&str]) -> Option<Receipt<T>> {
    let leads = leads.iter().map(|id| name(id)).collect();
    let answer = Answer { bytes: text.into(), leads };
    Some(Receipt { key: key.clone(), answer: Box::new(move |_| answer) })
}

/// A lead with some of everything that lists go by.
pub fn many_sided(random: &mut rand::rngs::SmallRng, i: i64) -> Lead {
    let mut pick = |words: &[&str]| words[random.random_range(0..words.len())].to_owned();
    let company = Company {
        country: pick(&["", "DE", "Việt Nam"]),
        industry: pick(&["", "heating", "Heating", "retail"]),
        display_name: pick(&["ACME Ä", "Other"]),
        domain: pick(&["", "acme.example", "other.example"]),
        ..Company::default()
    };
    let owner = pick(&["", "an", "bo", "o'h\"a%_"]);
    let source = pick(&["", "web"]);
    let employees = (random.random_bool(0.7)).then(|| random.random_range(0..10));
    let mut external_ids = BTreeMap::new();
    if random.random_bool(0.5) {
        external_ids.insert("crm".to_owned(), i.to_string());
    }
    let mut attributes = BTreeMap::new();
    let values = [
        Value::Number(1.0),
        Value::Number(2.25),
        Value::Text("Often".into()),
        Value::YesNo(true),
        Value::YesNo(false),
        Value::List(vec!["a".into()]),
    ];
    if let Some(value) = values.into_iter().nth(random.random_range(0..8)) {
        let fact = FactValue { value, source: String::new(), confidence: None, verified_time: None };
        attributes.insert("pain".to_owned(), fact);
    }
    let kind = if random.random_bool(0.5) { OutcomeKind::Won } else { OutcomeKind::Lost };
    let outcome = random.random_bool(0.4).then(|| Outcome { kind, time: None, reason: String::new() });
    let status = if random.random_bool(0.5) { CustomerStatus::Active } else { CustomerStatus::Paused };
    let customer = random.random_bool(0.4).then(|| Customer { status: Some(status), ..Customer::default() });
    let content = LeadContent {
        external_ids,
        attributes,
        outcome,
        customer,
        subject: Subject::Company(Company { employees, ..company }),
        owner,
        source,
        stage: LeadStage::ALL[random.random_range(0..3)],
        profile: random.random_bool(0.3).then(|| "profiles/main".parse().unwrap()),
        ..content()
    };
    Lead::create(name(&format!("l{i}")), content, time(random.random_range(0..6)))
}

/// An item of a batch that says all of a lead.
pub fn upsert(new_name: &str, id: &str, content: LeadContent, etag: &str) -> UpsertItem {
    let make = move |_: Option<&Lead>| Ok(content.clone().into());
    UpsertItem { new_name: name(new_name), id: id.into(), make: Arc::new(make), etag: etag.into() }
}
