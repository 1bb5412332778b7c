//! Long work: one works on it at a time, and another goes on when its lease runs out.

use super::*;

fn at(second: i64) -> Time {
    Time::from_micros(1_780_000_000_000_000 + second * 1_000_000).unwrap()
}

fn beat(until: i64, progress: f64) -> Beat {
    Beat { lease_until: at(until), progress, doing: format!("at {progress}"), reached: None }
}

async fn created(store: &dyn Store, id: &str) {
    store
        .create_job(Job::new(id.parse().unwrap(), "test", format!("{{\"of\":\"{id}\"}}"), at(0)), None)
        .await
        .unwrap();
}

fn id(id: &str) -> Id {
    id.parse().unwrap()
}

pub async fn a_job_is_worked_on_by_one_at_a_time_and_taken_over(store: Arc<dyn Store>) {
    assert_eq!(store.take_job(at(0), at(10)).await.unwrap(), None);
    created(&*store, "a").await;
    created(&*store, "b").await;
    let taken_twice = store.create_job(Job::new(id("a"), "test", String::new(), at(0)), None).await;
    assert!(matches!(taken_twice, Err(StoreError::AlreadyExists(_))));

    // The oldest first, each once.
    let first = store.take_job(at(1), at(10)).await.unwrap().unwrap();
    assert_eq!(
        (first.id.as_str(), first.state, first.fence, first.request.as_str()),
        ("a", JobState::Running, 1, "{\"of\":\"a\"}")
    );
    assert_eq!(store.take_job(at(1), at(10)).await.unwrap().unwrap().id, id("b"));
    assert_eq!(store.take_job(at(1), at(10)).await.unwrap(), None);

    // Whoever says that it lives keeps it; who does not loses it, and can't write to it any more.
    assert!(!store.keep_job(&id("a"), 1, beat(30, 0.5)).await.unwrap());
    assert_eq!(store.take_job(at(11), at(20)).await.unwrap().unwrap().id, id("b"));
    let over = store.take_job(at(31), at(60)).await.unwrap().unwrap();
    assert_eq!((over.id.as_str(), over.fence, over.progress, over.doing.as_str()), ("a", 2, 0.5, "at 0.5"));
    let third = store.take_job(at(31), at(60)).await.unwrap().unwrap();
    assert_eq!((third.id.as_str(), third.fence, third.progress), ("b", 3, 0.0));
    let end = || JobEnd { state: JobState::Done, outcome: "{}".into(), time: at(40), leads: Vec::new() };
    assert!(matches!(store.keep_job(&id("a"), 1, beat(90, 0.9)).await, Err(StoreError::Conflict(_))));
    assert!(matches!(store.end_job(&id("a"), 1, end()).await, Err(StoreError::Conflict(_))));
    store.end_job(&id("a"), 2, end()).await.unwrap();
    assert!(matches!(store.end_job(&id("a"), 2, end()).await, Err(StoreError::Conflict(_))), "it ends once");
    let done = store.job(&id("a")).await.unwrap();
    assert_eq!(
        (done.state, done.progress, done.outcome.as_str(), done.end_time),
        (JobState::Done, 1.0, "{}", Some(at(40)))
    );
    assert_eq!(
        store.take_job(at(10_000), at(10_001)).await.unwrap().unwrap().id,
        id("b"),
        "what has ended is not taken"
    );
}

pub async fn a_job_is_cancelled_listed_and_forgotten(store: Arc<dyn Store>) {
    for job in ["a", "b", "c"] {
        created(&*store, job).await;
    }
    let running = store.take_job(at(1), at(10)).await.unwrap().unwrap();
    // One that is worked on learns of it; one that waits has ended.
    store.cancel_job(&running.id, at(2)).await.unwrap();
    assert_eq!(store.job(&running.id).await.unwrap().state, JobState::Running);
    assert!(store.keep_job(&running.id, running.fence, beat(20, 0.1)).await.unwrap());
    store.cancel_job(&id("b"), at(3)).await.unwrap();
    let cancelled = store.job(&id("b")).await.unwrap();
    assert_eq!(
        (cancelled.state, cancelled.end_time, cancelled.is_cancelled),
        (JobState::Cancelled, Some(at(3)), true)
    );
    assert!(matches!(store.cancel_job(&id("z"), at(3)).await, Err(StoreError::NotFound(_))));
    assert_eq!(store.take_job(at(4), at(10)).await.unwrap().unwrap().id, id("c"));

    let window = |after, limit| Window { after, limit };
    let listed = store.jobs(window(None, 2)).await.unwrap();
    assert_eq!(listed.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["c", "b"]);
    let rest = store.jobs(window(Some(listed[1].number), 2)).await.unwrap();
    assert_eq!(rest.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["a"]);

    assert!(matches!(store.delete_job(&id("a")).await, Err(StoreError::Conflict(_))), "it is worked on");
    store.delete_job(&id("b")).await.unwrap();
    assert!(matches!(store.delete_job(&id("b")).await, Err(StoreError::NotFound(_))));
    store
        .end_job(
            &id("c"),
            1,
            JobEnd { state: JobState::Failed, outcome: String::new(), time: at(9), leads: Vec::new() },
        )
        .await
        .unwrap();
    assert_eq!(store.forget_jobs(at(9)).await.unwrap(), 0);
    assert_eq!(store.forget_jobs(at(10)).await.unwrap(), 1);
    assert_eq!(store.jobs(window(None, 9)).await.unwrap().len(), 1, "what has not ended is not forgotten");
}

