//! What is asked of the contacts or activities of a lead, one by one.
//!
//! Whether an item meets a condition may be unknown, as everything else may. `any`, `all` and `none` are then decided by
//! the others or unknown themselves. A count is of those that surely meet it, and tells how many more there may be, so
//! that a comparison is unknown only where these could turn it. Whatever else is asked is unknown then.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::evaluator::{Evaluator, Outcome, Stop};
use super::facts::{Facts, LeadFacts};
use super::operators::{compare, fail, finite, num};
use super::value::Value;
use crate::domain::canonical::folded;
use crate::domain::lead::{Activity, Contact};
use crate::domain::score::Position;
use crate::domain::time::Time;
use crate::rules::language::items::ItemField;
use crate::rules::program::{
    Ask, Comparison, Expr, Fold, Index, ItemCondition, ItemLeaf, ItemSource, LeafKind, Pick,
};

/// The item that a condition looks at.
#[derive(Debug, Clone, Copy, Default)]
pub enum Item<'a> {
    #[default]
    None,
    Contact(&'a Contact),
    Activity(&'a Activity),
}

/// What came of a question to a collection.
#[derive(Debug, Clone)]
pub struct Folded<'a> {
    /// `None` is unknown.
    pub value: Option<Value<'a>>,
    /// How many more a count may be.
    pub more: f64,
    /// What would have to be known.
    pub unknown: Vec<Arc<str>>,
}

/// A question on its way through the items.
#[derive(Default)]
struct Tally<'a> {
    /// Items that surely belong to the collection.
    items: f64,
    /// Of a condition on them: how many meet it, and how many don't.
    met: f64,
    unmet: f64,
    /// Items of which it is unknown whether they count, or what of them counts.
    undecided: f64,
    numbers: Vec<f64>,
    distinct: BTreeSet<Key>,
    /// The item that was picked so far, by the days since it.
    picked: Option<(f64, Item<'a>)>,
    /// The days since the undecided item that could be picked first.
    undecided_pick: Option<f64>,
}

/// A value that is told from others.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Word(String),
    Number(u64),
}

impl<'a> Evaluator<'a> {
    /// Asks a collection; the answer of a leaf is kept.
    pub fn folded(&mut self, expr: &'a Expr) -> Result<Option<Folded<'a>>, Stop<'a>> {
        match expr {
            Expr::Fold(fold) => self.fold(fold).map(Some),
            Expr::Leaf(index) => self.folded_leaf(*index),
            _ => Ok(None),
        }
    }

    pub fn folded_leaf(&mut self, index: Index) -> Result<Option<Folded<'a>>, Stop<'a>> {
        if let Some(known) = self.folds.get(&index) {
            return Ok(Some(known.clone()));
        }
        let script = self.script;
        let LeafKind::Fold(fold) = &script.leaves[index].kind else { return Ok(None) };
        let folded = self.fold(fold)?;
        self.folds.insert(index, folded.clone());
        Ok(Some(folded))
    }

