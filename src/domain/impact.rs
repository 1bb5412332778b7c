//! What a change of rules would do: every lead scored by both sets, and what differs. Where outcomes are known, which of both
//! foretells them better.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::score::{Assessment, ContributionKind, Points, ScoreStatus};
use super::scorecard::evidence::Tally;
use super::scorecard::measure::Quality;

/// The set in force, and the one that is tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides<T> {
    pub before: T,
    pub after: T,
}

impl<T> Sides<T> {
    pub fn map<U>(&self, of: impl Fn(&T) -> U) -> Sides<U> {
        Sides { before: of(&self.before), after: of(&self.after) }
    }
}

/// A lead scored by both sets; or why one of them could not score it.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// What names the lead: its resource name, or the id of its row.
    pub lead: &'a str,
    pub display_name: &'a str,
    pub before: Result<&'a Assessment, &'a str>,
    pub after: Result<&'a Assessment, &'a str>,
    pub segment: &'a str,
    pub owner: &'a str,
    pub source: &'a str,
    pub won: Option<bool>,
}

/// What tells leads apart whose change is told for each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupedBy {
    Segment,
    Owner,
    Source,
}

/// How a rule did in both sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChange {
    /// On how many leads it fired.
    pub fired: Sides<u64>,
    /// The points that it gave to all of them together, in hundredths.
    pub points: Sides<i64>,
}

/// What changes for a group of leads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupChange {
    pub leads: u64,
    /// How many get a better grade, and how many a worse one.
    pub better: u64,
    pub worse: u64,
    /// How many are graded well enough to be handed to sales.
    pub qualified: Sides<u64>,
}

/// A lead that moves far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mover {
    pub lead: String,
    pub display_name: String,
    pub grade: Sides<String>,
    /// In hundredths of a point.
    pub total: Sides<i64>,
    /// The rules whose points differ, in hundredths; those that differ most first.
    pub rules: Vec<(String, Sides<i64>)>,
}

/// How well a set foretells outcomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Foretelling {
    pub auc: f64,
    pub auc_error: f64,
    /// Of chances that are the won shares of the grades.
    pub brier: f64,
    pub grades: BTreeMap<String, Tally>,
}

/// How many were won of all, and what both sets foretold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    pub of: Tally,
    pub foretelling: Sides<Foretelling>,
}

/// Everything that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImpactReport {
    pub leads: u64,
    pub changed_grade: u64,
    pub changed_total: u64,
    /// Leads by the grade before and after; a lead without a grade stands under its status.
    pub migration: Vec<(Sides<String>, u64)>,
    /// Leads by totals, in parts of so many points each: the first point of the part, and how many.
    pub histogram: Vec<(i64, Sides<u64>)>,
    pub histogram_width: i64,
    /// How alike the order of the leads is: 1 is the same, 0 has nothing to do with each other. `None` of fewer than two.
    pub rank_correlation: Option<f64>,
    /// Leads graded well enough to be handed to sales.
    pub qualified: Sides<u64>,
    pub rules: BTreeMap<String, RuleChange>,
    pub groups: BTreeMap<GroupedBy, BTreeMap<String, GroupChange>>,
    pub movers: Vec<Mover>,
    /// How many could not be scored, and why the first could not.
    pub errors: Sides<u64>,
    /// How many the set in force scores, and the other can't.
    #[serde(default)]
    pub newly_failing: u64,
    pub first_error: Sides<String>,
    /// `None` if fewer than ten were won or lost.
    pub backtest: Option<Backtest>,
}

/// Pairs that are being counted.
#[derive(Debug, Clone, Default)]
pub struct Impact {
    /// Grades that are handed to sales.
    qualifying: BTreeSet<String>,
    /// Grades from the best, of both sets.
    order: Vec<String>,
    leads: u64,
    changed_grade: u64,
    changed_total: u64,
    migration: BTreeMap<(String, String), u64>,
    totals: Vec<(i64, i64)>,
    ranks: Vec<(i64, i64)>,
    qualified: Sides<u64>,
    rules: BTreeMap<String, RuleChange>,
    groups: BTreeMap<GroupedBy, BTreeMap<String, GroupChange>>,
    movers: Vec<Mover>,
    errors: Sides<u64>,
    newly_failing: u64,
    first_error: Sides<String>,
    outcomes: Vec<(bool, Sides<i64>)>,
    grades: Sides<BTreeMap<String, Tally>>,
}

