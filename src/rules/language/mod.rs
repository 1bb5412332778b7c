//! What the rule language knows: its kinds of scripts, its types, and every word that a script can use. Each word is
//! defined once, here: parser, compiler, help with slips and the reference all read these tables.

pub mod catalogue;
pub mod functions;
pub mod items;
pub mod members;
pub mod statements;
pub mod texts;
pub mod types;

/// What a script decides. Its folder tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptKind {
    LeadScoring,
    SegmentPriority,
    CanvasLint,
}

impl ScriptKind {
    pub const ALL: [ScriptKind; 3] =
        [ScriptKind::LeadScoring, ScriptKind::SegmentPriority, ScriptKind::CanvasLint];

    /// The folder of its scripts.
    pub fn folder(self) -> &'static str {
        match self {
            ScriptKind::LeadScoring => "lead_scoring",
            ScriptKind::SegmentPriority => "segment_priority",
            ScriptKind::CanvasLint => "canvas_lint",
        }
    }

    /// Whether it looks at a lead: with activities, contacts and a profile, and points on two axes.
    pub fn is_of_leads(self) -> bool {
        match self {
            ScriptKind::LeadScoring => true,
            ScriptKind::SegmentPriority | ScriptKind::CanvasLint => false,
        }
    }
}

/// Whether a name already means something in scripts, whatever facts.toml declares.
pub fn is_taken(name: &str) -> bool {
    statements::statement(name).is_some()
        || OTHER_WORDS.contains(&name)
        || functions::is_function(name)
        || catalogue::is_built_in(name)
}

/// Words that are neither statements nor facts nor functions, and can't be used as names.
const OTHER_WORDS: [&str; 16] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "switch",
    "let",
    "const",
    "fn",
    "return",
    "icp",
    "total",
    "fit",
    "engagement",
];
