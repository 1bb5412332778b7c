use super::*;
use crate::domain::profile::Expectation;
use crate::domain::profile::portrait::{Period, Seen};
use crate::domain::score::Points;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

fn bins(counts: &[(u64, u64)]) -> Vec<DriftBin> {
    let bin = |(reference, recent): &(u64, u64)| DriftBin {
        label: String::new(),
        reference: *reference,
        recent: *recent,
    };
    counts.iter().map(bin).collect()
}

#[test]
fn the_index_is_computed_as_it_is_defined_and_judged_by_how_much_was_seen() {
    // (0.2 − 0.1)·ln 2 + (0.8 − 0.9)·ln(8/9)
    let drift = Drift::of(bins(&[(100, 200), (900, 800)]));
    let by_hand = 0.1 * libm::log(2.0) - 0.1 * libm::log(8.0 / 9.0);
    assert!((drift.psi - by_hand).abs() < 1e-12);
    assert!(
        drift.chance < 1e-6 && drift.verdict == DriftVerdict::Stable,
        "sure, and too little to matter: {drift:?}"
    );
    assert_eq!(Drift::of(bins(&[(100, 300), (900, 700)])).verdict, DriftVerdict::Large);
    assert_eq!(Drift::of(bins(&[(10, 30), (30, 10)])).verdict, DriftVerdict::TooFew);
    assert_eq!(Drift::of(bins(&[])).chance, 1.0);
    // The mean of the index where nothing has drifted, as in the note on n = m = 100 and ten bins.
    assert!((Drift::of(bins(&[(10, 10); 10])).expected - 0.18).abs() < 1e-12);
}

/// Without drift the customary limits cry wolf; by chance, one in a hundred does.
#[test]
fn small_samples_are_not_taken_for_drift() {
    let mut random = SmallRng::seed_from_u64(7);
    let (mut by_limit, mut by_test) = (0, 0);
    for _ in 0..2_000 {
        let mut counts = [(0, 0); 10];
        for _ in 0..100 {
            counts[random.random_range(0..10_usize)].0 += 1;
            counts[random.random_range(0..10_usize)].1 += 1;
        }
        let drift = Drift::of(bins(&counts));
        by_limit += u32::from(drift.psi >= MODERATE);
        by_test += u32::from(!matches!(drift.verdict, DriftVerdict::Stable));
    }
    assert!(by_limit > 1_500, "{by_limit}");
    // The index of small samples has a heavier tail than χ², so somewhat more than the nominal twenty.
    assert!(by_test < 80, "{by_test}");
}

fn criterion(id: &str, points: i64) -> Criterion {
    Criterion {
        id: id.parse().unwrap(),
        dimension: None,
        indicator: None,
        fact: "industry".into(),
        expectation: Expectation::In(vec!["x".into()]),
        points: Points(points),
        because: format!("{id} counts"),
        evidence: Vec::new(),
    }
}

/// Leads of two periods: `steady` separates always, `faded` only in the reference, `idle` never, `wrong` the other way
/// round; solar comes up, farming is hardly ever won.
fn reviewed() -> (ProfileContent, Review) {
    let profile = ProfileContent {
        criteria: ["steady", "faded", "idle", "wrong"].map(|id| criterion(id, 500)).to_vec(),
        disqualifiers: vec![criterion("bad", 0)],
        industries: vec!["Trades".into(), "Farming".into()],
        ..ProfileContent::default()
    };
    let mut portrait = Portrait::of(&profile);
    let mut random = SmallRng::seed_from_u64(1);
    for i in 0..4_000 {
        let period = if i < 3_000 { Period::Reference } else { Period::Recent };
        let mut draw = || random.random_range(0..2) == 0;
        let (steady, faded, idle, wrong, bad) = (draw(), draw(), draw(), draw(), draw());
        let solar = if period == Period::Recent { 4 } else { 40 };
        let industry = match i {
            _ if i % solar == 0 => "Solar",
            _ if i % 5 == 1 => "Farming",
            _ => "Trades",
        };
        let mut chance = 0.4;
        chance += if steady { 0.2 } else { -0.2 };
        chance += if faded && period == Period::Reference { 0.2 } else { 0.0 };
        chance += if wrong || bad { -0.15 } else { 0.05 };
        let chance = if industry == "Farming" { 0.05 } else { chance };
        let won = random.random_range(0.0..1.0) < chance;
        let total = 1_000 * i64::from(steady)
            + random.random_range(0..3_000)
            + if period == Period::Recent { 1_500 } else { 0 };
        portrait.see(
            &profile,
            Seen {
                period,
                meets: &[Some(steady), Some(faded), Some(idle), Some(wrong), Some(bad)],
                industry,
                employees: None,
                total: Some(total),
                won: Some(won),
                decided: period,
                is_served: false,
            },
        );
    }
    let about = About {
        profile: "profiles/main".parse().unwrap(),
        revision: 3,
        as_of: Time::of_date("2026-11-01").unwrap(),
        recent_from: Time::of_date("2026-08-03").unwrap(),
        reference_from: Time::of_date("2025-08-03").unwrap(),
    };
    let review = Review::of(&portrait, &profile, about, &|word| word.to_owned());
    (profile, review)
}

