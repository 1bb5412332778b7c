//! A scorecard as a script that a person would have written: a group for each fact, a rule for each of its bins, the reason in words,
//! and what it rests on beside it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::sample::{Asked, Question};
use super::{Accounts, Derived};
use crate::domain::scorecard::bins::{Bin, Falls};
use crate::domain::scorecard::learn::Scorecard;
use crate::rules::format::format;

/// What a name of a rule or group may have.
const LONGEST_NAME: usize = 60;
/// So many words of a bin are told in its reason, and in its name.
const WORDS_OF_A_REASON: usize = 6;
const WORDS_OF_A_NAME: usize = 3;

/// The script, for people who know the data by a name such as `leads.csv`; nothing if nothing has any effect.
pub fn script(accounts: &Accounts, derived: &Derived, file: &str) -> Option<String> {
    let card = derived.card.as_ref()?;
    let mut out = head(derived, card, file);
    let mut names = BTreeSet::new();
    for characteristic in &card.characteristics {
        let question = &accounts.questions[characteristic.column];
        let title = match &question.asked {
            Asked::Has(word) => format!("{}: {word}", question.name),
            _ => question.name.clone(),
        };
        let group = unique(&title.to_lowercase(), &mut names);
        let value = characteristic.binned.information_value;
        // Words have no order that a trend could follow.
        let trend = match question.asked {
            Asked::Number(_) => format!(", trend {}", characteristic.trend().as_str()),
            _ => String::new(),
        };
        _ = writeln!(out, "\n// Information value {value:.2}{trend}.");
        _ = writeln!(out, "group {} on fit {{", quoted(&group));
        let lines: Vec<(&Bin, i64)> = characteristic.lines().collect();
        let mut rules = Vec::new();
        for (bin, points) in &lines {
            let what = words(bin, question);
            if *points == 0 {
                rules.push(Rule { evidence: evidence(bin), head: None, what });
                continue;
            }
            let name = unique(&format!("{group}: {}", short(bin, question)), &mut names);
            let condition = condition(bin, &lines, question);
            let because = format!("{title}: {}", told(bin, question, WORDS_OF_A_REASON));
            let head = format!(
                "rule {} when {condition} then {points} because {};",
                quoted(&name),
                quoted(&because)
            );
            rules.push(Rule { evidence: evidence(bin), head: Some(head), what });
        }
        for rule in rules {
            match rule.head {
                Some(head) => _ = writeln!(out, "    // {}\n    {head}", rule.evidence),
                None => _ = writeln!(out, "    // {}: {} No points.", rule.what, rule.evidence),
            }
        }
        out.push_str("}\n");
    }

    out.push_str("\n// What the profile rules out is ruled out here too.\ndisqualifiers;\n");
    out.push_str(
        "\n// An A has three times the usual odds of being won, a B the usual ones, a C a third of them.\n",
    );
    for limit in &derived.grades {
        _ = writeln!(out, "grade {} when total >= {};", quoted(limit.grade), limit.least);
    }
    out.push_str("grade \"D\" otherwise;\n");
    format(&out).or(Some(out))
}

struct Rule {
    evidence: String,
    head: Option<String>,
    what: String,
}

fn head(derived: &Derived, card: &Scorecard, file: &str) -> String {
    let (won, all) = (card.of.won, card.of.all());
    let mut out = format!(
        "// Learnt from {all} accounts of {file}, of whom {won} were won ({:.1} %). It is a rule set like any other: read it, change it.\n",
        100.0 * card.of.share()
    );
    if derived.is_of_little() {
        _ = writeln!(
            out,
            "// That is too little for a model, which takes 40 won and 40 lost ones: these points are first hints, at half of what\n\
             // the counts say. Put in what you know."
        );
    }
    if let Some(measured) = &derived.measured {
        _ = writeln!(
            out,
            "// On accounts that it had not seen: AUC {:.3} (naive Bayes {:.3}), Brier {:.3}.",
            measured.scorecard.auc, measured.naive_bayes.auc, measured.scorecard.brier
        );
    }
    let steps: Vec<String> = (1..=4)
        .map(|step| card.most() * step / 5)
        .map(|total| format!("{total} points: {:.0} of 100 won", 100.0 * card.chance(total)))
        .collect();
    _ = writeln!(
        out,
        "// {}. {:.0} points more double the odds.",
        steps.join(", "),
        card.points_to_double_the_odds()
    );
    _ = writeln!(out, "\naxis fit from 0 to {};\naxis engagement from 0 to 0;", card.most().max(1));
    out
}

