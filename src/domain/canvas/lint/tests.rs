use super::*;
use crate::domain::canvas::edit::Edit;
use crate::domain::canvas::hypothesis::Hypothesis;
use crate::domain::canvas::tests::{acme, now};
use crate::domain::canvas::{Block, CanvasKind, Link, LinkEnd, LinkKind, Maturity, Note};
use crate::domain::name::SegmentName;
use crate::domain::segment::{Facet, FacetKind, SegmentContent};
use crate::domain::value::Evidence;

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
    let gaps: &[(&str, Open)] = &[
        ("CHANNEL_UNUSED", |canvas| canvas.content.links.retain(|link| link.id.as_str() != "fairs-small")),
        ("ORPHAN_NOTE", |canvas| canvas.content.links.retain(|link| link.id.as_str() != "onboarding-team")),
        ("SEGMENT_WITHOUT_CHANNEL", |canvas| without(canvas, LinkKind::Reaches)),
        ("REVENUE_WITHOUT_PAYER", |canvas| without(canvas, LinkKind::PaidBy)),
        ("SEGMENT_WITHOUT_REVENUE", |canvas| without(canvas, LinkKind::PaidBy)),
        ("NO_REVENUE", |canvas| {
            canvas.content.maturity = Maturity::Growth;
            without(canvas, LinkKind::PaidBy);
        }),
        ("REVENUE_WITHOUT_PROPOSITION", |canvas| without(canvas, LinkKind::PaidFor)),
        ("PARTNER_SUPPLIES_NOTHING", |canvas| without(canvas, LinkKind::Supplies)),
        ("SEGMENT_WITHOUT_RELATIONSHIP", |canvas| without(canvas, LinkKind::Relates)),
        ("PROPOSITION_SERVES_NOBODY", |canvas| without(canvas, LinkKind::Serves)),
        ("SEGMENT_WITHOUT_PROPOSITION", |canvas| without(canvas, LinkKind::Serves)),
        ("ANSWERS_UNSERVED_SEGMENT", |canvas| without(canvas, LinkKind::Serves)),
        ("PAYER_NOT_SERVED", |canvas| without(canvas, LinkKind::Serves)),
        ("SERVES_WITHOUT_ANSWER", |canvas| {
            let mut link = link(canvas, "routes-medium").clone();
            (link.id, link.to) = (id("both"), link_to(canvas, "small"));
            canvas.content.links.push(link);
        }),
        ("ONE_PROPOSITION_FOR_ALL", |canvas| {
            without(canvas, LinkKind::Serves);
            for segment in ["small", "medium"] {
                let (kind, to) = (LinkKind::Serves, link_to(canvas, segment));
                canvas.content.links.push(Link { id: id(segment), kind, from: id("routes"), to });
            }
        }),
        ("DUPLICATE_LINK", |canvas| {
            let twice = Link { id: id("twice"), ..link(canvas, "routes-medium").clone() };
            canvas.content.links.push(twice);
        }),
        ("DUPLICATE_NOTE", |canvas| {
            let twice = Note { id: id("twice"), ..canvas.content.notes[2].clone() };
            canvas.content.notes.push(twice);
        }),
        ("VAGUE_NOTE", |canvas| canvas.content.notes[0].text = "Best quality".into()),
        ("EMPTY_BLOCK", |canvas| canvas.content.notes.retain(|note| note.block != Block::CostStructure)),
        ("HYPOTHESIS_WITHOUT_TEST", |canvas| believe(canvas, Some(0.1), &[])),
        ("RISKY_HYPOTHESIS_UNTESTED", |canvas| believe(canvas, Some(0.9), &[])),
        ("HYPOTHESIS_CONTRADICTED", |canvas| believe(canvas, None, &[(0.9, 5, false), (0.9, 5, true)])),
        ("HYPOTHESIS_REFUTED", |canvas| believe(canvas, None, &[(0.9, 5, true), (0.9, 6, true)])),
        ("HYPOTHESIS_STALE", |canvas| believe(canvas, None, &[(0.9, 4_000, false)])),
        ("OFFER_ANSWERS_NOTHING", |canvas| {
            canvas.content.notes[0].offer.as_mut().unwrap().features[0].answers.clear();
        }),
        ("NEED_UNANSWERED", |canvas| canvas.content.notes.iter_mut().for_each(|note| note.offer = None)),
        ("NO_MATCHES", |canvas| canvas.content.notes.iter_mut().for_each(|note| note.offer = None)),
        ("SEGMENT_WITHOUT_NEEDS", |canvas| content(canvas).needs.clear()),
        ("SEGMENT_WITHOUT_PERSONA", |canvas| {
            canvas.segments.values_mut().for_each(|segment| segment.personas.clear());
        }),
        ("PLAN_WITHOUT_LIFECYCLE", |canvas| {
            content(canvas).relationship_plan.remove(&FacetKind::Lifecycle);
        }),
        ("LIFECYCLE_GAP", |canvas| {
            facet(canvas, FacetKind::Lifecycle).lifecycle.pop_first();
        }),
        ("FACET_MISSING", |canvas| {
            content(canvas).relationship_plan.remove(&FacetKind::Support);
        }),
        ("FACET_ASSUMED", |canvas| canvas.content.maturity = Maturity::Mature),
        ("FACET_STALE", |canvas| {
            facet(canvas, FacetKind::Support).evidence = vec![evidence(0.9, 500, false)]
        }),
        ("PRIVACY_MISSING", |canvas| {
            facet(canvas, FacetKind::PrivacyAndSecurity).lawful_bases.clear();
        }),
        ("TOUCHPOINT_WITHOUT_OWNER", |canvas| {
            facet(canvas, FacetKind::Touchpoints).touchpoints[0].owner.clear();
        }),
        ("TOUCHPOINT_CHANNEL_ELSEWHERE", |canvas| {
            let touchpoint = &mut facet(canvas, FacetKind::Touchpoints).touchpoints[0];
            let other = if touchpoint.channel_note == Some(id("fairs")) { "partners" } else { "fairs" };
            touchpoint.channel_note = Some(id(other));
        }),
        ("SAME_PLAN", |canvas| {
            let plan = canvas.segments.values().next().unwrap().content.relationship_plan.clone();
            canvas.segments.values_mut().for_each(|segment| segment.content.relationship_plan = plan.clone());
            // Who answers for it, and what it rests on, makes no other plan of it.
            facet(canvas, FacetKind::Touchpoints).touchpoints[0].owner = "Somebody else".into();
            facet(canvas, FacetKind::Support).evidence = vec![evidence(0.9, 5, false)];
        }),
        ("PRIORITY_DATA_MISSING", |canvas| content(canvas).fit = None),
        ("NO_SEGMENT", |canvas| canvas.segments.clear()),
        ("PROBLEM_UNSOLVED", |canvas| lean(canvas, &[])),
        ("PROBLEM_CONCERNS_NOBODY", |canvas| lean(canvas, &[LinkKind::Solves])),
        ("SOLUTION_SOLVES_NOTHING", |canvas| lean(canvas, &[])),
    ];
    for (code, open) in gaps {
        let mut canvas = acme();
        open(&mut canvas);
        let found = codes(&canvas);
        assert!(found.contains(code), "{code}: {found:?}");
    }
    // What leads say, and scripts of one's own, have tests of theirs.
    let elsewhere = [
        Code::Own,
        Code::OwnScriptFails,
        Code::CapacityExceeded,
        Code::TopSegmentWithoutGoodLeads,
        Code::LowSegmentWithGoodLeads,
    ];
    let untold =
        |code: &&Code| !elsewhere.contains(code) && !gaps.iter().any(|(told, _)| *told == code.as_str());
    assert_eq!(Code::ALL.iter().find(untold), None);
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn without(canvas: &mut Canvas, kind: LinkKind) {
    canvas.content.links.retain(|link| link.kind != kind);
}

