//! What a lead's score would be if some of its facts were others; and the fewest changes, of facts that can be changed, by which
//! it reaches a grade.
//!
//! A change to a grade is looked for among what facts.toml declares `actionable`: attributes, types of activity, and roles whose
//! holder would be reached. Values are tried at the numbers and words that rules and profile compare a fact with. What is given is
//! no estimate: each way was applied to the lead, and the lead scored.

use std::collections::BTreeSet;

use crate::domain::lead::{Activity, Contact, LeadContent};
use crate::domain::profile::ProfileContent;
use crate::domain::score::{Assessment, Contribution, ContributionKind, ScoreStatus};
use crate::domain::time::Time;
use crate::domain::value::{FactValue, Money, Value};
use crate::domain::vocabulary::{Attribute, AttributeType};
use crate::rules::evaluate::outlook::compared_with;
use crate::rules::evaluate::score::RuleError;
use crate::rules::language::ScriptKind;
use crate::rules::program::Script;
use crate::rules::set::RuleSet;
use crate::rules::{LeadFacts, testing};

/// A lead with all that its score depends on.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    pub rules: &'a RuleSet,
    pub script: &'a Script,
    pub profile: &'a ProfileContent,
    pub lead: &'a LeadContent,
    pub activities: &'a [Activity],
    pub created: Option<Time>,
    pub as_of: Time,
    pub currency: &'a str,
}

/// What would be otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Otherwise {
    /// Facts by their names in the language, in this order; nothing for what would be unknown, which attributes can be.
    pub facts: Vec<(String, Option<Value>)>,
    /// In place of those with their ids, or beside all others.
    pub contacts: Vec<Contact>,
    /// Beside all others.
    pub activities: Vec<Activity>,
}

/// Facts that can't be so, by their names, each with what is wrong.
pub type BadFacts = Vec<(String, String)>;

/// A change that somebody could bring about.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// An attribute would have this value.
    Fact { fact: String, value: Value },
    /// So many activities of a type would be there more, at the as-of time.
    Activities { kind: String, times: u32 },
    /// A contact with this role would be reached, at the as-of time.
    Reach { role: String },
}

/// A way to a grade.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    pub steps: Vec<Step>,
    /// What the lead scores then.
    pub assessment: Assessment,
}

/// What was found of the ways to a grade.
#[derive(Debug, Clone, PartialEq)]
pub struct Ways {
    /// What the lead scores now.
    pub now: Assessment,
    /// With the fewest steps first; none if the grade is reached already.
    pub ways: Vec<Way>,
    /// What takes points or bounds the grade now.
    pub holding_back: Vec<Contribution>,
    /// Whether every way of up to [`MAX_STEPS`] steps was tried among the values that are looked at.
    pub is_complete: bool,
    /// Whether the grade is reached already.
    pub is_reached: bool,
}

/// The most steps of a way.
pub const MAX_STEPS: usize = 3;
/// The most ways that are told.
const MAX_WAYS: usize = 5;
/// How often a lead is scored at most.
const MAX_TRIES: usize = 6_000;
/// How many of an activity are tried at most.
const MAX_TIMES: u32 = 3;
/// The most values that are tried of a fact.
const MAX_VALUES: usize = 12;

