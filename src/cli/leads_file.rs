//! A file of leads: its rows, each a lead or with the reason why not, and what was odd about the whole.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::mapping::{Mapped, Mapping, Notes};
use super::rows::{FileArg, Opened, Row, Rows};
use super::table::counted;
use crate::domain::time::Time;
use crate::domain::vocabulary::Vocabulary;

/// How many remarks about single rows are told.
const MOST_REMARKS: usize = 10;

/// A file of leads that is read row by row.
pub struct LeadsFile<'v> {
    path: PathBuf,
    pub header: Vec<String>,
    rows: Rows,
    mapping: Mapping<'v>,
    notes: Notes,
    remarks: Vec<String>,
    number: usize,
    blank: usize,
    /// How many rows there are, blank ones apart.
    pub count: usize,
    /// The first line of each id.
    ids: HashMap<String, u64>,
    repeated: usize,
}

/// A row: its number, counted from 1 below the header and without blank ones, and the lead or what is wrong.
pub struct LeadRow {
    pub number: usize,
    pub row: Row,
    pub lead: Result<Box<Mapped>, String>,
}

impl<'v> LeadsFile<'v> {
    /// Opens a file and looks at how its columns are written; refuses what is no table, or has no column that is a fact.
    pub fn open(
        path: &Path,
        by: &FileArg,
        vocabulary: &'v Vocabulary,
        currency: &str,
        as_of: Time,
    ) -> anyhow::Result<Self> {
        let shown = path.display();
        let Opened { header, mut rows } = Opened::open(path, by)?;
        let mut mapping = Mapping::new(vocabulary, &header, currency, as_of)
            .map_err(|problems| anyhow::anyhow!("{shown}: {}", problems.join("\n  ")))?;
        if mapping.is_empty() {
            bail!(
                "no column of {shown} is a fact; its columns are {}; facts.toml maps columns to facts under [columns] and \
                 [attributes], as docs/files.md shows; `assay init` makes a folder with an example",
                mapping.ignored.join(", ")
            );
        }
        let mut count = 0;
        while let Some(row) = rows.read()? {
            count += usize::from(!row.is_blank());
            mapping.see(&row);
        }
        let rows = Opened::open(path, by)?.rows;
        Ok(Self {
            path: path.to_owned(),
            header,
            rows,
            mapping,
            notes: Notes::default(),
            remarks: Vec::new(),
            number: 0,
            blank: 0,
            count,
            ids: HashMap::new(),
            repeated: 0,
        })
    }

    /// Whether there are columns with ids, and with names.
    pub fn has_id(&self) -> bool {
        self.mapping.has_id()
    }

    pub fn has_names(&self) -> bool {
        self.mapping.has_names()
    }

    /// The next row that is not blank; `None` at the end.
    pub fn read(&mut self) -> anyhow::Result<Option<LeadRow>> {
        while let Some(row) = self.rows.read()? {
            if row.is_blank() {
                self.blank += 1;
                continue;
            }
            self.number += 1;
            self.remarks.extend(row.remark.clone());
            let lead = match &row.problem {
                Some(problem) => Err(problem.clone()),
                None => self.mapping.row(self.number, &row, &mut self.notes).map(Box::new),
            };
            if let Ok(lead) = &lead
                && let Some(first) = self.ids.insert(lead.id.clone(), row.line)
            {
                self.repeated += 1;
                self.remarks
                    .push(format!("line {}: the id {} stands on line {first} already", row.line, lead.id));
            }
            return Ok(Some(LeadRow { number: self.number, row, lead }));
        }
        Ok(None)
    }

    /// Tells on standard error what was odd, after the last row was read.
    pub fn tell(&self) {
        let mapping = &self.mapping;
        mapping.hints.iter().for_each(|hint| eprintln!("warning: {hint}"));
        if !mapping.ignored.is_empty() {
            eprintln!(
                "note: columns that facts.toml does not map are ignored: {}",
                mapping.ignored.join(", ")
            );
        }
        if self.blank > 0 {
            let were = if self.blank == 1 { "was" } else { "were" };
            eprintln!("note: {} {were} skipped", counted(self.blank, "empty row"));
        }
        if self.repeated > 0 {
            let shown = self.path.display();
            eprintln!(
                "warning: {} of {shown} have an id that stood before; each is read",
                counted(self.repeated, "row")
            );
        }
        self.remarks.iter().take(MOST_REMARKS).for_each(|remark| eprintln!("warning: {remark}"));
        if self.remarks.len() > MOST_REMARKS {
            eprintln!("warning: and {} more like these", self.remarks.len() - MOST_REMARKS);
        }
        self.notes.told().for_each(|note| eprintln!("warning: {note}"));
    }

    /// The places of some columns, found whatever their case; `all` is every one.
    pub fn columns(&self, names: &[String]) -> anyhow::Result<Vec<usize>> {
        if names.iter().any(|name| name == "all") {
            return Ok((0..self.header.len()).collect());
        }
        let find = |name: &String| {
            let place = self.header.iter().position(|known| crate::domain::canonical::same_word(known, name));
            place.ok_or_else(|| {
                let help = crate::domain::text::suggestion(name, self.header.iter().map(String::as_str));
                anyhow::anyhow!("--keep: there is no column \"{name}\"; {help}")
            })
        };
        names.iter().map(find).collect()
    }
}