    /// The answer as a value; where it is unknown, the reasons are noted.
    pub fn answer(&mut self, folded: Folded<'a>) -> Outcome<'a> {
        folded.value.ok_or_else(|| self.stop_unknown_by(folded.unknown))
    }

    /// A comparison of which a side counts items: unknown if those that are undecided could turn it.
    pub fn compare_counts(&mut self, how: Comparison, sides: &'a [Expr; 2]) -> Outcome<'a> {
        let mut ranges = [[0.0; 2]; 2];
        let mut unknown = Vec::new();
        for (range, side) in ranges.iter_mut().zip(sides) {
            *range = match self.folded(side)? {
                Some(folded) => {
                    unknown.extend(folded.unknown.iter().cloned());
                    let (more, least) = (folded.more, num(self.answer(folded)?));
                    [least, least + more]
                }
                None => [num(self.eval(side)?); 2],
            };
        }
        let [a, b] = ranges;
        let holds = compare(how, a[0], b[0]);
        let overlap = a[0] <= b[1] && b[0] <= a[1];
        let could_turn = match how {
            // Between two numbers any other could be met: both ends agreeing says nothing then.
            Comparison::Equal | Comparison::NotEqual => overlap && (a[0] != a[1] || b[0] != b[1]),
            _ => a.iter().any(|a| b.iter().any(|b| compare(how, *a, *b) != holds)),
        };
        match could_turn {
            true => Err(self.stop_unknown_by(unknown)),
            false => Ok(Value::YesNo(holds)),
        }
    }

    fn fold(&mut self, fold: &'a Fold) -> Result<Folded<'a>, Stop<'a>> {
        let Some(facts) = self.lead_facts() else { return Ok(unknown(Vec::new())) };
        let outer = std::mem::take(&mut self.item);
        let mark = self.unknown.len();
        let folded = match &fold.items.source {
            ItemSource::Contacts => match &facts.lead.contacts {
                Some(contacts) => self.fold_items(fold, contacts.iter().map(Item::Contact), mark),
                None => Ok(unknown(vec!["contacts".into()])),
            },
            ItemSource::Activities(kind) => {
                self.charge(facts.cost());
                let of_kind = |activity: &&Activity| kind.as_ref().is_none_or(|kind| activity.kind == **kind);
                let of_kind = facts.past().filter(of_kind);
                match &fold.items.after {
                    None => self.fold_items(fold, of_kind.map(Item::Activity), mark),
                    Some((before, days)) => {
                        let earlier = Earlier::new(&facts, before);
                        self.charge(facts.cost());
                        let follows = |activity: &&Activity| earlier.is_within(activity, *days);
                        self.fold_items(fold, of_kind.filter(follows).map(Item::Activity), mark)
                    }
                }
            }
        };
        self.item = outer;
        self.unknown.truncate(mark);
        folded
    }

    fn fold_items(
        &mut self,
        fold: &'a Fold,
        items: impl Iterator<Item = Item<'a>>,
        mark: usize,
    ) -> Result<Folded<'a>, Stop<'a>> {
        let mut windows = Vec::new();
        for condition in &fold.items.conditions {
            if let ItemCondition::Within(days, position) = condition {
                let Some(days) = self.days(days, position)? else {
                    return Ok(unknown(self.unknown.split_off(mark)));
                };
                windows.push(days);
            }
        }
        let half_life = match &fold.ask {
            Ask::Decayed(days) => match self.days(days, &fold.position)? {
                Some(days) => days,
                None => return Ok(unknown(self.unknown.split_off(mark))),
            },
            _ => 0.0,
        };

        let mut tally = Tally::default();
        for item in items {
            self.charge(1);
            self.item = item;
            let before = self.unknown.len();
            let belongs = self.belongs(&fold.items.conditions, &windows)?;
            let counts = match belongs {
                Some(true) => self.count(fold, half_life, &mut tally)?,
                Some(false) => true,
                None => self.leave_open(fold, &mut tally)?,
            };
            if counts {
                // Nothing is open about it, whatever was unknown on the way.
                self.unknown.truncate(before);
            }
            if tally.has_decided(&fold.ask) {
                break;
            }
        }

        let value = match (&fold.ask, tally.surely_picked(fold.items.pick)) {
            (Ask::LastDays, picked) => picked.map(|(days, _)| Value::Number(days)),
            (Ask::Picked(part), Some((_, item))) => {
                self.item = item;
                match self.eval(part) {
                    Err(Stop::Unknown) => None,
                    value => Some(value?),
                }
            }
            _ => tally.value(&fold.ask),
        };
        let reasons = self.unknown.split_off(mark);
        Ok(match value {
            Some(Value::Number(number)) => {
                let more = if fold.ask.counts() { tally.undecided } else { 0.0 };
                Folded { value: Some(finite(number, &fold.position)?), more, unknown: reasons }
            }
            Some(value) => Folded { value: Some(value), more: 0.0, unknown: reasons },
            // Where nothing is undecided there is nothing to tell of: the question itself is what is unknown.
            None if reasons.is_empty() => unknown(vec![fold.written.clone()]),
            None => unknown(reasons),
        })
    }

    /// Whether an item meets all conditions; `None` is unknown.
    fn belongs(
        &mut self,
        conditions: &'a [ItemCondition],
        windows: &[f64],
    ) -> Result<Option<bool>, Stop<'a>> {
        let mut windows = windows.iter();
        let mut undecided = false;
        for condition in conditions {
            let met = match condition {
                ItemCondition::Where(condition) => self.meets_condition(condition)?,
                ItemCondition::Within(..) => {
                    let ago = self.days_ago();
                    Some(windows.next().zip(ago).is_some_and(|(days, ago)| ago <= *days))
                }
            };
            match met {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => undecided = true,
            }
        }
        Ok((!undecided).then_some(true))
    }

    /// Counts an item that surely belongs; `false` if what is asked of it is unknown.
    fn count(&mut self, fold: &'a Fold, half_life: f64, tally: &mut Tally<'a>) -> Result<bool, Stop<'a>> {
        tally.items += 1.0;
        let known = match &fold.ask {
            Ask::Count => true,
            Ask::Any(condition) | Ask::All(condition) | Ask::None(condition) | Ask::Share(condition) => {
                let met = self.meets_condition(condition)?;
                match met {
                    Some(true) => tally.met += 1.0,
                    Some(false) => tally.unmet += 1.0,
                    None => {}
                }
                met.is_some()
            }
            Ask::Sum(number) | Ask::Max(number) | Ask::Min(number) => {
                let number = self.known(number)?;
                tally.numbers.extend(number.map(num));
                number.is_some()
            }
            Ask::Distinct(part) => {
                let part = self.known(part)?;
                tally.distinct.extend(part.map(|part| match part {
                    Value::Text(word) => Key::Word(folded(word)),
                    other => Key::Number(num(other).to_bits()),
                }));
                part.is_some()
            }
            Ask::Decayed(_) => {
                if let (Item::Activity(activity), Some(days)) = (self.item, self.days_ago()) {
                    tally.numbers.push(activity.amount * libm::exp2(-days / half_life));
                }
                true
            }
            Ask::LastDays | Ask::Picked(_) => {
                let nearer = |days: f64, picked: f64| is_nearer(fold.items.pick, days, picked);
                if let Some(days) = self.days_ago()
                    && tally.picked.is_none_or(|(picked, _)| nearer(days, picked))
                {
                    tally.picked = Some((days, self.item));
                }
                true
            }
        };
        tally.undecided += f64::from(u8::from(!known));
        Ok(known)
    }

