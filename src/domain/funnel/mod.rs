//! The funnel: how many leads come how far on their way, how fast, what sales accepts and why leads leave, for all leads and
//! by grade, segment, source, owner and the time they came in.

mod disagreement;
mod exploration;

use std::collections::BTreeMap;

use super::lead::{LeadRecord, LeadStage, StageChange};
use super::scorecard::evidence::Tally;
use super::time::Time;
pub use disagreement::{Disagreement, Disagreements, GradeRange, RuleShare, Side};
pub use exploration::{MAX_SHARE, MIN_SHARE, draws};

/// The stages of the way, in their order: [`LeadStage::depth`] is the place in it.
pub const WAY: [LeadStage; 5] =
    [LeadStage::New, LeadStage::Mql, LeadStage::Sal, LeadStage::Sql, LeadStage::Customer];

/// What leads are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupBy {
    /// The grade that a lead had when sales decided on it, else its latest one.
    Grade,
    /// The segment it was last scored for.
    Segment,
    Source,
    Owner,
    /// The month it came in, as `2026-11`.
    Month,
    /// The quarter it came in, as `2026-Q4`.
    Quarter,
}

/// What sales made of a lead that it was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub accepted: bool,
    /// The grade and the score that the lead had then; the grade is empty if it had none.
    pub grade: String,
    /// The step in the lead's history; none if the history does not tell of it.
    pub change: Option<StageChange>,
}

/// A lead's way in short.
#[derive(Debug, Clone)]
pub struct Way {
    pub stage: LeadStage,
    /// The place in [`WAY`] of the farthest stage that the lead has come to.
    pub farthest: usize,
    /// When it first came to each stage of the way, as far as that is known.
    pub reached: [Option<Time>; WAY.len()],
    /// When it was first seen, else when it was created.
    pub came_in: Time,
    /// What sales decided last.
    pub decision: Option<Decision>,
}

impl Way {
    pub fn of(record: &LeadRecord) -> Self {
        let (content, changes) = (&record.lead.content, &record.lead.stage_changes);
        let came_in = content.first_seen.unwrap_or(record.lead.version.create_time);
        let mut farthest = changes.first().map_or(content.stage, |first| first.from).depth();
        let mut reached = [None; WAY.len()];
        // A lead that came in another stage tells nothing of when it came to it.
        if let Some(first) = changes.first().filter(|first| first.from == LeadStage::New) {
            reached[farthest] = Some(came_in.min(first.time));
        }
        for change in changes {
            // What a history tells is better than what a stage off the way lets suppose.
            if !change.to.takes_reason() {
                let depth = change.to.depth();
                farthest = farthest.max(depth);
                reached[depth].get_or_insert(change.time);
            }
        }
        Self { stage: content.stage, farthest, reached, came_in, decision: decision(record) }
    }
}

/// What sales decided last: it took a lead that was marketing-qualified, or refused one.
fn decision(record: &LeadRecord) -> Option<Decision> {
    let latest = || record.latest_score.as_ref().map(|latest| latest.grade.clone()).unwrap_or_default();
    let verdict = |change: &StageChange| match (change.from, change.to) {
        (LeadStage::Mql, LeadStage::Sal | LeadStage::Sql | LeadStage::Customer) => Some(true),
        // Marketing itself rejects what never was qualified.
        (LeadStage::Mql | LeadStage::Sal, LeadStage::Rejected) => Some(false),
        _ => None,
    };
    let changes = record.lead.stage_changes.iter().rev();
    let told = changes.filter_map(|change| Some((verdict(change)?, change))).next();
    if let Some((accepted, change)) = told {
        let grade = if change.grade.is_empty() { latest() } else { change.grade.clone() };
        return Some(Decision { accepted, grade, change: Some(change.clone()) });
    }
    // A lead that came in farther along its way was taken elsewhere.
    let changes = &record.lead.stage_changes;
    let on_the_way = |stage: LeadStage| !stage.takes_reason() && stage.depth() >= LeadStage::Sal.depth();
    let was_taken = changes.first().is_some_and(|first| on_the_way(first.from))
        || changes.iter().any(|change| on_the_way(change.to));
    let accepted = match record.lead.content.stage {
        _ if was_taken => true,
        LeadStage::Rejected if changes.is_empty() => false,
        stage if changes.is_empty() && stage.depth() >= LeadStage::Sal.depth() => true,
        _ => return None,
    };
    Some(Decision { accepted, grade: latest(), change: None })
}

