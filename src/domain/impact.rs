//! What a change of rules would do: every lead scored by both sets, and what differs. Where outcomes are known, which of both
//! foretells them better.

mod figures;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_with::serde_as;

use super::score::{Assessment, Contribution, ContributionKind, Points, ScoreStatus};
use super::scorecard::evidence::Tally;
use super::scorecard::measure::Quality;
use figures::{histogram, spearman};

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

/// A lead scored by both sets; or why one of them could not score it. One that is known to come to the same has the same assessment twice.
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
    /// How many of them had to be scored by both sets: on the others, each rule that differs comes to the same.
    #[serde(default)]
    pub scored_twice: u64,
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

/// Pairs that are being counted. However many there are, only those are kept that differ in what they count for.
#[serde_as]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// Grades that are handed to sales.
    qualifying: BTreeSet<String>,
    /// Grades from the best, of both sets.
    order: Vec<String>,
    leads: u64,
    scored_twice: u64,
    changed_grade: u64,
    changed_total: u64,
    /// By the grade before, and then the one after.
    migration: BTreeMap<String, BTreeMap<String, u64>>,
    /// How many leads have both totals, in hundredths.
    #[serde_as(as = "Vec<(_, _)>")]
    totals: BTreeMap<(i64, i64), u64>,
    /// The same of what they are ordered by.
    #[serde_as(as = "Vec<(_, _)>")]
    ranks: BTreeMap<(i64, i64), u64>,
    qualified: Sides<u64>,
    rules: BTreeMap<String, RuleChange>,
    groups: BTreeMap<GroupedBy, BTreeMap<String, GroupChange>>,
    movers: Vec<Mover>,
    errors: Sides<u64>,
    newly_failing: u64,
    first_error: Sides<String>,
    /// How many were won, or lost, that are ordered so.
    #[serde_as(as = "Vec<(_, _)>")]
    outcomes: BTreeMap<(bool, i64, i64), usize>,
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
        self.scored_twice += u64::from(!std::ptr::eq(before, after));
        let grades = Sides { before: grade(before), after: grade(after) };
        let to = entry(&mut self.migration, &grades.before);
        *entry(to, &grades.after) += 1;
        let (old, new) = (self.place(&grades.before), self.place(&grades.after));
        let total = Sides { before: before.total.0, after: after.total.0 };
        *self.totals.entry((total.before, total.after)).or_default() += 1;
        let rank = Sides { before: rank(before), after: rank(after) };
        *self.ranks.entry((rank.before, rank.after)).or_default() += 1;
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
            let group = entry(groups, if has_room { key } else { OTHERS });
            group.leads += 1;
            group.better += u64::from(new < old);
            group.worse += u64::from(new > old);
            group.qualified.before += qualified.before;
            group.qualified.after += qualified.after;
        }
        self.count_rules(before, after);
        if let Some(won) = pair.won {
            *self.outcomes.entry((won, rank.before, rank.after)).or_default() += 1;
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
        let are_one = std::ptr::eq(before, after);
        for (name, points, is_first) in entries(before) {
            let fired = u64::from(is_first);
            let of = entry(&mut self.rules, &name);
            of.fired.before += fired;
            of.points.before += points.0;
            of.fired.after += if are_one { fired } else { 0 };
            of.points.after += if are_one { points.0 } else { 0 };
        }
        if are_one {
            return;
        }
        for (name, points, is_first) in entries(after) {
            let of = entry(&mut self.rules, &name);
            of.fired.after += u64::from(is_first);
            of.points.after += points.0;
        }
    }

    /// Keeps those that move farthest: those whose grade moves by most places come first, then those whose total does.
    pub fn keep_farthest(&mut self) {
        let mut movers = std::mem::take(&mut self.movers);
        let key = |mover: &Mover| {
            let places = self.place(&mover.grade.before).abs_diff(self.place(&mover.grade.after));
            (places, mover.total.before.abs_diff(mover.total.after))
        };
        movers.sort_by(|a, b| key(b).cmp(&key(a)).then_with(|| a.lead.cmp(&b.lead)));
        movers.truncate(MAX_MOVERS);
        self.movers = movers;
    }

    /// The leads that it tells of one by one.
    pub fn leads(&self) -> impl Iterator<Item = &str> {
        self.movers.iter().map(|mover| mover.lead.as_str())
    }

    pub fn report(mut self) -> ImpactReport {
        self.keep_farthest();
        let backtest = self.backtest();
        let (histogram_width, histogram) = histogram(&self.totals);
        let mut migration: Vec<(Sides<String>, u64)> = self
            .migration
            .iter()
            .flat_map(|(before, to)| to.iter().map(move |(after, n)| (before, after, n)))
            .map(|(before, after, n)| (Sides { before: before.clone(), after: after.clone() }, *n))
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
            scored_twice: self.scored_twice,
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
        let each = || self.outcomes.iter().flat_map(|(of, count)| std::iter::repeat_n(of, *count));
        let won: Vec<bool> = each().map(|(won, ..)| *won).collect();
        let of = Tally {
            won: won.iter().filter(|won| **won).count(),
            lost: won.iter().filter(|won| !**won).count(),
        };
        if of.won.min(of.lost) < ENOUGH_OUTCOMES {
            return None;
        }
        let foretelling = |total: fn(&(bool, i64, i64)) -> i64, grades: &BTreeMap<String, Tally>| {
            let totals: Vec<f64> = each().map(|of| total(of) as f64).collect();
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
        let before = foretelling(|(_, before, _)| *before, &self.grades.before);
        let after = foretelling(|(_, _, after)| *after, &self.grades.after);
        Some(Backtest { of, foretelling: Sides { before, after } })
    }
}

