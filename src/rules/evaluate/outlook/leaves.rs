//! What facts could be, and what depends on them.

use super::judge::Judge;
use super::possible::{Could, Possible};
use crate::domain::profile::{DecisionRole, ProfileContent, Served, SizeBand};
use crate::rules::evaluate::value::Value;
use crate::rules::language::catalogue::FactSource;
use crate::rules::language::functions::FactState;
use crate::rules::language::members::IcpField;
use crate::rules::program::{Ask, ContactStat, Expr, Fold, Index, ItemSource, LeafKind};

impl<'a> Judge<'a> {
    /// What a fact, or something that depends on facts, could be.
    pub fn leaf(&mut self, index: Index) -> Could<'a> {
        if let Some(could) = self.anything.as_ref().and_then(|leaves| leaves.get(index)) {
            return *could;
        }
        let kind = &self.script.leaves[index].kind;
        let taken = |judge: &Self, fact: Option<Index>| fact.and_then(|fact| judge.taken.get(&fact).copied());
        match kind {
            LeafKind::Fact(fact, source) => {
                if let Some(taken) = self.taken.get(fact) {
                    return *taken;
                }
                if *source == FactSource::RoleCoverage {
                    match taken(self, self.contacts) {
                        Some(contacts) if contacts.be.is_none() => return Could::UNKNOWN,
                        Some(_) => return Could::numbers(0.0, 1.0).or_unknown(true),
                        None if self.roles_depend_on_size() => {
                            return Could::numbers(0.0, 1.0).or_unknown(true);
                        }
                        None => {}
                    }
                }
            }
            LeafKind::Contacts(stat) => match taken(self, self.contacts) {
                Some(contacts) => {
                    return contacts.then(|_| match stat {
                        ContactStat::EngagedRole(_) => Could::be(Possible::Either),
                        _ => Could::numbers(0.0, f64::INFINITY),
                    });
                }
                None if *stat == ContactStat::IcpRolesCovered && self.roles_depend_on_size() => {
                    return Could::numbers(0.0, f64::INFINITY);
                }
                None => {}
            },
            LeafKind::State(attribute, state) => {
                if let Some(taken) = taken(self, self.attributes.get(attribute).copied()) {
                    let could = match state {
                        FactState::Confidence => Could::numbers(0.0, 1.0),
                        FactState::AgeDays => Could::numbers(0.0, f64::INFINITY),
                    };
                    return taken.then(|_| could.or_unknown(true));
                }
            }
            LeafKind::Icp(field) => {
                if let Some(employees) = taken(self, self.employees) {
                    return self.icp(*field, employees, index);
                }
            }
            LeafKind::Fold(fold) => return self.fold(index, fold),
            LeafKind::Activity(..) => {}
        }
        self.eval.leaf(index).map_or(Could::UNKNOWN, Could::known)
    }

    /// Whether it depends on the unknown size of the account who takes part in the decision.
    fn roles_depend_on_size(&self) -> bool {
        let varied = self.employees.is_some_and(|employees| {
            self.taken.get(&employees).is_some_and(|employees| employees.be.is_some())
        });
        let depends = |role: &DecisionRole| role.min_employees.is_some() || role.max_employees.is_some();
        varied && self.facts.profile.decision_roles.iter().any(depends)
    }

    fn icp(&mut self, field: IcpField, employees: Could<'a>, leaf: Index) -> Could<'a> {
        let profile = self.facts.profile;
        match field {
            IcpField::Served => employees.then(|employees| {
                if profile.size_bands.is_empty() {
                    return Could::UNKNOWN;
                }
                match band_of(profile, employees.range()) {
                    None => Could::ANYTHING,
                    Some(None) => Could::known(Value::Text("no")),
                    Some(Some(band)) => match band.served {
                        Served::Unstated => Could::UNKNOWN,
                        served => {
                            served.as_str().map_or(Could::UNKNOWN, |word| Could::known(Value::Text(word)))
                        }
                    },
                }
            }),
            IcpField::Capacity => employees.then(|employees| match band_of(profile, employees.range()) {
                None => Could::numbers(0.0, f64::INFINITY).or_unknown(true),
                Some(band) => match band.and_then(|band| band.capacity) {
                    Some(capacity) => Could::known(Value::Number(capacity as f64)),
                    None => Could::UNKNOWN,
                },
            }),
            IcpField::DecisionRoles if self.roles_depend_on_size() => Could::ANYTHING,
            _ => self.eval.leaf(leaf).map_or(Could::UNKNOWN, Could::known),
        }
    }

    fn fold(&mut self, leaf: Index, fold: &'a Fold) -> Could<'a> {
        let by_ask = || match &fold.ask {
            Ask::Any(_) | Ask::All(_) | Ask::None(_) => Could::be(Possible::Either),
            Ask::Count | Ask::Distinct(_) | Ask::LastDays => Could::numbers(0.0, f64::INFINITY),
            Ask::Share(_) => Could::numbers(0.0, 1.0),
            _ => Could::be(Possible::Any),
        };
        if fold.items.source == ItemSource::Contacts
            && let Some(contacts) = self.contacts.and_then(|contacts| self.taken.get(&contacts))
        {
            return contacts.then(|_| by_ask().or_unknown(true));
        }
        if fold.parts().into_iter().any(|part| self.asks_taken(part)) {
            return by_ask().or_unknown(true);
        }
        let folded = match self.eval.folded_leaf(leaf) {
            Ok(Some(folded)) => folded,
            Ok(None) => return Could::ANYTHING,
            Err(_) if self.eval.has_spent_all() => return Could::ANYTHING,
            Err(_) => return Could::FAIL,
        };
        match folded.value {
            Some(Value::Number(least)) if folded.more > 0.0 => Could::numbers(least, least + folded.more),
            Some(value) => Could::known(value),
            // Nothing is undecided: there is nothing that it could be asked of.
            None if folded.unknown.len() == 1 && folded.unknown[0] == fold.written => Could::UNKNOWN,
            None => by_ask().or_unknown(true),
        }
    }

    /// Whether an expression asks for a fact that could be something else.
    fn asks_taken(&self, expr: &Expr) -> bool {
        let of_leaf = |leaf: Index| match &self.script.leaves[leaf].kind {
            LeafKind::Fact(_, FactSource::RoleCoverage) | LeafKind::Contacts(_) | LeafKind::Icp(_) => {
                !self.taken.is_empty()
            }
            LeafKind::Fact(fact, _) => self.taken.contains_key(fact),
            LeafKind::State(attribute, _) => {
                self.attributes.get(attribute).is_some_and(|fact| self.taken.contains_key(fact))
            }
            LeafKind::Fold(fold) => fold.parts().into_iter().any(|part| self.asks_taken(part)),
            LeafKind::Activity(..) => false,
        };
        match expr {
            Expr::Leaf(leaf) => of_leaf(*leaf),
            Expr::Define(define) => self.script.defines[*define].leaves.iter().any(|leaf| of_leaf(*leaf)),
            other => other.parts().into_iter().any(|part| self.asks_taken(part)),
        }
    }
}

/// The size band of all numbers in a range, or that they are in none; nothing if they differ.
fn band_of(profile: &ProfileContent, (low, high): (f64, f64)) -> Option<Option<&SizeBand>> {
    let of = |employees: f64| profile.size_bands.iter().position(|band| band.contains(employees));
    let edges = profile.size_bands.iter().flat_map(|band| [band.min].into_iter().chain(band.max));
    let parted = edges.into_iter().any(|edge| low < edge as f64 && edge as f64 <= high);
    (of(low) == of(high) && !parted).then(|| of(low).map(|band| &profile.size_bands[band]))
}

pub fn size_points(profile: &ProfileContent, range: (f64, f64)) -> Could<'static> {
    if profile.size_bands.is_empty() {
        return Could::UNKNOWN;
    }
    match band_of(profile, range) {
        Some(band) => Could::known(Value::Number(band.map_or(0.0, |band| band.points.number()))),
        None => {
            let points = profile.size_bands.iter().map(|band| band.points.number());
            let (low, high) = points.fold((0.0_f64, 0.0_f64), |(low, high), p| (low.min(p), high.max(p)));
            Could::numbers(low, high)
        }
    }
}
