//! One suite over every backend: each case gets a fresh, empty store.

mod interviews;
mod jobs;
mod lists;
mod made;
mod races;
mod requests;
mod rule_sets;
mod upgrade;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::postgres::{PoolSettings, PostgresStore, testing};
use super::sqlite::{OpenError, SqliteStore};
use super::*;
use crate::domain::canvas::{CanvasContent, CanvasKind, Maturity};
use crate::domain::filter::Filter;
use crate::domain::lead::{
    Company, Customer, CustomerStatus, LeadContent, LeadStage, Outcome, OutcomeKind, Subject,
};
use crate::domain::listing::{self, Listed, Order};
use crate::domain::name::Id;
use crate::domain::profile::ProfileContent;
use crate::domain::rule_change::{RuleChange, RuleChangeKind};
use crate::domain::score::{Assessment, Basis, Points, ScoreStatus};
use crate::domain::value::{FactValue, Value};
use crate::domain::version::{Change, Version};
use interviews::*;
use jobs::*;
use lists::*;
use made::*;
use races::*;
use rand::{RngExt as _, SeedableRng as _};
use requests::*;
use rule_sets::*;

type Case = fn(Arc<dyn Store>) -> Pin<Box<dyn Future<Output = ()>>>;

/// Every case by its name.
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        const CASES: &[(&str, Case)] = &[$((stringify!($name), |store| Box::pin($name(store)))),+];
    };
}

