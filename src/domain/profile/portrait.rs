//! How the leads that belong to a profile stand to it: which criteria hold of whom, in two periods, and what became of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ProfileContent;
use crate::domain::canonical::folded;
use crate::domain::scorecard::evidence::Tally;

/// Which of two periods a lead belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Reference,
    Recent,
}

/// Something of both periods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Both<T> {
    pub reference: T,
    pub recent: T,
}

impl<T> Both<T> {
    pub fn of(&mut self, period: Period) -> &mut T {
        match period {
            Period::Reference => &mut self.reference,
            Period::Recent => &mut self.recent,
        }
    }
}

/// How leads stand to one criterion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub holds: u64,
    pub fails: u64,
    pub unknown: u64,
    /// What became of those of which it holds, and of which it does not.
    pub of_holding: Tally,
    pub of_failing: Tally,
}

impl Standing {
    fn see(&mut self, holds: Option<bool>, won: Option<bool>) {
        let tally = match holds {
            Some(true) => {
                self.holds += 1;
                &mut self.of_holding
            }
            Some(false) => {
                self.fails += 1;
                &mut self.of_failing
            }
            None => return self.unknown += 1,
        };
        won.into_iter().for_each(|won| tally.see(won));
    }

    pub fn all(&self) -> u64 {
        self.holds + self.fails + self.unknown
    }

    pub fn with(&self, other: &Self) -> Self {
        Self {
            holds: self.holds + other.holds,
            fails: self.fails + other.fails,
            unknown: self.unknown + other.unknown,
            of_holding: self.of_holding.with(other.of_holding),
            of_failing: self.of_failing.with(other.of_failing),
        }
    }
}

/// How many leads there are of an industry, and what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfIndustry {
    /// As it was written first.
    pub word: String,
    pub leads: Both<u64>,
    pub outcomes: Both<Tally>,
}

/// A lead as it stands to a profile.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub period: Period,
    /// By the profile's criteria, then its disqualifiers; `None` is unknown.
    pub meets: &'a [Option<bool>],
    pub industry: &'a str,
    pub employees: Option<f64>,
    /// What it was last scored with, in hundredths of a point.
    pub total: Option<i64>,
    pub won: Option<bool>,
    /// When the outcome came about.
    pub decided: Period,
    /// Whether it is on its way or a customer: then it takes up capacity.
    pub is_served: bool,
}

/// Leads that are being counted.
#[derive(Debug, Clone, Default)]
pub struct Portrait {
    pub leads: Both<u64>,
    /// By the profile's criteria, then its disqualifiers.
    pub criteria: Vec<Both<Standing>>,
    pub totals: Both<Vec<i64>>,
    pub outcomes: Both<Tally>,
    pub industries: BTreeMap<String, OfIndustry>,
    /// By the profile's bands: all leads, those that take up capacity, and what became of them.
    pub bands: Vec<(u64, u64, Tally)>,
    /// Those whose size is known and lies in no band.
    pub outside: u64,
}

/// The most industries that are told apart.
const MAX_INDUSTRIES: usize = 10_000;

impl Portrait {
    pub fn of(profile: &ProfileContent) -> Self {
        let criteria = profile.criteria.len() + profile.disqualifiers.len();
        Self {
            criteria: vec![Both::default(); criteria],
            bands: vec![(0, 0, Tally::default()); profile.size_bands.len()],
            ..Self::default()
        }
    }

    pub fn see(&mut self, profile: &ProfileContent, seen: Seen) {
        *self.leads.of(seen.period) += 1;
        for (standing, meets) in self.criteria.iter_mut().zip(seen.meets) {
            standing.of(seen.period).see(*meets, seen.won);
        }
        self.totals.of(seen.period).extend(seen.total);
        if let Some(won) = seen.won {
            self.outcomes.of(seen.decided).see(won);
        }
        let key = folded(seen.industry);
        let has_room = self.industries.len() < MAX_INDUSTRIES || self.industries.contains_key(&key);
        if !key.is_empty() && has_room {
            let of = self
                .industries
                .entry(key)
                .or_insert_with(|| OfIndustry { word: seen.industry.to_owned(), ..OfIndustry::default() });
            *of.leads.of(seen.period) += 1;
            seen.won.into_iter().for_each(|won| of.outcomes.of(seen.decided).see(won));
        }
        if let Some(employees) = seen.employees.filter(|_| !self.bands.is_empty()) {
            match profile.size_bands.iter().position(|band| band.contains(employees)) {
                Some(place) => {
                    let (all, served, outcomes) = &mut self.bands[place];
                    *all += 1;
                    *served += u64::from(seen.is_served);
                    seen.won.into_iter().for_each(|won| outcomes.see(won));
                }
                None => self.outside += 1,
            }
        }
    }
}
