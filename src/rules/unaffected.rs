//! Which leads a change of rules can't touch: those on which every rule that differs comes to the same. Where only rules differ, a lead
//! need not be scored by both sets to know that it stays where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use sha2::{Digest as _, Sha256};

use super::diff::{DifferenceKind, difference};
use super::evaluate::alone::{completeness, rule_alone};
use super::evaluate::evaluator::MAX_STEPS;
use super::evaluate::facts::LeadFacts;
use super::language::ScriptKind;
use super::program::{Group, GroupBody, Item, Script};
use super::set::RuleSet;
use crate::domain::score::{Assessment, Points, ScoreStatus};
use crate::domain::text::hex;

/// The rules that differ between two sets.
pub struct RulesThatDiffer {
    before: Arc<RuleSet>,
    after: Arc<RuleSet>,
    /// By script the names of its rules that differ.
    names: BTreeMap<String, BTreeSet<String>>,
}

impl RulesThatDiffer {
    /// `None` if something else differs than rules: a cap, a grade, a word, a table. Then any lead may be touched.
    pub fn of(before: &Arc<RuleSet>, after: &Arc<RuleSet>) -> Option<Self> {
        let found = difference(&before.sources, &after.sources);
        if found.files.iter().any(|(path, _)| !path.ends_with(".rhai")) {
            return None;
        }
        let mut names = BTreeMap::<String, BTreeSet<String>>::new();
        for statement in found.statements {
            match statement.statement {
                // What goes by it is told by itself.
                "define" | "fn" | "const" => continue,
                "rule" => {}
                _ => return None,
            }
            let is_moved = statement.parts.iter().any(|part| part.part == "group");
            if is_moved && statement.kind == DifferenceKind::Changed {
                return None;
            }
            let folder = ScriptKind::LeadScoring.folder();
            let Some(script) = statement.file.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'))
            else {
                continue;
            };
            names.entry(script.trim_end_matches(".rhai").to_owned()).or_default().insert(statement.name);
        }
        // What is compared so far is what is written. What it became is compared too, so that nothing goes unnoticed.
        for script in before.scripts().filter(|script| script.kind == ScriptKind::LeadScoring) {
            let other = after.script(ScriptKind::LeadScoring, &script.name).ok()?;
            let (old, new) = (Compiled::of(script), Compiled::of(other));
            if old.around != new.around {
                return None;
            }
            let differ = names.entry(script.name.to_string()).or_default();
            for (name, old) in &old.rules {
                match new.rules.get(name) {
                    Some(new) if new.0 != old.0 => return None,
                    Some(new) if new.1 == old.1 => {}
                    _ => _ = differ.insert(name.clone()),
                }
            }
            differ.extend(new.rules.into_keys().filter(|name| !old.rules.contains_key(name)));
        }
        Some(Self { before: before.clone(), after: after.clone(), names })
    }

    /// Whether a lead comes to the same status, points and grade by both sets, when one has assessed it in some steps. `false` where that
    /// is not plain without assessing it by the other.
    pub fn come_to_the_same(
        &self,
        script: &str,
        facts: LeadFacts,
        (assessment, steps): (&Assessment, u32),
    ) -> bool {
        let (Ok(before), Ok(after)) = (
            self.before.script(ScriptKind::LeadScoring, script),
            self.after.script(ScriptKind::LeadScoring, script),
        ) else {
            return false;
        };
        let Some(names) = self.names.get(script) else { return true };
        let mut spent = steps;
        let mut outcome = |set: &RuleSet, script: &Script, name: &str| -> Option<Option<Points>> {
            let Some(rule) = script.rule(name) else { return Some(None) };
            let facts = LeadFacts { vocabulary: &set.vocabulary, ..facts };
            let (points, steps) = rule_alone(script, &set.catalogue, facts, rule);
            spent = spent.saturating_add(steps);
            points.ok()
        };
        let all_the_same = names.iter().all(|name| {
            let (old, new) = (outcome(&self.before, before, name), outcome(&self.after, after, name));
            old.is_some() && old == new
        });
        // With more steps the other set might fail where this one does not.
        if !all_the_same || spent > MAX_STEPS {
            return false;
        }
        // A rule that asks for another fact changes how much is known of all that is asked.
        if assessment.status == ScoreStatus::Disqualified || self.name_the_same(before, after) {
            return true;
        }
        let facts = LeadFacts { vocabulary: &self.after.vocabulary, ..facts };
        let is_enough = completeness(after, &self.after.catalogue, facts) >= after.completeness;
        is_enough == (assessment.status == ScoreStatus::Scored)
    }

    fn name_the_same(&self, before: &Script, after: &Script) -> bool {
        // Both catalogues are of one facts.toml, so the same fact has the same place.
        before.named == after.named
    }
}