impl Situation<'_> {
    /// Scores the lead as it is.
    pub fn assess(&self) -> Result<Assessment, RuleError> {
        self.assess_as(self.lead, self.activities)
    }

    fn assess_as(&self, lead: &LeadContent, activities: &[Activity]) -> Result<Assessment, RuleError> {
        let facts = LeadFacts {
            lead,
            activities,
            profile: self.profile,
            created: self.created,
            as_of: self.as_of,
            currency: self.currency,
            vocabulary: &self.rules.vocabulary,
        };
        self.rules.assess(self.script, facts)
    }

    /// The lead as it would be; or what is wrong with that, fact by fact.
    pub fn otherwise(&self, otherwise: &Otherwise) -> Result<(LeadContent, Vec<Activity>), BadFacts> {
        let (mut lead, mut wrong) = (self.lead.clone(), Vec::new());
        for (fact, value) in &otherwise.facts {
            let vocabulary = &self.rules.vocabulary;
            let set = match value {
                Some(value) => testing::set_fact(&mut lead, fact, value, self.currency, vocabulary),
                None if lead.attributes.remove(fact).is_some() => Ok(()),
                None if vocabulary.attributes.contains_key(fact) => Ok(()),
                None => {
                    Err("is no attribute that facts.toml declares: others can't become unknown".to_owned())
                }
            };
            if let Err(told) = set {
                wrong.push((fact.clone(), told));
            }
        }
        otherwise.contacts.iter().for_each(|contact| put_contact(&mut lead, contact.clone()));
        let activities = self.activities.iter().chain(&otherwise.activities).cloned().collect();
        if wrong.is_empty() { Ok((lead, activities)) } else { Err(wrong) }
    }

    /// Scores the lead as it would be.
    pub fn assess_otherwise(
        &self,
        lead: &LeadContent,
        activities: &[Activity],
    ) -> Result<Assessment, RuleError> {
        self.assess_as(lead, activities)
    }

    /// The lead after some steps.
    fn after(&self, steps: &[&Step]) -> (LeadContent, Vec<Activity>) {
        let (mut lead, mut activities) = (self.lead.clone(), self.activities.to_vec());
        for step in steps {
            match step {
                Step::Fact { fact, value } => {
                    lead.attributes.insert(fact.clone(), FactValue::of(value.clone()));
                }
                Step::Activities { kind, times } => {
                    let activity = Activity {
                        id: None,
                        kind: kind.clone(),
                        time: self.as_of,
                        known_time: self.as_of,
                        amount: 1.0,
                        contact: None,
                        properties: Default::default(),
                    };
                    activities.extend((0..*times).map(|_| activity.clone()));
                }
                Step::Reach { role } => self.reach(&mut lead, role),
            }
        }
        (lead, activities)
    }

    /// Lets a contact of a role answer: one that is known, else another.
    fn reach(&self, lead: &mut LeadContent, role: &str) {
        let contacts = lead.contacts.get_or_insert_default();
        let known = contacts.iter().position(|contact| contact.decision_role == role);
        let at = known.unwrap_or_else(|| {
            let taken: BTreeSet<String> = contacts.iter().map(|contact| contact.id.to_string()).collect();
            let id = (1..).map(|number| format!("reached-{number}")).find(|id| !taken.contains(id));
            if let Some(id) = id.and_then(|id| id.parse().ok()) {
                contacts.push(Contact { decision_role: role.to_owned(), ..Contact::of(id) });
            }
            contacts.len().saturating_sub(1)
        });
        if let Some(contact) = contacts.get_mut(at) {
            contact.inbound = contact.inbound.max(1);
            contact.last_engaged_time = Some(self.as_of);
        }
    }

    /// The ways to a grade, or one that is better.
    pub fn ways_to(&self, goal: &str) -> Result<Ways, RuleError> {
        let now = self.assess()?;
        let rank = |assessment: &Assessment| {
            let graded = assessment.grade.as_ref().filter(|_| assessment.status == ScoreStatus::Scored);
            graded.and_then(|grade| self.script.grades.iter().position(|known| known.id == *grade))
        };
        let wanted = self.script.grades.iter().position(|grade| *grade.id == *goal).unwrap_or_default();
        let reaches = |assessment: &Assessment| rank(assessment).is_some_and(|rank| rank <= wanted);
        let holding_back = now.contributions.iter().filter(|entry| holds_back(entry)).cloned().collect();
        let mut search = Search { situation: self, tries: 0, is_complete: true, ways: Vec::new() };
        let is_reached = reaches(&now);
        if !is_reached {
            search.run(&reaches);
        }
        let Search { ways, is_complete, .. } = search;
        Ok(Ways { now, ways, holding_back, is_complete, is_reached })
    }

    /// What can be changed, each with what is tried of it: the nearest to what is first.
    fn levers(&self) -> Vec<Vec<Step>> {
        let vocabulary = &self.rules.vocabulary;
        let mut levers = Vec::new();
        for (name, attribute) in vocabulary.attributes.iter().filter(|(_, attribute)| attribute.actionable) {
            let step = |value| Step::Fact { fact: name.clone(), value };
            levers.push(self.values(name, attribute).into_iter().map(step).collect());
        }
        for (kind, _) in vocabulary.activities.iter().filter(|(_, term)| term.actionable) {
            let step = |times| Step::Activities { kind: kind.clone(), times };
            levers.push((1..=MAX_TIMES).map(step).collect());
        }
        for (role, _) in vocabulary.roles.iter().filter(|(_, term)| term.actionable) {
            levers.push(vec![Step::Reach { role: role.clone() }]);
        }
        levers.retain(|lever: &Vec<Step>| !lever.is_empty());
        levers
    }

    /// The values that are tried of an attribute, but for the one that it has.
    fn values(&self, name: &str, attribute: &Attribute) -> Vec<Value> {
        let now = self.lead.attributes.get(name).map(|fact| &fact.value);
        let catalogue = &self.rules.catalogue;
        let Some(index) = catalogue.find(name, ScriptKind::LeadScoring) else { return Vec::new() };
        let (words, numbers) =
            compared_with(&catalogue.facts[index], index, self.script, self.profile, &self.rules.vocabulary);
        let mut values: Vec<Value> = match &attribute.kind {
            AttributeType::YesNo => [true, false].map(Value::YesNo).into(),
            // Those that rules ask for come first, since only so many are tried.
            AttributeType::Choice(choices) => {
                let others = choices.iter().filter(|word| !words.contains(word)).cloned();
                words.iter().cloned().chain(others).map(Value::Text).collect()
            }
            AttributeType::Text => words.into_iter().map(Value::Text).collect(),
            AttributeType::List => {
                let has: Vec<String> = match now {
                    Some(Value::List(words)) => words.clone(),
                    _ => Vec::new(),
                };
                let missing = words.into_iter().filter(|word| !has.contains(word));
                missing.map(|word| Value::List(has.iter().cloned().chain([word]).collect())).collect()
            }
            AttributeType::Number => {
                tried_numbers(numbers, attribute, amount(now)).into_iter().map(Value::Number).collect()
            }
            AttributeType::Money => tried_numbers(numbers, attribute, amount(now))
                .into_iter()
                .map(|number| Value::Money(money(number, self.currency)))
                .collect(),
            // A day is not brought about.
            AttributeType::Date => Vec::new(),
        };
        values.retain(|value| Some(value) != now);
        values.truncate(MAX_VALUES);
        values
    }
}

