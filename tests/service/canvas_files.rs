//! Canvases by the command line: from a template to a ranked, split and compared one, and through the formats.

use std::path::Path;
use std::process::Output;

use crate::support::process::{Served, assay};
use crate::support::shipped;

fn serve() -> (Served, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir.path().join("a.db"), &shipped(), &[]);
    (served, dir)
}

fn run(server: &str, folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = assay();
    command.current_dir(folder).env("ASSAY_SERVER", server).env("USER", "an").args(arguments);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Runs a verb that is to end with a code; gives what it says.
fn told(server: &str, folder: &Path, code: i32, arguments: &[&str]) -> String {
    let (ended, out, err) = run(server, folder, arguments);
    assert_eq!(ended, code, "{arguments:?}: {out}{err}");
    format!("{out}{err}")
}

#[test]
fn templates_have_no_finding_and_the_same_structure_in_every_language() {
    let dir = tempfile::tempdir().unwrap();
    let structure = |template: &str, language: &str| {
        let id = format!("{template}-{language}");
        let arguments =
            ["canvas", "new", "--template", template, "--lang", language, "--id", "same", "--out", &id];
        let said = told("", dir.path(), 0, &arguments);
        assert!(said.contains("0 errors, 0 warnings, 0 hints"), "{said}");
        let text = std::fs::read_to_string(dir.path().join(format!("{id}.yaml"))).unwrap();
        // Without what people read: ids, links, kinds and numbers.
        let is_structure = |line: &&str| {
            let key = line.trim_start().trim_start_matches("- ").split(':').next().unwrap_or_default();
            [
                "name",
                "id",
                "kind",
                "from",
                "to",
                "block",
                "need",
                "segment",
                "stage",
                "size",
                "fit",
                "growth_rate",
                "capacity",
                "channel_note",
                "units",
            ]
            .contains(&key)
        };
        text.lines().filter(is_structure).map(str::trim_end).collect::<Vec<_>>().join("\n")
    };
    for template in ["b2b", "ecommerce", "clinic"] {
        let english = structure(template, "en");
        assert!(english.lines().count() > 200, "{english}");
        for language in ["vi", "zh", "ar", "it"] {
            assert_eq!(structure(template, language), english, "{template} {language}");
        }
    }
    let unknown = told("", dir.path(), 1, &["canvas", "new", "--template", "clinik"]);
    assert!(unknown.contains("did you mean \"clinic\"?"), "{unknown}");
    let there = told("", dir.path(), 1, &["canvas", "new", "--id", "same", "--out", "b2b-en"]);
    assert!(there.contains("exists already"), "{there}");
}

#[test]
fn a_template_is_applied_ranked_split_and_compared() {
    let (served, dir) = serve();
    let (server, folder) = (served.url(), dir.path());
    let told = |code: i32, arguments: &[&str]| told(&server, folder, code, arguments);
    told(0, &["canvas", "new", "--template", "b2b", "--id", "acme"]);
    told(0, &["apply", "acme.yaml", "--yes"]);
    // Everything came to the server, the answers to needs as well, and comes back.
    assert_eq!(told(0, &["apply", "acme.yaml", "--yes"]), "0 to create, 0 to change, 7 unchanged\n");
    told(0, &["canvas", "export", "canvases/acme", "--out", "again.yaml"]);
    assert_eq!(told(0, &["canvas", "diff", "acme.yaml", "again.yaml"]), "nothing differs\n");
    assert!(told(0, &["canvas", "lint", "canvases/acme"]).contains("0 errors, 0 warnings, 0 hints"));

    let split = told(
        0,
        &[
            "segments",
            "allocate",
            "canvases/acme",
            "1000",
            "--unit",
            "hours",
            "--floor",
            "large=300",
            "--cap",
            "small=350",
        ],
    );
    insta::assert_snapshot!("split", split);
    let firm = ["segments", "stability", "canvases/acme", "--draws", "500", "--seed", "7"];
    insta::assert_snapshot!("stability", told(0, &firm));
    assert_eq!(told(0, &firm), told(0, &firm), "the same seed gives the same answer");
    insta::assert_snapshot!("assessed", told(0, &["segments", "assess", "canvases/acme", "--lang", "it"]));
    assert!(told(0, &["segments", "match", "canvases/acme"]).contains("Medium companies: 100 % answered"));

    told(0, &["canvas", "fork", "canvases/acme", "bold", "--title", "Acme, bold"]);
    let edits = "- change_note: {note: {id: vp-small, text: All paper done by noon}}\n\
                 - add_note: {note: {block: BLOCK_CHANNELS, text: Trade fairs}, place: {first: true}}\n";
    std::fs::write(folder.join("edits.yaml"), edits).unwrap();
    let tried = told(0, &["canvas", "edit", "canvases/bold", "--file", "edits.yaml", "--dry-run"]);
    assert!(tried.contains("nothing was written") && tried.contains("CHANNEL_UNUSED"), "{tried}");
    told(0, &["canvas", "edit", "canvases/bold", "--file", "edits.yaml", "--reason", "a try"]);
    insta::assert_snapshot!("compared", told(1, &["canvas", "diff", "canvases/acme", "canvases/bold"]));
    let log = told(0, &["canvas", "log", "canvases/bold"]);
    assert!(log.contains("an      a try") && log.contains("a copy of canvases/acme"), "{log}");
    let linted = told(0, &["canvas", "lint", "canvases/bold@2", "--lang", "vi"]);
    assert!(linted.contains("kênh “Trade fairs” không tiếp cận phân khúc nào"), "{linted}");
    told(0, &["canvas", "restore", "canvases/bold", "1"]);
    assert_eq!(told(0, &["canvas", "diff", "canvases/bold@1", "canvases/bold"]), "nothing differs\n");
}

/// An editor changes a copy of the canvas; what others change meanwhile stays.
#[test]
fn an_editor_s_changes_are_sent_as_edits() {
    let (served, dir) = serve();
    let (server, folder) = (served.url(), dir.path());
    told(&server, folder, 0, &["canvas", "new", "--template", "clinic", "--id", "main"]);
    told(&server, folder, 0, &["apply", "main.yaml", "--yes"]);
    let other = "- add_note: {note: {id: other, block: BLOCK_CHANNELS, text: Meanwhile}}\n";
    std::fs::write(folder.join("other.yaml"), other).unwrap();
    let editor = format!(
        "#!/bin/sh\n{} canvas edit canvases/main --file {}/other.yaml\nsed -i 's/^display_name: .*/display_name: Edited/;t' \"$1\"\n",
        env!("CARGO_BIN_EXE_assay"),
        folder.display()
    );
    std::fs::write(folder.join("editor"), editor).unwrap();
    let mut command = assay();
    command.current_dir(folder).env("ASSAY_SERVER", &server).env_remove("VISUAL");
    let edited =
        command.env("EDITOR", "sh ./editor").args(["canvas", "edit", "canvases/main"]).output().unwrap();
    assert!(edited.status.success(), "{}", String::from_utf8_lossy(&edited.stderr));
    let now = told(&server, folder, 0, &["canvas", "export", "canvases/main"]);
    assert!(now.contains("display_name: Edited") && now.contains("text: Meanwhile"), "{now}");
}

const MODEL: &str = include_str!("model.bmml");

#[test]
fn a_model_of_other_tools_comes_in_and_goes_out_unchanged() {
    let (served, dir) = serve();
    let (server, folder) = (served.url(), dir.path());
    std::fs::write(folder.join("model.bmml"), MODEL).unwrap();
    let stored = told(&server, folder, 0, &["canvas", "import", "model.bmml", "--id", "rides"]);
    assert!(stored.contains("canvases/rides (revision 1): stored"), "{stored}");
    let out = told(&server, folder, 0, &["canvas", "export", "canvases/rides", "--format", "bmml"]);
    let [before, after]: [serde_json::Value; 2] =
        [MODEL, &out].map(|text| serde_saphyr::from_str(text).unwrap());
    assert_eq!(before, after);
    // What the format can't hold is told.
    std::fs::write(folder.join("tag.yaml"), "- change_note: {note: {id: ch-app, tags: [new]}}\n").unwrap();
    told(&server, folder, 0, &["canvas", "edit", "canvases/rides", "--file", "tag.yaml"]);
    let lossy = told(&server, folder, 3, &["canvas", "export", "canvases/rides", "--format", "bmml"]);
    assert!(lossy.ends_with("the format can't hold: tags of notes\n"), "{lossy}");
    std::fs::write(folder.join("broken.bmml"), MODEL.replace("[cs-day, cs-night]", "[cs-moon]")).unwrap();
    let broken = told(&server, folder, 1, &["canvas", "import", "broken.bmml"]);
    assert!(broken.contains("there is no \"cs-moon\" in customer_segments"), "{broken}");
}

#[test]
fn what_is_jotted_down_in_vietnamese_becomes_a_canvas_and_a_portrait_is_asked_about() {
    let (served, dir) = serve();
    let (server, folder) = (served.url(), dir.path());
    let outline = "# Phở Nhanh\n## Phân khúc khách hàng\n- Dân văn phòng\n  - Ăn trưa nhanh\n## Kênh truyền hình\n- Ứng dụng đặt món\n";
    std::fs::write(folder.join("pho.md"), outline).unwrap();
    let stored = told(&server, folder, 0, &["canvas", "import", "pho.md", "--id", "pho"]);
    assert!(stored.contains("\"Kênh truyền hình\" is understood as Channels (\"Kênh\")"), "{stored}");
    let shown = told(&server, folder, 0, &["canvas", "show", "canvases/pho"]);
    assert!(
        shown.contains("Kênh\n  · Ứng dụng đặt món") && shown.contains("nhu cầu: Ăn trưa nhanh"),
        "{shown}"
    );
    std::fs::write(folder.join("who.md"), "## Chân dung khách hàng\n- An\n").unwrap();
    let asked = told(&server, folder, 1, &["canvas", "import", "who.md"]);
    assert!(asked.contains("may mean a persona") && asked.contains("ICP"), "{asked}");
    // A canvas that is there is only replaced if that is asked for, and as a revision.
    let taken = told(&server, folder, 1, &["canvas", "import", "pho.md", "--id", "pho"]);
    assert!(taken.contains("exists already"), "{taken}");
    std::fs::write(folder.join("pho.md"), outline.replace("nhanh", "ngon")).unwrap();
    let replaced = told(&server, folder, 0, &["canvas", "import", "pho.md", "--id", "pho", "--replace"]);
    assert!(replaced.contains("canvases/pho (revision 2): stored"), "{replaced}");
}

/// What is found is mended one by one, and nothing that somebody wrote is taken away; fixes of several findings don't meet.
#[test]
fn findings_are_mended_without_taking_anything_away() {
    let (served, dir) = serve();
    let (server, folder) = (served.url(), dir.path());
    let outline = "# One offer\n## Value Propositions\n- A third less driving\n## Customer Segments\n- Small workshops\n\
                   ## Channels\n- Regional fairs\n## Customer Relationships\n- A named manager\n## Revenue Streams\n- A flat fee\n\
                   ## Key Resources\n- The route planner\n## Key Activities\n- Onboarding in two weeks\n";
    std::fs::write(folder.join("one.md"), outline).unwrap();
    told(&server, folder, 0, &["canvas", "import", "one.md", "--id", "one"]);
    let mended = told(&server, folder, 0, &["canvas", "lint", "canvases/one", "--fix"]);
    assert!(mended.contains("findings settled") && mended.contains("that is for you to decide"), "{mended}");
    let left = told(&server, folder, 1, &["canvas", "lint", "canvases/one"]);
    for code in [
        "CHANNEL_UNUSED",
        "PROPOSITION_SERVES_NOBODY",
        "REVENUE_WITHOUT_PAYER",
        "REVENUE_WITHOUT_PROPOSITION",
    ] {
        assert!(!left.contains(code), "{left}");
    }
    let shown = told(&server, folder, 0, &["canvas", "show", "canvases/one"]);
    for entry in outline.lines().filter_map(|line| line.strip_prefix("- ")) {
        assert!(shown.contains(entry), "{entry} is gone: {shown}");
    }
}

/// A note is taken out of a file together with its links, and the answers of all others never go missing in between.
#[test]
fn a_note_that_leaves_its_file_leaves_the_canvas() {
    let (served, dir) = serve();
    let (server, folder) = (served.url(), dir.path());
    told(&server, folder, 0, &["canvas", "new", "--template", "b2b", "--id", "acme"]);
    told(&server, folder, 0, &["apply", "acme.yaml", "--yes"]);
    let text = std::fs::read_to_string(folder.join("acme.yaml")).unwrap();
    let mut documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
    let canvas = documents.iter_mut().find(|document| document.get("notes").is_some()).unwrap();
    let gone = canvas["notes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|note| note["block"] == "BLOCK_KEY_RESOURCES")
        .unwrap()["id"]
        .clone();
    canvas["notes"].as_array_mut().unwrap().retain(|note| note["id"] != gone);
    let leads = |link: &serde_json::Value| link["from"] == gone || link["to"] == gone;
    canvas["links"].as_array_mut().unwrap().retain(|link| !leads(link));
    let text: Vec<String> = documents.iter().map(|document| document.to_string()).collect();
    std::fs::write(folder.join("acme.yaml"), text.join("\n---\n")).unwrap();
    told(&server, folder, 0, &["apply", "acme.yaml", "--yes"]);
    assert!(
        told(&server, folder, 0, &["apply", "acme.yaml", "--yes"]).starts_with("0 to create, 0 to change")
    );
    // The partner has nothing to supply any more; all needs are answered as before.
    let log = told(&server, folder, 0, &["canvas", "log", "canvases/acme"]);
    assert!(log.lines().count() > 2, "{log}");
    let shown = told(&server, folder, 1, &["canvas", "lint", "canvases/acme"]);
    assert!(!shown.contains("NEED_UNANSWERED") && shown.contains("PARTNER_SUPPLIES_NOTHING"), "{shown}");
}