fn evidence(bin: &Bin) -> String {
    let (low, high) = bin.tally.interval();
    format!(
        "{} accounts, {:.1} % won (95 %: {:.1} to {:.1}).",
        bin.tally.all(),
        100.0 * bin.tally.share(),
        100.0 * low,
        100.0 * high
    )
}

/// When a rule holds for a bin.
fn condition(bin: &Bin, of: &[(&Bin, i64)], question: &Question) -> String {
    let fact = &question.fact;
    match (&question.asked, &bin.falls) {
        (_, Falls::Unknown) => format!("not known({fact})"),
        (Asked::Number(asked), Falls::Range(from, below)) => {
            let parts = [
                from.map(|from| format!("{asked} >= {}", number(from))),
                below.map(|below| format!("{asked} < {}", number(below))),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            if parts.is_empty() { format!("known({fact})") } else { parts.join(" and ") }
        }
        (Asked::YesNo, Falls::OneOf(words)) if words.len() == 1 => {
            if words[0] == "yes" {
                fact.clone()
            } else {
                format!("not {fact}")
            }
        }
        (Asked::Has(word), Falls::OneOf(words)) if words.len() == 1 => {
            let has = format!("{} in {fact}", quoted(word));
            if words[0] == "yes" { has } else { format!("not ({has})") }
        }
        (Asked::Word, Falls::OneOf(words)) => is_one_of(fact, words),
        (_, Falls::Other) => {
            let named = of.iter().filter_map(|(bin, _)| match &bin.falls {
                Falls::OneOf(words) => Some(words.clone()),
                _ => None,
            });
            let named: Vec<String> = named.flatten().collect();
            match named.is_empty() {
                true => format!("known({fact})"),
                false => format!("not ({})", is_one_of(fact, &named)),
            }
        }
        _ => format!("known({fact})"),
    }
}

fn is_one_of(fact: &str, words: &[String]) -> String {
    match words {
        [word] => format!("{fact} == {}", quoted(word)),
        words => {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            format!("{fact} in [{}]", words.join(", "))
        }
    }
}

/// What a bin is, in words.
pub fn words(bin: &Bin, question: &Question) -> String {
    told(bin, question, usize::MAX)
}

/// The same with few words, for a name.
fn short(bin: &Bin, question: &Question) -> String {
    told(bin, question, WORDS_OF_A_NAME)
}

fn told(bin: &Bin, question: &Question, most: usize) -> String {
    match &bin.falls {
        Falls::Unknown => "not known".into(),
        Falls::Other => "any other".into(),
        Falls::Range(from, below) => ranges(*from, *below, &question.unit),
        Falls::OneOf(words) if words.len() > most => {
            format!("{} and {} more", words[..most].join(", "), words.len() - most)
        }
        Falls::OneOf(words) => words.join(", "),
    }
}

/// A range of numbers in words.
pub fn ranges(from: Option<f64>, below: Option<f64>, unit: &str) -> String {
    let unit = if unit.is_empty() || unit.len() > 20 { String::new() } else { format!(" {unit}") };
    match (from, below) {
        (Some(from), Some(below)) => format!("{} to under {}{unit}", number(from), number(below)),
        (Some(from), None) => format!("{}{unit} or more", number(from)),
        (None, Some(below)) => format!("under {}{unit}", number(below)),
        (None, None) => "known".into(),
    }
}

/// A number as scripts read it: never by an exponent.
fn number(number: f64) -> String {
    format!("{number}")
}

/// A name that no other rule or group has, of a length that can be read.
fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let stem: String = name.chars().take(LONGEST_NAME).collect();
    let stem = stem.trim().to_owned();
    let numbered = (2..).map(|number| format!("{stem} {number}"));
    let free = std::iter::once(stem.clone()).chain(numbered).find(|name| !taken.contains(name));
    let name = free.unwrap_or(stem);
    taken.insert(name.clone());
    name
}

/// A text as scripts write it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
