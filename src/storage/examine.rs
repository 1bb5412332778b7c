//! Looks through a database for what is damaged, without changing anything.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::domain::canvas::Canvas;
use crate::domain::lead::Lead;
use crate::domain::profile::Profile;
use crate::domain::score::Score;

/// Something that is wrong with a database, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub what: String,
    pub remedy: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  {}", self.what, self.remedy)
    }
}

/// What an examination came to.
#[derive(Debug, Default)]
pub struct Examination {
    pub findings: Vec<Finding>,
    /// How many bodies were read.
    pub bodies: u64,
    /// Findings beyond those that are kept.
    pub more: u64,
}

/// The most findings that are kept: whoever has more restores a backup.
const MOST: usize = 100;

impl Examination {
    pub fn note(&mut self, what: impl Into<String>, remedy: &'static str) {
        match self.findings.len() < MOST {
            true => self.findings.push(Finding { what: what.into(), remedy }),
            false => self.more += 1,
        }
    }

    /// Looks at one body.
    pub fn body(&mut self, table: &Bodies, name: &str, body: &str) {
        self.bodies += 1;
        if !(table.is_whole)(body) {
            let what = format!("{}: {name} can't be read ({} bytes)", table.table, body.len());
            self.note(
                what,
                "restore the row from a backup, or delete it; until then it is told as DATA_LOSS",
            );
        }
    }
}

/// A table with bodies.
pub struct Bodies {
    pub table: &'static str,
    /// The name of a row, in SQL.
    pub name: &'static str,
    is_whole: fn(&str) -> bool,
}

fn whole<T: DeserializeOwned>(body: &str) -> bool {
    serde_json::from_str::<T>(body).is_ok()
}

pub const BODIES: [Bodies; 6] = [
    Bodies { table: "canvases", name: "name", is_whole: whole::<Canvas> },
    Bodies { table: "canvas_revisions", name: "name || '@' || revision", is_whole: whole::<Canvas> },
    Bodies { table: "profiles", name: "name", is_whole: whole::<Profile> },
    Bodies { table: "profile_revisions", name: "name || '@' || revision", is_whole: whole::<Profile> },
    Bodies { table: "lead_revisions", name: "name || '@' || revision", is_whole: whole::<Lead> },
    Bodies { table: "scores", name: "lead || '/scores/' || number", is_whole: whole::<Score> },
];

/// What must not be there: each query gives the names of rows.
pub const ORPHANS: [(&str, &str); 4] = [
    (
        "the lead has no body of its revision",
        "SELECT name FROM leads l WHERE NOT EXISTS
         (SELECT 1 FROM lead_revisions r WHERE r.name = l.name AND r.revision = l.revision) ORDER BY name",
    ),
    (
        "revisions of a lead that does not exist",
        "SELECT DISTINCT name FROM lead_revisions r WHERE NOT EXISTS
         (SELECT 1 FROM leads l WHERE l.name = r.name) ORDER BY name",
    ),
    (
        "an external id of a lead that does not exist",
        "SELECT DISTINCT lead FROM lead_external_ids e WHERE NOT EXISTS
         (SELECT 1 FROM leads l WHERE l.name = e.lead) ORDER BY lead",
    ),
    (
        "the lead's log of activities has gaps, or another length than it counts",
        "SELECT name FROM leads l WHERE activity_count <>
         (SELECT count(*) + count(DISTINCT gone_at) FROM activities a WHERE a.lead = l.name) ORDER BY name",
    ),
];

/// What to do about an orphan.
pub const ORPHAN_REMEDY: &str = "restore a backup, or report it: the service itself never leaves this behind";