pub async fn of_many_who_want_work_each_takes_another(store: Arc<dyn Store>) {
    for i in 0..8 {
        created(&*store, &format!("j{i}")).await;
    }
    let takers = (0..12).map(|_| store.take_job(at(1), at(10)));
    let taken = futures::future::join_all(takers).await;
    let mut ids: Vec<String> =
        taken.into_iter().filter_map(|job| Some(job.unwrap()?.id.to_string())).collect();
    ids.sort();
    assert_eq!(ids, (0..8).map(|i| format!("j{i}")).collect::<Vec<_>>());
}

pub async fn what_came_of_a_job_is_erased_with_a_lead_that_it_tells_of(store: Arc<dyn Store>) {
    for lead in ["told", "other"] {
        let content = LeadContent::of(Subject::Company(Company::default()));
        store.create_lead(Lead::create(name(lead), content, at(0)), None).await.unwrap();
    }
    for (job, leads) in [("a", vec!["told", "other"]), ("b", vec!["other"])] {
        created(&*store, job).await;
        store.take_job(at(1), at(10)).await.unwrap().unwrap();
        let leads = leads.into_iter().map(name).collect();
        let end = JobEnd { state: JobState::Done, outcome: "tells of leads".into(), time: at(2), leads };
        store.end_job(&id(job), 1, end).await.unwrap();
    }
    assert_eq!(
        store.jobs(Window { after: None, limit: 9 }).await.unwrap()[0].outcome,
        "",
        "lists don't carry it"
    );
    store.delete_lead(&name("told"), None, None).await.unwrap();
    let outcomes = [store.job(&id("a")).await.unwrap().outcome, store.job(&id("b")).await.unwrap().outcome];
    assert_eq!(outcomes, ["", "tells of leads"]);
    store.delete_job(&id("b")).await.unwrap();
    store.delete_lead(&name("other"), None, None).await.unwrap();
    // One that is gone before the job ends is not told of either.
    created(&*store, "c").await;
    store.take_job(at(3), at(10)).await.unwrap().unwrap();
    let leads = vec![name("other")];
    let end = JobEnd { state: JobState::Done, outcome: "tells of leads".into(), time: at(4), leads };
    store.end_job(&id("c"), 1, end).await.unwrap();
    assert_eq!(store.job(&id("c")).await.unwrap().outcome, "");
}

pub async fn a_job_that_is_left_waits_again_and_what_is_asked_is_forgotten(store: Arc<dyn Store>) {
    created(&*store, "a").await;
    assert_eq!(store.open_jobs().await.unwrap(), 1);
    let taken = store.take_job(at(1), at(100)).await.unwrap().unwrap();
    assert_eq!((taken.attempts, taken.kind.as_str(), taken.request.as_str()), (1, "test", "{\"of\":\"a\"}"));
    assert_eq!(store.job(&id("a")).await.unwrap().request, "", "only who takes it learns what is asked");
    store.leave_job(&id("a"), 1).await.unwrap();
    assert!(matches!(store.leave_job(&id("a"), 9).await, Err(StoreError::Conflict(_))));
    // Another takes it at once, and it counts as the first attempt.
    let taken = store.take_job(at(2), at(100)).await.unwrap().unwrap();
    assert_eq!((taken.fence, taken.attempts, taken.request.as_str()), (2, 1, "{\"of\":\"a\"}"));
    assert!(matches!(store.keep_job(&id("a"), 1, beat(90, 0.1)).await, Err(StoreError::Conflict(_))));
    let end = JobEnd { state: JobState::Done, outcome: String::new(), time: at(3), leads: Vec::new() };
    store.end_job(&id("a"), 2, end).await.unwrap();
    assert_eq!(store.open_jobs().await.unwrap(), 0);
}

pub async fn how_far_work_has_come_is_told_to_whoever_takes_it_over(store: Arc<dyn Store>) {
    for lead in ["told", "other"] {
        let content = LeadContent::of(Subject::Company(Company::default()));
        store.create_lead(Lead::create(name(lead), content, at(0)), None).await.unwrap();
    }
    created(&*store, "a").await;
    let reached = |text: &str, leads: &[&str]| {
        let leads = leads.iter().map(|lead| name(lead)).collect();
        Beat { reached: Some(Reached { text: text.into(), leads }), ..beat(10, 0.5) }
    };
    let taken = async |second: i64| store.take_job(at(second), at(second + 10)).await.unwrap().unwrap();
    let first = taken(0).await;
    assert_eq!(first.reached, "");
    store.keep_job(&id("a"), first.fence, reached("half", &["other"])).await.unwrap();
    // A beat that says nothing of it leaves it.
    store.keep_job(&id("a"), first.fence, beat(10, 0.6)).await.unwrap();
    let second = taken(20).await;
    assert_eq!(second.reached, "half");
    // What tells of a lead is forgotten with it, whichever comes first.
    store.keep_job(&id("a"), second.fence, reached("more", &["told", "other"])).await.unwrap();
    store.delete_lead(&name("told"), None, None).await.unwrap();
    let third = taken(40).await;
    assert_eq!(third.reached, "");
    store.keep_job(&id("a"), third.fence, reached("most", &["told", "other"])).await.unwrap();
    let fourth = taken(60).await;
    assert_eq!(fourth.reached, "");
    store.keep_job(&id("a"), fourth.fence, reached("all", &[])).await.unwrap();
    store.leave_job(&id("a"), fourth.fence).await.unwrap();
    assert_eq!(taken(61).await.reached, "all");
}