/// A script as it was compiled, to be compared: without places, and without the numbers that things have in it.
struct Compiled {
    /// Everything but rules.
    around: Vec<String>,
    /// By name the groups that it stands in, and its condition and points.
    rules: BTreeMap<String, (String, String)>,
}

impl Compiled {
    fn of(script: &Script) -> Self {
        let mut text = Text { script, known: BTreeMap::new() };
        let mut compiled = Self { around: Vec::new(), rules: BTreeMap::new() };
        compiled.collect(&script.items, "", &mut text);
        for bounds in &script.bounds {
            compiled.around.push(format!("{:?} {:?} {:?}", bounds.axis, bounds.from, bounds.to));
        }
        for verdict in script.disqualify.iter().chain(&script.cap_grades).chain(&script.grades) {
            let when = verdict.when.as_ref().map(|when| text.of(&when.expr)).unwrap_or_default();
            compiled.around.push(format!("{} {when}", verdict.id));
        }
        let (asks, grades) = (script.disqualifiers.is_some(), script.grades.len());
        compiled.around.push(format!("{} {asks} {grades} {}", script.completeness, script.cap_grades.len()));
        compiled
    }

    fn collect(&mut self, items: &[Item], path: &str, text: &mut Text) {
        for item in items {
            match item {
                Item::Rule(rule) => {
                    let written = format!("{} {}", text.of(&rule.when.expr), text.of(&rule.then.expr));
                    self.rules.insert(rule.id.to_string(), (path.to_owned(), written));
                }
                Item::Factor(factor) => self.around.push(text.of(&factor.is.expr)),
                Item::Group(group) => {
                    let Group { name, axis, cap, floor, .. } = group;
                    let path = format!("{path}/{name}");
                    self.around.push(format!("{path} {axis:?} {cap:?} {floor:?}"));
                    match &group.body {
                        GroupBody::Items(items) => self.collect(items, &path, text),
                        GroupBody::Criteria => self.around.push("criteria".to_owned()),
                    }
                }
            }
        }
    }
}

/// What an expression reads, defines and functions that it goes by, by their numbers.
static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(Leaf|Define|Call)\((\d+)").ok());
static PLACE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"Position \{[^}]*\}").ok());

/// Expressions as texts in which what they refer to stands as the digest of its own text.
struct Text<'s> {
    script: &'s Script,
    known: BTreeMap<(String, usize), String>,
}

