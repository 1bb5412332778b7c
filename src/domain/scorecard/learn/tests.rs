use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;

use super::*;
use crate::domain::scorecard::sample::{Column, UNKNOWN, Values};

fn words(name: &str, words: &[&str], places: Vec<u32>) -> Column {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Column { name: name.into(), values: Values::Words { words, places } }
}

fn numbers(name: &str, numbers: Vec<f64>) -> Column {
    Column { name: name.into(), values: Values::Numbers(numbers) }
}

/// Accounts of which an industry and a size matter, and a lucky number and a city don't.
fn accounts(rows: usize, seed: u64) -> Sample {
    let mut random = SmallRng::seed_from_u64(seed);
    let (mut industry, mut size, mut city, mut lucky) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut won = Vec::new();
    for _ in 0..rows {
        let own = random.random_range(0..4_u32);
        let employees: f64 = random.random_range(1.0..2_000.0);
        let peak = if (200.0..800.0).contains(&employees) { 1.2 } else { -0.8 };
        let odds = [1.5, 0.2, -0.5, -1.2][own as usize] + peak - 0.6;
        industry.push(if random.random_range(0..10) == 0 { UNKNOWN } else { own });
        size.push(employees.round());
        city.push(random.random_range(0..5));
        lucky.push(random.random_range(0.0..100.0));
        won.push(random.random::<f64>() < 1.0 / (1.0 + libm::exp(-odds)));
    }
    Sample {
        columns: vec![
            words("industry", &["trades", "software", "retail", "farms"], industry),
            numbers("employees", size),
            words("city", &["A", "B", "C", "D", "E"], city),
            numbers("lucky number", lucky),
        ],
        won,
    }
}

fn verdicts(examined: &[Examined]) -> Vec<&Verdict> {
    examined.iter().map(|column| &column.verdict).collect()
}

#[test]
fn what_matters_gives_points_and_what_does_not_gives_none() {
    let sample = accounts(4_000, 7);
    let mut examined = examine(&sample, &[]);
    assert_eq!(
        verdicts(&examined),
        [&Verdict::Used, &Verdict::Used, &Verdict::NoEffect, &Verdict::NoEffect],
        "{examined:#?}"
    );
    let card = Scorecard::learn(&sample, &mut examined, Wanted::default()).unwrap();
    let size = card.characteristics.iter().find(|c| c.column == 1).unwrap();
    assert_eq!(size.trend(), Trend::Peak);
    let bounds: Vec<f64> = size
        .lines()
        .filter_map(|(bin, _)| match bin.falls {
            Falls::Range(from, _) => from,
            _ => None,
        })
        .collect();
    assert!(bounds.iter().any(|bound| (bound - 200.0).abs() < 60.0), "{bounds:?}");
    assert!(bounds.iter().any(|bound| (bound - 800.0).abs() < 60.0), "{bounds:?}");
    assert!((95..=105).contains(&card.most()), "{}", card.most());
    // What is said of a total is what was.
    let totals = card.totals(&sample);
    for from in [20, 40, 60] {
        let here: Vec<usize> =
            (0..sample.rows()).filter(|row| (from..from + 15).contains(&totals[*row])).collect();
        let said = here.iter().map(|row| card.chance(totals[*row])).sum::<f64>() / here.len() as f64;
        let was = here.iter().filter(|row| sample.won[**row]).count() as f64 / here.len() as f64;
        assert!((said - was).abs() < 0.06, "{from}: said {said}, was {was}");
    }
}

/// On outcomes that were dealt out anew, nothing is found.
#[test]
fn chance_is_not_taken_for_an_effect() {
    for seed in 0..20 {
        let mut sample = accounts(1_000, seed);
        sample.won.shuffle(&mut SmallRng::seed_from_u64(seed + 100));
        let mut examined = examine(&sample, &[]);
        let found = verdicts(&examined).into_iter().filter(|verdict| **verdict != Verdict::NoEffect).count();
        assert_eq!(found, 0, "{seed}: {examined:#?}");
        assert_eq!(Scorecard::learn(&sample, &mut examined, Wanted::default()), None);
    }
}