/// How many hours passed, by how many leads: exact to the hour, and small however many leads there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours(BTreeMap<u32, u64>);

impl Hours {
    fn see(&mut self, from: Time, to: Time) {
        let hours = (to.days_since(from) * 24.0).round();
        if hours >= 0.0 {
            *self.0.entry(hours as u32).or_default() += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(hours, count)| *self.0.entry(*hours).or_default() += count);
    }

    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The least number of days within which a share of all had passed; `None` of nothing.
    pub fn days_of(&self, share: f64) -> Option<f64> {
        let wanted = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let hours = self.0.iter().find_map(|(hours, count)| {
            seen += count;
            (seen >= wanted).then_some(*hours)
        })?;
        Some(f64::from(hours) / 24.0)
    }
}

/// A stage of the way in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageFigures {
    /// How many leads came to it or farther.
    pub reached: u64,
    /// How many are there now.
    pub now: u64,
    /// From when a lead first came here to when it first came to the next stage.
    pub to_next: Hours,
}

/// The figures of some leads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    pub leads: u64,
    /// In the order of [`WAY`].
    pub stages: [StageFigures; WAY.len()],
    /// How many sales accepted, and how many it refused, of those that it decided on.
    pub accepted: u64,
    pub refused: u64,
    /// How many were drawn to learn whether their low grade is right.
    pub explored: u64,
    /// How many are off the way now, by stage and reason.
    pub left: BTreeMap<(LeadStage, String), u64>,
}

impl Figures {
    fn see(&mut self, record: &LeadRecord, way: &Way) {
        self.leads += 1;
        for (place, stage) in self.stages.iter_mut().enumerate() {
            stage.reached += u64::from(place <= way.farthest);
            stage.now += u64::from(WAY[place] == way.stage);
            let next = way.reached.get(place + 1).copied().flatten();
            if let (Some(here), Some(next)) = (way.reached[place], next) {
                stage.to_next.see(here, next);
            }
        }
        match &way.decision {
            Some(decision) if decision.accepted => self.accepted += 1,
            Some(_) => self.refused += 1,
            None => {}
        }
        self.explored += u64::from(record.lead.stage_changes.iter().any(|change| change.odds.is_some()));
        if way.stage.takes_reason() {
            let reason = record.lead.content.stage_reason.clone();
            *self.left.entry((way.stage, reason)).or_default() += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        self.leads += other.leads;
        for (stage, of) in self.stages.iter_mut().zip(&other.stages) {
            stage.reached += of.reached;
            stage.now += of.now;
            stage.to_next.add(&of.to_next);
        }
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.explored += other.explored;
        other.left.iter().for_each(|(key, count)| *self.left.entry(key.clone()).or_default() += count);
    }

    /// Of the leads that came to a place of the way, how many came farther and how many did not.
    pub fn passed(&self, place: usize) -> Tally {
        let reached = self.stages[place].reached;
        let next = self.stages.get(place + 1).map_or(0, |next| next.reached);
        Tally { won: next as usize, lost: (reached - next) as usize }
    }

    /// What sales accepted and refused.
    pub fn acceptance(&self) -> Tally {
        Tally { won: self.accepted as usize, lost: self.refused as usize }
    }
}

/// The most groups that are told apart by one thing; of more, the largest are shown and all others taken together.
pub const MAX_GROUPS: usize = 100;
/// The most that are counted while it is not known yet which will be the largest.
const MAX_COUNTED: usize = 20_000;

/// A group of leads, such as those of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub by: GroupBy,
    /// What they have in common; empty for those that have none of it.
    pub key: String,
    /// How many groups are taken together here because they are small; 0 for a group of its own.
    pub others: u64,
    pub figures: Figures,
}

