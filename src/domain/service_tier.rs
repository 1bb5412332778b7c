//! Which customers get how much service: by their potential, as far as there is capacity.

use super::golden::GoldenWeights;
use super::lead::{Customer, LeadRecord};
use super::name::LeadName;
use super::value::Money;

/// A kind of service, such as a person of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    pub name: String,
    /// How many customers it can take; absent means any number.
    pub capacity: Option<u64>,
}

/// How much each sign of potential counts, relative to the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PotentialWeights {
    /// How well it fits the profile: its last score's fit, of the best fit among all.
    pub fit: f64,
    /// What its contract is worth a year, of the most among all.
    pub value: f64,
    /// Whether it renews, buys more, pays and leaves margin.
    pub golden: f64,
}

impl Default for PotentialWeights {
    fn default() -> Self {
        Self { fit: 1.0, value: 1.0, golden: 1.0 }
    }
}

/// A customer with the signs of its potential.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub lead: LeadName,
    pub display_name: String,
    pub grade: String,
    /// In points.
    pub fit: Option<f64>,
    /// In the deployment's currency.
    pub value: Option<f64>,
    /// 0 to 1.
    pub golden: Option<f64>,
}

impl Candidate {
    pub fn of(record: &LeadRecord, currency: &str) -> Self {
        let latest = record.latest_score.as_ref();
        let customer = record.lead.content.customer.as_ref();
        let value = |customer: &Customer| {
            customer.contract_value.as_ref().filter(|money| money.currency == currency).map(Money::amount)
        };
        Self {
            lead: record.lead.name.clone(),
            display_name: record.lead.content.subject.display_name().to_owned(),
            grade: latest.map(|latest| latest.grade.clone()).unwrap_or_default(),
            fit: latest.map(|latest| latest.fit.number()),
            value: customer.and_then(value),
            golden: customer.and_then(|customer| GoldenWeights::default().mean(customer)),
        }
    }
}

/// A customer with the service that it gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Assigned {
    pub candidate: Candidate,
    /// 0 to 1.
    pub potential: f64,
    /// The place of its tier; none if all tiers are full.
    pub tier: Option<usize>,
    /// Whether it would have come into the tier above, had there been room.
    pub is_held_back: bool,
}

/// Gives those of the most potential the most service, tier by tier. What is not known of a customer does not count for or
/// against it; of whom nothing is known comes last.
pub fn assign(candidates: Vec<Candidate>, weights: PotentialWeights, tiers: &[Tier]) -> Vec<Assigned> {
    let most = |of: fn(&Candidate) -> Option<f64>| candidates.iter().filter_map(of).fold(0.0, f64::max);
    let (most_fit, most_value) = (most(|candidate| candidate.fit), most(|candidate| candidate.value));
    let part = |value: Option<f64>, most: f64| {
        value.filter(|_| most > 0.0).map(|value| (value / most).clamp(0.0, 1.0))
    };
    let potential = |candidate: &Candidate| {
        let signs = [
            (weights.fit, part(candidate.fit, most_fit)),
            (weights.value, part(candidate.value, most_value)),
            (weights.golden, candidate.golden),
        ];
        let known = || signs.iter().filter_map(|(weight, sign)| Some((*weight, (*sign)?)));
        let weight: f64 = known().map(|(weight, _)| weight).sum();
        if weight > 0.0 { known().map(|(weight, sign)| weight * sign).sum::<f64>() / weight } else { 0.0 }
    };
    let mut ranked: Vec<(f64, Candidate)> =
        candidates.into_iter().map(|candidate| (potential(&candidate), candidate)).collect();
    ranked.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.lead.cmp(&y.lead)));
    let mut taken = vec![0_u64; tiers.len()];
    let mut first_open = 0;
    // The potential of the last one in the tier above.
    let mut above = f64::INFINITY;
    let mut last_potential = f64::INFINITY;
    let assigned = ranked.into_iter().map(|(potential, candidate)| {
        let has_room = |place: usize, taken: &[u64]| {
            tiers[place].capacity.is_none_or(|capacity| taken[place] < capacity)
        };
        while first_open < tiers.len() && !has_room(first_open, &taken) {
            if taken[first_open] > 0 {
                above = last_potential;
            }
            first_open += 1;
        }
        let tier = (first_open < tiers.len()).then_some(first_open);
        tier.into_iter().for_each(|tier| taken[tier] += 1);
        let is_held_back = potential == above;
        last_potential = potential;
        Assigned { candidate, potential, tier, is_held_back }
    });
    assigned.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(id: usize, fit: Option<f64>, value: Option<f64>, golden: Option<f64>) -> Candidate {
        let lead = format!("leads/l{id:03}").parse().unwrap();
        Candidate { lead, display_name: String::new(), grade: String::new(), fit, value, golden }
    }

    fn tiers() -> Vec<Tier> {
        let tier = |name: &str, capacity| Tier { name: name.into(), capacity };
        vec![tier("personal", Some(1)), tier("team", Some(2)), tier("self-service", None)]
    }

    #[test]
    fn those_of_most_potential_get_most_service_as_far_as_it_goes() {
        let candidates = vec![
            candidate(0, None, None, None),
            candidate(1, Some(50.0), Some(1_000.0), Some(0.2)),
            candidate(2, Some(100.0), None, Some(1.0)),
            candidate(3, Some(100.0), Some(4_000.0), None),
            candidate(4, Some(25.0), None, None),
        ];
        let assigned = assign(candidates, PotentialWeights::default(), &tiers());
        let told: Vec<(&str, Option<usize>, bool)> =
            assigned.iter().map(|of| (of.candidate.lead.lead.as_str(), of.tier, of.is_held_back)).collect();
        let expected = [
            ("l002", Some(0), false),
            ("l003", Some(1), true),
            ("l001", Some(1), false),
            ("l004", Some(2), false),
            ("l000", Some(2), false),
        ];
        assert_eq!(told, expected);
        let alike = (0..3).map(|id| candidate(id, Some(10.0), None, None)).collect();
        let held: Vec<bool> =
            assign(alike, PotentialWeights::default(), &[tiers()[0].clone(), tiers()[2].clone()])
                .iter()
                .map(|of| of.is_held_back)
                .collect();
        assert_eq!(held, [false, true, true], "all that are as good are told");
        assert!((assigned[2].potential - (0.5 + 0.25 + 0.2) / 3.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn no_tier_takes_more_than_it_can_and_more_potential_is_never_served_less(
            fits in prop::collection::vec(prop::option::of(-50.0..100.0_f64), 0..30),
        ) {
            let candidates = fits.iter().enumerate().map(|(i, fit)| candidate(i, *fit, None, None)).collect();
            let assigned = assign(candidates, PotentialWeights::default(), &tiers()[..2]);
            prop_assert_eq!(assigned.len(), fits.len());
            let of = |tier| assigned.iter().filter(|of| of.tier == tier).count();
            prop_assert!(of(Some(0)) <= 1 && of(Some(1)) <= 2);
            prop_assert_eq!(of(None), fits.len().saturating_sub(3));
            for pair in assigned.windows(2) {
                prop_assert!(pair[0].potential >= pair[1].potential);
                prop_assert!(pair[0].tier.unwrap_or(9) <= pair[1].tier.unwrap_or(9));
            }
        }
    }
}
