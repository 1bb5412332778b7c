//! Notes of conversations with leads and about segments; and what a language model proposes to make of them, each proposal with the
//! words of the note that it rests on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::check::Checker;
use super::name::{BadName, Id, LeadName, SegmentName, written_as_text};
use super::profile::Criterion;
use super::time::Time;
use super::version::Change;

/// Whom a conversation was with, or about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum InterviewParent {
    Lead(LeadName),
    Segment(SegmentName),
}

impl FromStr for InterviewParent {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let lead = text.parse().map(Self::Lead);
        lead.or_else(|_| text.parse().map(Self::Segment)).map_err(|_| {
            BadName("must look like leads/{lead} or canvases/{canvas}/segments/{segment}".into())
        })
    }
}

impl fmt::Display for InterviewParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lead(lead) => lead.fmt(f),
            Self::Segment(segment) => segment.fmt(f),
        }
    }
}

written_as_text!(InterviewParent);

/// `{parent}/interviews/{interview}`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterviewName {
    pub parent: InterviewParent,
    pub interview: Id,
}

impl FromStr for InterviewName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || {
            BadName(
                "must look like leads/{lead}/interviews/{interview} or canvases/{canvas}/segments/{segment}/interviews/{interview}"
                    .into(),
            )
        };
        let (parent, interview) = text.rsplit_once("/interviews/").ok_or_else(bad)?;
        Ok(Self {
            parent: parent.parse().map_err(|_| bad())?,
            interview: interview.parse().map_err(|_| bad())?,
        })
    }
}

impl fmt::Display for InterviewName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/interviews/{}", self.parent, self.interview)
    }
}

written_as_text!(InterviewName);

/// The notes of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interview {
    pub name: InterviewName,
    pub create_time: Time,
    pub title: String,
    /// When it took place.
    pub taken: Option<Time>,
    pub text: String,
    #[serde(default, skip_serializing_if = "Change::is_untold")]
    pub change: Change,
}

/// The most characters of a note.
pub const MAX_TEXT: usize = 50_000;

impl Interview {
    pub fn check(&self, c: &mut Checker) {
        c.length("title", &self.title, 0, 200);
        c.length("text", &self.text, 1, MAX_TEXT);
    }

    /// Whether some words are really in the note; however it is broken into lines.
    pub fn says(&self, quotation: &str) -> bool {
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let quotation = plain(quotation);
        quotation.chars().count() >= SHORTEST_QUOTATION && plain(&self.text).contains(&quotation)
    }
}

/// Fewer characters are found in nearly every text.
const SHORTEST_QUOTATION: usize = 8;

/// What a proposal would add to a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposedItem {
    Criterion(Criterion),
    Disqualifier(Criterion),
    Pain(String),
    DecisionRole(String),
}

/// A proposal, with the words that it rests on. Nothing comes of it unless a person takes it over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    pub item: ProposedItem,
    pub interview: InterviewName,
    /// As the note has it.
    pub quotation: String,
}

/// What was proposed but can't be: and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    pub what: String,
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_whom_the_conversation_was_with() {
        for name in ["leads/a/interviews/b", "canvases/a/segments/b/interviews/c"] {
            assert_eq!(name.parse::<InterviewName>().unwrap().to_string(), name);
        }
        for wrong in ["leads/a", "canvases/a/interviews/b", "leads/a/interviews/", "leads/a/interviews/b/c"] {
            assert!(wrong.parse::<InterviewName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_quotation_must_be_there_word_for_word() {
        let interview = Interview {
            name: "leads/a/interviews/b".parse().unwrap(),
            create_time: Time::default(),
            title: String::new(),
            taken: None,
            text: "We write every report\n  twice: once on paper, once in Excel.".into(),
            change: Change::default(),
        };
        assert!(interview.says("every report twice:  once on paper"));
        for wrong in ["every report three times", "twice", "We write each report", ""] {
            assert!(!interview.says(wrong), "{wrong}");
        }
    }
}
