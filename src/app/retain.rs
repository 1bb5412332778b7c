//! Erases leads whose time is over: those that say themselves until when they may be kept, and those of which nothing was heard
//! for as long as the deployment keeps anybody.

use serde::{Deserialize, Serialize};

use super::jobs::{Progress, Work};
use super::once::Once;
use super::{App, Result};
use crate::domain::filter::Filter;
use crate::domain::job::Job;
use crate::domain::lead::{LeadRecord, LeadStage};
use crate::domain::name::LeadName;
use crate::domain::time::Time;
use crate::storage::StoreError;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    pub as_of: Time,
    /// For how many days a lead is kept of which nothing is heard; 0 for ever.
    pub days: i64,
    /// Only count.
    pub is_dry: bool,
}

/// What came of it: counts alone, since a name would outlive what was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retained {
    pub considered: u64,
    /// Those that said themselves that their time is over.
    pub expired: u64,
    /// Those of which nothing was heard for too long.
    pub silent: u64,
    pub is_dry: bool,
}

/// Why a lead's time is over.
enum Over {
    Expired,
    Silent,
}

impl Retained {
    fn count(&mut self, why: Over) {
        match why {
            Over::Expired => self.expired += 1,
            Over::Silent => self.silent += 1,
        }
    }
}

impl Retention {
    fn judge(&self, record: &LeadRecord) -> Option<Over> {
        let content = &record.lead.content;
        if content.erase_after.is_some_and(|end| end <= self.as_of) {
            return Some(Over::Expired);
        }
        // Whoever is or was a customer has claims, and whoever is with sales is not silent.
        let may_go = matches!(
            content.stage,
            LeadStage::New | LeadStage::Mql | LeadStage::Rejected | LeadStage::Recycled | LeadStage::Lost
        ) && content.customer.is_none();
        let engaged = content.contacts.iter().flatten().filter_map(|contact| contact.last_engaged_time);
        let heard = engaged.chain(record.last_activity).chain([record.lead.version.update_time]).max();
        let is_silent = heard.is_some_and(|heard| heard.plus_days(self.days) <= self.as_of);
        (self.days > 0 && may_go && is_silent).then_some(Over::Silent)
    }
}

impl App {
    /// Starts the erasing of leads whose time is over.
    pub async fn start_retention(&self, is_dry: bool, once: Once<Job>) -> Result<Job> {
        let retention = Retention { as_of: self.now(), days: self.settings.retention_days, is_dry };
        self.start_job(&Work::Retain(retention), once).await
    }

    /// Starts it once a day, whichever replica comes first: the job's name is the day's.
    pub(super) async fn retain_daily(&self) -> Result<()> {
        let now = self.now();
        let Ok(id) = format!("retention-{}", now.date()).parse() else { return Ok(()) };
        let work = Work::Retain(Retention { as_of: now, days: self.settings.retention_days, is_dry: false });
        let request = serde_json::to_string(&work).map_err(StoreError::from)?;
        match self.store.create_job(Job::new(id, work.kind(), request, now), None).await {
            Ok(()) | Err(StoreError::AlreadyExists(_)) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    pub(super) async fn retain(&self, retention: &Retention, progress: &Progress) -> Result<Retained> {
        let mut retained = Retained { is_dry: retention.is_dry, ..Retained::default() };
        let mut over: Vec<LeadName> = Vec::new();
        self.walk_leads(Filter::default(), |record| {
            retained.considered += 1;
            if let Some(why) = retention.judge(&record) {
                // What is only counted is counted here, what is erased when it is.
                if retention.is_dry {
                    retained.count(why);
                }
                over.push(record.lead.name);
                progress.tell(0.0, format!("{} leads looked at", retained.considered));
            }
        })
        .await?;
        if retention.is_dry {
            return Ok(retained);
        }
        let count = over.len();
        for (done, name) in over.into_iter().enumerate() {
            progress.tell(done as f64 / count as f64, format!("{done} of {count} leads erased"));
            // Looked at again: it may have moved on since.
            let record = match self.store.lead(&name).await {
                Ok(record) => record,
                Err(StoreError::NotFound(_)) => continue,
                Err(other) => return Err(other.into()),
            };
            let Some(why) = retention.judge(&record) else { continue };
            match self.store.delete_lead(&name, Some(record.lead.version.revision), None).await {
                Ok(()) => retained.count(why),
                Err(StoreError::NotFound(_) | StoreError::Conflict(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Ok(retained)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lead::{Company, Customer, Lead, LeadContent, Subject};

    #[test]
    fn who_is_silent_for_too_long_goes_unless_sales_or_a_contract_needs_it() {
        let day = |day: i64| Time::of_date("2026-01-01").unwrap().plus_days(day);
        let retention = |days| Retention { as_of: day(400), days, is_dry: false };
        let lead = |stage, customer| {
            let content =
                LeadContent { stage, customer, ..LeadContent::of(Subject::Company(Company::default())) };
            LeadRecord::new(Lead::create("leads/a".parse().unwrap(), content, day(0)))
        };
        let goes = |record: &LeadRecord, days| retention(days).judge(record).is_some();
        for stage in LeadStage::ALL {
            let may_go =
                !matches!(stage, LeadStage::Sal | LeadStage::Sql | LeadStage::Customer | LeadStage::Churned);
            assert_eq!(goes(&lead(stage, None), 365), may_go, "{stage:?}");
        }
        let silent = lead(LeadStage::Lost, None);
        assert!(!goes(&silent, 0), "without a period all are kept");
        assert!(!goes(&silent, 401), "its period is not over yet");
        assert!(!goes(&lead(LeadStage::Lost, Some(Customer::default())), 365), "it was a customer");
        let heard = LeadRecord { last_activity: Some(day(300)), ..silent.clone() };
        assert!(!goes(&heard, 365) && goes(&heard, 100));
        let mut expired = lead(LeadStage::Customer, None);
        expired.lead.content.erase_after = Some(day(400));
        assert!(goes(&expired, 0), "what it says itself counts in any stage");
        expired.lead.content.erase_after = Some(day(401));
        assert!(!goes(&expired, 0));
    }
}