fn link<'a>(canvas: &'a Canvas, id: &str) -> &'a Link {
    canvas.content.links.iter().find(|link| link.id.as_str() == id).unwrap()
}

fn link_to(canvas: &Canvas, segment: &str) -> LinkEnd {
    LinkEnd::Segment(SegmentName { canvas: canvas.name.canvas.clone(), segment: id(segment) })
}

/// The content of a segment.
fn content(canvas: &mut Canvas) -> &mut SegmentContent {
    &mut canvas.segments.values_mut().next().unwrap().content
}

fn facet(canvas: &mut Canvas, kind: FacetKind) -> &mut Facet {
    content(canvas).relationship_plan.get_mut(&kind).unwrap()
}

fn evidence(strength: f64, days_ago: i64, against: bool) -> Evidence {
    Evidence {
        source: "a talk".into(),
        strength: Some(strength),
        observed_time: now().plus_days(-days_ago),
        against,
    }
}

/// A hypothesis on the first note, with evidence by its strength, its age in days and whether it speaks against.
fn believe(canvas: &mut Canvas, risk: Option<f64>, seen: &[(f64, i64, bool)]) {
    let evidence = seen.iter().map(|(strength, days_ago, against)| evidence(*strength, *days_ago, *against));
    let statement = "They drive less".to_owned();
    canvas.content.notes[0].hypothesis =
        Some(Hypothesis { statement, risk, evidence: evidence.collect(), ..Default::default() });
}