#[test]
fn a_review_tells_what_drifted_and_what_to_change() {
    let (profile, review) = reviewed();
    assert_eq!(review.score.verdict, DriftVerdict::Large);
    assert_eq!(review.score.bins.len(), 10);
    let found: Vec<(&str, Separation)> =
        review.criteria.iter().map(|criterion| (criterion.id.as_str(), criterion.separation)).collect();
    let expected = [
        ("steady", Separation::Separates),
        ("faded", Separation::NoLonger),
        ("idle", Separation::NoEffect),
        ("wrong", Separation::Reverses),
        ("bad", Separation::Separates),
    ];
    assert_eq!(found, expected);
    assert!(review.criteria.iter().all(|criterion| criterion.drift.verdict == DriftVerdict::Stable));
    assert_eq!(review.industries[0].industry, "Solar");
    let proposed: Vec<(&str, &str, &str)> = review
        .proposals
        .iter()
        .map(|proposal| (proposal.path.as_str(), proposal.before.as_str(), proposal.after.as_str()))
        .collect();
    let expected = [
        ("industries", "", "Solar"),
        ("industries", "Farming", ""),
        ("criteria[\"faded\"]", "faded counts", ""),
        ("criteria[\"idle\"]", "idle counts", ""),
        ("criteria[\"wrong\"]", "wrong counts", ""),
    ];
    assert_eq!(proposed, expected);
    let changed = review.proposals.iter().fold(profile, ProfileContent::with_proposal);
    assert_eq!(changed.industries, ["Trades", "Solar"]);
    assert_eq!(changed.criteria.len(), 1);
    let again = review.proposals.iter().fold(changed.clone(), ProfileContent::with_proposal);
    assert_eq!(again, changed, "carried out twice is carried out once");
}

/// The same difference, seen on fewer leads, has not gone.
#[test]
fn fewer_leads_alone_don_t_make_a_criterion_fade() {
    let standing = |holding: (usize, usize), failing: (usize, usize)| Standing {
        of_holding: Tally { won: holding.0, lost: holding.1 },
        of_failing: Tally { won: failing.0, lost: failing.1 },
        ..Standing::default()
    };
    let reference = standing((300, 200), (200, 300));
    let told = |recent: Standing, is_against| separation(is_against, &Both { reference, recent });
    assert_eq!(told(standing((18, 12), (12, 18)), false), Separation::Separates);
    assert_eq!(told(standing((150, 150), (150, 150)), false), Separation::NoLonger);
    assert_eq!(told(standing((18, 12), (12, 18)), true), Separation::Reverses);
    assert_eq!(told(Standing::default(), false), Separation::Separates, "nothing recent is no change");
}

proptest! {
    #[test]
    fn an_index_is_never_negative_and_its_chance_is_one(counts in prop::collection::vec((0_u64..500, 0_u64..500), 0..12)) {
        let drift = Drift::of(bins(&counts));
        prop_assert!(drift.psi >= -1e-12 && drift.psi.is_finite());
        prop_assert!((0.0..=1.0).contains(&drift.chance));
    }
}
