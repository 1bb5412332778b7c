//! Writers at the same time.

use super::*;

pub async fn writes_at_the_same_time_are_all_kept(store: Arc<dyn Store>) {
    store.create_lead(lead("shared", 1), None).await.unwrap();
    let writers = (0..300).map(|i| {
        let store = store.clone();
        tokio::spawn(async move {
            let id: Id = format!("l{i}").parse().unwrap();
            store.create_lead(Lead::create(LeadName { lead: id }, content(), time(1)), None).await.unwrap();
            store.append_activities(&name("shared"), vec![activity("visit", 1.0)], None).await.unwrap().count
        })
    });
    let mut numbers = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        numbers.push(writer.await.unwrap());
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=300));
    assert_eq!(store.leads(all(), Present::default()).await.unwrap().len(), 301);
}

pub async fn of_two_writers_one_meets_a_conflict(store: Arc<dyn Store>) {
    let first = lead("l", 1);
    store.create_lead(first.clone(), None).await.unwrap();
    store.update_lead(first.revise(with_id("crm", "1"), time(2)), None).await.unwrap();
    let late = store.update_lead(first.revise(with_id("crm", "2"), time(3)), None).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))));
    let late = store.delete_lead(&name("l"), Some(1), None).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))));
    assert_eq!(store.lead(&name("l")).await.unwrap().lead.content, with_id("crm", "1"));
    let first = profile("p", None);
    store.create_profile(first.clone(), None).await.unwrap();
    let next = Profile { version: first.version.next(time(2)), ..first };
    store.update_profile(next.clone(), None).await.unwrap();
    assert!(matches!(store.update_profile(next, None).await, Err(StoreError::Conflict(_))));
}

pub async fn of_many_writers_of_one_revision_one_wins(store: Arc<dyn Store>) {
    store.create_lead(lead("l", 1), None).await.unwrap();
    store.create_profile(profile("p", None), None).await.unwrap();
    store.create_canvas(canvas("c"), None).await.unwrap();
    let writers = (0..20).map(|i| {
        let store = store.clone();
        tokio::spawn(async move {
            let owner = LeadContent { owner: format!("writer {i}"), ..content() };
            let lead = store.update_lead(lead("l", 1).revise(owner, time(2)), None).await;
            let first = profile("p", None);
            let profile = Profile { version: first.version.next(time(2)), ..first };
            let profile = store.update_profile(profile, None).await;
            let first = canvas("c");
            let canvas =
                store.update_canvas(Canvas { version: first.version.next(time(2)), ..first }, None).await;
            [lead, profile, canvas]
        })
    });
    let mut won = [0; 3];
    for writer in writers.collect::<Vec<_>>() {
        for (won, result) in won.iter_mut().zip(writer.await.unwrap()) {
            match result {
                Ok(()) => *won += 1,
                Err(error) => assert!(matches!(error, StoreError::Conflict(_)), "{error}"),
            }
        }
    }
    assert_eq!(won, [1, 1, 1]);
    assert_eq!(store.lead(&name("l")).await.unwrap().lead.version.revision, 2);
}

pub async fn upserts_and_deletions_at_the_same_time_agree(store: Arc<dyn Store>) {
    for round in 0..30 {
        let item = |owner: &str| {
            let content = LeadContent { owner: owner.into(), ..with_id("crm", "1") };
            upsert(&format!("l{round}-{owner}"), "1", content, "")
        };
        let first = store.upsert_leads("crm", vec![item("a")], time(1).into(), None).await.unwrap();
        let first = first[0].as_ref().unwrap().record.lead.name.clone();
        let (deleting, upserting) = (store.clone(), store.clone());
        let again = item("b");
        let deletion = tokio::spawn(async move { deleting.delete_lead(&first, None, None).await });
        let upsert =
            tokio::spawn(
                async move { upserting.upsert_leads("crm", vec![again], time(2).into(), None).await },
            );
        deletion.await.unwrap().unwrap();
        let upserted = upsert.await.unwrap().unwrap().remove(0);
        // Before the deletion it changed the lead that is gone, after it it made a new one.
        let upserted = upserted.unwrap_or_else(|error| panic!("round {round}: {error}"));
        let left = store.leads(all(), Present::default()).await.unwrap();
        assert_eq!(left.len(), usize::from(upserted.created));
        for record in left {
            store.delete_lead(&record.lead.name, None, None).await.unwrap();
        }
    }
}

pub async fn batches_in_any_order_don_t_hold_each_other_up(store: Arc<dyn Store>) {
    let batch = |owner: &str, reversed: bool| {
        let item = |i: i64| {
            let content = LeadContent { owner: owner.into(), ..with_id("crm", &i.to_string()) };
            upsert(&format!("l{i}-{owner}"), &i.to_string(), content, "")
        };
        let items: Vec<UpsertItem> =
            if reversed { (0..100).rev().map(item).collect() } else { (0..100).map(item).collect() };
        let store = store.clone();
        tokio::spawn(async move { store.upsert_leads("crm", items, time(2).into(), None).await })
    };
    for _ in 0..3 {
        let batches = [batch("a", false), batch("b", true), batch("c", false)];
        for results in futures::future::join_all(batches).await {
            let results = results.unwrap().unwrap();
            assert!(results.iter().all(Result::is_ok));
        }
    }
    let last = batch("d", true).await.unwrap().unwrap();
    let ids: Vec<_> = last
        .iter()
        .map(|result| result.as_ref().unwrap().record.lead.content.external_ids["crm"].clone())
        .collect();
    assert!(
        ids.iter().eq((0..100).rev().map(|i| i.to_string()).collect::<Vec<_>>().iter()),
        "in the order of the items"
    );
}