    /// Notes an item of which it is unknown whether it belongs; `true` if it would count for nothing anyhow.
    fn leave_open(&mut self, fold: &'a Fold, tally: &mut Tally<'a>) -> Result<bool, Stop<'a>> {
        let before = self.unknown.len();
        let indifferent = match &fold.ask {
            Ask::Any(condition) | Ask::None(condition) => self.meets_condition(condition)? == Some(false),
            Ask::All(condition) => self.meets_condition(condition)? == Some(true),
            _ => false,
        };
        if indifferent {
            return Ok(true);
        }
        self.unknown.truncate(before);
        tally.undecided += 1.0;
        if let Some(days) = self.days_ago() {
            let nearest = tally.undecided_pick.is_none_or(|open| is_nearer(fold.items.pick, days, open));
            tally.undecided_pick = if nearest { Some(days) } else { tally.undecided_pick };
        }
        Ok(false)
    }

    /// The value of an expression, or nothing where it is unknown.
    fn known(&mut self, expr: &'a Expr) -> Result<Option<Value<'a>>, Stop<'a>> {
        match self.eval(expr) {
            Ok(value) => Ok(Some(value)),
            Err(Stop::Unknown) => Ok(None),
            Err(other) => Err(other),
        }
    }

    fn meets_condition(&mut self, condition: &'a Expr) -> Result<Option<bool>, Stop<'a>> {
        match self.eval_yes(condition) {
            Ok(holds) => Ok(Some(holds)),
            Err(Stop::Unknown) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// A number of days, which must be above 0; nothing if it is unknown.
    fn days(&mut self, days: &'a Expr, position: &'a Position) -> Result<Option<f64>, Stop<'a>> {
        match self.known(days)?.map(num) {
            Some(days) if days <= 0.0 => {
                Err(fail(Some(position), format!("the number of days is {days}, it must be above 0")))
            }
            days => Ok(days),
        }
    }

    /// The days since the item, if it is an activity.
    fn days_ago(&self) -> Option<f64> {
        match (self.item, self.lead_facts()) {
            (Item::Activity(activity), Some(facts)) => Some(facts.as_of.days_since(activity.time)),
            _ => None,
        }
    }

    /// A part of the item that is a number and always known.
    pub fn item_number(&self, leaf: &ItemLeaf) -> Option<f64> {
        match (leaf.field, self.item, &self.facts) {
            _ if leaf.of_contact => None,
            (ItemField::Amount, Item::Activity(activity), _) => Some(activity.amount),
            (ItemField::DaysAgo, Item::Activity(activity), Facts::Lead(facts)) => {
                Some(facts.as_of.days_since(activity.time))
            }
            (ItemField::Inbound, Item::Contact(contact), _) => Some(contact.inbound.into()),
            (ItemField::Outbound, Item::Contact(contact), _) => Some(contact.outbound.into()),
            _ => None,
        }
    }

    /// A part of the item.
    pub fn item_part(&mut self, leaf: &'a ItemLeaf) -> Outcome<'a> {
        let facts = self.lead_facts();
        let item = match (self.item, leaf.of_contact, &facts) {
            (Item::Activity(activity), true, Some(facts)) => {
                let contacts = facts.lead.contacts.as_deref().unwrap_or_default();
                self.charge(contacts.len() / 8);
                let contact = contacts.iter().find(|contact| Some(&contact.id) == activity.contact.as_ref());
                contact.map_or(Item::None, Item::Contact)
            }
            (item, ..) => item,
        };
        let text = |text: &'a str| (!text.is_empty()).then_some(Value::Text(text));
        let value = match (leaf.field, item, facts) {
            (ItemField::Title, Item::Contact(contact), _) => text(&contact.title),
            (ItemField::Department, Item::Contact(contact), _) => text(&contact.department),
            (ItemField::Seniority, Item::Contact(contact), _) => text(&contact.seniority),
            (ItemField::DecisionRole, Item::Contact(contact), _) => text(&contact.decision_role),
            (ItemField::Inbound, Item::Contact(contact), _) => Some(Value::Number(contact.inbound.into())),
            (ItemField::Outbound, Item::Contact(contact), _) => Some(Value::Number(contact.outbound.into())),
            (ItemField::DaysSinceEngaged, Item::Contact(contact), Some(facts)) => {
                let engaged = contact.last_engaged_time.filter(|time| *time <= facts.as_of);
                engaged.map(|time| Value::Number(facts.as_of.days_since(time)))
            }
            (ItemField::Amount, Item::Activity(activity), _) => Some(Value::Number(activity.amount)),
            (ItemField::DaysAgo, Item::Activity(activity), Some(facts)) => {
                Some(Value::Number(facts.as_of.days_since(activity.time)))
            }
            (ItemField::ActivityType, Item::Activity(activity), _) => text(&activity.kind),
            (ItemField::Weekday, Item::Activity(activity), Some(facts)) => {
                Some(Value::Text(activity.time.weekday_and_hour(&facts.vocabulary.zone).0))
            }
            (ItemField::Hour, Item::Activity(activity), Some(facts)) => {
                Some(Value::Number(activity.time.weekday_and_hour(&facts.vocabulary.zone).1))
            }
            (ItemField::Declared, item, Some(facts)) => {
                let name = leaf.declared.as_deref().unwrap_or_default();
                let vocabulary = facts.vocabulary;
                let found = match item {
                    Item::Activity(activity) => {
                        let declared = vocabulary.properties.get(&activity.kind).and_then(|of| of.get(name));
                        activity.properties.get(name).zip(declared)
                    }
                    Item::Contact(contact) => {
                        contact.attributes.get(name).zip(vocabulary.contact_attributes.get(name))
                    }
                    Item::None => None,
                };
                found.and_then(|(value, declared)| facts.declared(declared, value))
            }
            (ItemField::Contact, Item::Activity(activity), _) => {
                activity.contact.as_ref().and_then(|contact| text(contact.as_str()))
            }
            _ => None,
        };
        value.ok_or_else(|| self.stop_unknown(leaf.name.clone()))
    }
}

/// When activities of a type happened, in order.
struct Earlier(Vec<Time>);

impl Earlier {
    fn new(facts: &LeadFacts, kind: &str) -> Self {
        let mut times: Vec<Time> = facts.past().filter(|a| a.kind == *kind).map(|a| a.time).collect();
        times.sort_unstable();
        Self(times)
    }

    /// Whether one of them happened before an activity, and at most so many days before.
    fn is_within(&self, activity: &Activity, days: f64) -> bool {
        let before = self.0.partition_point(|time| *time < activity.time);
        before.checked_sub(1).is_some_and(|last| activity.time.days_since(self.0[last]) <= days)
    }
}

impl<'a> Tally<'a> {
    /// Whether the items that are left can't change the answer.
    fn has_decided(&self, ask: &Ask) -> bool {
        match ask {
            Ask::Any(_) | Ask::None(_) => self.met > 0.0,
            Ask::All(_) => self.unmet > 0.0,
            _ => false,
        }
    }

    /// The item that is picked, if no undecided one could be in its place.
    fn surely_picked(&self, pick: Option<Pick>) -> Option<(f64, Item<'a>)> {
        let open = self.undecided_pick;
        self.picked.filter(|(days, _)| open.is_none_or(|open| !is_nearer(pick, open, *days)))
    }

    /// What has come of it; nothing if that is unknown.
    fn value(&self, ask: &Ask) -> Option<Value<'a>> {
        let decided = self.undecided == 0.0;
        let surely = |holds: bool, otherwise: bool| {
            (holds || decided).then_some(Value::YesNo(if holds { !otherwise } else { otherwise }))
        };
        let number = |number: Option<f64>| number.filter(|_| decided).map(Value::Number);
        match ask {
            Ask::Count => Some(Value::Number(self.items)),
            Ask::Distinct(_) => Some(Value::Number(self.distinct.len() as f64)),
            Ask::Any(_) => surely(self.met > 0.0, false),
            Ask::None(_) => surely(self.met > 0.0, true),
            Ask::All(_) => surely(self.unmet > 0.0, true),
            Ask::Sum(_) | Ask::Decayed(_) => number(Some(self.numbers.iter().sum())),
            Ask::Max(_) => number(self.numbers.iter().copied().reduce(f64::max)),
            Ask::Min(_) => number(self.numbers.iter().copied().reduce(f64::min)),
            Ask::Share(_) => number((self.items > 0.0).then(|| self.met / self.items)),
            Ask::LastDays | Ask::Picked(_) => None,
        }
    }
}

/// Whether an item that is so many days old is picked before another: the latest, unless the first is asked for.
fn is_nearer(pick: Option<Pick>, days: f64, than: f64) -> bool {
    match pick {
        Some(Pick::First) => days > than,
        Some(Pick::Latest) | None => days < than,
    }
}

fn unknown<'a>(reasons: Vec<Arc<str>>) -> Folded<'a> {
    Folded { value: None, more: 0.0, unknown: reasons }
}
