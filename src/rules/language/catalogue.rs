//! The facts that scripts can read: the built-in ones, and those that facts.toml declares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ScriptKind;
use super::items::declared_type;
use super::types::{Choices, Type};
use crate::domain::canvas::hypothesis::HypothesisStatus;
use crate::domain::canvas::{Block, CanvasKind};
use crate::domain::lead::{GrowthStage, LeadStage};
use crate::domain::vocabulary::Vocabulary;

/// Which scripts see a fact, and for whom it can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Company,
    Person,
    Lead,
    Segment,
    /// A note or segment of a canvas.
    Item,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Company => "company",
            Scope::Person => "person",
            Scope::Lead => "company or person",
            Scope::Segment => "segment",
            Scope::Item => "note or segment",
        }
    }

    /// The scripts that see it.
    pub fn kinds(self) -> &'static [ScriptKind] {
        match self {
            Scope::Company | Scope::Person | Scope::Lead => &[ScriptKind::LeadScoring],
            // Who examines a segment sees all that ranks it.
            Scope::Segment => &[ScriptKind::SegmentPriority, ScriptKind::CanvasLint],
            Scope::Item => &[ScriptKind::CanvasLint],
        }
    }
}

/// Where a fact's value is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactSource {
    Industry,
    Country,
    Region,
    Domain,
    Employees,
    Revenue,
    FoundedYear,
    GrowthStage,
    Tech,
    Age,
    City,
    Occupation,
    Language,
    Contacts,
    RoleCoverage,
    DaysSinceActivity,
    Created,
    DaysSinceCreated,
    Source,
    Owner,
    Stage,
    SubjectIsCompany,
    SubjectIsPerson,
    Attribute(String),
    SegmentSize,
    GrowthRate,
    SegmentFit,
    Capacity,
    NeedIntensity,
    LeadCount,
    AShare,
    Conversion,
    Factor(String),
    ItemName,
    ItemIsNote,
    ItemIsSegment,
    NoteBlock,
    NoteWords,
    NoteTags,
    NoteAmountLow,
    NoteAmountHigh,
    NoteHypothesis,
    LinksOut,
    LinksIn,
    NeedCount,
    PersonaCount,
    PropositionCount,
    ChannelCount,
    RelationshipCount,
    RevenueCount,
    FacetsMissing,
    FacetsStale,
    CanvasMaturity,
}

/// A fact that scripts can read.
#[derive(Debug, Clone)]
pub struct FactDef {
    pub name: Arc<str>,
    pub ty: Type,
    pub scope: Scope,
    pub source: FactSource,
    pub unit: String,
    pub meaning: String,
}

/// The facts of one vocabulary, by position and by name.
#[derive(Debug)]
pub struct Catalogue {
    pub facts: Vec<FactDef>,
    by_name: BTreeMap<ScriptKind, BTreeMap<Arc<str>, usize>>,
}

/// The built-in facts that a column of an imported file can fill.
pub const IMPORTABLE: [&str; 24] = [
    "age",
    "birth_year",
    "city",
    "country",
    "created",
    "display_name",
    "domain",
    "employees",
    "founded_year",
    "growth_stage",
    "industry",
    "language",
    "occupation",
    "outcome",
    "outcome_reason",
    "outcome_time",
    "owner",
    "profile",
    "region",
    "revenue",
    "source",
    "stage",
    "stage_reason",
    "tech",
];

/// Whether the language has a fact of this name by itself.
pub fn is_built_in(name: &str) -> bool {
    built_in().any(|fact| &*fact.name == name)
}

fn choices(of: &str, words: impl IntoIterator<Item = &'static str>) -> Type {
    words_of(of, words.into_iter().map(String::from))
}

fn words_of(of: &str, words: impl IntoIterator<Item = String>) -> Type {
    Type::Choice(Arc::new(Choices { of: of.into(), words: words.into_iter().collect() }))
}