cases! {
    what_was_written_is_read,
    what_is_missing_is_not_found,
    a_name_is_taken_once,
    of_two_writers_one_meets_a_conflict,
    of_many_writers_of_one_revision_one_wins,
    former_revisions_stay,
    the_revision_at_a_time_is_found,
    pages_go_on_where_they_ended_while_others_write,
    names_are_ordered_by_their_bytes,
    any_text_comes_back_as_it_was,
    large_bodies_come_back,
    a_batch_fails_item_by_item,
    an_external_id_belongs_to_one_lead,
    activities_are_numbered_in_order,
    the_activities_known_at_a_time_are_the_newest_of_them,
    an_activity_with_an_id_is_recorded_once_and_can_be_taken_back,
    canvases_keep_their_revisions_and_who_made_them,
    a_profile_points_to_a_segment_that_exists,
    scores_are_kept_and_the_latest_is_told,
    segments_are_tallied_by_their_leads,
    deletion_removes_everything,
    a_request_is_answered_once,
    answers_are_erased_with_the_leads_they_tell_of,
    an_id_is_free_after_a_day_however_much_has_expired,
    upserts_and_deletions_at_the_same_time_agree,
    batches_in_any_order_don_t_hold_each_other_up,
    what_fails_leaves_nothing_behind,
    filters_and_orders_select_what_memory_selects,
    a_pointed_to_canvas_is_not_deleted,
    a_rule_set_is_kept_once_and_the_last_in_force_is_known,
    rules_are_changed_by_whoever_knows_what_is_in_force,
    counts_add_up_whoever_counts,
    interviews_are_kept_with_whom_they_were_and_erased_with_the_lead,
    of_many_who_activate_at_the_same_time_each_follows_another,
    writes_at_the_same_time_are_all_kept,
    a_job_is_worked_on_by_one_at_a_time_and_taken_over,
    a_job_is_cancelled_listed_and_forgotten,
    of_many_who_want_work_each_takes_another,
    what_came_of_a_job_is_erased_with_a_lead_that_it_tells_of,
    a_job_that_is_left_waits_again_and_what_is_asked_is_forgotten,
    how_far_work_has_come_is_told_to_whoever_takes_it_over,
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_conforms() {
    for (name, case) in CASES {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("test.db"), Upgrade::Allowed).unwrap();
        println!("case {name}");
        case(Arc::new(store)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_conforms() {
    for (name, case) in CASES {
        println!("case {name}");
        let store =
            PostgresStore::open(&testing::schema(name).await, PoolSettings::default(), Upgrade::Allowed)
                .await
                .unwrap();
        case(Arc::new(store)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_replicas_that_start_together_migrate_once_and_share() {
    let url = testing::schema("together").await;
    let opened = futures::future::join_all(
        (0..5).map(|_| PostgresStore::open(&url, PoolSettings::default(), Upgrade::Allowed)),
    )
    .await;
    let replicas: Vec<_> = opened.into_iter().map(|store| Arc::new(store.unwrap())).collect();
    // All replicas upsert the same lead at the same time: it is created once.
    let upserts = replicas.iter().enumerate().map(|(i, store)| {
        let content = LeadContent { owner: format!("replica {i}"), ..with_id("crm", "1") };
        let item = upsert(&format!("l{i}"), "1", content, "");
        store.upsert_leads("crm", vec![item], time(1).into(), None)
    });
    let results = futures::future::join_all(upserts).await;
    let created =
        results.into_iter().filter(|result| result.as_ref().unwrap()[0].as_ref().unwrap().created).count();
    assert_eq!(created, 1);
    let leads = replicas[0].leads(all(), Present::default()).await.unwrap();
    assert_eq!((leads.len(), leads[0].lead.version.revision), (1, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_opens_again_what_it_closed_and_only_once_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made/on/demand.db");
    let store = SqliteStore::open(&path, Upgrade::Allowed).unwrap();
    assert!(matches!(SqliteStore::open(&path, Upgrade::Allowed), Err(OpenError::InUse(_))));
    store.create_lead(lead("a", 1), None).await.unwrap();
    drop(store);
    assert!(!path.with_extension("db-wal").exists(), "the file alone is whole");
    let store = SqliteStore::open(&path, Upgrade::Allowed).unwrap();
    assert_eq!(store.lead(&name("a")).await.unwrap().lead, lead("a", 1));
}

async fn what_was_written_is_read(store: Arc<dyn Store>) {
    store.create_canvas(canvas("c"), None).await.unwrap();
    store.create_profile(profile("p", None), None).await.unwrap();
    store.create_lead(lead("l", 1), None).await.unwrap();
    assert_eq!(store.canvas(&canvas("c").name).await.unwrap(), canvas("c"));
    assert_eq!(store.profile(&profile("p", None).name).await.unwrap(), profile("p", None));
    let record = store.lead(&name("l")).await.unwrap();
    assert_eq!((record.lead, record.latest_score, record.activity_count), (lead("l", 1), None, 0));
}

async fn what_is_missing_is_not_found(store: Arc<dyn Store>) {
    let missing = |result: Result<()>| assert!(matches!(result, Err(StoreError::NotFound(_))), "{result:?}");
    missing(store.canvas(&canvas("c").name).await.map(drop));
    missing(store.update_canvas(canvas("c"), None).await);
    missing(store.profile(&profile("p", None).name).await.map(drop));
    missing(store.update_profile(profile("p", None), None).await);
    missing(store.lead(&name("l")).await.map(drop));
    missing(store.update_lead(lead("l", 1), None).await);
    missing(store.delete_lead(&name("l"), None, None).await);
    missing(store.append_activities(&name("l"), vec![activity("visit", 1.0)], None).await.map(drop));
    missing(store.record_score(score("l", 1, None), None, None).await.map(drop));
    missing(store.score(&"leads/l/scores/1".parse().unwrap()).await.map(drop));
    missing(store.score(&"leads/l/scores/x".parse().unwrap()).await.map(drop));
    missing(store.rule_set("ab").await.map(drop));
}

async fn a_name_is_taken_once(store: Arc<dyn Store>) {
    store.create_canvas(canvas("c"), None).await.unwrap();
    store.create_profile(profile("p", None), None).await.unwrap();
    store.create_lead(lead("l", 1), None).await.unwrap();
    assert!(matches!(store.create_canvas(canvas("c"), None).await, Err(StoreError::AlreadyExists(_))));
    assert!(matches!(
        store.create_profile(profile("p", None), None).await,
        Err(StoreError::AlreadyExists(_))
    ));
    assert!(matches!(store.create_lead(lead("l", 2), None).await, Err(StoreError::AlreadyExists(_))));
    assert_eq!(store.lead(&name("l")).await.unwrap().lead, lead("l", 1));
}

async fn former_revisions_stay(store: Arc<dyn Store>) {
    let first = lead("l", 1);
    store.create_lead(first.clone(), None).await.unwrap();
    let second = first.revise(LeadContent { stage: LeadStage::Mql, ..content() }, time(2));
    store.update_lead(second.clone(), None).await.unwrap();
    assert_eq!(store.lead_revision(&name("l"), 1).await.unwrap(), first);
    assert_eq!(store.lead_revision(&name("l"), 2).await.unwrap(), second);
    assert!(matches!(store.lead_revision(&name("l"), 3).await, Err(StoreError::NotFound(_))));
    let newest = Window { after: None, limit: 1 };
    assert_eq!(store.lead_revisions(&name("l"), newest).await.unwrap().items, [second]);
    let older = Window { after: Some(2), limit: 9 };
    assert_eq!(store.lead_revisions(&name("l"), older).await.unwrap().items, [first]);
    let first = profile("p", None);
    store.create_profile(first.clone(), None).await.unwrap();
    let mut second = Profile { version: first.version.next(time(2)), ..first.clone() };
    second.version.delete_time = Some(time(2));
    store.update_profile(second.clone(), None).await.unwrap();
    assert_eq!(store.profile_revision(&first.name, 1).await.unwrap(), first);
    let all = Window { after: None, limit: 9 };
    assert_eq!(store.profile_revisions(&first.name, all).await.unwrap().items, [second, first]);
}

async fn the_revision_at_a_time_is_found(store: Arc<dyn Store>) {
    let first = lead("l", 10);
    store.create_lead(first.clone(), None).await.unwrap();
    let second = first.revise(content(), time(20));
    store.update_lead(second.clone(), None).await.unwrap();
    assert!(matches!(store.lead_at(&name("l"), time(9)).await, Err(StoreError::NotFound(_))));
    assert_eq!(store.lead_at(&name("l"), time(10)).await.unwrap(), first);
    assert_eq!(store.lead_at(&name("l"), time(19)).await.unwrap(), first);
    assert_eq!(store.lead_at(&name("l"), time(20)).await.unwrap(), second);
}

async fn any_text_comes_back_as_it_was(store: Arc<dyn Store>) {
    for (i, text) in
        ["Phân khúc", "客户细分", "شرائح العملاء", "e\u{301}", "\u{0}\u{1F600}'\"%_\\", ""].iter().enumerate()
    {
        let content = LeadContent {
            owner: (*text).into(),
            ..with_id("crm", &format!("{i}{}", text.replace('\0', "")))
        };
        let written = Lead::create(name(&format!("l{i}")), content, time(1));
        store.create_lead(written.clone(), None).await.unwrap();
        assert_eq!(store.lead(&written.name).await.unwrap().lead, written);
    }
}

async fn large_bodies_come_back(store: Arc<dyn Store>) {
    let company = Company { display_name: "x".repeat(4 << 20), ..Company::default() };
    let written =
        Lead::create(name("l"), LeadContent { subject: Subject::Company(company), ..content() }, time(1));
    store.create_lead(written.clone(), None).await.unwrap();
    assert_eq!(store.lead(&written.name).await.unwrap().lead, written);
}

async fn a_batch_fails_item_by_item(store: Arc<dyn Store>) {
    let taken = LeadContent {
        external_ids: [("crm".to_owned(), "2".to_owned()), ("shop".to_owned(), "s".to_owned())].into(),
        ..content()
    };
    store.create_lead(Lead::create(name("owner"), with_id("shop", "s"), time(1)), None).await.unwrap();
    let items = vec![
        upsert("a", "1", with_id("crm", "1"), ""),
        upsert("b", "2", taken, ""),
        upsert("c", "3", with_id("crm", "3"), ""),
    ];
    let results = store.upsert_leads("crm", items.clone(), time(2).into(), None).await.unwrap();
    let shown: Vec<_> =
        results.iter().map(|result| result.as_ref().map(|upserted| upserted.created).ok()).collect();
    assert_eq!(shown, [Some(true), None, Some(true)]);
    assert!(matches!(&results[1], Err(StoreError::ExternalIdTaken { lead, .. }) if lead == "leads/owner"));
    assert!(store.lead(&name("b")).await.is_err(), "nothing is left of an item that failed");
    let again = store.upsert_leads("crm", items, time(3).into(), None).await.unwrap();
    let again = again[0].as_ref().unwrap();
    assert_eq!((again.created, again.record.lead.version.revision), (false, 1), "unchanged");

    let shop = upsert("z", "s", with_id("shop", "s"), "old");
    let late = store.upsert_leads("shop", vec![shop.clone()], time(4).into(), None).await.unwrap();
    assert!(matches!(late[0], Err(StoreError::Conflict(_))));
    let current = store.lead(&name("owner")).await.unwrap().lead.version.etag();
    let moved = LeadContent { owner: "an".into(), ..with_id("crm", "7") };
    store
        .update_lead(
            store.lead(&name("owner")).await.unwrap().lead.revise(
                LeadContent {
                    external_ids: [("crm".to_owned(), "7".to_owned()), ("shop".to_owned(), "s".to_owned())]
                        .into(),
                    ..content()
                },
                time(5),
            ),
            None,
        )
        .await
        .unwrap();
    assert_ne!(current, store.lead(&name("owner")).await.unwrap().lead.version.etag());
    let moved = upsert("z", "7", moved, "");
    let kept = store.upsert_leads("crm", vec![moved], time(6).into(), None).await.unwrap();
    let kept = &kept[0].as_ref().unwrap().record.lead.content;
    assert_eq!((kept.owner.as_str(), kept.external_ids.len()), ("an", 2), "ids in other systems are kept");

    // What an item makes may depend on the lead that is there, and may be nothing good.
    let make = |current: Option<&Lead>| match current {
        Some(lead) if lead.content.owner == "an" => {
            Ok(LeadContent { owner: "bo".into(), ..lead.content.clone() }.into())
        }
        _ => Err(Invalid::one("lead", "is not what it was")),
    };
    let item = UpsertItem { make: Arc::new(make), ..upsert("z", "7", content(), "") };
    let mut outcomes = Vec::new();
    for at in [7, 8] {
        outcomes.extend(store.upsert_leads("crm", vec![item.clone()], time(at).into(), None).await.unwrap());
    }
    assert_eq!(outcomes[0].as_ref().unwrap().record.lead.content.owner, "bo");
    assert!(matches!(&outcomes[1], Err(StoreError::Invalid(invalid)) if invalid.0.len() == 1));
}

async fn an_external_id_belongs_to_one_lead(store: Arc<dyn Store>) {
    store.create_lead(Lead::create(name("a"), with_id("crm", "1"), time(1)), None).await.unwrap();
    let thief = Lead::create(name("b"), with_id("crm", "1"), time(1));
    assert!(matches!(store.create_lead(thief, None).await, Err(StoreError::ExternalIdTaken { .. })));
    assert!(store.lead(&name("b")).await.is_err());
    let freed = Lead::create(name("a"), with_id("crm", "1"), time(1)).revise(with_id("crm", "9"), time(2));
    store.update_lead(freed, None).await.unwrap();
    store.create_lead(Lead::create(name("b"), with_id("crm", "1"), time(3)), None).await.unwrap();
}

async fn activities_are_numbered_in_order(store: Arc<dyn Store>) {
    store.create_lead(lead("l", 1), None).await.unwrap();
    let visits = vec![activity("visit", 0.1), activity("visit", 0.2)];
    let append = async |activities| store.append_activities(&name("l"), activities, None).await.unwrap();
    assert_eq!(append(visits.clone()).await, Logged { done: 2, count: 2 });
    assert_eq!(append(vec![activity("meeting", 1e-300)]).await, Logged { done: 1, count: 3 });
    let all = store.activities(&name("l"), Window { after: None, limit: 9 }).await.unwrap();
    let expected = [visits, vec![activity("meeting", 1e-300)]].concat();
    assert_eq!(all, (1..).zip(expected).collect::<Vec<_>>());
    let second = store.activities(&name("l"), Window { after: Some(1), limit: 1 }).await.unwrap();
    assert_eq!(second, [(2, activity("visit", 0.2))]);
    assert_eq!(store.lead(&name("l")).await.unwrap().activity_count, 3);
}

async fn an_activity_with_an_id_is_recorded_once_and_can_be_taken_back(store: Arc<dyn Store>) {
    store.create_lead(lead("l", 1), None).await.unwrap();
    let by_id = |id: &str, at| Activity { id: Some(id.into()), time: time(at), ..activity("visit", 1.0) };
    let append = async |activities| store.append_activities(&name("l"), activities, None).await.unwrap();
    assert_eq!(append(vec![by_id("x", 3), activity("visit", 2.0)]).await, Logged { done: 2, count: 2 });
    // Of those that come again, in one call or in another, none is recorded.
    let again = vec![by_id("x", 9), by_id("y", 4), by_id("y", 4)];
    assert_eq!(append(again.clone()).await, Logged { done: 1, count: 3 });
    assert_eq!(append(again).await, Logged { done: 0, count: 3 });
    let known = async |count| {
        let found = store.activities_known(&name("l"), count, time(20), 9).await.unwrap();
        found
            .into_iter()
            .map(|activity| (activity.id.unwrap_or_default(), activity.amount))
            .collect::<Vec<_>>()
    };
    let three = vec![("x".into(), 1.0), (String::new(), 2.0), ("y".into(), 1.0)];
    assert_eq!(known(3).await, three);

    let delete = async |ids: &[&str]| {
        let ids = ids.iter().map(ToString::to_string).collect();
        store.delete_activities(&name("l"), ids, None).await.unwrap()
    };
    assert_eq!(delete(&["#1", "nobody", "#x"]).await, Logged { done: 0, count: 3 }, "the first has an id");
    assert_eq!(delete(&["y", "#2"]).await, Logged { done: 2, count: 4 });
    assert_eq!(known(4).await, [("x".into(), 1.0)]);
    assert_eq!(known(3).await, three, "what was scored before is scored alike again");
    let left = store.activities(&name("l"), Window { after: None, limit: 9 }).await.unwrap();
    assert_eq!(left, [(1, by_id("x", 3))]);
    let record = store.lead(&name("l")).await.unwrap();
    assert_eq!((record.activity_count, record.last_activity), (4, Some(time(3))));
    // An id that is free again can be taken.
    assert_eq!(append(vec![by_id("y", 6)]).await, Logged { done: 1, count: 5 });
    assert_eq!(store.lead(&name("l")).await.unwrap().last_activity, Some(time(6)));
    let nobody = store.delete_activities(&name("nobody"), vec!["x".into()], None).await;
    assert!(matches!(nobody, Err(StoreError::NotFound(_))));
}

async fn canvases_keep_their_revisions_and_who_made_them(store: Arc<dyn Store>) {
    let first = canvas("c");
    store.create_canvas(first.clone(), None).await.unwrap();
    let change = Change { author: "an".into(), reason: "a new name".into() };
    let mut second = Canvas { version: first.version.next(Stamp { time: time(2), change }), ..first.clone() };
    second.content.display_name = "Other".into();
    store.update_canvas(second.clone(), None).await.unwrap();
    let all = store.canvas_revisions(&first.name, Window { after: None, limit: 9 }).await.unwrap();
    assert_eq!(all.items, [second.clone(), first.clone()]);
    let older = store.canvas_revisions(&first.name, Window { after: Some(2), limit: 1 }).await.unwrap();
    assert_eq!(older.items, std::slice::from_ref(&first));
    assert_eq!(store.canvas_revision(&first.name, 1).await.unwrap(), first);
    assert_eq!(store.canvas_revision(&first.name, 2).await.unwrap().version.change.author, "an");
    assert!(matches!(store.canvas_revision(&first.name, 3).await, Err(StoreError::NotFound(_))));
    assert_eq!(store.latest_canvas_revision(&first.name).await.unwrap(), 2);
    let nowhere = "canvases/nowhere".parse().unwrap();
    assert!(matches!(store.latest_canvas_revision(&nowhere).await, Err(StoreError::NotFound(_))));
}

async fn the_activities_known_at_a_time_are_the_newest_of_them(store: Arc<dyn Store>) {
    store.create_lead(lead("l", 1), None).await.unwrap();
    let known =
        |amount: f64, at| Activity { time: time(1), known_time: time(at), ..activity("visit", amount) };
    let all = vec![known(1.0, 5), known(2.0, 50), known(3.0, 6), known(4.0, 7), known(5.0, 8)];
    store.append_activities(&name("l"), all, None).await.unwrap();
    let amounts = async |count, at, limit| {
        let found = store.activities_known(&name("l"), count, time(at), limit).await.unwrap();
        // Asked of several leads it is the same, in their order.
        let asked = vec![(name("none"), 0), (name("l"), count), (name("nobody"), 3), (name("l"), 1)];
        let of_several = store.activities_known_of(asked, time(at), limit).await.unwrap();
        let first = store.activities_known(&name("l"), 1, time(at), limit).await.unwrap();
        assert_eq!(of_several, [vec![], found.clone(), vec![], first]);
        found.iter().map(|activity| activity.amount).collect::<Vec<_>>()
    };
    assert_eq!(amounts(5, 10, 9).await, [1.0, 3.0, 4.0, 5.0]);
    assert_eq!(amounts(4, 10, 2).await, [3.0, 4.0]);
    assert_eq!(amounts(5, 4, 9).await, [0.0; 0]);
    assert_eq!(store.lead(&name("l")).await.unwrap().last_known, Some(time(50)));
}

async fn a_profile_points_to_a_segment_that_exists(store: Arc<dyn Store>) {
    let pointing = profile("p", Some("canvases/c/segments/s"));
    assert!(matches!(store.create_profile(pointing.clone(), None).await, Err(StoreError::Dangling(_))));
    let mut with = canvas_with_segment("c", "s");
    with.content.display_name = "any text\0 at all".into();
    store.create_canvas(with.clone(), None).await.unwrap();
    store.create_profile(pointing.clone(), None).await.unwrap();
    let without = Canvas { version: with.version.next(time(2)), segments: BTreeMap::new(), ..with.clone() };
    assert!(matches!(store.update_canvas(without, None).await, Err(StoreError::Dangling(_))));
    let elsewhere = Profile {
        version: pointing.version.next(time(2)),
        content: profile("p", Some("canvases/c/segments/t")).content,
        ..pointing
    };
    assert!(matches!(store.update_profile(elsewhere, None).await, Err(StoreError::Dangling(_))));
}

async fn scores_are_kept_and_the_latest_is_told(store: Arc<dyn Store>) {
    keep_rules(&*store).await;
    store.create_lead(lead("l", 1), None).await.unwrap();
    let first = store.record_score(score("l", 20, Some("A")), None, None).await.unwrap();
    let earlier = store.record_score(score("l", 10, Some("B")), None, None).await.unwrap();
    assert_eq!((first.to_string().as_str(), earlier.score.as_str()), ("leads/l/scores/1", "2"));
    let read = store.score(&first).await.unwrap();
    assert_eq!(read, Score { name: Some(first.clone()), ..score("l", 20, Some("A")) });
    let latest = store.lead(&name("l")).await.unwrap().latest_score.unwrap();
    assert_eq!((latest.name, latest.grade.as_str()), (first.clone(), "A"), "the one as of the latest time");
    let all = store.scores(&name("l"), newest()).await.unwrap();
    let names: Vec<_> = all.into_iter().map(|score| score.name.unwrap()).collect();
    assert_eq!(names, [earlier, first]);
    assert!(store.score(&"leads/l/scores/x".parse().unwrap()).await.is_err());
}

async fn deletion_removes_everything(store: Arc<dyn Store>) {
    keep_rules(&*store).await;
    let first = Lead::create(name("l"), with_id("crm", "1"), time(1));
    store.create_lead(first.clone(), None).await.unwrap();
    store.update_lead(first.revise(with_id("crm", "2"), time(2)), None).await.unwrap();
    store.append_activities(&name("l"), vec![activity("visit", 1.0)], None).await.unwrap();
    let kept = store
        .record_score(score("l", 5, Some("A")), "canvases/c/segments/s".parse().ok(), None)
        .await
        .unwrap();
    store.delete_lead(&name("l"), Some(2), None).await.unwrap();
    let all = Window { after: None, limit: 9 };
    assert!(store.lead(&name("l")).await.is_err());
    assert!(store.lead_revisions(&name("l"), all).await.unwrap().is_empty());
    assert!(store.activities(&name("l"), all).await.unwrap().is_empty());
    assert!(store.scores(&name("l"), newest()).await.unwrap().is_empty());
    assert!(store.score(&kept).await.is_err());
    assert!(store.segment_tallies(&canvas("c").name).await.unwrap().is_empty());
    store.create_lead(Lead::create(name("m"), with_id("crm", "2"), time(3)), None).await.unwrap();
}

async fn a_pointed_to_canvas_is_not_deleted(store: Arc<dyn Store>) {
    let first = canvas_with_segment("c", "s");
    store.create_canvas(first.clone(), None).await.unwrap();
    let pointing = profile("p", Some("canvases/c/segments/s"));
    store.create_profile(pointing.clone(), None).await.unwrap();
    let of_canvas = store.profiles_of_canvas(&first.name).await.unwrap();
    assert_eq!(of_canvas, [(pointing.name.clone(), "canvases/c/segments/s".parse().unwrap())]);
    let mut deleted = Canvas { version: first.version.next(time(2)), ..first.clone() };
    deleted.version.delete_time = Some(time(2));
    assert!(matches!(store.update_canvas(deleted.clone(), None).await, Err(StoreError::Dangling(_))));
    let mut gone = Profile { version: pointing.version.next(time(2)), ..pointing };
    gone.version.delete_time = Some(time(2));
    store.update_profile(gone, None).await.unwrap();
    store.update_canvas(deleted, None).await.unwrap();
    assert!(store.canvases(all(), false).await.unwrap().is_empty());
    assert_eq!(store.canvases(all(), true).await.unwrap().len(), 1);
}

async fn a_rule_set_is_kept_once_and_the_last_in_force_is_known(store: Arc<dyn Store>) {
    assert_eq!(store.last_rule_set().await.unwrap(), None);
    keep_rules(&*store).await;
    let kept = store.rule_set("ab").await.unwrap();
    let other = StoredRuleSet { id: "cd".into(), create_time: time(50), ..kept.clone() };
    store.change_rules(loaded(other.clone(), "replica"), None).await.unwrap();
    assert_eq!(store.last_rule_set().await.unwrap(), Some(other));
    let later = StoredRuleSet { create_time: time(99), ..kept.clone() };
    store.change_rules(loaded(later, "replica"), None).await.unwrap();
    assert_eq!(store.rule_set("ab").await.unwrap(), kept);
    assert_eq!(store.last_rule_set().await.unwrap(), Some(kept));
}