/// The most leads that are told one by one.
pub const MAX_MOVERS: usize = 50;
/// The most groups by one thing.
const MAX_GROUPS: usize = 200;
/// Where those are counted that come when there is no room for more groups.
pub const OTHERS: &str = "(others)";
/// The most rules whose points are told for a lead that moves.
const MAX_RULES_OF_A_MOVER: usize = 8;
/// Into about so many parts totals are cut.
const PARTS: i64 = 20;
/// With fewer won or lost leads nothing is said of foretelling.
const ENOUGH_OUTCOMES: usize = 10;

/// The grade of a lead, or its status if it has none.
pub fn grade(assessment: &Assessment) -> String {
    match (assessment.status, assessment.grade.as_deref()) {
        (ScoreStatus::Scored, Some(grade)) => grade.to_owned(),
        (status, _) => status.as_str().to_owned(),
    }
}

/// What a lead is ordered by: its total; without a verdict it stands below all that have one, and disqualified below these.
fn rank(assessment: &Assessment) -> i64 {
    match assessment.status {
        ScoreStatus::Scored => assessment.total.0,
        ScoreStatus::InsufficientData => i64::MIN / 4,
        ScoreStatus::Disqualified => i64::MIN / 2,
    }
}

impl Impact {
    /// For grades in their order from the best, by either set; and those that are handed to sales.
    pub fn of(before: &[String], after: &[String], qualifying: BTreeSet<String>) -> Self {
        // A grade that only one set has stands before the next one that both have.
        let mut order = after.to_vec();
        let mut at = 0;
        for grade in before {
            match order.iter().position(|known| known == grade) {
                Some(known) => at = known + 1,
                None => {
                    order.insert(at, grade.clone());
                    at += 1;
                }
            }
        }
        Self { qualifying, order, ..Self::default() }
    }

    /// The place of a grade: a smaller one is better; what is no grade is worse than all.
    fn place(&self, grade: &str) -> usize {
        self.order.iter().position(|known| known == grade).unwrap_or(self.order.len())
    }

    pub fn see(&mut self, pair: Pair) {
        let (before, after) = match (pair.before, pair.after) {
            (Ok(before), Ok(after)) => (before, after),
            (before, after) => {
                if let Err(message) = before {
                    fail(&mut self.errors.before, &mut self.first_error.before, message);
                }
                self.newly_failing += u64::from(before.is_ok());
                if let Err(message) = after {
                    fail(&mut self.errors.after, &mut self.first_error.after, message);
                }
                return;
            }
        };
        self.leads += 1;
        let grades = Sides { before: grade(before), after: grade(after) };
        *self.migration.entry((grades.before.clone(), grades.after.clone())).or_default() += 1;
        let (old, new) = (self.place(&grades.before), self.place(&grades.after));
        let total = Sides { before: before.total.0, after: after.total.0 };
        self.totals.push((total.before, total.after));
        let rank = Sides { before: rank(before), after: rank(after) };
        self.ranks.push((rank.before, rank.after));
        self.changed_grade += u64::from(grades.before != grades.after);
        self.changed_total += u64::from(total.before != total.after);
        let qualified = grades.map(|grade| u64::from(self.qualifying.contains(grade)));
        self.qualified.before += qualified.before;
        self.qualified.after += qualified.after;
        for (by, key) in [
            (GroupedBy::Segment, pair.segment),
            (GroupedBy::Owner, pair.owner),
            (GroupedBy::Source, pair.source),
        ] {
            let groups = self.groups.entry(by).or_default();
            let has_room = groups.len() < MAX_GROUPS || groups.contains_key(key);
            let group = groups.entry(if has_room { key.to_owned() } else { OTHERS.to_owned() }).or_default();
            group.leads += 1;
            group.better += u64::from(new < old);
            group.worse += u64::from(new > old);
            group.qualified.before += qualified.before;
            group.qualified.after += qualified.after;
        }
        self.count_rules(before, after);
        if let Some(won) = pair.won {
            self.outcomes.push((won, rank));
            self.grades.before.entry(grades.before.clone()).or_default().see(won);
            self.grades.after.entry(grades.after.clone()).or_default().see(won);
        }
        if total.before != total.after || grades.before != grades.after {
            self.movers.push(Mover {
                lead: pair.lead.to_owned(),
                display_name: pair.display_name.to_owned(),
                rules: differences(before, after),
                grade: grades,
                total,
            });
            if self.movers.len() >= 4 * MAX_MOVERS {
                self.keep_farthest();
            }
        }
    }

