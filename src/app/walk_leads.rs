//! Looks at all stored leads, or at those that a filter lets pass, a part at a time.

use super::{App, Invalid, Result};
use crate::domain::filter::Filter;
use crate::domain::lead::LeadRecord;
use crate::domain::listing::{Listed as _, Query};

/// How many leads are read at a time: few enough that lookups get their turn between, and that memory stays small.
const PART: usize = 1_000;

impl App {
    /// Shows each lead once, in the order of their names. What is written meanwhile may be seen or not.
    pub async fn walk_leads(&self, filter: Filter, mut see: impl FnMut(LeadRecord)) -> Result<()> {
        let mut query = Query { filter: self.spelled_out(filter)?, limit: PART, ..Query::default() };
        let present = self.present();
        loop {
            let part = self.store.leads(query.clone(), present.clone()).await?;
            // A part may be shorter where leads are large; one as long as was asked for may not be the last.
            let more = part.more || part.items.len() >= PART;
            let last = part.items.last().map(|record| record.cursor(query.order));
            part.items.into_iter().for_each(&mut see);
            match last {
                Some(last) if more => query.after = Some(last),
                _ => return Ok(()),
            }
        }
    }

    /// A filter with the words that its words mean. Without rules nothing is known of what words mean.
    pub(super) fn spelled_out(&self, filter: Filter) -> Result<Filter> {
        let Ok(rules) = self.rule_set() else { return Ok(filter) };
        let spelled = filter.spelled_out(&rules.vocabulary.aliases);
        Ok(spelled.map_err(|message| Invalid::one("filter", message))?)
    }
}