impl Text<'_> {
    fn of(&mut self, part: &impl fmt::Debug) -> String {
        let shown = format!("{part:?}");
        let (Some(place), Some(reference)) = (&*PLACE, &*REFERENCE) else { return shown };
        let shown = place.replace_all(&shown, "");
        let mut out = String::with_capacity(shown.len());
        let mut end = 0;
        for found in reference.captures_iter(&shown) {
            let (Some(whole), Ok(index)) = (found.get(0), found[2].parse()) else { continue };
            out += &shown[end..whole.start()];
            out += &format!("{}({}", &found[1], self.referred(&found[1], index));
            end = whole.end();
        }
        out + &shown[end..]
    }

    fn referred(&mut self, kind: &str, index: usize) -> String {
        let key = (kind.to_owned(), index);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let script = self.script;
        let text = match kind {
            "Leaf" => script.leaves.get(index).map(|leaf| self.of(leaf)),
            "Define" => script.defines.get(index).map(|define| self.of(&define.expr)),
            _ => script.functions.get(index).map(|function| self.of(&function.body)),
        };
        let digest = hex(&Sha256::digest(text.unwrap_or_default()));
        self.known.insert(key, digest.clone());
        digest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::lead::{Company, LeadContent, Subject};
    use crate::domain::profile::ProfileContent;
    use crate::domain::time::Time;
    use crate::domain::value::Money;
    use crate::rules::compile;
    use crate::rules::source::Sources;

    const SCRIPT: &str = "\
import \"lib/shapes\" as shape;
define large as employees > 100;
axis fit from 0 to 60;
group \"who\" on fit cap 25 {
    rule \"size\" when large then 20 because \"x\";
    rule \"money\" when revenue > 1000 then shape::half(20) because \"x\";
    rule \"old\" when founded_year < 2000 then 100 / (founded_year - 1990) because \"x\";
}
disqualify \"farm\" when industry == \"farm\" because \"x\";
require completeness 0.4;
grade \"A\" when total >= 25;
grade \"B\" when total >= 10;
grade \"D\" otherwise;
";
    fn compiled(script: &str, shapes: &str) -> Compiled {
        Compiled::of(set(script, shapes).script(ScriptKind::LeadScoring, "default").unwrap())
    }

    /// What only the compiled rules tell is told too: whatever the comparison of what is written overlooks.
    #[test]
    fn a_rule_that_became_another_differs() {
        let before = compiled(SCRIPT, SHAPES);
        let spaced = SCRIPT.replace("define large", "// more\n\ndefine more as revenue > 1;\ndefine large");
        let with_more = compiled(&spaced, SHAPES);
        assert_eq!(
            (&before.around, &before.rules),
            (&with_more.around, &with_more.rules),
            "places and numbers say nothing"
        );
        let other = compiled(SCRIPT, "fn half(x) { x / 4 }\n");
        let differ: Vec<&String> =
            before.rules.keys().filter(|name| before.rules[*name] != other.rules[*name]).collect();
        assert_eq!((differ, before.around == other.around), (vec![&"money".to_owned()], true));
    }

    const SHAPES: &str = "fn half(x) { x / 2 }\n";

    fn set(script: &str, shapes: &str) -> Arc<RuleSet> {
        let files = [("lead_scoring/default.rhai", script), ("lib/shapes.rhai", shapes)];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Arc::new(compile(Sources::new(files.into())).unwrap().0)
    }

    /// Changes of one thing; whether only rules differ then.
    const EDITS: [(&str, &str, bool); 10] = [
        ("employees > 100", "employees > 200", true),
        ("revenue > 1000", "revenue > 5000", true),
        ("100 / (founded_year - 1990)", "50 / (founded_year - 1990)", true),
        (
            "    rule \"money\"",
            "    rule \"new\" when country == \"DE\" then 3 because \"x\";\n    rule \"money\"",
            true,
        ),
        ("    rule \"size\" when large then 20 because \"x\";\n", "", true),
        ("because \"x\"", "because \"another reason\"", true),
        ("cap 25", "cap 20", false),
        ("total >= 25", "total >= 20", false),
        (
            "grade \"A\" when total >= 25;\ngrade \"B\" when total >= 10;\n",
            "grade \"B\" when total >= 10;\ngrade \"A\" when total >= 25;\n",
            false,
        ),
        ("industry == \"farm\"", "industry == \"farms\"", false),
    ];

    proptest! {
        /// Who is said to come to the same does; and most do, where few have what a change asks for.
        #[test]
        fn who_is_said_to_come_to_the_same_does(
            edit in 0..EDITS.len() + 1,
            employees in prop::option::of(0_i64..300),
            revenue in prop::option::of(0_i64..9_000),
            founded in prop::option::of(1985_i32..2010),
            country in prop::option::of(prop::sample::select(vec!["DE", "AT"])),
            industry in prop::option::of(prop::sample::select(vec!["farm", "farms", "trade"])),
        ) {
            let before = set(SCRIPT, SHAPES);
            let (after, only_rules) = match EDITS.get(edit) {
                Some((from, to, only_rules)) => (set(&SCRIPT.replacen(from, to, 1), SHAPES), *only_rules),
                None => (set(SCRIPT, "fn half(x) { x / 4 }\n"), true),
            };
            let differ = RulesThatDiffer::of(&before, &after);
            prop_assert_eq!(differ.is_some(), only_rules);
            let Some(differ) = differ else { return Ok(()) };
            let company = Company {
                display_name: "Acme".into(),
                employees,
                annual_revenue: revenue.map(|units| Money { currency: "EUR".into(), units, nanos: 0 }),
                founded_year: founded,
                country: country.unwrap_or_default().into(),
                industry: industry.unwrap_or_default().into(),
                ..Company::default()
            };
            let lead = LeadContent::of(Subject::Company(company));
            let profile = ProfileContent::default();
            let facts = LeadFacts {
                lead: &lead, activities: &[], profile: &profile, created: None,
                as_of: "2026-06-01T00:00:00Z".parse::<Time>().unwrap(), currency: "EUR", vocabulary: &before.vocabulary,
            };
            let assess = |set: &RuleSet| set.assess_counting(set.script(ScriptKind::LeadScoring, "default").unwrap(), facts);
            let (old, steps) = assess(&before);
            let Ok(old) = old else { return Ok(()) };
            if differ.come_to_the_same("default", facts, (&old, steps)) {
                let new = assess(&after).0.unwrap();
                let seen = |of: &Assessment| {
                    let points: Vec<_> = of.contributions.iter().map(|entry| (entry.rule.clone(), entry.points)).collect();
                    (of.status, of.grade.clone(), of.total, points)
                };
                prop_assert_eq!(seen(&old), seen(&new));
            } else {
                // Who has nothing of what the change asks for, and of whom enough is known either way, is not touched.
                let has_nothing = employees.is_none() && revenue.is_none() && founded.is_none();
                prop_assert!(!has_nothing || edit == 3, "{:?}", EDITS.get(edit));
            }
        }
    }
}