    fn count_rules(&mut self, before: &Assessment, after: &Assessment) {
        let fired = |assessment: &Assessment| points_by_rule(assessment);
        for (rule, points) in fired(before) {
            let of = self.rules.entry(rule).or_default();
            of.fired.before += 1;
            of.points.before += points.0;
        }
        for (rule, points) in fired(after) {
            let of = self.rules.entry(rule).or_default();
            of.fired.after += 1;
            of.points.after += points.0;
        }
    }

    /// Those whose grade moves by most places come first, then those whose total moves farthest.
    fn keep_farthest(&mut self) {
        let mut movers = std::mem::take(&mut self.movers);
        let key = |mover: &Mover| {
            let places = self.place(&mover.grade.before).abs_diff(self.place(&mover.grade.after));
            (places, mover.total.before.abs_diff(mover.total.after))
        };
        movers.sort_by(|a, b| key(b).cmp(&key(a)).then_with(|| a.lead.cmp(&b.lead)));
        movers.truncate(MAX_MOVERS);
        self.movers = movers;
    }

    pub fn report(mut self) -> ImpactReport {
        self.keep_farthest();
        let backtest = self.backtest();
        let (histogram_width, histogram) = histogram(&self.totals);
        let mut migration: Vec<(Sides<String>, u64)> = self
            .migration
            .iter()
            .map(|((before, after), n)| (Sides { before: before.clone(), after: after.clone() }, *n))
            .collect();
        migration.sort_by_key(|(grades, _)| {
            (
                self.place(&grades.before),
                grades.before.clone(),
                self.place(&grades.after),
                grades.after.clone(),
            )
        });
        ImpactReport {
            leads: self.leads,
            changed_grade: self.changed_grade,
            changed_total: self.changed_total,
            migration,
            histogram,
            histogram_width,
            rank_correlation: spearman(&self.ranks),
            qualified: self.qualified,
            rules: self.rules,
            groups: self.groups,
            movers: self.movers,
            errors: self.errors,
            newly_failing: self.newly_failing,
            first_error: self.first_error,
            backtest,
        }
    }

    fn backtest(&self) -> Option<Backtest> {
        let won: Vec<bool> = self.outcomes.iter().map(|(won, _)| *won).collect();
        let of = Tally {
            won: won.iter().filter(|won| **won).count(),
            lost: won.iter().filter(|won| !**won).count(),
        };
        if of.won.min(of.lost) < ENOUGH_OUTCOMES {
            return None;
        }
        let foretelling = |total: fn(&Sides<i64>) -> i64, grades: &BTreeMap<String, Tally>| {
            let totals: Vec<f64> = self.outcomes.iter().map(|(_, sides)| total(sides) as f64).collect();
            let quality = Quality::of(&totals, &won);
            // Σ over grades of won · (1 − share)² + lost · share².
            let off = grades.values().map(|tally| {
                let share = tally.share();
                tally.won as f64 * (1.0 - share) * (1.0 - share) + tally.lost as f64 * share * share
            });
            Foretelling {
                auc: quality.auc,
                auc_error: quality.auc_error,
                brier: off.sum::<f64>() / of.all() as f64,
                grades: grades.clone(),
            }
        };
        let before = foretelling(|sides| sides.before, &self.grades.before);
        let after = foretelling(|sides| sides.after, &self.grades.after);
        Some(Backtest { of, foretelling: Sides { before, after } })
    }
}

fn fail(count: &mut u64, first: &mut String, message: &str) {
    if *count == 0 {
        first.push_str(message);
    }
    *count += 1;
}

