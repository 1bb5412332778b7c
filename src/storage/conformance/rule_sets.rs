//! Rule sets and the log of what was done to them.

use super::*;

fn set(id: &str, at: i64) -> StoredRuleSet {
    let files = [("a.rhai".to_owned(), id.to_owned()), ("a.test.toml".to_owned(), "first".to_owned())].into();
    StoredRuleSet { id: id.into(), create_time: time(at), files }
}

fn wanted(kind: RuleChangeKind, set: StoredRuleSet, expected: Option<&str>) -> RuleChangeWanted {
    let expected = expected.map(str::to_owned);
    let RuleChangeWanted { change, set, .. } = loaded(set, "replica");
    let by = Change { author: "ann".into(), reason: "because".into() };
    RuleChangeWanted { change: RuleChange { kind, change: by, ..change }, set, expected }
}

pub async fn rules_are_changed_by_whoever_knows_what_is_in_force(store: Arc<dyn Store>) {
    use RuleChangeKind::{Accepted, Activated, Loaded, Published, RolledBack};
    let newest = || Window { after: None, limit: 100 };
    assert_eq!(store.last_rule_change(&RuleChangeKind::ACTIVATIONS).await.unwrap(), None);

    // What is published is kept and in force nowhere.
    store.change_rules(wanted(Published, set("a", 1), None), None).await.unwrap();
    assert_eq!(store.rule_set("a").await.unwrap(), set("a", 1));
    assert_eq!(
        (
            store.last_rule_set().await.unwrap(),
            store.last_rule_change(&RuleChangeKind::ACTIVATIONS).await.unwrap()
        ),
        (None, None)
    );
    let mut tested = set("a", 9);
    tested.files.insert("a.test.toml".into(), "second".into());
    store.change_rules(wanted(Published, tested.clone(), None), None).await.unwrap();
    let kept = store.rule_set("a").await.unwrap();
    assert_eq!((kept.create_time, kept.files), (time(1), tested.files), "its tests are the newest");

    // Activation goes by what is active.
    let first = store.change_rules(wanted(Activated, set("a", 10), Some("")), None).await.unwrap();
    assert_eq!((first.number, first.former.as_str()), (3, ""));
    let late = store.change_rules(wanted(Activated, set("b", 11), Some("")), None).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))));
    assert!(matches!(store.rule_set("b").await, Err(StoreError::NotFound(_))), "nothing of it is kept");
    let second = store.change_rules(wanted(Activated, set("b", 12), Some("a")), None).await.unwrap();
    assert_eq!((second.former.as_str(), second.change.author.as_str()), ("a", "ann"));
    let back = store.change_rules(wanted(RolledBack, set("a", 13), None), None).await.unwrap();
    assert_eq!((back.number, back.former.as_str()), (5, "b"));
    assert_eq!(store.last_rule_change(&RuleChangeKind::ACTIVATIONS).await.unwrap(), Some(back));
    assert_eq!(store.last_rule_set().await.unwrap().unwrap().id, "a");

    // What a replica loads again is written down once, what another loads is another entry.
    for (id, replica, number) in [("b", "x", 6), ("b", "x", 6), ("b", "y", 7), ("a", "x", 8), ("b", "x", 9)] {
        let written = store.change_rules(loaded(set(id, 20), replica), None).await.unwrap();
        assert_eq!((written.number, written.kind), (number, Loaded));
    }
    assert_eq!(store.last_rule_change(&RuleChangeKind::ACTIVATIONS).await.unwrap().unwrap().number, 5);
    assert!(!store.is_accepted("b").await.unwrap());
    store.change_rules(wanted(Accepted, set("b", 30), None), None).await.unwrap();
    assert!(store.is_accepted("b").await.unwrap() && !store.is_accepted("a").await.unwrap());

    // Both lists, the newest first, page by page.
    let numbers: Vec<i64> =
        store.rule_changes(newest()).await.unwrap().iter().map(|change| change.number).collect();
    assert_eq!(numbers, (1..=10).rev().collect::<Vec<_>>());
    let page = store.rule_changes(Window { after: Some(4), limit: 2 }).await.unwrap();
    assert_eq!(page.iter().map(|change| change.number).collect::<Vec<_>>(), [3, 2]);
    let sets = store.rule_sets(newest()).await.unwrap();
    let told: Vec<_> =
        sets.iter().map(|set| (set.id.as_str(), set.number, set.change.author.as_str())).collect();
    assert_eq!(told, [("b", 2, "ann"), ("a", 1, "ann")]);
    assert_eq!(sets[1].in_force, Some(time(20)));
    assert_eq!(store.rule_sets(Window { after: Some(2), limit: 5 }).await.unwrap().len(), 1);
}

pub async fn of_many_who_activate_at_the_same_time_each_follows_another(store: Arc<dyn Store>) {
    let many = (0..12).map(|number| {
        let (store, id) = (store.clone(), format!("set{number}"));
        let wanted = wanted(RuleChangeKind::Activated, set(&id, number), None);
        tokio::spawn(async move { store.change_rules(wanted, None).await.unwrap() })
    });
    let mut log: Vec<RuleChange> =
        futures::future::join_all(many).await.into_iter().map(|done| done.unwrap()).collect();
    log.sort_by_key(|change| change.number);
    let mut former = String::new();
    for (number, change) in (1..).zip(&log) {
        assert_eq!((change.number, &change.former), (number, &former));
        former.clone_from(&change.rule_set);
    }
    assert_eq!(store.last_rule_change(&RuleChangeKind::ACTIVATIONS).await.unwrap().as_ref(), log.last());
}

pub async fn counts_add_up_whoever_counts(store: Arc<dyn Store>) {
    let counts =
        |of: &[(&str, i64)]| of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Counts>();
    assert_eq!(store.counts("a").await.unwrap(), Counts::new());
    let adding = (0..10).map(|number| {
        let (store, counts) = (store.clone(), counts(&[("both", 1), ("fired/x", number), ("points/x", -3)]));
        tokio::spawn(async move { store.add_counts("a", counts).await.unwrap() })
    });
    futures::future::join_all(adding).await.into_iter().for_each(|added| added.unwrap());
    store.add_counts("b", counts(&[("both", 7)])).await.unwrap();
    assert_eq!(store.counts("a").await.unwrap(), counts(&[("both", 10), ("fired/x", 45), ("points/x", -30)]));
    assert_eq!(store.counts("b").await.unwrap(), counts(&[("both", 7)]));
}