/// The numbers that are tried: where rules part what a fact can be, just beyond it on both sides, and the ends of what is allowed.
/// The nearest to what is first; where nothing is known, the least.
fn tried_numbers(marks: Vec<f64>, attribute: &Attribute, now: Option<f64>) -> Vec<f64> {
    let is_whole =
        marks.iter().all(|mark| mark.fract() == 0.0) && marks.iter().any(|mark| mark.abs() >= 10.0);
    let least = if is_whole { 1.0 } else { 0.01 };
    let (min, max) = (attribute.min.unwrap_or(f64::MIN), attribute.max.unwrap_or(f64::MAX));
    let round = |number: f64| (number * 1e6).round() / 1e6;
    let mut tried: Vec<f64> = marks
        .into_iter()
        .flat_map(|mark| [mark - least, mark, mark + least])
        .chain(attribute.min)
        .chain(attribute.max)
        .map(round)
        .filter(|number| (min..=max).contains(number))
        .collect();
    let distance = |number: f64| (number - now.unwrap_or(0.0)).abs();
    tried.sort_by(|a, b| distance(*a).total_cmp(&distance(*b)).then(a.total_cmp(b)));
    tried.dedup();
    tried
}

fn amount(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => Some(*number),
        Value::Money(money) => Some(money.amount()),
        _ => None,
    }
}

fn money(amount: f64, currency: &str) -> Money {
    let nanos = ((amount - amount.trunc()) * 1e9).round() as i32;
    Money { currency: currency.to_owned(), units: amount.trunc() as i64, nanos }
}

fn put_contact(lead: &mut LeadContent, contact: Contact) {
    let contacts = lead.contacts.get_or_insert_default();
    match contacts.iter_mut().find(|known| known.id == contact.id) {
        Some(known) => *known = contact,
        None => contacts.push(contact),
    }
}