/// A funnel that is being counted.
#[derive(Debug, Clone, Default)]
pub struct Funnel {
    pub total: Figures,
    groups: BTreeMap<GroupBy, Counted>,
}

/// The groups by one thing.
#[derive(Debug, Clone, Default)]
struct Counted {
    by_key: BTreeMap<String, Figures>,
    /// Those that came when there was no room for more groups.
    surplus: Figures,
}

impl Funnel {
    pub fn by(group_by: impl IntoIterator<Item = GroupBy>) -> Self {
        let groups = group_by.into_iter().map(|by| (by, Counted::default())).collect();
        Self { groups, ..Self::default() }
    }

    pub fn see(&mut self, record: &LeadRecord) {
        let way = Way::of(record);
        self.total.see(record, &way);
        for (by, Counted { by_key, surplus }) in &mut self.groups {
            let key = by.key(record, &way);
            let has_room = by_key.len() < MAX_COUNTED || by_key.contains_key(&key);
            let figures = if has_room { by_key.entry(key).or_default() } else { surplus };
            figures.see(record, &way);
        }
    }

    /// The groups by what they are told apart by; those of grades and times in their own order, all others the largest first.
    pub fn groups(self) -> Vec<Group> {
        let mut all = Vec::new();
        for (by, Counted { by_key, surplus }) in self.groups {
            let mut groups: Vec<Group> =
                by_key.into_iter().map(|(key, figures)| Group { by, key, others: 0, figures }).collect();
            groups.sort_by_key(|group| std::cmp::Reverse(group.figures.leads));
            let rest = groups.split_off(groups.len().min(MAX_GROUPS));
            if matches!(by, GroupBy::Grade | GroupBy::Month | GroupBy::Quarter) {
                groups.sort_by(|a, b| a.key.cmp(&b.key));
            }
            if !rest.is_empty() {
                let mut figures = surplus;
                rest.iter().for_each(|group| figures.add(&group.figures));
                groups.push(Group { by, key: String::new(), others: rest.len() as u64, figures });
            }
            all.append(&mut groups);
        }
        all
    }
}

