use super::*;
use crate::domain::canvas::tests::{acme, now};
use crate::domain::canvas::{LinkKind, Maturity};

fn codes(canvas: &Canvas) -> Vec<&'static str> {
    canvas.lint(now(), &BTreeMap::new()).iter().map(|found| found.code.as_str()).collect()
}

#[test]
fn every_code_is_named_once_and_says_something_in_each_language() {
    // What scripts say is said as it is written.
    for code in Code::ALL.iter().filter(|code| **code != Code::Own) {
        assert_eq!(Code::ALL.iter().filter(|other| other.as_str() == code.as_str()).count(), 1);
        let names: Vec<String> = ["α", "β", "γ", "δ"].map(String::from).to_vec();
        let texts = crate::domain::labels::LANGUAGES.map(|language| texts::text(*code, language, &names));
        let named = |text: &String| names.iter().filter(|name| text.contains(name.as_str())).count();
        assert!(texts.iter().all(|text| named(text) == named(&texts[0])), "{texts:?}");
        for (index, text) in texts.iter().enumerate() {
            assert!(!text.is_empty() && !text.contains('{'), "{code:?}");
            assert_eq!(texts.iter().position(|other| other == text), Some(index), "{code:?}");
        }
    }
}

#[test]
fn a_model_that_holds_together_has_no_finding_and_each_gap_has_its_own() {
    assert_eq!(codes(&acme()), Vec::<&str>::new());
    // Each edit opens one gap; what else it tears open is told too.
    type Open = fn(&mut Canvas);
    let gaps: [(&str, Open); 12] = [
        ("CHANNEL_UNUSED", |canvas| canvas.content.links.retain(|link| link.id.as_str() != "fairs-small")),
        ("SEGMENT_WITHOUT_CHANNEL", |canvas| {
            canvas.content.links.retain(|link| link.kind != LinkKind::Reaches)
        }),
        ("REVENUE_WITHOUT_PAYER", |canvas| canvas.content.links.retain(|link| link.kind != LinkKind::PaidBy)),
        ("REVENUE_WITHOUT_PROPOSITION", |canvas| {
            canvas.content.links.retain(|link| link.kind != LinkKind::PaidFor)
        }),
        ("PARTNER_SUPPLIES_NOTHING", |canvas| {
            canvas.content.links.retain(|link| link.kind != LinkKind::Supplies)
        }),
        ("VAGUE_NOTE", |canvas| canvas.content.notes[0].text = "Best quality".into()),
        ("SEGMENT_WITHOUT_PERSONA", |canvas| {
            canvas.segments.values_mut().for_each(|segment| segment.personas.clear());
        }),
        ("NEED_UNANSWERED", |canvas| {
            canvas.content.notes.iter_mut().for_each(|note| note.offer = None);
        }),
        ("PLAN_WITHOUT_LIFECYCLE", |canvas| {
            for segment in canvas.segments.values_mut() {
                segment.content.relationship_plan.remove(&crate::domain::segment::FacetKind::Lifecycle);
            }
        }),
        ("SAME_PLAN", |canvas| {
            let plan = canvas.segments.values().next().unwrap().content.relationship_plan.clone();
            canvas.segments.values_mut().for_each(|segment| segment.content.relationship_plan = plan.clone());
        }),
        ("PRIORITY_DATA_MISSING", |canvas| {
            canvas.segments.values_mut().for_each(|segment| segment.content.fit = None);
        }),
        ("NO_SEGMENT", |canvas| canvas.segments.clear()),
    ];
    for (code, open) in gaps {
        let mut canvas = acme();
        open(&mut canvas);
        let found = codes(&canvas);
        assert!(found.contains(&code), "{code}: {found:?}");
    }
}