/// A lean canvas of one problem and one solution, with links of some kinds between them.
fn lean(canvas: &mut Canvas, kinds: &[LinkKind]) {
    canvas.content.kind = CanvasKind::Lean;
    canvas.content.links.clear();
    canvas.content.notes.truncate(2);
    canvas.content.notes.iter_mut().for_each(|note| note.offer = None);
    canvas.content.notes[0].block = Block::Problem;
    canvas.content.notes[1].block = Block::Solution;
    let (from, to) = (canvas.content.notes[1].id.clone(), LinkEnd::Note(canvas.content.notes[0].id.clone()));
    for kind in kinds {
        canvas.content.links.push(Link { id: id("link"), kind: *kind, from: from.clone(), to: to.clone() });
    }
}

/// Losing one stage and gaining another is told as both, though both stand at one path.
#[test]
fn findings_at_one_path_that_tell_of_other_things_are_others() {
    let gap = |stage: usize| {
        let mut canvas = acme();
        let lifecycle = &mut facet(&mut canvas, FacetKind::Lifecycle).lifecycle;
        let stage = lifecycle.keys().nth(stage).copied().unwrap();
        lifecycle.remove(&stage);
        canvas.lint(now(), &BTreeMap::new())
    };
    let (before, after) = (gap(1), gap(2));
    let (gained, lost) = gained_and_lost(&before, &after);
    assert_eq!((gained.len(), lost.len()), (1, 1));
}

/// Evidence against a facet founds nothing, and nor does what is yet to be observed.
#[test]
fn what_speaks_against_a_facet_founds_nothing() {
    let mut canvas = acme();
    canvas.content.maturity = Maturity::Mature;
    let assumed = |canvas: &Canvas| {
        let found = canvas.lint(now(), &BTreeMap::new());
        let path =
            format!("segments[\"{}\"].relationship_plan[Support]", canvas.segments.keys().next().unwrap());
        found.iter().any(|found| found.code == Code::FacetAssumed && found.path == path)
    };
    for (seen, is_assumed) in
        [(evidence(0.9, 5, true), true), (evidence(0.9, -5, false), true), (evidence(0.9, 5, false), false)]
    {
        facet(&mut canvas, FacetKind::Support).evidence = vec![seen];
        assert_eq!(assumed(&canvas), is_assumed);
    }
}

/// Fixes of several findings go together in one list of edits.
#[test]
fn all_fixes_that_add_something_can_be_applied_at_once() {
    let mut canvas = acme();
    canvas.segments.retain(|id, _| id.as_str() == "small");
    let of_medium =
        |link: &Link| matches!(&link.to, LinkEnd::Segment(name) if name.segment.as_str() == "medium");
    canvas.content.links.retain(|link| !of_medium(link) && link.kind != LinkKind::Reaches);
    canvas.content.notes[0].offer = None;
    let found = canvas.lint(now(), &BTreeMap::new());
    let adds = |edit: &Edit| matches!(edit, Edit::AddLink { .. });
    let edits: Vec<Edit> =
        found.iter().flat_map(|one| one.fix.iter().filter(|edit| adds(edit)).cloned()).collect();
    assert!(edits.len() >= 3, "{found:#?}");
    for edit in edits {
        canvas.apply_one(edit).unwrap();
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