fn built_in() -> impl Iterator<Item = FactDef> {
    use FactSource as S;
    use Scope::*;
    use Type::*;
    let growth = choices("growth_stage", GrowthStage::ALL.map(GrowthStage::as_str));
    let stage = choices("stage", LeadStage::ALL.map(LeadStage::as_str));
    let blocks = [CanvasKind::BusinessModel, CanvasKind::Lean].into_iter().flat_map(CanvasKind::blocks);
    let block = words_of("note_block", blocks.map(Block::word).collect::<BTreeSet<_>>());
    let hypothesis = choices("note_hypothesis", HypothesisStatus::ALL.map(HypothesisStatus::as_str));
    let maturity = choices("canvas_maturity", ["startup", "growth", "mature"]);
    [
        ("industry", Text, Company, S::Industry, "", "the company's industry"),
        ("country", Text, Lead, S::Country, "", "the country"),
        ("region", Text, Lead, S::Region, "", "the region"),
        ("domain", Text, Company, S::Domain, "", "the company's internet domain"),
        ("employees", Number, Company, S::Employees, "people", "how many people the company employs"),
        (
            "revenue",
            Number,
            Company,
            S::Revenue,
            "a year, in the deployment's currency",
            "what the company turns over",
        ),
        ("founded_year", Number, Company, S::FoundedYear, "year", "when the company was founded"),
        ("growth_stage", growth, Company, S::GrowthStage, "", "how far the company has developed"),
        ("tech", Words, Company, S::Tech, "", "what the company uses"),
        ("age", Number, Person, S::Age, "years", "the as-of year less the year of birth"),
        ("city", Text, Person, S::City, "", "the city"),
        ("occupation", Text, Person, S::Occupation, "", "the occupation"),
        ("language", Text, Person, S::Language, "", "the language"),
        ("contacts", Contacts, Lead, S::Contacts, "", "who is known there"),
        (
            "role_coverage",
            Number,
            Lead,
            S::RoleCoverage,
            "0 to 1",
            "reached decision roles out of those required",
        ),
        (
            "days_since_activity",
            Number,
            Lead,
            S::DaysSinceActivity,
            "days",
            "since the last activity of any type",
        ),
        ("created", Date, Lead, S::Created, "day", "when the lead was first recorded"),
        (
            "days_since_created",
            Number,
            Lead,
            S::DaysSinceCreated,
            "days",
            "since the lead was first recorded, with their fraction",
        ),
        ("source", Text, Lead, S::Source, "", "where the lead came from"),
        ("owner", Text, Lead, S::Owner, "", "who works on it"),
        ("stage", stage, Lead, S::Stage, "", "how far the lead has come"),
        ("subject_is_company", YesNo, Lead, S::SubjectIsCompany, "", "whether the lead is a company"),
        ("subject_is_person", YesNo, Lead, S::SubjectIsPerson, "", "whether the lead is a person"),
        ("segment_size", Number, Segment, S::SegmentSize, "the canvas's size unit", "how many there are"),
        ("growth_rate", Number, Segment, S::GrowthRate, "a year; 0.08 is 8 %", "how fast the segment grows"),
        ("fit", Number, Segment, S::SegmentFit, "0 to 1", "how well the offering fits"),
        ("capacity", Number, Segment, S::Capacity, "the canvas's size unit", "how many can be served"),
        ("need_intensity", Number, Segment, S::NeedIntensity, "0 to 1", "the mean intensity of its needs"),
        ("lead_count", Number, Segment, S::LeadCount, "leads", "how many leads were last scored for it"),
        ("a_share", Number, Segment, S::AShare, "0 to 1", "the share of A among its graded leads"),
        ("conversion", Number, Segment, S::Conversion, "0 to 1", "won ÷ (won + lost) of its leads"),
        ("item_name", Text, Item, S::ItemName, "", "a note's text, or a segment's name"),
        ("item_is_note", YesNo, Item, S::ItemIsNote, "", "whether it is a note"),
        ("item_is_segment", YesNo, Item, S::ItemIsSegment, "", "whether it is a segment"),
        ("note_block", block, Item, S::NoteBlock, "", "the block that a note stands in"),
        ("note_words", Number, Item, S::NoteWords, "words", "how many words a note has"),
        ("note_tags", Words, Item, S::NoteTags, "", "a note's tags"),
        (
            "note_amount_low",
            Number,
            Item,
            S::NoteAmountLow,
            "in its own currency",
            "the lower end of a note's amount",
        ),
        (
            "note_amount_high",
            Number,
            Item,
            S::NoteAmountHigh,
            "in its own currency",
            "the upper end of a note's amount",
        ),
        (
            "note_hypothesis",
            hypothesis,
            Item,
            S::NoteHypothesis,
            "",
            "how a note's hypothesis stands, if it has one",
        ),
        ("links_out", Number, Item, S::LinksOut, "links", "how many links leave a note"),
        ("links_in", Number, Item, S::LinksIn, "links", "how many links lead to it"),
        ("need_count", Number, Item, S::NeedCount, "needs", "how many needs of a segment are known"),
        ("persona_count", Number, Item, S::PersonaCount, "personas", "how many personas stand for a segment"),
        ("proposition_count", Number, Item, S::PropositionCount, "notes", "how many notes serve a segment"),
        ("channel_count", Number, Item, S::ChannelCount, "notes", "how many channels reach a segment"),
        (
            "relationship_count",
            Number,
            Item,
            S::RelationshipCount,
            "notes",
            "how many relationships relate to a segment",
        ),
        ("revenue_count", Number, Item, S::RevenueCount, "notes", "how many revenue streams a segment pays"),
        (
            "facets_missing",
            Number,
            Item,
            S::FacetsMissing,
            "of eleven",
            "of how many facets of a segment's plan nothing is said",
        ),
        (
            "facets_stale",
            Number,
            Item,
            S::FacetsStale,
            "of eleven",
            "of how many facets the evidence is too old",
        ),
        (
            "canvas_maturity",
            maturity,
            Item,
            S::CanvasMaturity,
            "",
            "how far the business has come, if that is stated",
        ),
    ]
    .into_iter()
    .map(|(name, ty, scope, source, unit, meaning)| FactDef {
        name: name.into(),
        ty,
        scope,
        source,
        unit: unit.into(),
        meaning: meaning.into(),
    })
}