/// The points of each rule that fired, caps and bounds among them.
fn points_by_rule(assessment: &Assessment) -> BTreeMap<String, Points> {
    let mut points = BTreeMap::<String, Points>::new();
    for entry in &assessment.contributions {
        let name = match entry.kind {
            ContributionKind::Rule | ContributionKind::Criterion | ContributionKind::Factor => {
                entry.rule.to_string()
            }
            ContributionKind::Cap => format!("cap of {}", entry.rule),
            ContributionKind::Floor => format!("floor of {}", entry.rule),
            ContributionKind::Bound => format!("bounds of {}", entry.rule),
            ContributionKind::Disqualify => format!("disqualify {}", entry.rule),
            ContributionKind::GradeCap => format!("cap_grade {}", entry.rule),
        };
        *points.entry(name).or_default() += entry.points;
    }
    points
}

/// The rules whose points differ, those that differ most first.
fn differences(before: &Assessment, after: &Assessment) -> Vec<(String, Sides<i64>)> {
    let (before, after) = (points_by_rule(before), points_by_rule(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |points: &BTreeMap<String, Points>, name: &str| points.get(name).map_or(0, |points| points.0);
    let mut found: Vec<(String, Sides<i64>)> = names
        .into_iter()
        .map(|name| (name.clone(), Sides { before: of(&before, name), after: of(&after, name) }))
        .filter(|(name, sides)| {
            sides.before != sides.after || before.contains_key(name) != after.contains_key(name)
        })
        .collect();
    found.sort_by_key(|(_, sides)| std::cmp::Reverse(sides.before.abs_diff(sides.after)));
    found.truncate(MAX_RULES_OF_A_MOVER);
    found
}

/// Totals in parts of whole points.
fn histogram(totals: &[(i64, i64)]) -> (i64, Vec<(i64, Sides<u64>)>) {
    let all = || totals.iter().flat_map(|(before, after)| [*before, *after]);
    let (Some(least), Some(most)) = (all().min(), all().max()) else { return (1, Vec::new()) };
    let points = |hundredths: i64| hundredths.div_euclid(100);
    let span = points(most) - points(least) + 1;
    let wanted = (span + PARTS - 1) / PARTS;
    // Widths that people count in: 1, 2, 5, 10, 20 …
    let widths = (0..12).flat_map(|power| [1, 2, 5].map(|first| first * 10_i64.pow(power)));
    let width = widths.into_iter().find(|width| *width >= wanted).unwrap_or(wanted);
    let start = |hundredths: i64| points(hundredths).div_euclid(width) * width;
    // Parts without leads stand there too, so that it can be drawn as it is.
    let (first, last) = (start(least), start(most));
    let parts = (0..=(last - first) / width).map(|part| (first + part * width, Sides::default()));
    let mut parts: BTreeMap<i64, Sides<u64>> = parts.collect();
    for (before, after) in totals {
        parts.entry(start(*before)).or_default().before += 1;
        parts.entry(start(*after)).or_default().after += 1;
    }
    (width, parts.into_iter().collect())
}

/// Spearman's rank correlation, ties by their mean rank; 1 where nothing differs in either.
fn spearman(totals: &[(i64, i64)]) -> Option<f64> {
    if totals.len() < 2 {
        return None;
    }
    let ranks = |of: fn(&(i64, i64)) -> i64| {
        let mut order: Vec<usize> = (0..totals.len()).collect();
        order.sort_by_key(|at| of(&totals[*at]));
        let mut ranks = vec![0.0; totals.len()];
        let mut seen = 0;
        for alike in order.chunk_by(|a, b| of(&totals[*a]) == of(&totals[*b])) {
            let mean = seen as f64 + (alike.len() as f64 - 1.0) / 2.0;
            alike.iter().for_each(|at| ranks[*at] = mean);
            seen += alike.len();
        }
        ranks
    };
    let (x, y) = (ranks(|pair| pair.0), ranks(|pair| pair.1));
    let mean = (totals.len() as f64 - 1.0) / 2.0;
    let sum = |of: &dyn Fn(usize) -> f64| (0..totals.len()).map(of).sum::<f64>();
    let (xy, xx, yy) = (
        sum(&|i| (x[i] - mean) * (y[i] - mean)),
        sum(&|i| (x[i] - mean) * (x[i] - mean)),
        sum(&|i| (y[i] - mean) * (y[i] - mean)),
    );
    Some(if xx == 0.0 && yy == 0.0 {
        1.0
    } else if xx == 0.0 || yy == 0.0 {
        0.0
    } else {
        xy / (xx * yy).sqrt()
    })
}

#[cfg(test)]
mod tests;
