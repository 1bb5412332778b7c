//! Files to a server and back, by the command line: leads imported and exported, resources applied.

use std::path::Path;
use std::process::Output;

use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;

use crate::support::process::{Served, assay};
use crate::support::{copy_dir, shipped};

fn serve(scripts: &Path) -> (Served, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir.path().join("a.db"), scripts, &[]);
    (served, dir)
}

/// Runs a verb in a folder; gives its exit code, standard output and standard error.
fn run(served: &Served, folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = assay();
    command.current_dir(folder).env("ASSAY_SERVER", served.url()).env("USER", "an").args(arguments);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The counts of what an import did or would do: created, changed, unchanged.
fn counts(told: &str) -> Vec<usize> {
    let rows = told.lines().filter(|line| line.contains("created") || line.contains("changed"));
    let last = |line: &str| line.split_whitespace().last().and_then(|word| word.parse().ok());
    rows.filter_map(last).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn importing_twice_is_importing_once() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = dir.path().join("scripts");
    copy_dir(&shipped(), &scripts);
    let facts = scripts.join("facts.toml");
    let text = std::fs::read_to_string(&facts).unwrap();
    let words = "\n[columns.activity.page_visit]\ncount = \"Visits\"\nlast = \"Last Visit\"\n\n\
                 [aliases.stage]\ncustomer = [\"Closed won\"]\n";
    std::fs::write(&facts, text + words).unwrap();
    let (served, _data) = serve(&scripts);
    let folder = dir.path();
    let write = |rows: &str| {
        let head = "id,display_name,country,employees,Stage,Outcome,Created,Visits,Last Visit,Owner\n";
        std::fs::write(folder.join("leads.csv"), format!("{head}{rows}")).unwrap();
    };
    let profile = "name: profiles/main\ndisplay_name: Main\ncountries: [DE]\nsize_bands: [{min: 50, points_hundredths: 1400}]\n";
    std::fs::write(folder.join("profile.yaml"), profile).unwrap();
    write(
        "1,Acme,de,\"1,200\",Closed won,won,2025-01-05,2,2026-01-10,bo\n\
         2,Beta,AT,80,mql,,2025-02-01,,,\n\
         3,Gamma,,,nonsense,lost,,1,2026-01-11,\n\
         ,Nobody,,,,,,,,\n\
         1,Twice,DE,,,,,,,\n",
    );
    let import =
        |more: &[&str]| run(&served, folder, &[&["import", "leads.csv", "--system", "crm"], more].concat());
    let (code, _, told) = import(&["--dry-run"]);
    assert_eq!((code, counts(&told)), (3, vec![3, 0, 0]), "{told}");
    let mut leads = LeadServiceClient::connect(served.url()).await.unwrap();
    let all = async |leads: &mut LeadServiceClient<_>| {
        let request = pb::ListLeadsRequest { order_by: "create_time".into(), ..Default::default() };
        let mut found = leads.list_leads(request).await.unwrap().into_inner().leads;
        found.sort_by(|a, b| a.external_ids.cmp(&b.external_ids));
        found
    };
    assert!(all(&mut leads).await.is_empty(), "a dry run stores nothing");

    let (code, _, told) = import(&["--reason", "the fair"]);
    assert_eq!((code, counts(&told)), (3, vec![3, 0, 0]), "{told}");
    assert!(told.contains("3 activities were recorded") && told.contains("\"nonsense\""), "{told}");
    let errors = std::fs::read_to_string(folder.join("leads.errors.csv")).unwrap();
    assert_eq!(errors.lines().count(), 3, "{errors}");
    let stored = all(&mut leads).await;
    let acme = &stored[0];
    assert_eq!((acme.external_ids["crm"].as_str(), acme.stage()), ("1", pb::LeadStage::Customer));
    assert_eq!(acme.outcome.as_ref().unwrap().kind(), pb::OutcomeKind::Won);
    assert_eq!(acme.first_seen_time.unwrap().seconds, 1_736_035_200);
    let change = acme.change.as_ref().unwrap();
    assert_eq!((change.author.as_str(), change.reason.as_str()), ("an", "the fair"));

    // Again, and nothing has changed.
    let (_, _, told) = import(&[]);
    assert_eq!(counts(&told), [0, 0, 3], "{told}");
    assert_eq!(all(&mut leads).await, stored);
    let (_, _, told) = import(&["--dry-run"]);
    assert_eq!(counts(&told), [0, 0, 3], "{told}");

    // What a row no longer knows stays, what it knows anew counts; of what is counted, only the more is recorded.
    write("1,Acme,DE,,,,,5,2026-02-01,\n2,Beta,AT,90,,,,,,\n4,Delta,CH,7,,,,,,\n");
    let (code, _, told) = import(&["--dry-run"]);
    assert_eq!((code, counts(&told)), (0, vec![1, 1, 1]), "{told}");
    let (_, _, told) = import(&[]);
    assert_eq!(counts(&told), [1, 1, 1], "{told}");
    assert!(told.contains("3 activities were recorded"), "{told}");
    let now = all(&mut leads).await;
    let Some(pb::lead::Subject::Company(company)) = &now[0].subject else { panic!() };
    assert_eq!((company.employees, now[0].owner.as_str(), now[0].stage()), (Some(1_200), "bo", acme.stage()));

    // Scores are kept where a profile says by what.
    let (code, _, told) = import(&["--score"]);
    assert!(code == 3 && told.contains("3 leads could not be scored: "), "{told}");
    let (code, _, told) = run(&served, folder, &["apply", "profile.yaml", "--yes"]);
    assert_eq!(code, 0, "{told}");
    std::fs::write(folder.join("more.csv"), "id,country,employees\n5,DE,120\n").unwrap();
    let more = ["import", "more.csv", "--system", "crm", "--profile", "profiles/main", "--score"];
    let (code, _, told) = run(&served, folder, &more);
    assert!(code == 0 && told.contains("100.0 %"), "{told}");
    let (_, listed, _) = run(&served, folder, &["list", "leads", "--filter", "total > 0"]);
    assert!(listed.contains("new"), "{listed}");

    // An export is read again as it is.
    let (code, _, _) = run(&served, folder, &["export", "--system", "crm", "--out", "out.csv"]);
    assert_eq!(code, 0);
    for file in ["out.csv", "out.jsonl", "out.parquet"] {
        let (code, _, _) = run(&served, folder, &["export", "--system", "crm", "--out", file]);
        assert_eq!(code, 0);
        let (code, _, told) = run(&served, folder, &["import", file, "--system", "crm"]);
        assert_eq!((code, counts(&told)), (0, vec![0, 0, 5]), "{file}: {told}");
    }
    let chosen = [
        "export",
        "--system",
        "crm",
        "--filter",
        "country = de AND stage = customer",
        "--columns",
        "id,employees,stage",
    ];
    let (_, out, _) = run(&served, folder, &chosen);
    assert_eq!(out, "id,employees,stage\n1,1200,customer\n");
    let (code, _, told) = run(&served, folder, &["export", "--columns", "employes"]);
    assert!(code == 1 && told.contains("did you mean \"employees\"?"), "{told}");
    std::fs::write(folder.join("none.csv"), "Company,employees\nAcme,5\n").unwrap();
    let (code, _, told) = run(&served, folder, &["import", "none.csv"]);
    assert!(code == 1 && told.contains("no column with ids"), "{told}");
}

const MODEL: &str = "\
name: profiles/main
display_name: Main
segment: canvases/acme/segments/trades
industries: [heating]
---
name: canvases/acme
display_name: Acme
kind: CANVAS_KIND_BUSINESS_MODEL
notes:
- {id: offer, block: BLOCK_VALUE_PROPOSITIONS, text: Fast}
- {id: site, block: BLOCK_CHANNELS, text: The site}
links:
- {id: l1, kind: LINK_KIND_SERVES, from: offer, to: canvases/acme/segments/trades}
---
name: canvases/acme/segments/trades
displayName: Trades
size: 6500
needs:
- {kind: NEED_KIND_PAIN, text: Driving, intensity: 0.9}
relationship_plan:
  facets:
  - kind: FACET_KIND_TOUCHPOINTS
    touchpoints: [{description: Home, channel_note: site}]
---
name: canvases/acme/segments/trades/personas/minh
display_name: Minh
---
name: leads/zeta
company: {display_name: Zeta, employees: 40}
owner: an
";

#[test]
fn what_files_say_is_shown_applied_once_and_written_again() {
    let (served, dir) = serve(&shipped());
    let folder = dir.path();
    let model = folder.join("model");
    std::fs::create_dir(&model).unwrap();
    let write = |text: &str| std::fs::write(model.join("all.yaml"), text).unwrap();
    write(MODEL);
    let apply = |more: &[&str]| run(&served, folder, &[&["apply", "model"], more].concat());
    let (code, out, _) = apply(&["--dry-run"]);
    assert!(code == 1 && out.ends_with("5 to create, 0 to change, 0 unchanged\n"), "{out}");
    // Nobody is asked who can't be.
    let (code, _, told) = apply(&[]);
    assert!(code == 1 && told.contains("--yes"), "{told}");
    let (code, out, told) = apply(&["--yes", "--reason", "the workshop"]);
    assert!(code == 0 && out.ends_with("5 resources applied\n"), "{out}{told}");
    let (code, out, _) = apply(&["--yes"]);
    assert_eq!((code, out.as_str()), (0, "0 to create, 0 to change, 5 unchanged\n"));

    // What a file does not name stays; what differs is shown.
    write(&MODEL.replace("size: 6500\n", "size: 7000\n").replace("owner: an", "source: fair"));
    let (_, out, _) = apply(&["--dry-run"]);
    for line in ["~ canvases/acme/segments/trades", "  - size: 6500", "  + size: 7000", "  + source: fair"] {
        assert!(out.lines().any(|shown| shown == line), "{line}: {out}");
    }
    assert!(!out.contains("id:"), "only what differs: {out}");
    let (code, _, told) = apply(&["--yes"]);
    assert_eq!(code, 0, "{told}");
    let names = [
        "canvases/acme",
        "canvases/acme/segments/trades",
        "canvases/acme/segments/trades/personas/minh",
        "profiles/main",
        "leads/zeta",
    ];
    let (code, all, _) = run(&served, folder, &[&["get"], &names[..]].concat());
    assert!(code == 0 && all.contains("owner: an") && all.contains("source: fair"), "{all}");
    insta::assert_snapshot!("documents", all);
    write(&all);
    let (_, out, _) = apply(&["--yes"]);
    assert_eq!(out, "0 to create, 0 to change, 5 unchanged\n");

    let (_, table, _) = run(&served, folder, &["list", "segments", "--parent", "canvases/acme"]);
    assert!(table.contains("canvases/acme/segments/trades  Trades        7000"), "{table}");
    let (_, json, _) =
        run(&served, folder, &["list", "leads", "--filter", "employees = 40", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["company"]["employees"], 40);
    let (code, _, told) = run(&served, folder, &["list", "personas"]);
    assert!(code == 1 && told.contains("--parent"), "{told}");
    assert_eq!(run(&served, folder, &["delete", "leads/zeta"]).0, 0);
    let (code, _, told) = run(&served, folder, &["get", "leads/zeta"]);
    assert!(code == 1 && told.contains("leads/zeta does not exist"), "{told}");
}

#[test]
fn a_slip_in_a_document_is_told_with_its_place_and_nothing_is_applied() {
    let (served, dir) = serve(&shipped());
    let folder = dir.path();
    for (name, text, expected) in [
        ("field.yaml", "name: leads/a\nownr: an\n", "ownr: there is no such field; did you mean \"owner\"?"),
        (
            "deep.yaml",
            "name: profiles/a\nindustrys: []\ncriteria:\n- id: a\n- {dimension: DIMENSION_SIZE_AND_STAG}\n",
            "criteria[1].dimension: there is no \"DIMENSION_SIZE_AND_STAG\"; did you mean \"DIMENSION_SIZE_AND_STAGE\"?; \
             industrys: there is no such field; did you mean \"industries\"?",
        ),
        ("name.yaml", "display_name: A\n", "it has no name"),
        ("kind.json", "{\"name\": \"things/a\"}", "\"things/a\" is no name of a resource"),
        ("yaml.yaml", "name: [a\n", "line"),
        (
            "value.yaml",
            "name: leads/a\ncompany: {employees: \"1,300\", country: no, technologies: SAP}\ncreate_time: today\n",
            "company.country: a text, in quotes where YAML would take it for something else, is wanted here, not false; \
             company.employees: a whole number such as 1300 is wanted here, not \"1,300\"; \
             company.technologies: an object with fields of its own is wanted here, not \"SAP\"; \
             create_time: a time such as \"2026-11-26T09:00:00Z\" is wanted here, not \"today\"",
        ),
        ("twice.yaml", "name: leads/a\n---\nname: leads/a\n", "leads/a stands twice"),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
        let (code, out, told) = run(&served, folder, &["apply", name, "--yes"]);
        assert!(code == 1 && told.contains(expected) && out.is_empty(), "{name}: {out}{told}");
    }
    // What the server refuses is told with the document that it was in.
    std::fs::write(folder.join("bad.yaml"), "name: profiles/a\nsegment: canvases/x/segments/y\n").unwrap();
    let (code, _, told) = run(&served, folder, &["apply", "bad.yaml", "--yes"]);
    assert!(code == 1 && told.contains("bad.yaml") && told.contains("profile.segment"), "{told}");
}

/// A canvas as full as they come, in a language that is not English.
const CLINIC: &str = "\
name: canvases/clinic
display_name: Phòng khám Sen
kind: CANVAS_KIND_BUSINESS_MODEL
language: vi
size_unit: bệnh nhân
notes:
- {id: fast, block: BLOCK_VALUE_PROPOSITIONS, text: Khám trong ngày, tags: [mới]}
- {id: app, block: BLOCK_CHANNELS, text: Ứng dụng}
- id: fee
  block: BLOCK_REVENUE_STREAMS
  text: Phí tháng
  amount: {low: {currency_code: VND, units: 200000}, high: {currency_code: VND, units: 350000}, period: tháng}
  hypothesis:
    statement: Bệnh nhân trả phí tháng
    test: Chào 50 người
    metric: Tỷ lệ đồng ý
    threshold: 20 %
    result: 24 %
    evidence: [{source: 50 cuộc gọi, strength: 0.6, observed_time: '2026-10-01T00:00:00Z'}]
links:
- {id: l1, kind: LINK_KIND_SERVES, from: fast, to: canvases/clinic/segments/families}
- {id: l2, kind: LINK_KIND_PAID_FOR, from: fee, to: fast}
---
name: canvases/clinic/segments/families
display_name: Gia đình trẻ
size: 1200
growth_rate: 0.07
fit: 0.8
capacity: 300
needs:
- {kind: NEED_KIND_PAIN, text: Chờ lâu, intensity: 0.9}
- {kind: NEED_KIND_DESIRE, text: Cùng một bác sĩ}
relationship_plan:
  facets:
  - kind: FACET_KIND_RELATIONSHIP_TYPE
    relationship_types: [RELATIONSHIP_TYPE_PERSONAL_ASSISTANCE, RELATIONSHIP_TYPE_COMMUNITY]
    evidence: [{source: 12 phỏng vấn, observed_time: '2026-01-01T00:00:00Z'}]
    review_period_days: 36500
  - kind: FACET_KIND_TOUCHPOINTS
    touchpoints: [{description: Nhắc lịch, stage: LIFECYCLE_STAGE_USE, channel_note: app, owner: An}]
  - kind: FACET_KIND_SUPPORT
    response_time: 3600s
    attributes: {level: 24/7}
    evidence: [{source: Khảo sát, observed_time: '2001-01-01T00:00:00Z'}]
  - kind: FACET_KIND_PRIVACY_AND_SECURITY
    lawful_bases: [LAWFUL_BASIS_CONSENT]
---
name: canvases/clinic/segments/families/personas/lan
display_name: Lan
goals: [Con khỏe]
pains: [Nghỉ làm để đi khám]
preferred_channels: [Zalo]
quote: Tôi không có cả buổi sáng.
";

#[test]
fn a_canvas_is_shown_whole_in_its_own_language() {
    let (served, dir) = serve(&shipped());
    let folder = dir.path();
    std::fs::write(folder.join("clinic.yaml"), CLINIC).unwrap();
    let (code, _, told) = run(&served, folder, &["apply", "clinic.yaml", "--yes"]);
    assert_eq!(code, 0, "{told}");
    let (code, shown, told) = run(&served, folder, &["canvas", "show", "canvases/clinic"]);
    assert_eq!(code, 0, "{told}");
    insta::assert_snapshot!("canvas_in_vietnamese", shown);
}

#[test]
fn what_init_makes_can_be_applied_and_applied_again() {
    for kind in ["b2b", "shop", "clinic"] {
        let dir = tempfile::tempdir().unwrap();
        let made = assay().args(["init", "rules", "--kind", kind]).current_dir(dir.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let folder = dir.path().join("rules");
        let served = Served::start(&dir.path().join("a.db"), &folder.join("scripts"), &[]);
        let (code, out, told) = run(&served, &folder, &["apply", ".", "--yes"]);
        assert!(code == 0 && out.contains("2 to create"), "{out}{told}");
        let (code, out, _) = run(&served, &folder, &["apply", ".", "--yes"]);
        assert_eq!((code, out.as_str()), (0, "0 to create, 0 to change, 2 unchanged\n"));
    }
}