/// Whether an entry of a score takes points or bounds the grade.
fn holds_back(entry: &Contribution) -> bool {
    match entry.kind {
        ContributionKind::Disqualify | ContributionKind::GradeCap => true,
        ContributionKind::Rule | ContributionKind::Criterion | ContributionKind::Factor => entry.points.0 < 0,
        ContributionKind::Cap | ContributionKind::Floor | ContributionKind::Bound => entry.points.0 < 0,
    }
}

/// Looks for ways, the shortest first.
struct Search<'s, 'a> {
    situation: &'s Situation<'a>,
    tries: usize,
    is_complete: bool,
    ways: Vec<Way>,
}

impl Search<'_, '_> {
    fn run(&mut self, reaches: &dyn Fn(&Assessment) -> bool) {
        let levers = self.situation.levers();
        for count in 1..=MAX_STEPS.min(levers.len()) {
            let mut chosen: Vec<usize> = (0..count).collect();
            loop {
                self.try_levers(&levers, &chosen, reaches);
                if self.tries >= MAX_TRIES {
                    self.is_complete = false;
                    break;
                }
                if !next_choice(&mut chosen, levers.len()) {
                    break;
                }
            }
            if self.ways.len() >= MAX_WAYS || !self.is_complete {
                break;
            }
        }
        self.ways.truncate(MAX_WAYS);
    }

    /// Tries all values of some levers together; keeps the first that reaches the grade, which changes least.
    fn try_levers(&mut self, levers: &[Vec<Step>], chosen: &[usize], reaches: &dyn Fn(&Assessment) -> bool) {
        // Where fewer of them are enough, more say nothing new.
        let enough =
            |way: &Way| way.steps.iter().all(|step| chosen.iter().any(|lever| levers[*lever].contains(step)));
        if self.ways.iter().any(enough) {
            return;
        }
        // Small changes of all come before a large one of one.
        let mut combinations: Vec<Vec<usize>> = vec![Vec::new()];
        for lever in chosen {
            let values = 0..levers[*lever].len();
            combinations = combinations
                .into_iter()
                .flat_map(|begun| values.clone().map(move |value| [begun.clone(), vec![value]].concat()))
                .collect();
        }
        combinations.sort_by_key(|values| values.iter().sum::<usize>());
        for values in combinations {
            if self.tries >= MAX_TRIES {
                self.is_complete = false;
                return;
            }
            self.tries += 1;
            let steps: Vec<&Step> =
                chosen.iter().zip(&values).map(|(lever, value)| &levers[*lever][*value]).collect();
            let (lead, activities) = self.situation.after(&steps);
            // What rules fail on is no way.
            let Ok(assessment) = self.situation.assess_as(&lead, &activities) else { continue };
            if reaches(&assessment) {
                self.ways.push(Way { steps: steps.into_iter().cloned().collect(), assessment });
                return;
            }
        }
    }
}