impl GroupBy {
    fn key(self, record: &LeadRecord, way: &Way) -> String {
        let latest = record.latest_score.as_ref();
        match self {
            GroupBy::Grade => match &way.decision {
                Some(decision) => decision.grade.clone(),
                None => latest.map(|latest| latest.grade.clone()).unwrap_or_default(),
            },
            GroupBy::Segment => {
                latest.and_then(|latest| latest.segment.as_ref()).map(ToString::to_string).unwrap_or_default()
            }
            GroupBy::Source => record.lead.content.source.trim().to_owned(),
            GroupBy::Owner => record.lead.content.owner.trim().to_owned(),
            GroupBy::Month => way.came_in.month(),
            GroupBy::Quarter => way.came_in.quarter(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lead::{Company, Lead, LeadContent, Subject};
    use proptest::prelude::*;

    fn day(day: i64) -> Time {
        Time::of_date("2026-01-01").unwrap().plus_days(day)
    }

    fn lead(steps: &[(LeadStage, i64)]) -> LeadRecord {
        let content = LeadContent::of(Subject::Company(Company::default()));
        let mut record = LeadRecord::new(Lead::create("leads/a".parse().unwrap(), content, day(0)));
        for (to, at) in steps {
            let content = record.lead.content.clone().after_step(*to, "why", day(*at));
            record.revise(content, day(*at));
        }
        record
    }

    #[test]
    fn a_funnel_counts_volumes_rates_times_and_reasons() {
        use LeadStage::*;
        let mut funnel = Funnel::by([GroupBy::Month, GroupBy::Source]);
        funnel.see(&lead(&[(Mql, 1), (Sal, 3), (Sql, 13), (Customer, 40)]));
        funnel.see(&lead(&[(Mql, 2), (Sal, 8), (Lost, 20)]));
        funnel.see(&lead(&[(Mql, 4), (Rejected, 5)]));
        funnel.see(&lead(&[(Rejected, 1)]));
        funnel.see(&lead(&[]));
        let figures = &funnel.total;
        assert_eq!(figures.stages.each_ref().map(|stage| stage.reached), [5, 3, 2, 1, 1]);
        assert_eq!(figures.stages.each_ref().map(|stage| stage.now), [1, 0, 0, 0, 1]);
        assert_eq!(figures.passed(0), Tally { won: 3, lost: 2 });
        assert_eq!(figures.acceptance(), Tally { won: 2, lost: 1 });
        let days = figures.stages.each_ref().map(|stage| stage.to_next.days_of(0.5));
        assert_eq!(days, [Some(2.0), Some(2.0), Some(10.0), Some(27.0), None]);
        let left: Vec<_> = figures.left.iter().map(|((stage, why), n)| (*stage, why.as_str(), *n)).collect();
        assert_eq!(left, [(Lost, "why", 1), (Rejected, "why", 2)]);
        let groups = funnel.groups();
        assert_eq!(groups.iter().map(|group| group.key.as_str()).collect::<Vec<_>>(), ["", "2026-01"]);
    }

    #[test]
    fn a_lead_that_came_in_its_stage_counts_by_it() {
        let mut record = lead(&[]);
        record.lead.content.stage = LeadStage::Customer;
        let way = Way::of(&record);
        assert_eq!((way.farthest, way.reached, way.decision.unwrap().accepted), (4, [None; 5], true));
        record.lead.content.stage = LeadStage::Rejected;
        assert!(!Way::of(&record).decision.unwrap().accepted);
        // It goes on from there: taken it was, and when it came there nobody knows.
        record.lead.content.stage = LeadStage::Sal;
        let content = record.lead.content.clone().after_step(LeadStage::Sql, "", day(9));
        record.revise(content, day(9));
        let way = Way::of(&record);
        assert!(way.decision.unwrap().accepted);
        assert_eq!(way.reached, [None, None, None, Some(day(9)), None]);
    }

    #[test]
    fn small_groups_are_taken_together() {
        let mut funnel = Funnel::by([GroupBy::Source]);
        for i in 0..MAX_GROUPS + 3 {
            let mut record = lead(&[]);
            record.lead.content.source = format!("s{i:03}");
            (0..=usize::from(i == 50)).for_each(|_| funnel.see(&record));
        }
        let groups = funnel.groups();
        let last = groups.last().unwrap();
        assert_eq!((groups.len(), groups[0].key.as_str()), (MAX_GROUPS + 1, "s050"));
        assert_eq!((last.others, last.figures.leads), (3, 3));
    }

    proptest! {
        /// Fewer come to each stage than to the one before, and the groups add up to the whole.
        #[test]
        fn a_funnel_narrows_and_adds_up(ways in prop::collection::vec((0_u8..4, prop::collection::vec(0..9_usize, 0..12)), 0..20)) {
            let mut funnel = Funnel::by([GroupBy::Source, GroupBy::Quarter]);
            for (source, asked) in ways {
                let mut record = lead(&[]);
                record.lead.content.source = source.to_string();
                for (i, to) in asked.into_iter().enumerate() {
                    let (content, to) = (record.lead.content.clone(), LeadStage::ALL[to]);
                    if content.stage.step_to(to).is_ok() {
                        record.revise(content.after_step(to, "why", day(i as i64)), day(i as i64));
                    }
                }
                funnel.see(&record);
            }
            let total = funnel.total.clone();
            prop_assert!(total.stages.windows(2).all(|pair| pair[0].reached >= pair[1].reached));
            let now: u64 = total.stages.iter().map(|stage| stage.now).sum();
            prop_assert_eq!(now + total.left.values().sum::<u64>(), total.leads);
            for by in [GroupBy::Source, GroupBy::Quarter] {
                let mut sum = Figures::default();
                funnel.clone().groups().iter().filter(|group| group.by == by).for_each(|group| sum.add(&group.figures));
                prop_assert_eq!(&sum, &total);
            }
        }
    }
}
