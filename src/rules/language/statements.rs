//! The statements that the rule language adds to Rhai: each one's shape, where it may stand, and an example.

use super::ScriptKind;

/// A part of a statement: a keyword and what follows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    Expr,
    Text,
    Ident,
    /// A bare keyword.
    Flag,
}

impl Part {
    /// How Rhai's parser is told to read it.
    pub fn marker(self) -> &'static str {
        match self {
            Part::Expr => "$expr$",
            Part::Text => "$string$",
            Part::Ident => "$ident$",
            Part::Flag => "",
        }
    }
}

/// The shape of a statement. Its clauses may stand in any order.
#[derive(Debug)]
pub struct Shape {
    pub keyword: &'static str,
    /// The scripts in which it may stand.
    pub kinds: &'static [ScriptKind],
    /// Whether it may stand in a group too, not only at the top level.
    pub in_group: bool,
    /// What follows the first word.
    pub head: Option<Part>,
    pub clauses: &'static [(&'static str, Part)],
    pub required: &'static [&'static str],
    /// Ends with a block instead of a semicolon.
    pub block: bool,
    pub example: &'static str,
}

const LEADS: &[ScriptKind] = &[ScriptKind::LeadScoring];
const SEGMENTS: &[ScriptKind] = &[ScriptKind::SegmentPriority];
const POINTS: &[ScriptKind] = &[ScriptKind::LeadScoring, ScriptKind::SegmentPriority];
const CANVASES: &[ScriptKind] = &[ScriptKind::CanvasLint];
const ALL: &[ScriptKind] = &ScriptKind::ALL;

/// All statements. Their first words are reserved everywhere.
pub const SHAPES: [Shape; 12] = [
    Shape {
        keyword: "define",
        kinds: ALL,
        in_group: false,
        head: Some(Part::Ident),
        clauses: &[("as", Part::Expr)],
        required: &["as"],
        block: false,
        example: "define visits as activity(\"page_visit\").count;",
    },
    Shape {
        keyword: "axis",
        kinds: LEADS,
        in_group: false,
        head: Some(Part::Ident),
        clauses: &[("from", Part::Expr), ("to", Part::Expr)],
        required: &["from", "to"],
        block: false,
        example: "axis fit from 0 to 60;",
    },
    Shape {
        keyword: "criteria",
        kinds: LEADS,
        in_group: true,
        head: None,
        clauses: &[("on", Part::Ident), ("cap", Part::Expr), ("floor", Part::Expr)],
        required: &[],
        block: false,
        example: "criteria on fit cap 30;",
    },
    Shape {
        keyword: "group",
        kinds: POINTS,
        in_group: true,
        head: Some(Part::Text),
        clauses: &[("on", Part::Ident), ("cap", Part::Expr), ("floor", Part::Expr)],
        required: &[],
        block: true,
        example: "group \"company\" on fit cap 40 { … }",
    },
    Shape {
        keyword: "rule",
        kinds: POINTS,
        in_group: true,
        head: Some(Part::Text),
        clauses: &[("when", Part::Expr), ("then", Part::Expr), ("because", Part::Text)],
        required: &["when", "then", "because"],
        block: false,
        example: "rule \"size\" when employees >= 50 then 10 because \"Large enough\";",
    },
    Shape {
        keyword: "disqualifiers",
        kinds: LEADS,
        in_group: false,
        head: None,
        clauses: &[],
        required: &[],
        block: false,
        example: "disqualifiers;",
    },
    Shape {
        keyword: "disqualify",
        kinds: LEADS,
        in_group: false,
        head: Some(Part::Text),
        clauses: &[("when", Part::Expr), ("because", Part::Text)],
        required: &["when", "because"],
        block: false,
        example: "disqualify \"competitor\" when domain in [\"rival.example\"] because \"A competitor\";",
    },
    Shape {
        keyword: "require",
        kinds: LEADS,
        in_group: false,
        head: None,
        clauses: &[("completeness", Part::Expr)],
        required: &["completeness"],
        block: false,
        example: "require completeness 0.3;",
    },
    Shape {
        keyword: "cap_grade",
        kinds: LEADS,
        in_group: false,
        head: Some(Part::Text),
        clauses: &[("when", Part::Expr), ("because", Part::Text)],
        required: &["when", "because"],
        block: false,
        example: "cap_grade \"B\" when role_coverage < 0.5 because \"Too few roles are reached\";",
    },
    Shape {
        keyword: "grade",
        kinds: LEADS,
        in_group: false,
        head: Some(Part::Text),
        clauses: &[("when", Part::Expr), ("otherwise", Part::Flag)],
        required: &[],
        block: false,
        example: "grade \"A\" when total >= 70; … grade \"D\" otherwise;",
    },
    Shape {
        keyword: "factor",
        kinds: SEGMENTS,
        in_group: true,
        head: Some(Part::Text),
        clauses: &[("weight", Part::Expr), ("is", Part::Expr), ("because", Part::Text)],
        required: &["weight", "is", "because"],
        block: false,
        example: "factor \"size\" weight 40 is ratio(segment_size, 50000) because \"Large enough\";",
    },
    Shape {
        keyword: "finding",
        kinds: CANVASES,
        in_group: false,
        head: Some(Part::Text),
        clauses: &[("when", Part::Expr), ("as", Part::Ident), ("because", Part::Text)],
        required: &["when", "because"],
        block: false,
        example: "finding \"no price\" when note_block == \"revenue_streams\" and not known(note_amount_low) as warning because \"It has no price\";",
    },
];

impl Shape {
    /// Whether a name follows the first word.
    pub fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// Whether something follows the keyword of a clause.
    pub fn has_value(&self, clause: &str) -> bool {
        self.clauses.iter().any(|(known, part)| *known == clause && *part != Part::Flag)
    }
}

/// The statement that begins with a word.
pub fn statement(keyword: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.keyword == keyword)
}
