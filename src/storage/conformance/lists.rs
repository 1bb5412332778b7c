//! Lists: pages, filters, orders, tallies.

use super::*;
use crate::domain::segment::LeadCounts;

pub async fn pages_go_on_where_they_ended_while_others_write(store: Arc<dyn Store>) {
    for id in ["b", "d", "f", "h"] {
        store.create_lead(lead(id, 1), None).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut query = Query { limit: 2, ..Query::default() };
    loop {
        let found = store.leads(query.clone(), Present::default()).await.unwrap();
        let Some(last) = found.last() else { break };
        query.after = Some(last.cursor(query.order));
        seen.extend(found.iter().map(|record| record.lead.name.lead.to_string()));
        // Before, within and after what was read.
        _ = store.create_lead(lead("a", 1), None).await;
        _ = store.create_lead(lead("e", 1), None).await;
        _ = store.delete_lead(&name("d"), None, None).await;
    }
    assert_eq!(seen, ["b", "d", "e", "f", "h"]);
}

pub async fn names_are_ordered_by_their_bytes(store: Arc<dyn Store>) {
    for id in ["a-b", "a1", "aa", "a", "b", "10", "9"] {
        store.create_profile(profile(id, None), None).await.unwrap();
    }
    let found = store.profiles(all(), false).await.unwrap();
    let ids: Vec<_> = found.iter().map(|profile| profile.name.profile.as_str()).collect();
    assert_eq!(ids, ["10", "9", "a", "a-b", "a1", "aa", "b"]);
    // People would sort these otherwise.
    for (id, title) in [("x", "b"), ("y", "Z"), ("z", "ä"), ("w", "a"), ("v", "a b")] {
        let mut canvas = canvas(id);
        canvas.content.display_name = title.into();
        store.create_canvas(canvas, None).await.unwrap();
        let content = LeadContent { owner: title.into(), ..content() };
        store.create_lead(Lead::create(name(id), content, time(1)), None).await.unwrap();
    }
    let order = Order::parse("display_name", &listing::CANVAS).unwrap();
    let found = store.canvases(Query { order, ..all() }, false).await.unwrap();
    let titles: Vec<_> = found.iter().map(|canvas| canvas.content.display_name.as_str()).collect();
    assert_eq!(titles, ["Z", "a", "a b", "b", "ä"]);
    let filter = Filter::parse("owner < b", &listing::LEAD).unwrap();
    let found = store.leads(Query { filter, ..all() }, Present::default()).await.unwrap();
    let owners: Vec<_> = found.iter().map(|record| record.lead.content.owner.as_str()).collect();
    assert_eq!(owners, ["a b", "a", "Z"]);
}

pub async fn segments_are_tallied_by_their_leads(store: Arc<dyn Store>) {
    keep_rules(&*store).await;
    let segment: SegmentName = "canvases/c/segments/s".parse().unwrap();
    let cases = [
        ("a", Some("A"), Some(OutcomeKind::Won)),
        ("b", Some("B"), Some(OutcomeKind::Lost)),
        ("c", None, Some(OutcomeKind::Lost)),
        ("d", Some("A"), None),
    ];
    for (id, grade, outcome) in cases {
        let outcome = outcome.map(|kind| Outcome { kind, time: None, reason: String::new() });
        store
            .create_lead(Lead::create(name(id), LeadContent { outcome, ..content() }, time(1)), None)
            .await
            .unwrap();
        store.record_score(score(id, 5, grade), Some(segment.clone()), None).await.unwrap();
    }
    store.create_lead(lead("other", 1), None).await.unwrap();
    let elsewhere = "canvases/c2/segments/s".parse().unwrap();
    store.record_score(score("other", 5, Some("A")), Some(elsewhere), None).await.unwrap();
    let tallies = store.segment_tallies(&canvas("c").name).await.unwrap();
    let expected = LeadTally { leads: 4, graded: 3, graded_a: 2, won: 1, lost: 2 };
    assert_eq!(tallies, BTreeMap::from([(segment.clone(), expected)]));
    let counts = store.segment_counts(&canvas("c").name).await.unwrap();
    let count =
        |pairs: &[(&str, u64)]| pairs.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect();
    let expected = LeadCounts {
        leads: 4,
        by_grade: count(&[("", 1), ("A", 2), ("B", 1)]),
        by_stage: count(&[("new", 4)]),
        won: 1,
        lost: 2,
    };
    assert_eq!(counts, BTreeMap::from([(segment, expected)]));
}

/// A record as it is judged at a time.
struct Judged(LeadRecord, Present);

impl Listed for Judged {
    fn name(&self) -> String {
        self.0.name()
    }

    fn get(&self, field: &str, key: Option<&str>) -> Option<crate::domain::filter::Operand> {
        match field {
            "stale" => self.0.is_stale(&self.1).map(crate::domain::filter::Operand::YesNo),
            _ => self.0.get(field, key),
        }
    }
}

pub async fn filters_and_orders_select_what_memory_selects(store: Arc<dyn Store>) {
    keep_rules(&*store).await;
    store.create_profile(profile("main", None), None).await.unwrap();
    let mut random = rand::rngs::SmallRng::seed_from_u64(7);
    for i in 0..60 {
        let lead = many_sided(&mut random, i);
        let name = lead.name.clone();
        store.create_lead(lead, None).await.unwrap();
        if random.random_bool(0.5) {
            let visit = Activity { time: time(random.random_range(0..5)), ..activity("visit", 1.0) };
            store.append_activities(&name, vec![visit], None).await.unwrap();
        }
        if random.random_bool(0.6) {
            let grade = ["A", "B", "C"].get(random.random_range(0..4));
            let mut score = score(name.lead.as_str(), random.random_range(0..3) * DAY, grade.copied());
            score.assessment.total = Points(random.random_range(-2..6) * 50);
            score.basis.activity_count = random.random_range(0..2);
            store.record_score(score, "canvases/c/segments/s".parse().ok(), None).await.unwrap();
        }
    }
    let present = Present { rule_set: "ab".into(), now: time(3 * DAY - 1) };
    let records = store.leads(all(), present.clone()).await.unwrap();
    assert_eq!(records.len(), 60);
    let filters = [
        "",
        "stage = mql",
        "NOT stage = mql",
        "grade = A OR grade = B",
        "grade != A",
        "NOT grade:*",
        "total >= 1",
        "total < 0.5 AND total > -1",
        "NOT (total > 1 OR owner = an)",
        "fit = 10 AND engagement = 2.34",
        "status = scored",
        "owner:n",
        "NOT owner:n",
        "owner > b",
        "owner = \"o'h\\\"a%_\"",
        "country = 'Việt Nam' OR country = DE",
        "employees > 3 AND employees <= 7.5",
        "external_ids.crm:*",
        "NOT external_ids.crm:*",
        "external_ids.crm = 3 OR external_ids.crm = 4",
        "NOT external_ids.crm = 3",
        "external_ids.crm:1",
        "update_time > 1970-01-01T00:00:00.000003Z",
        "create_time <= 1970-01-01T00:00:00.000003Z AND last_activity_time:*",
        "last_activity_time < 1970-01-01T00:00:00.000002Z",
        "stale = true",
        "stale = false",
        "NOT stale = false",
        "NOT stale:*",
        "profile = main",
        "profile:* AND segment:*",
        "segment = 'canvases/c/segments/s' AND source = web",
        "industry != heating",
        "country IN (de, 'VIỆT NAM', xx)",
        "NOT country IN (DE, 'Việt Nam')",
        "industry = HEATING OR source = Web",
        "display_name:acme",
        "domain = 'https://www.acme.example/x'",
        "outcome = won OR customer = paused",
        "NOT customer = active AND outcome:*",
        "attributes.pain >= 1 AND attributes.pain < 2.5",
        "NOT attributes.pain = 1",
        "attributes.pain = OFTEN OR attributes.pain:ft",
        "attributes.pain = true",
        "NOT attributes.pain = true",
        "attributes.pain:*",
        "NOT attributes.pain:* AND NOT attributes.'other one':*",
        "attributes.\"o'h\" = 1",
    ];
    for text in filters {
        let filter = Filter::parse(text, &listing::LEAD).unwrap();
        for order in [
            "name",
            "name desc",
            "total",
            "total desc",
            "update_time desc",
            "last_activity_time",
            "create_time",
        ] {
            let order = Order::parse(order, &listing::LEAD).unwrap();
            let whole = Query { filter: filter.clone(), order, ..all() };
            let judged = records.iter().map(|record| Judged(record.clone(), present.clone()));
            let expected: Vec<String> = whole.select(judged).iter().map(Listed::name).collect();
            // Page by page, each going on where the former ended.
            let mut found = Vec::new();
            let mut query = Query { limit: 7, ..whole };
            loop {
                let page = store.leads(query.clone(), present.clone()).await.unwrap();
                let Some(last) = page.last() else { break };
                query.after = Some(last.cursor(order));
                found.extend(page.iter().map(Listed::name));
            }
            assert_eq!(found, expected, "{text} by {order:?}");
        }
    }
}
