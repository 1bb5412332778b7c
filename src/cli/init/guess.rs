//! A first profile out of a file's leads: what is frequent among them, for a person to correct.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::lift::{Expected, Lift, Outcomes};
use crate::cli::leads_file::{LeadRow, LeadsFile};
use crate::cli::table::counted;
use crate::domain::canonical::folded;
use crate::grpc::pb::{OutcomeKind, lead::Subject};

/// With fewer won leads than these, all leads say more.
const ENOUGH_WON: usize = 20;
/// What fewer than one lead in so many has is not frequent.
const RARE: usize = 10;

/// What leads have, counted.
#[derive(Default)]
struct Counts {
    leads: usize,
    industries: Words,
    countries: Words,
    occupations: Words,
    technologies: Words,
    employees: Vec<i64>,
}

/// Words whatever their case, each with its first spelling and how many leads have it.
#[derive(Default)]
struct Words(BTreeMap<String, (String, usize)>);

impl Words {
    fn see(&mut self, word: &str) {
        if !word.is_empty() {
            self.0.entry(folded(word)).or_insert_with(|| (word.to_owned(), 0)).1 += 1;
        }
    }

    /// The most frequent ones, of which at least one lead in [`RARE`] has each.
    fn frequent(&self, leads: usize, most: usize) -> Vec<&str> {
        let mut words: Vec<_> = self.0.values().filter(|(_, count)| count * RARE >= leads).collect();
        words.sort_by_key(|(word, count)| (std::cmp::Reverse(*count), word.as_str()));
        words.into_iter().take(most).map(|(word, _)| word.as_str()).collect()
    }
}

impl Counts {
    fn see(&mut self, subject: Option<&Subject>) {
        self.leads += 1;
        match subject {
            Some(Subject::Company(company)) => {
                self.industries.see(&company.industry);
                self.countries.see(&company.country);
                self.employees.extend(company.employees);
                let technologies = company.technologies.iter().flat_map(|list| &list.values);
                technologies.for_each(|word| self.technologies.see(word));
            }
            Some(Subject::Person(person)) => {
                self.countries.see(&person.country);
                self.occupations.see(&person.occupation);
            }
            None => {}
        }
    }
}

/// What a first profile is guessed from.
pub struct Guess {
    counts: Counts,
    /// What won leads have more often than others, if the file tells outcomes.
    lifts: Vec<Lift>,
    /// Whether only won leads were looked at.
    of_won: bool,
}

impl Guess {
    /// Reads all leads of a file: those that were won, if there are enough, else all.
    pub fn of(leads: &mut LeadsFile) -> anyhow::Result<Self> {
        let (mut all, mut won) = (Counts::default(), Counts::default());
        let mut outcomes = Outcomes::default();
        while let Some(LeadRow { lead, .. }) = leads.read()? {
            let Ok(mapped) = lead else { continue };
            outcomes.see(&mapped);
            all.see(mapped.lead.subject.as_ref());
            if mapped.lead.outcome.as_ref().is_some_and(|outcome| outcome.kind() == OutcomeKind::Won) {
                won.see(mapped.lead.subject.as_ref());
            }
        }
        let of_won = won.leads >= ENOUGH_WON;
        let mut counts = if of_won { won } else { all };
        counts.employees.sort_unstable();
        Ok(Self { counts, lifts: outcomes.lifts(), of_won })
    }

    pub fn basis(&self) -> String {
        let leads = counted(self.counts.leads, if self.of_won { "won lead" } else { "lead" });
        if self.lifts.is_empty() {
            return format!("what is frequent among {leads}, whether or not you should want more of it");
        }
        let facts: Vec<&str> = self.lifts.iter().map(|lift| lift.fact.as_str()).collect();
        format!(
            "what {leads} have more often than the lost ones: {}. Take out what is only written down once a lead is \
             won or lost; it says nothing of a new one",
            facts.join(", ")
        )
    }

    /// The guess as protobuf JSON.
    pub fn profile(&self, file: &str) -> String {
        let counts = &self.counts;
        let lifts = self.lifts.iter().map(by_lift);
        let criterion = |id: &str, fact: &str, words: Vec<&str>, dimension: &str, because: &str| {
            // What is frequent says less than what lifts.
            (!words.is_empty() && self.lifts.is_empty()).then(|| {
                json!({
                    "id": id, "fact": fact, "in": {"values": words}, "pointsHundredths": "1600",
                    "dimension": dimension, "indicator": "INDICATOR_HARD", "because": because
                })
            })
        };
        let frequent = [
            criterion(
                "industry",
                "industry",
                counts.industries.frequent(counts.leads, 3),
                "DIMENSION_INDUSTRY_AND_SCENARIO",
                "An industry that many of them are in",
            ),
            criterion(
                "occupation",
                "occupation",
                counts.occupations.frequent(counts.leads, 2),
                "DIMENSION_INDUSTRY_AND_SCENARIO",
                "An occupation that many of them have",
            ),
        ];
        let criteria: Vec<_> = lifts.chain(frequent.into_iter().flatten()).collect();
        // The middle three fifths: the smallest and the largest are rarely whom it is about.
        let staff = &counts.employees;
        let bands: Vec<_> = match staff.len() {
            0..5 => Vec::new(),
            many => vec![json!({
                "min": staff[many / 5].to_string(), "max": staff[many * 4 / 5].to_string(),
                "pointsHundredths": "1400", "served": "SERVED_NOW"
            })],
        };
        let profile = json!({
            "name": "profiles/main",
            "displayName": format!("First guess from {file}"),
            "criteria": criteria,
            "sizeBands": bands,
            "technologies": counts.technologies.frequent(counts.leads, 5),
            "countries": counts.countries.frequent(counts.leads, 5),
        });
        format!("{profile:#}\n")
    }
}

/// A condition as a criterion: the more it lifts, the more points.
fn by_lift(lift: &Lift) -> Json {
    let mut criterion = json!({
        "id": lift.fact.replace('_', "-").chars().take(63).collect::<String>().trim_end_matches('-'),
        "fact": lift.fact,
        "pointsHundredths": if lift.factor() >= 2.0 { "1600" } else { "1000" },
        "dimension": "DIMENSION_INDUSTRY_AND_SCENARIO",
        "indicator": "INDICATOR_HARD",
        "because": lift.because(),
    });
    match &lift.expected {
        Expected::OneOf(words) => criterion["in"] = json!({ "values": words }),
        Expected::AtLeast(least) => criterion["atLeast"] = json!(least),
    }
    criterion
}
