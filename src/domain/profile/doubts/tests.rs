use super::*;
use crate::domain::labels::LANGUAGES;
use crate::domain::profile::{Criterion, DecisionRole, Expectation, Indicator, Review};
use crate::domain::score::Points;
use crate::domain::value::Evidence;

fn now() -> Time {
    Time::from_micros(20_000 * crate::domain::time::DAY).unwrap()
}

fn band(min: i64, max: Option<i64>, points: i64) -> SizeBand {
    SizeBand { min, max, points: Points(points), served: Served::Now, capacity: Some(20) }
}

fn criterion(id: &str) -> Criterion {
    let evidence = Evidence {
        source: "40 talks".into(),
        strength: None,
        observed_time: now().plus_days(-30),
        against: false,
    };
    Criterion {
        id: id.parse().unwrap(),
        dimension: Some(Dimension::IndustryAndScenario),
        indicator: Some(Indicator::Hard),
        fact: "industry".into(),
        expectation: Expectation::In(vec!["heating".into()]),
        points: Points(500),
        because: "They renew".into(),
        evidence: vec![evidence],
    }
}

/// A profile without any doubt.
fn sound() -> ProfileContent {
    let role = |role: &str, required| DecisionRole {
        role: role.into(),
        required,
        min_contacts: 1,
        ..Default::default()
    };
    ProfileContent {
        display_name: "Sound".into(),
        criteria: ["a", "b", "c"].map(criterion).to_vec(),
        disqualifiers: vec![criterion("d")],
        size_bands: vec![band(20, Some(100), 900), band(100, Some(400), 1_400), band(400, Some(900), 300)],
        decision_roles: vec![role("head_of_it", true), role("owner", false)],
        pains: vec!["driving".into()],
        review: Some(Review { cadence_days: 90, last_time: Some(now().plus_days(-20)) }),
        ..Default::default()
    }
}

#[test]
fn a_sound_profile_has_no_doubt_and_each_mistake_has_its_own() {
    assert_eq!(sound().doubts(now()), []);
    type Spoil = fn(&mut ProfileContent);
    let spoilt: &[(Doubt, &str, Spoil)] = &[
        (Doubt::NoSizeBands, "", |profile| profile.size_bands.clear()),
        (Doubt::CoarseSizeBand, "20 – 900", |profile| profile.size_bands = vec![band(20, Some(900), 100)]),
        (Doubt::SizeBandGap, "100 – 400", |profile| _ = profile.size_bands.remove(1)),
        (Doubt::BiggestWithoutCapacity, "400 – 900", |profile| profile.size_bands[2].capacity = None),
        (Doubt::BiggerIsBetter, "9 < 14 < 20", |profile| profile.size_bands[2].points = Points(2_000)),
        (Doubt::NothingTooBig, "400 +", |profile| profile.size_bands[2].max = None),
        (Doubt::NoDecisionRoles, "", |profile| profile.decision_roles.clear()),
        (Doubt::OneDecisionRole, "head_of_it", |profile| profile.decision_roles.truncate(1)),
        (Doubt::NoRequiredRole, "head_of_it, owner", |profile| profile.decision_roles[0].required = false),
        (Doubt::NoReview, "", |profile| profile.review = None),
        (Doubt::ReviewOverdue, "2024-08-10", |profile| {
            profile.review = Some(Review { cadence_days: 90, last_time: Some(now().plus_days(-145)) });
        }),
        (Doubt::ReviewTooRare, "365", |profile| {
            profile.review = Some(Review { cadence_days: 365, last_time: Some(now().plus_days(-20)) });
        }),
        (Doubt::OldEvidence, "2023-05-24", |profile| {
            profile.criteria[1].evidence[0].observed_time = now().plus_days(-499);
        }),
        (Doubt::DimensionMissing, "industry and scenario", |profile| {
            profile.criteria.iter_mut().for_each(|criterion| criterion.dimension = None);
        }),
        (Doubt::FewCriteria, "2", |profile| profile.criteria.truncate(2)),
        (Doubt::NoDisqualifiers, "", |profile| profile.disqualifiers.clear()),
        (Doubt::CriterionWithoutEvidence, "industry", |profile| profile.criteria[0].evidence.clear()),
        (Doubt::NoPains, "", |profile| profile.pains.clear()),
    ];
    for (doubt, evidence, spoil) in spoilt {
        let mut profile = sound();
        spoil(&mut profile);
        let found: Vec<(Doubt, String)> =
            profile.doubts(now()).into_iter().map(|finding| (finding.doubt, finding.evidence)).collect();
        assert_eq!(found, [(*doubt, (*evidence).to_owned())]);
    }
    let told: Vec<Doubt> = spoilt.iter().map(|(doubt, ..)| *doubt).collect();
    assert_eq!(told, Doubt::ALL[..told.len()]);
    assert_eq!(told.len() + BY_LEADS.len(), Doubt::ALL.len());
}

const BY_LEADS: [Doubt; 5] = [
    Doubt::FactSeldomKnown,
    Doubt::HoldsOfAll,
    Doubt::HoldsOfNone,
    Doubt::BandOverCapacity,
    Doubt::SizesOutside,
];

/// What leads alone can tell, by so many leads of each kind.
#[test]
fn leads_tell_what_a_profile_does_not() {
    use crate::domain::profile::portrait::{Period, Seen};
    let profile = ProfileContent { disqualifiers: Vec::new(), ..sound() };
    let portrait = |meets: [Option<bool>; 3], employees: f64, leads: usize| {
        let mut portrait = Portrait::of(&profile);
        for lead in 0..leads {
            // The third criterion always tells some apart.
            let meets = [meets[0], meets[1], meets[2].map(|_| lead % 2 == 0)];
            let seen = Seen {
                period: Period::Recent,
                meets: &meets,
                industry: "",
                employees: Some(employees),
                total: None,
                won: None,
                decided: Period::Recent,
                is_served: true,
            };
            portrait.see(&profile, seen);
        }
        profile
            .doubts_by_leads(&portrait)
            .into_iter()
            .map(|finding| (finding.doubt, finding.evidence))
            .collect::<Vec<_>>()
    };
    let yes = Some(true);
    assert_eq!(portrait([yes, yes, yes], 5.0, 49), [], "too few to tell");
    let found = portrait([yes, Some(false), yes], 50.0, 60);
    assert_eq!(
        found,
        [
            (Doubt::HoldsOfAll, "60/60".into()),
            (Doubt::HoldsOfNone, "0/60".into()),
            (Doubt::BandOverCapacity, "60 > 20".into()),
        ]
    );
    let found = portrait([None, yes, yes], 5_000.0, 60);
    assert_eq!(
        found,
        [
            (Doubt::FactSeldomKnown, "0/60".into()),
            (Doubt::HoldsOfAll, "60/60".into()),
            (Doubt::SizesOutside, "60/60".into()),
        ]
    );
}

#[test]
fn every_doubt_says_something_in_each_language() {
    for doubt in Doubt::ALL {
        let finding = Finding { doubt, path: String::new(), evidence: "α".into() };
        let texts = LANGUAGES.map(|language| finding.text(language));
        let names = texts.iter().filter(|text| text.contains('α')).count();
        assert!(names == 0 || names == texts.len(), "{texts:?}");
        for (index, text) in texts.iter().enumerate() {
            assert!(!text.contains('{'), "{text}");
            assert_eq!(texts.iter().position(|other| other == text), Some(index));
        }
        let remedies = LANGUAGES.map(|language| doubt.misconception().remedy(language));
        assert!(remedies.iter().all(|remedy| remedy.len() > 60));
    }
}
