//! Databases of former schemas.

use super::*;

/// What `first_schema.sql` wrote is there after the upgrade, with everything that lists go by.
async fn holds_what_the_first_schema_held(store: &dyn Store) {
    let lead = store.lead(&name("l")).await.unwrap();
    let latest = lead.latest_score.as_ref().unwrap();
    assert_eq!((latest.name.to_string().as_str(), latest.status), ("leads/l/scores/2", ScoreStatus::Scored));
    assert_eq!((latest.total, latest.grade.as_str(), latest.lead_revision), (Points(1_234), "A", 2));
    assert_eq!(lead.last_activity, Time::from_micros(1_780_000_000_000_000));
    assert!(lead.last_known >= lead.last_activity);
    assert_eq!(store.lead_revision(&name("l"), 1).await.unwrap().content.owner, "");
    assert_eq!(store.scores(&name("l"), newest()).await.unwrap().len(), 2);
    let wanted = "owner = an AND country = DE AND total = 12.34 AND employees = 80 AND segment = 'canvases/c/segments/s'";
    let query = Query { filter: Filter::parse(wanted, &listing::LEAD).unwrap(), ..all() };
    let present = Present { rule_set: latest.rule_set.clone(), now: latest.as_of };
    assert_eq!(store.leads(query, present.clone()).await.unwrap().items, std::slice::from_ref(&lead));
    let query = Query { filter: Filter::parse("stale = false", &listing::LEAD).unwrap(), ..all() };
    assert_eq!(store.leads(query, present).await.unwrap().items, [lead]);
    let query = Query {
        filter: Filter::parse("kind = lean AND display_name:ai", &listing::CANVAS).unwrap(),
        ..all()
    };
    assert_eq!(store.canvases(query, false).await.unwrap().len(), 1);
    let due = Filter::parse("next_review_time < 2027-01-01T00:00:00Z", &listing::PROFILE).unwrap();
    assert_eq!(store.profiles(Query { filter: due, ..all() }, false).await.unwrap().len(), 1);
    let tallies = store.segment_tallies(&canvas("c").name).await.unwrap();
    assert_eq!(tallies.values().next().unwrap().graded_a, 1);
}

const FIRST_SCHEMA: &str = include_str!("../first_schema.sql");

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_brings_the_first_schema_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.db");
    crate::storage::sqlite::schema::make_first(&path, FIRST_SCHEMA);
    let refused = SqliteStore::open(&path, Upgrade::Refused);
    assert!(matches!(refused, Err(OpenError::Older { found: 1, .. })), "it waits for `assay migrate`");
    holds_what_the_first_schema_held(&SqliteStore::open(&path, Upgrade::Allowed).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_brings_the_first_schema_up_to_date() {
    let url = testing::schema("first").await;
    crate::storage::postgres::make_first(&url, FIRST_SCHEMA).await;
    use crate::storage::postgres::OpenError;
    let refused = PostgresStore::open(&url, super::PoolSettings::default(), Upgrade::Refused).await;
    assert!(matches!(refused, Err(OpenError::Older { found: 1, .. })), "it waits for `assay migrate`");
    holds_what_the_first_schema_held(
        &PostgresStore::open(&url, super::PoolSettings::default(), Upgrade::Allowed).await.unwrap(),
    )
    .await;
}