#[test]
fn what_another_column_says_already_gets_no_points_twice() {
    let mut sample = accounts(4_000, 7);
    let Values::Words { words: names, places } = sample.columns[0].values.clone() else { unreachable!() };
    sample.columns.push(Column { name: "branch".into(), values: Values::Words { words: names, places } });
    let mut examined = examine(&sample, &[]);
    let card = Scorecard::learn(&sample, &mut examined, Wanted::default()).unwrap();
    let alone =
        Scorecard::learn(&accounts(4_000, 7), &mut examine(&accounts(4_000, 7), &[]), Wanted::default());
    let points_of = |card: &Scorecard, column| {
        card.characteristics.iter().filter(|c| c.column == column).map(Characteristic::most).sum::<i64>()
    };
    let (both, one) = (points_of(&card, 0) + points_of(&card, 4), points_of(&alone.unwrap(), 0));
    assert!((both - one).abs() <= 4, "{both} and {one}");
}

#[test]
fn points_double_the_odds_where_that_is_wanted() {
    let sample = accounts(8_000, 3);
    for points in [5, 20] {
        let mut examined = examine(&sample, &[]);
        let wanted = Wanted { to_double_odds: Some(points), ..Wanted::default() };
        let card = Scorecard::learn(&sample, &mut examined, wanted).unwrap();
        // By the totals and outcomes themselves, so many points are worth a doubling.
        let doubled = std::f64::consts::LN_2 / card.slope;
        assert!((doubled / points as f64 - 1.0).abs() < 0.15, "{doubled} for {points}");
    }
}

#[test]
fn little_data_gives_hints_by_numbers() {
    let sample = accounts(90, 3);
    let won = sample.count_won();
    assert!(is_little(Tally { won, lost: 90 - won }));
    let mut examined = examine(&sample, &[]);
    if let Some(card) = Scorecard::learn(&sample, &mut examined, Wanted::default()) {
        assert!(card.characteristics.iter().all(|c| c.coefficient == OF_LITTLE_DATA));
        assert!(card.characteristics.iter().all(|c| c.binned.bins.len() <= 4));
    }
}

#[test]
fn an_unknown_word_and_an_unknown_fact_get_points_too() {
    let sample = accounts(2_000, 5);
    let card = Scorecard::learn(&sample, &mut examine(&sample, &[]), Wanted::default()).unwrap();
    let asked = Sample {
        columns: vec![
            words("industry", &["trades", "software", "retail", "farms"], vec![UNKNOWN, 0]),
            numbers("employees", vec![f64::NAN, 500.0]),
            words("city", &["A"], vec![UNKNOWN, UNKNOWN]),
            numbers("lucky number", vec![f64::NAN; 2]),
        ],
        won: vec![false; 2],
    };
    let totals = card.totals(&asked);
    assert!(totals[0] >= 0 && totals[1] == card.most(), "{totals:?} of {}", card.most());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Points go as the trend says, whatever the outcomes.
    #[test]
    fn points_go_as_the_trend_says(percents in prop::array::uniform10(2_usize..=98), others in 0_u64..1_000) {
        let mut random = SmallRng::seed_from_u64(others);
        let number = |row: usize| (row / 100) as f64;
        let won: Vec<bool> = (0..1_000).map(|row| row % 100 < percents[row / 100]).collect();
        // A second column that leans to the first, so that the regression has something to part.
        let leaning = won.iter().map(|won| u32::from(random.random_range(0..3) > u32::from(*won))).collect();
        let sample = Sample {
            columns: vec![
                numbers("size", (0..1_000).map(number).collect()),
                words("kind", &["a", "b"], leaning),
            ],
            won,
        };
        let Some(card) = Scorecard::learn(&sample, &mut examine(&sample, &[0, 1]), Wanted::default()) else { return Ok(()) };
        for c in &card.characteristics {
            prop_assert!(c.points.contains(&0) && c.points.iter().all(|points| *points >= 0));
            let points: Vec<i64> = c.points.clone();
            let turns = points.windows(3).filter(|p| (p[1] - p[0]) * (p[2] - p[1]) < 0).count();
            match c.trend() {
                Trend::Ascending => prop_assert!(points.is_sorted()),
                Trend::Descending => prop_assert!(points.iter().rev().is_sorted()),
                Trend::Peak | Trend::Valley => prop_assert!(turns <= 1, "{:?}", points),
                Trend::None => {}
            }
        }
    }
}