impl Catalogue {
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let attributes = vocabulary.attributes.iter().map(|(name, attribute)| FactDef {
            name: name.as_str().into(),
            ty: declared_type(name, attribute),
            scope: Scope::Lead,
            source: FactSource::Attribute(name.clone()),
            unit: attribute.unit.clone(),
            meaning: attribute.meaning.clone(),
        });
        let factors = vocabulary.factors.iter().map(|(name, term)| FactDef {
            name: name.as_str().into(),
            ty: Type::Number,
            scope: Scope::Segment,
            source: FactSource::Factor(name.clone()),
            unit: term.unit.clone(),
            meaning: term.meaning.clone(),
        });
        let facts: Vec<_> = built_in().chain(attributes).chain(factors).collect();
        let mut by_name: BTreeMap<ScriptKind, BTreeMap<Arc<str>, usize>> =
            ScriptKind::ALL.map(|kind| (kind, BTreeMap::new())).into();
        for (index, fact) in facts.iter().enumerate() {
            for kind in fact.scope.kinds() {
                by_name.entry(*kind).or_default().insert(fact.name.clone(), index);
            }
        }
        Self { facts, by_name }
    }

    /// The fact of a name, as scripts of a kind see it.
    pub fn find(&self, name: &str, kind: ScriptKind) -> Option<usize> {
        self.by_name.get(&kind)?.get(name).copied()
    }

    /// The names of the facts that scripts of a kind see.
    pub fn names(&self, kind: ScriptKind) -> impl Iterator<Item = &str> + Clone {
        self.by_name.get(&kind).into_iter().flat_map(|facts| facts.keys()).map(|name| &**name)
    }
}
