//! What leads that fit and golden customers need, and what is offered against it.

use super::{App, Result};
use crate::domain::check::Checker;
use crate::domain::filter::Filter;
use crate::domain::golden::{GoldenWeights, Standing};
use crate::domain::lead::{LeadStage, OutcomeKind};
use crate::domain::listing::LEAD;
use crate::domain::name::CanvasName;
use crate::domain::pains::{Account, Pains, RankedPain, weight};
use crate::domain::value::Value;
use crate::domain::vocabulary::{AttributeType, Vocabulary};

/// What is asked.
#[derive(Debug, Clone)]
pub struct PainsWanted {
    /// Attributes that tell of pains; empty for all texts, choices and lists whose names say so.
    pub attributes: Vec<String>,
    pub filter: String,
    /// What the pains are matched with.
    pub canvas: Option<CanvasName>,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct PainsFound {
    /// The attributes that were read.
    pub attributes: Vec<String>,
    /// How many leads tell of any.
    pub accounts: u64,
    pub pains: Vec<RankedPain>,
}

/// What attributes are called by that tell of pains.
const NAMES: [&str; 5] = ["pain", "need", "problem", "challenge", "interest"];

impl App {
    pub async fn rank_pains(&self, wanted: PainsWanted) -> Result<PainsFound> {
        let rules = self.rule_set()?;
        let mut c = Checker::at("");
        let filter = Filter::read(&mut c, &wanted.filter, &LEAD);
        let attributes = attributes(&mut c, &wanted.attributes, &rules.vocabulary);
        let filter = c.finish(filter)?;
        let canvas = match &wanted.canvas {
            Some(name) => Some(self.live_canvas(name).await?),
            None => None,
        };
        let in_profiles: Vec<String> =
            self.every_profile().await?.into_iter().flat_map(|profile| profile.content.pains).collect();
        let mut pains = Pains::default();
        let golden = GoldenWeights::default();
        self.walk_leads(filter, |record| {
            let content = &record.lead.content;
            let facts = attributes.iter().filter_map(|name| content.attributes.get(name));
            let words = facts.flat_map(|fact| match &fact.value {
                Value::Text(word) => std::slice::from_ref(word).iter(),
                Value::List(words) => words.iter(),
                _ => [].iter(),
            });
            let standing = content.customer.as_ref().and_then(|customer| golden.standing(customer));
            let grade = record.latest_score.as_ref().map(|latest| latest.grade.as_str()).unwrap_or_default();
            let account = Account {
                weight: weight(standing, content.stage == LeadStage::Customer, grade),
                is_golden: standing == Some(Standing::Golden),
                won: content.outcome.as_ref().map(|outcome| outcome.kind == OutcomeKind::Won),
                industry: rules.vocabulary.meant("industry", content.subject.industry()),
            };
            pains.see(account, words.map(String::as_str));
        })
        .await?;
        let accounts = pains.accounts;
        Ok(PainsFound { attributes, accounts, pains: pains.ranked(canvas.as_ref(), &in_profiles) })
    }
}

/// The attributes that are read.
fn attributes(c: &mut Checker, wanted: &[String], vocabulary: &Vocabulary) -> Vec<String> {
    let has_words = |kind: &AttributeType| {
        matches!(kind, AttributeType::Text | AttributeType::List | AttributeType::Choice(_))
    };
    let all = vocabulary.attributes.iter().filter(|(_, attribute)| has_words(&attribute.kind));
    let all: Vec<&str> = all.map(|(name, _)| name.as_str()).collect();
    if wanted.is_empty() {
        let tells = |name: &&&str| NAMES.iter().any(|part| name.contains(part));
        let found: Vec<String> = all.iter().filter(tells).map(ToString::to_string).collect();
        c.require(
            !found.is_empty(),
            "attributes",
            format!("is required: facts.toml declares no text, choice or list that is called after pains or needs; there are {}", all.join(", ")),
        );
        return found;
    }
    c.each("attributes", wanted, |c, name| {
        if !all.contains(&name.as_str()) {
            c.wrong(format!(
                "is no text, choice or list of facts.toml; {}",
                c.suggestion(name, all.iter().copied())
            ));
        }
    });
    wanted.to_vec()
}
