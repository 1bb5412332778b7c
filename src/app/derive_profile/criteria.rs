//! An ideal customer profile out of what was learnt: criteria with their evidence, size bands, and what rules an account out.

use super::sample::{Asked, Question};
use super::script::words;
use super::{Accounts, Derived};
use crate::domain::profile::{
    Criterion, Dimension, Expectation, Indicator, ProfileContent, Served, SizeBand,
};
use crate::domain::score::Points;
use crate::domain::scorecard::bins::{Bin, Falls};
use crate::domain::scorecard::evidence::Tally;
use crate::domain::time::Time;
use crate::domain::value::{Evidence, Value};

/// Evidence weighs so much before it makes a criterion.
const WORTH_A_CRITERION: f64 = 0.1;
/// What rules an account out was won less often than a tenth of the usual, surely (the upper end of the interval), of so many.
const HARDLY_EVER: f64 = 0.1;
const ENOUGH_TO_RULE_OUT: usize = 50;

/// The profile; what is worth points is an entry of it, with why.
pub fn profile(accounts: &Accounts, derived: &Derived, file: &str, as_of: Time) -> ProfileContent {
    let mut profile = ProfileContent {
        display_name: format!("Learnt from {file}").chars().take(200).collect(),
        scoring_script: "default".into(),
        ..ProfileContent::default()
    };
    let Some(card) = &derived.card else { return profile };
    for characteristic in &card.characteristics {
        let question = &accounts.questions[characteristic.column];
        for (number, (bin, points)) in characteristic.lines().enumerate() {
            if question.fact == "employees" {
                profile.size_bands.extend(size_band(bin, points));
                continue;
            }
            let Some(expectation) = expectation(bin, question) else { continue };
            let is_hopeless = bin.tally.all() >= ENOUGH_TO_RULE_OUT
                && bin.tally.interval().1 < HARDLY_EVER * derived.of.share();
            let criterion = Criterion {
                id: id(&question.fact, number),
                dimension: Some(dimension(&question.fact)),
                indicator: Some(Indicator::Hard),
                fact: question.fact.clone(),
                expectation,
                points: Points(if is_hopeless { 0 } else { points * 100 }),
                because: because(bin, question, derived.of),
                evidence: vec![Evidence {
                    source: format!("{} accounts of {file}", bin.tally.all()),
                    strength: None,
                    observed_time: as_of,
                    against: false,
                }],
            };
            if is_hopeless {
                profile.disqualifiers.push(criterion);
            } else if bin.weight >= WORTH_A_CRITERION && points > 0 {
                profile.criteria.push(criterion);
            }
        }
    }
    profile
}

fn expectation(bin: &Bin, question: &Question) -> Option<Expectation> {
    match (&question.asked, &bin.falls) {
        (Asked::Word, Falls::OneOf(words)) => Some(Expectation::In(words.clone())),
        (Asked::YesNo, Falls::OneOf(words)) if words.len() == 1 => {
            Some(Expectation::Equals(Value::YesNo(words[0] == "yes")))
        }
        (Asked::Has(word), Falls::OneOf(words)) if words.len() == 1 && words[0] == "yes" => {
            Some(Expectation::In(vec![word.clone()]))
        }
        (Asked::Number(asked), Falls::Range(from, below)) if *asked == question.fact => match (from, below) {
            (Some(_), Some(_)) => Some(Expectation::Between(*from, *below)),
            (Some(from), None) => Some(Expectation::AtLeast(*from)),
            _ => None,
        },
        _ => None,
    }
}

fn size_band(bin: &Bin, points: i64) -> Option<SizeBand> {
    let Falls::Range(from, below) = bin.falls else { return None };
    let served = if bin.weight >= 0.0 { Served::Now } else { Served::Unstated };
    let (min, max) = (from.map_or(0, |from| from.ceil() as i64), below.map(|below| below.ceil() as i64));
    Some(SizeBand { min, max, points: Points(points * 100), served, capacity: None })
}

/// What stands for it: how many of how many, where that surely lies, and how much more than usual.
fn because(bin: &Bin, question: &Question, of: Tally) -> String {
    let (low, high) = bin.tally.interval();
    let text = format!(
        "{}: {} of {} won, {:.0} % (95 %: {:.0} to {:.0}), {:.1} times the usual",
        words(bin, question),
        bin.tally.won,
        bin.tally.all(),
        100.0 * bin.tally.share(),
        100.0 * low,
        100.0 * high,
        bin.tally.share() / of.share().max(f64::MIN_POSITIVE)
    );
    text.chars().take(500).collect()
}

fn dimension(fact: &str) -> Dimension {
    match fact {
        "employees" | "revenue" | "growth_stage" | "founded_year" => Dimension::SizeAndStage,
        _ => Dimension::IndustryAndScenario,
    }
}

fn id(fact: &str, number: usize) -> crate::domain::name::Id {
    let stem: String =
        fact.replace('_', "-").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(56).collect();
    let stem = stem.trim_matches('-');
    format!("{stem}-{}", number + 1).parse().unwrap_or_else(|_| crate::domain::name::Id::unreadable())
}
