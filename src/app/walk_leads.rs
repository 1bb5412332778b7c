//! Looks at all stored leads, or at those that a filter lets pass, a part at a time.

use super::{App, Invalid, Result};
use crate::domain::filter::Filter;
use crate::domain::lead::{LeadRecord, Present};
use crate::domain::listing::{Cursor, Listed as _, Query};
use crate::domain::name::LeadName;

/// How many leads are read at a time: few enough that lookups get their turn between, and that memory stays small.
const PART: usize = 1_000;

/// Leads that are being looked at.
pub struct Walk<'a> {
    app: &'a App,
    query: Query,
    present: Present,
    is_over: bool,
}

impl Walk<'_> {
    /// Goes on behind a lead that was seen last, in the order of names.
    pub fn behind(mut self, last: &LeadName) -> Self {
        self.query.after = Some(Cursor::of_name(last.to_string()));
        self
    }

    /// The next part; `None` at the end. What is written meanwhile may be seen or not.
    pub async fn next(&mut self) -> Result<Option<Vec<LeadRecord>>> {
        if self.is_over {
            return Ok(None);
        }
        let part = self.app.store.leads(self.query.clone(), self.present.clone()).await?;
        // A part may be shorter where leads are large; one as long as was asked for may not be the last.
        let more = part.more || part.items.len() >= PART;
        match part.items.last().map(|record| record.cursor(self.query.order)) {
            Some(last) if more => self.query.after = Some(last),
            _ => self.is_over = true,
        }
        Ok(Some(part.items))
    }
}

impl App {
    /// All leads that a filter lets pass, in the order of their names.
    pub fn walk(&self, filter: Filter) -> Result<Walk<'_>> {
        let query = Query { filter: self.spelled_out(filter)?, limit: PART, ..Query::default() };
        Ok(Walk { app: self, query, present: self.present(), is_over: false })
    }

    /// Shows each of them once.
    pub async fn walk_leads(&self, filter: Filter, mut see: impl FnMut(LeadRecord)) -> Result<()> {
        let mut walk = self.walk(filter)?;
        while let Some(part) = walk.next().await? {
            part.into_iter().for_each(&mut see);
        }
        Ok(())
    }

    /// A filter with the words that its words mean. Without rules nothing is known of what words mean.
    pub(super) fn spelled_out(&self, filter: Filter) -> Result<Filter> {
        let Ok(rules) = self.rule_set() else { return Ok(filter) };
        let spelled = filter.spelled_out(&rules.vocabulary.aliases);
        Ok(spelled.map_err(|message| Invalid::one("filter", message))?)
    }
}
