//! Requests that are repeated, or fail.

use super::*;

pub async fn a_request_is_answered_once(store: Arc<dyn Store>) {
    let first = request("r", "aa", 10);
    assert_eq!(store.answer(&first).await.unwrap(), None);
    store.create_lead(lead("l", 1), receipt(&first, "created", &["l"])).await.unwrap();
    assert_eq!(store.answer(&request("r", "aa", 99)).await.unwrap().as_deref(), Some(&b"created"[..]));
    let other = store.answer(&request("r", "bb", 99)).await;
    assert!(matches!(other, Err(StoreError::RequestIdReused(_))));
    assert_eq!(store.answer(&request("s", "aa", 99)).await.unwrap(), None);

    // Of the same request many times at once, one is done.
    let same = request("visit", "aa", 10);
    let callers = (0..8).map(|_| {
        let (store, same) = (store.clone(), same.clone());
        tokio::spawn(async move {
            let visit = vec![activity("visit", 1.0)];
            store.append_activities(&name("l"), visit, receipt(&same, "one", &["l"])).await
        })
    });
    let mut done = 0;
    for caller in callers.collect::<Vec<_>>() {
        match caller.await.unwrap() {
            Ok(logged) => done += logged.count,
            Err(error) => assert!(matches!(error, StoreError::Answered(_)), "{error}"),
        }
    }
    assert_eq!((done, store.lead(&name("l")).await.unwrap().activity_count), (1, 1));

    // After a day the answer is forgotten, and the id is free.
    let late = request("r", "bb", 10 + KEPT);
    assert_eq!(store.answer(&late).await.unwrap(), None);
    store.create_lead(lead("m", 1), receipt(&late, "again", &[])).await.unwrap();
    assert_eq!(store.answer(&late).await.unwrap().as_deref(), Some(&b"again"[..]));
}

pub async fn answers_are_erased_with_the_leads_they_tell_of(store: Arc<dyn Store>) {
    let (both, one, deletion) = (request("both", "a", 1), request("one", "a", 1), request("delete", "a", 1));
    store.create_lead(lead("l", 1), receipt(&both, "of l and m", &["l", "m", "l"])).await.unwrap();
    store.create_lead(lead("m", 1), receipt(&one, "of m", &["m"])).await.unwrap();
    store.delete_lead(&name("l"), None, receipt(&deletion, "", &[])).await.unwrap();
    assert!(matches!(store.answer(&both).await, Err(StoreError::Erased(_))), "it is not done again either");
    assert_eq!(store.answer(&one).await.unwrap().as_deref(), Some(&b"of m"[..]));
    assert_eq!(store.answer(&deletion).await.unwrap().as_deref(), Some(&b""[..]));
}

pub async fn what_fails_leaves_nothing_behind(store: Arc<dyn Store>) {
    store.create_lead(Lead::create(name("owner"), with_id("crm", "1"), time(1)), None).await.unwrap();
    let key = request("r", "a", 1);
    let late = LeadContent {
        // The second id fails after the first was written.
        external_ids: [("a".to_owned(), "free".to_owned()), ("crm".to_owned(), "1".to_owned())].into(),
        ..content()
    };
    let thief = Lead::create(name("thief"), late.clone(), time(1));
    assert!(store.create_lead(thief, receipt(&key, "created", &["thief"])).await.is_err());
    assert!(matches!(store.lead(&name("thief")).await, Err(StoreError::NotFound(_))));
    assert!(store.lead_revision(&name("thief"), 1).await.is_err());
    assert_eq!(store.answer(&key).await.unwrap(), None, "what was not done was not answered");

    let first = lead("l", 1);
    store.create_lead(first.clone(), None).await.unwrap();
    assert!(store.update_lead(first.revise(late, time(2)), receipt(&key, "updated", &["l"])).await.is_err());
    assert_eq!(store.lead(&name("l")).await.unwrap().lead, first);
    assert!(store.lead_revision(&name("l"), 2).await.is_err());
    store.create_lead(Lead::create(name("m"), with_id("a", "free"), time(1)), None).await.unwrap();

    let visit = vec![activity("visit", 1.0)];
    assert!(store.append_activities(&name("nobody"), visit, receipt(&key, "1", &[])).await.is_err());
    let unknown_rules = Score {
        basis: Basis { rule_set: "none".into(), ..score("l", 1, None).basis },
        ..score("l", 1, None)
    };
    assert!(store.record_score(unknown_rules, None, receipt(&key, "x", &[])).await.is_err());
    let kept = store.lead(&name("l")).await.unwrap();
    assert_eq!(kept.latest_score, None);
    assert_eq!(store.answer(&key).await.unwrap(), None);
}

pub async fn an_id_is_free_after_a_day_however_much_has_expired(store: Arc<dyn Store>) {
    store.create_lead(lead("l", 1), None).await.unwrap();
    let visit = || vec![activity("visit", 1.0)];
    for i in 0..300 {
        let key = request(&format!("r{i}"), "a", i);
        store.append_activities(&name("l"), visit(), receipt(&key, "x", &[])).await.unwrap();
    }
    let nightly = request("r299", "b", 299 + KEPT);
    store.append_activities(&name("l"), visit(), receipt(&nightly, "y", &[])).await.unwrap();
    assert_eq!(store.answer(&nightly).await.unwrap().as_deref(), Some(&b"y"[..]));
}