#[test]
fn a_fix_mends_what_it_stands_beside() {
    let mut canvas = acme();
    canvas.content.links.retain(|link| link.id.as_str() != "routes-medium");
    let found = canvas.lint(now(), &BTreeMap::new());
    let unserved: Vec<_> = found.iter().filter(|found| !found.fix.is_empty()).collect();
    assert!(!unserved.is_empty());
    for finding in unserved {
        let mut mended = canvas.clone();
        for edit in finding.fix.clone() {
            mended.apply_one(edit).unwrap();
        }
        let after = mended.lint(now(), &BTreeMap::new());
        let (_, lost) = gained_and_lost(&found, &after);
        assert!(lost.contains(&finding), "{finding:?}");
    }
}

#[test]
fn a_finding_about_a_note_that_is_only_worded_anew_is_the_same() {
    let mut before = acme();
    before.content.links.retain(|link| link.id.as_str() != "fairs-small");
    let mut after = before.clone();
    after.content.notes.iter_mut().find(|note| note.id.as_str() == "fairs").unwrap().text =
        "National fairs".into();
    let [before, after] = [before, after].map(|canvas| canvas.lint(now(), &BTreeMap::new()));
    assert!(before.iter().any(|found| found.code == Code::ChannelUnused));
    assert_eq!(gained_and_lost(&before, &after), (Vec::new(), Vec::new()));
}

#[test]
fn what_leads_say_is_told_where_it_disagrees_with_the_rank() {
    let of = |rank, graded, graded_a, won| Live {
        leads: LeadTally { leads: graded, graded, graded_a, won, lost: 0 },
        rank: Some(rank),
    };
    let id = |text: &str| text.parse::<Id>().unwrap();
    let live = BTreeMap::from([(id("medium"), of(1, 20, 0, 3)), (id("small"), of(2, 12, 4, 5_000))]);
    let found: Vec<_> = acme().lint(now(), &live).iter().map(|found| found.text("en")).collect();
    assert_eq!(
        found,
        [
            "“Medium companies” is ranked first, and none of its 20 graded leads is an A",
            "“Small workshops” has 5000 customers, and 900 can be served",
            "“Small workshops” is ranked 2, and yields more A leads than the first: 4 of 12",
        ]
    );
    // A handful of leads says nothing.
    let live = BTreeMap::from([(id("medium"), of(1, 9, 0, 3)), (id("small"), of(2, 4, 4, 5))]);
    assert_eq!(acme().lint(now(), &live), Vec::new());
}

#[test]
fn gravity_follows_the_maturity_of_the_business() {
    let mut canvas = acme();
    canvas.content.links.retain(|link| link.kind != LinkKind::PaidBy);
    let severity = |canvas: &mut Canvas, maturity| {
        canvas.content.maturity = maturity;
        let found = canvas.lint(now(), &BTreeMap::new());
        found.iter().find(|found| found.code == Code::RevenueWithoutPayer).unwrap().severity
    };
    assert_eq!(severity(&mut canvas, Maturity::Startup), Severity::Warning);
    assert_eq!(severity(&mut canvas, Maturity::Mature), Severity::Error);
}

/// The page lists the codes as they are; write it anew with `UPDATE_DOCS=1 cargo test lint`.
#[test]
fn the_page_of_canvases_lists_every_code() {
    let mut table =
        String::from("| code | what it means | startup | growth | mature |\n|---|---|---|---|---|\n");
    for code in Code::ALL {
        let word = |maturity| match code.severity(maturity) {
            None => "–",
            Some(Severity::Hint) => "hint",
            Some(Severity::Warning) => "warning",
            Some(Severity::Error) => "error",
        };
        let words = [Maturity::Startup, Maturity::Growth, Maturity::Mature].map(word);
        table += &format!("| `{}` | {} | {} |\n", code.as_str(), code.meaning(), words.join(" | "));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/canvas.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once("<!-- codes -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of codes -->").unwrap();
    let wanted = format!("{before}<!-- codes -->\n{table}<!-- end of codes -->{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), wanted, "run UPDATE_DOCS=1 cargo test lint");
}