/// The next choice of some out of many, in order; says whether there is one.
fn next_choice(chosen: &mut [usize], of: usize) -> bool {
    let count = chosen.len();
    let Some(at) = (0..count).rev().find(|at| chosen[*at] < of - count + at) else { return false };
    chosen[at] += 1;
    for after in at + 1..count {
        chosen[after] = chosen[after - 1] + 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::lead::{Company, Subject};
    use crate::rules::compile;
    use crate::rules::source::Sources;

    const FACTS: &str = r#"
[attributes.budget]
type = "number"
meaning = "What can be spent"
actionable = true
[attributes.urgency]
type = "choice"
choices = ["none", "later", "now"]
meaning = "When"
actionable = true
[attributes.pain]
type = "number"
min = 0
max = 1
meaning = "How much it hurts"
[activities.meeting]
meaning = "A meeting"
actionable = true
[activities.visit]
meaning = "A visit to the site"
[roles.champion]
meaning = "Wants it"
actionable = true
[roles.user]
meaning = "Uses it"
"#;

    const SCRIPT: &str = r#"
rule "budget" when budget >= 20000 then 20 because "b";
rule "urgent" when urgency == "now" then 15 because "u";
rule "soon" when urgency == "later" then 5 because "l";
rule "hurts" when pain > 0.5 then 30 because "p";
rule "meetings" when activity("meeting").count > 0 then min(activity("meeting").count * 6, 12) because "m";
rule "champion" when contacts.engaged_role("champion") then 10 because "c";
rule "tiny" when employees < 5 then -12 because "small";
cap_grade "C" when employees == 1 because "alone";
grade "A" when total >= 45;
grade "B" when total >= 30;
grade "C" when total >= 10;
grade "D" otherwise;
"#;

    fn rules() -> RuleSet {
        let files = [("facts.toml", FACTS), ("lead_scoring/default.rhai", SCRIPT)];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        compile(Sources::new(files.into())).unwrap().0
    }

    /// A company with some of its facts.
    fn company(employees: i64, facts: &[(&str, Value)]) -> LeadContent {
        let company =
            Company { display_name: "Acme".into(), employees: Some(employees), ..Company::default() };
        let mut lead = LeadContent::of(Subject::Company(company));
        for (fact, value) in facts {
            lead.attributes.insert((*fact).to_owned(), FactValue::of(value.clone()));
        }
        lead
    }

    fn with<T>(rules: &RuleSet, lead: &LeadContent, ask: impl FnOnce(&Situation) -> T) -> T {
        let profile = ProfileContent { scoring_script: "default".into(), ..ProfileContent::default() };
        let script = rules.script(ScriptKind::LeadScoring, "default").unwrap();
        let as_of = Time::from_micros(1_780_000_000_000_000).unwrap();
        let (activities, created, currency) = (&[][..], None, "EUR");
        ask(&Situation { rules, script, profile: &profile, lead, activities, created, as_of, currency })
    }

    fn told(ways: &Ways) -> Vec<String> {
        let tell = |step: &Step| match step {
            Step::Fact { fact, value } => format!("{fact}={value:?}"),
            Step::Activities { kind, times } => format!("{times} {kind}"),
            Step::Reach { role } => format!("reach {role}"),
        };
        let grade = |way: &Way| way.assessment.grade.clone().unwrap();
        ways.ways
            .iter()
            .map(|way| {
                format!("{}: {}", grade(way), way.steps.iter().map(tell).collect::<Vec<_>>().join(" + "))
            })
            .collect()
    }

    #[test]
    fn the_fewest_changes_of_what_can_be_changed_are_found() {
        let rules = rules();
        let lead =
            company(50, &[("budget", Value::Number(12_000.0)), ("urgency", Value::Text("none".into()))]);
        let ways = with(&rules, &lead, |situation| situation.ways_to("C").unwrap());
        assert_eq!(
            told(&ways),
            ["C: budget=Number(20000.0)", "C: urgency=Text(\"now\")", "C: 2 meeting", "C: reach champion"]
        );
        assert!(ways.is_complete && !ways.is_reached);
        let ways = with(&rules, &lead, |situation| situation.ways_to("A").unwrap());
        assert_eq!(
            told(&ways)[..2],
            [
                "A: budget=Number(20000.0) + urgency=Text(\"now\") + 2 meeting",
                "A: budget=Number(20000.0) + urgency=Text(\"now\") + reach champion",
            ]
        );
        // The grade may be reached already, or be out of reach: one who is alone stays a C.
        let reached = with(&rules, &lead, |situation| situation.ways_to("D").unwrap());
        assert!(reached.is_reached && reached.ways.is_empty());
        let alone = with(&rules, &company(1, &[("pain", Value::Number(0.9))]), |s| s.ways_to("B").unwrap());
        assert!(alone.ways.is_empty() && alone.is_complete);
        let held: Vec<&str> = alone.holding_back.iter().map(|entry| &*entry.rule).collect();
        assert_eq!(held, ["tiny"]);
    }

    #[test]
    fn what_would_be_is_scored_and_bad_facts_are_all_told() {
        let rules = rules();
        let lead = company(3, &[("urgency", Value::Text("now".into()))]);
        with(&rules, &lead, |situation| {
            let otherwise = Otherwise {
                facts: vec![
                    ("employees".into(), Some(Value::Number(80.0))),
                    ("budget".into(), Some(Value::Number(30_000.0))),
                    ("urgency".into(), None),
                ],
                ..Otherwise::default()
            };
            let (lead, activities) = situation.otherwise(&otherwise).unwrap();
            assert_eq!(situation.assess().unwrap().total.0, 300);
            assert_eq!(situation.assess_otherwise(&lead, &activities).unwrap().total.0, 2_000);
            let facts = [
                ("employes", Some(Value::Number(1.0))),
                ("budget", Some(Value::YesNo(true))),
                ("employees", None),
            ];
            let facts = facts.map(|(fact, value)| (fact.to_owned(), value)).into();
            let wrong = situation.otherwise(&Otherwise { facts, ..Otherwise::default() }).unwrap_err();
            assert_eq!(wrong.len(), 3, "{wrong:?}");
            assert!(wrong[0].1.contains("employees"), "{wrong:?}");
        });
    }

    #[test]
    fn a_search_among_very_many_changes_ends_soon_and_says_so() {
        let mut facts = FACTS.to_owned();
        let words: Vec<String> = (0..30).map(|word| format!("\"w{word}\"")).collect();
        for number in 0..80 {
            facts += &format!(
                "[attributes.a{number}]\ntype = \"choice\"\nchoices = [{}]\nmeaning = \"x\"\nactionable = true\n",
                words.join(", ")
            );
        }
        let files = [("facts.toml", facts.as_str()), ("lead_scoring/default.rhai", SCRIPT)];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let (rules, _) = compile(Sources::new(files.into())).unwrap();
        let begin = std::time::Instant::now();
        let ways = with(&rules, &company(50, &[]), |situation| situation.ways_to("A").unwrap());
        assert!(!ways.is_complete);
        assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
    }

    #[test]
    fn the_words_that_rules_ask_for_are_tried_however_many_others_there_are() {
        let words: Vec<String> = (0..40).map(|word| format!("\"w{word}\"")).collect();
        let facts = format!(
            "[attributes.kind]\ntype = \"choice\"\nchoices = [{}]\nmeaning = \"x\"\nactionable = true\n",
            words.join(", ")
        );
        let script = "rule \"r\" when kind == \"w33\" then 50 because \"x\";\ngrade \"A\" when total >= 45;\ngrade \"D\" otherwise;\n";
        let files = [("facts.toml", facts.as_str()), ("lead_scoring/default.rhai", script)];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let (rules, _) = compile(Sources::new(files.into())).unwrap();
        let ways = with(&rules, &company(50, &[]), |situation| situation.ways_to("A").unwrap());
        assert_eq!(told(&ways), ["A: kind=Text(\"w33\")"]);
    }

    proptest! {
        #[test]
        fn each_way_reaches_the_grade_and_no_step_of_it_is_idle(
            employees in 1_i64..60,
            budget in prop::option::of(0_u32..40_000),
            urgency in prop::option::of(0_usize..3),
            pain in prop::option::of(0.0_f64..1.0),
            goal in 0_usize..4,
        ) {
            let rules = rules();
            let mut facts = Vec::new();
            facts.extend(budget.map(|budget| ("budget", Value::Number(budget.into()))));
            facts.extend(urgency.map(|at| ("urgency", Value::Text(["none", "later", "now"][at].into()))));
            facts.extend(pain.map(|pain| ("pain", Value::Number(pain))));
            let lead = company(employees, &facts);
            with(&rules, &lead, |situation| {
                let rank = |assessment: &Assessment| ["A", "B", "C", "D"].iter().position(|grade| assessment.grade.as_deref() == Some(*grade)).unwrap();
                let found = situation.ways_to(["A", "B", "C", "D"][goal]).unwrap();
                prop_assert_eq!(found.is_reached, rank(&found.now) <= goal);
                prop_assert!(found.is_complete);
                for way in &found.ways {
                    let all: Vec<&Step> = way.steps.iter().collect();
                    let scored = |steps: &[&Step]| {
                        let (lead, activities) = situation.after(steps);
                        situation.assess_otherwise(&lead, &activities).unwrap()
                    };
                    prop_assert_eq!(&scored(&all), &way.assessment);
                    prop_assert!(rank(&way.assessment) <= goal);
                    for idle in 0..all.len() {
                        let mut fewer = all.clone();
                        fewer.remove(idle);
                        prop_assert!(rank(&scored(&fewer)) > goal, "{:?} is enough of {:?}", fewer, all);
                    }
                }
                Ok(())
            })?;
        }
    }
}