fn fail(count: &mut u64, first: &mut String, message: &str) {
    if *count == 0 {
        first.push_str(message);
    }
    *count += 1;
}

/// What is counted under a name. Nearly always something is: then the name is not copied.
fn entry<'m, T: Default>(counted: &'m mut BTreeMap<String, T>, name: &str) -> &'m mut T {
    if !counted.contains_key(name) {
        counted.insert(name.to_owned(), T::default());
    }
    // It was just put in, if it was not there.
    #[allow(clippy::expect_used)]
    counted.get_mut(name).expect("a name that is there")
}

/// Each entry with its name among rules, its points, and whether it is the first of that name.
fn entries(assessment: &Assessment) -> impl Iterator<Item = (Cow<'_, str>, Points, bool)> {
    let all = &assessment.contributions;
    all.iter().enumerate().map(|(at, entry)| {
        let is_alike = |other: &Contribution| other.kind == entry.kind && other.rule == entry.rule;
        (entry_name(entry), entry.points, !all[..at].iter().any(is_alike))
    })
}

/// The name of a rule; of caps and bounds what they are of.
fn entry_name(entry: &Contribution) -> Cow<'_, str> {
    match entry.kind {
        ContributionKind::Rule | ContributionKind::Criterion | ContributionKind::Factor => {
            Cow::Borrowed(&entry.rule)
        }
        ContributionKind::Cap => format!("cap of {}", entry.rule).into(),
        ContributionKind::Floor => format!("floor of {}", entry.rule).into(),
        ContributionKind::Bound => format!("bounds of {}", entry.rule).into(),
        ContributionKind::Disqualify => format!("disqualify {}", entry.rule).into(),
        ContributionKind::GradeCap => format!("cap_grade {}", entry.rule).into(),
    }
}

/// The points of each rule that fired, caps and bounds among them.
fn points_by_rule(assessment: &Assessment) -> BTreeMap<Cow<'_, str>, Points> {
    let mut points = BTreeMap::new();
    for entry in &assessment.contributions {
        *points.entry(entry_name(entry)).or_insert(Points::ZERO) += entry.points;
    }
    points
}

/// The rules whose points differ, those that differ most first.
fn differences(before: &Assessment, after: &Assessment) -> Vec<(String, Sides<i64>)> {
    let (before, after) = (points_by_rule(before), points_by_rule(after));
    let names: BTreeSet<&Cow<str>> = before.keys().chain(after.keys()).collect();
    let of = |points: &BTreeMap<Cow<str>, Points>, name: &str| points.get(name).map_or(0, |points| points.0);
    let mut found: Vec<(String, Sides<i64>)> = names
        .into_iter()
        .filter(|name| {
            before.contains_key(*name) != after.contains_key(*name) || of(&before, name) != of(&after, name)
        })
        .map(|name| (name.to_string(), Sides { before: of(&before, name), after: of(&after, name) }))
        .collect();
    found.sort_by_key(|(_, sides)| std::cmp::Reverse(sides.before.abs_diff(sides.after)));
    found.truncate(MAX_RULES_OF_A_MOVER);
    found
}

#[cfg(test)]
mod tests;
