use assay::grpc::pb::{self, criterion::Expectation};
use prost_types::FieldMask;
use tonic::Code;

use crate::support::{TestServer, failure, made};

async fn create(server: &TestServer, id: &str) -> pb::Profile {
    let request = pb::CreateProfileRequest {
        profile: Some(made::profile()),
        profile_id: id.into(),
        ..Default::default()
    };
    server.profiles().create_profile(request).await.unwrap().into_inner()
}

fn update(profile: pb::Profile, paths: &[&str]) -> pb::UpdateProfileRequest {
    let paths = paths.iter().map(ToString::to_string).collect();
    pb::UpdateProfileRequest {
        profile: Some(profile),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etag_guards_and_revisions_stay() {
    let server = TestServer::start().await;
    let first = create(&server, "main").await;
    assert_eq!(
        (first.name.as_str(), first.revision, first.scoring_script.as_str()),
        ("profiles/main", 1, "default")
    );

    let changed = pb::Profile { display_name: "Second".into(), pains: vec!["x".into()], ..first.clone() };
    let second =
        server.profiles().update_profile(update(changed, &["display_name"])).await.unwrap().into_inner();
    assert_eq!((second.display_name.as_str(), second.revision), ("Second", 2));
    assert!(second.pains.is_empty(), "only the mask's fields change");
    assert_ne!(second.etag, first.etag);

    let late = server.profiles().update_profile(update(first.clone(), &[])).await;
    let (code, reason, _) = failure(late);
    assert_eq!((code, reason.as_str()), (Code::Aborted, "ETAG_MISMATCH"));

    let request = |revision| pb::GetProfileRequest { name: "profiles/main".into(), revision };
    let old = server.profiles().get_profile(request(1)).await.unwrap().into_inner();
    assert_eq!(old, first);
    let (code, reason, _) = failure(server.profiles().get_profile(request(9)).await);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    let list = pb::ListProfileRevisionsRequest { name: "profiles/main".into(), ..Default::default() };
    let list = server.profiles().list_profile_revisions(list).await.unwrap().into_inner();
    let revisions: Vec<_> = list.profiles.iter().map(|profile| profile.revision).collect();
    assert_eq!(revisions, [2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_profile_can_be_read_but_not_changed_listed_or_made_anew() {
    let server = TestServer::start().await;
    let profile = create(&server, "main").await;
    create(&server, "other").await;
    let request = pb::DeleteProfileRequest {
        name: profile.name.clone(),
        etag: profile.etag.clone(),
        ..Default::default()
    };
    server.profiles().delete_profile(request).await.unwrap();
    let read = pb::GetProfileRequest { name: profile.name.clone(), revision: 0 };
    assert!(server.profiles().get_profile(read).await.unwrap().into_inner().delete_time.is_some());
    let open = pb::Profile { etag: String::new(), ..profile };
    let (code, reason, _) = failure(server.profiles().update_profile(update(open, &[])).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "DELETED"));
    let again = pb::CreateProfileRequest {
        profile: Some(made::profile()),
        profile_id: "main".into(),
        ..Default::default()
    };
    let (code, reason, _) = failure(server.profiles().create_profile(again).await);
    assert_eq!((code, reason.as_str()), (Code::AlreadyExists, "ALREADY_EXISTS"));
    let names = async |show_deleted| {
        let request = pb::ListProfilesRequest { show_deleted, ..Default::default() };
        let list = server.profiles().list_profiles(request).await.unwrap().into_inner();
        list.profiles.into_iter().map(|profile| profile.name).collect::<Vec<_>>()
    };
    assert_eq!(names(false).await, ["profiles/other"]);
    assert_eq!(names(true).await, ["profiles/main", "profiles/other"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_profile_is_told_at_once() {
    let server = TestServer::start().await;
    let criterion = |fact: &str, expectation| pb::Criterion {
        fact: fact.into(),
        because: "x".into(),
        expectation,
        ..Default::default()
    };
    let words = |word: &str| pb::TextList { values: vec![word.into()] };
    let band = |min, max| pb::SizeBand { min, max, ..Default::default() };
    let profile = pb::Profile {
        segment: "segments/x".into(),
        maturity: 77,
        scoring_script: "defalt".into(),
        criteria: vec![
            criterion("employes", Some(Expectation::AtLeast(5.0))),
            criterion("industry", Some(Expectation::AtLeast(5.0))),
            criterion("growth_stage", Some(Expectation::In(words("matur")))),
            criterion("employees", None),
        ],
        size_bands: vec![band(0, Some(10)), band(5, None)],
        decision_roles: vec![pb::DecisionRole { role: "champoin".into(), ..Default::default() }],
        ..Default::default()
    };
    let request = pb::CreateProfileRequest {
        profile: Some(profile),
        profile_id: "Not An Id".into(),
        ..Default::default()
    };
    let (code, reason, fields) = failure(server.profiles().create_profile(request).await);
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "INVALID_FIELDS"));
    let expected = [
        "profile_id",
        "profile.segment",
        "profile.maturity",
        "profile.criteria[3].expectation",
        "profile.display_name",
        "profile.size_bands[1]",
        "profile.decision_roles[0].role",
        "profile.scoring_script",
        "profile.criteria[0].fact",
        "profile.criteria[1].expectation",
        "profile.criteria[2].expectation",
    ];
    assert_eq!(fields, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_stable_and_bound_to_their_request() {
    let server = TestServer::start().await;
    for id in ["b", "d", "f", "h"] {
        create(&server, id).await;
    }
    let list = async |page_token: String, show_deleted| {
        let request =
            pb::ListProfilesRequest { page_size: 2, page_token, show_deleted, ..Default::default() };
        server.profiles().list_profiles(request).await.map(tonic::Response::into_inner)
    };
    let first = list(String::new(), false).await.unwrap();
    // Others insert and delete meanwhile: nothing is skipped or listed twice.
    create(&server, "a").await;
    create(&server, "e").await;
    let request =
        pb::DeleteProfileRequest { name: "profiles/d".into(), etag: String::new(), ..Default::default() };
    server.profiles().delete_profile(request).await.unwrap();
    let second = list(first.next_page_token.clone(), false).await.unwrap();
    let third = list(second.next_page_token.clone(), false).await.unwrap();
    let pages = [&first, &second, &third];
    let names: Vec<_> =
        pages.iter().flat_map(|page| &page.profiles).map(|profile| profile.name.as_str()).collect();
    assert_eq!(names, ["profiles/b", "profiles/d", "profiles/e", "profiles/f", "profiles/h"]);
    assert_eq!(third.next_page_token, "");
    let (code, _, fields) = failure(list(first.next_page_token, true).await);
    assert_eq!((code, fields), (Code::InvalidArgument, vec!["page_token".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_leads_or_the_configuration_name_is_deleted_only_by_force() {
    let settings = assay::config::Settings {
        default_profile: Some("profiles/main".into()),
        ..assay::config::Settings::default()
    };
    let write = |scripts: &std::path::Path| crate::support::copy_dir(&crate::support::shipped(), scripts);
    let server = TestServer::start_with(write, settings).await;
    for id in ["main", "side"] {
        let profile = Some(made::profile());
        let request = pb::CreateProfileRequest { profile, profile_id: id.into(), ..Default::default() };
        server.profiles().create_profile(request).await.unwrap();
    }
    let lead = pb::Lead { profile: "profiles/side".into(), ..made::company("Acme", Some(80)) };
    let request = pb::CreateLeadRequest { lead: Some(lead), lead_id: "l".into(), ..Default::default() };
    server.leads().create_lead(request).await.unwrap();
    let delete =
        |name: &str, force| pb::DeleteProfileRequest { name: name.into(), force, ..Default::default() };
    for (name, user) in [("profiles/main", "default_profile"), ("profiles/side", "leads/l")] {
        let refused = server.profiles().delete_profile(delete(name, false)).await.unwrap_err();
        assert!(refused.message().contains(user), "{refused:?}");
        let (code, reason, _) = crate::support::failure::<()>(Err(refused));
        assert_eq!((code, reason.as_str()), (tonic::Code::FailedPrecondition, "IN_USE"));
    }
    server.profiles().delete_profile(delete("profiles/side", true)).await.unwrap();
    let stored = || pb::ScoreLeadRequest {
        subject: Some(pb::score_lead_request::Subject::Lead("leads/l".into())),
        ..Default::default()
    };
    server.scoring().score_lead(stored()).await.unwrap_err();
    let undelete = pb::UndeleteProfileRequest { name: "profiles/side".into(), ..Default::default() };
    server.profiles().undelete_profile(undelete).await.unwrap();
    server.scoring().score_lead(stored()).await.unwrap();
}
