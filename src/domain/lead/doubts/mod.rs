//! How a lead goes wrong: the three misconceptions of the articles as they show on one account, with what was seen, and whom to
//! reach next in the decision chain.

mod texts;

use super::{Contact, LeadContent, LeadStage, Subject};
use crate::domain::canonical::folded;
use crate::domain::labels::of_language;
use crate::domain::name::Id;
use crate::domain::profile::doubts::Misconception;
use crate::domain::profile::{DecisionRole, ProfileContent, Served};
use crate::domain::time::Time;

/// What is doubtful about a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadDoubt {
    Oversized,
    Costly,
    CeoOnly,
    SingleThreaded,
    NoBudgetHolder,
    NobodyKnown,
    NobodyAnswers,
    Stale,
    OldFacts,
}

/// One doubt about a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadFinding {
    pub doubt: LeadDoubt,
    /// What was seen, in figures, days or names of the lead.
    pub evidence: String,
}

/// From this many employees on, the owner doesn't decide alone any more: heads of IT or of the business do.
const LARGE: f64 = 50.0;
/// Days without a sign of life after which a lead is stale.
const SILENT: f64 = 90.0;
/// Days after which a judgement is old: half a year, two of the quarterly looks that the articles ask for.
const OLD: f64 = 183.0;

impl LeadDoubt {
    pub const ALL: [LeadDoubt; 9] = [
        LeadDoubt::Oversized,
        LeadDoubt::Costly,
        LeadDoubt::CeoOnly,
        LeadDoubt::SingleThreaded,
        LeadDoubt::NoBudgetHolder,
        LeadDoubt::NobodyKnown,
        LeadDoubt::NobodyAnswers,
        LeadDoubt::Stale,
        LeadDoubt::OldFacts,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            LeadDoubt::Oversized => "OVERSIZED",
            LeadDoubt::Costly => "COSTLY",
            LeadDoubt::CeoOnly => "CEO_ONLY",
            LeadDoubt::SingleThreaded => "SINGLE_THREADED",
            LeadDoubt::NoBudgetHolder => "NO_BUDGET_HOLDER",
            LeadDoubt::NobodyKnown => "NOBODY_KNOWN",
            LeadDoubt::NobodyAnswers => "NOBODY_ANSWERS",
            LeadDoubt::Stale => "STALE",
            LeadDoubt::OldFacts => "OLD_FACTS",
        }
    }

    /// The mistake that it is a sign of.
    pub fn misconception(self) -> Misconception {
        match self {
            LeadDoubt::Oversized | LeadDoubt::Costly => Misconception::ChasingBigCustomers,
            LeadDoubt::CeoOnly
            | LeadDoubt::SingleThreaded
            | LeadDoubt::NoBudgetHolder
            | LeadDoubt::NobodyKnown
            | LeadDoubt::NobodyAnswers => Misconception::IgnoringTheDecisionChain,
            LeadDoubt::Stale | LeadDoubt::OldFacts => Misconception::StaticPortrait,
        }
    }

    /// What helps, in one of the five languages; in English for any other.
    pub fn remedy(self, language: &str) -> &'static str {
        of_language(language, texts::remedy(self))
    }
}

impl LeadFinding {
    /// What is doubtful, in one of the five languages; in English for any other.
    pub fn text(&self, language: &str) -> String {
        of_language(language, texts::text(self.doubt)).replace("{0}", &self.evidence)
    }
}

/// How far somebody got with a role of the decision chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleState {
    /// Nobody is known in it.
    Unknown,
    /// Somebody is known, and has not answered.
    Silent { contact: Id, display_name: String },
    /// Fewer have answered than count as reached.
    Few { answered: usize, wanted: usize },
}

/// Whom to reach next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRole {
    pub role: String,
    pub required: bool,
    pub state: RoleState,
}

impl NextRole {
    /// Why this role, in one of the five languages; in English for any other.
    pub fn text(&self, language: &str) -> String {
        let said = of_language(language, texts::next_role(&self.state));
        match &self.state {
            RoleState::Unknown => said.to_owned(),
            RoleState::Silent { display_name, .. } => said.replace("{0}", display_name),
            RoleState::Few { answered, wanted } => {
                said.replace("{0}", &answered.to_string()).replace("{1}", &wanted.to_string())
            }
        }
    }
}

/// A lead with what it is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    pub lead: &'a LeadContent,
    pub profile: &'a ProfileContent,
    /// When the newest of its activities happened, and when it became known to us.
    pub last_activity: Option<Time>,
    pub created: Option<Time>,
    pub as_of: Time,
}

impl<'a> Judged<'a> {
    /// All doubts about the lead.
    pub fn doubts(self) -> Vec<LeadFinding> {
        let mut found = Vec::new();
        let mut tell = |doubt, evidence: String| found.push(LeadFinding { doubt, evidence });
        if let Subject::Company(_) = self.lead.subject {
            self.doubt_size(&mut tell);
            self.doubt_contacts(&mut tell);
        }
        self.doubt_freshness(&mut tell);
        found
    }

    fn employees(self) -> Option<f64> {
        self.lead.subject.employees().map(|n| n as f64)
    }

    /// The roles that take part in the decision at an account of this size.
    fn roles(self) -> impl Iterator<Item = &'a DecisionRole> {
        let employees = self.employees();
        self.profile.decision_roles.iter().filter(move |role| role.takes_part(employees))
    }

    fn contacts(self) -> &'a [Contact] {
        self.lead.contacts.as_deref().unwrap_or_default()
    }

    fn doubt_size(self, tell: &mut impl FnMut(LeadDoubt, String)) {
        let Some(employees) = self.employees() else { return };
        let bands = &self.profile.size_bands;
        let largest = bands
            .iter()
            .filter(|band| band.served != Served::No)
            .map(|band| band.max.unwrap_or(i64::MAX))
            .max();
        match bands.iter().find(|band| band.contains(employees)).map(|band| band.served) {
            Some(Served::Costly) => tell(LeadDoubt::Costly, employees.to_string()),
            Some(Served::Now | Served::Unstated) => {}
            Some(Served::No) | None => {
                if largest.is_some_and(|largest| employees >= largest as f64) {
                    tell(LeadDoubt::Oversized, employees.to_string());
                }
            }
        }
    }

    /// Whether more than one person decides: the profile says so, or the account is too large for one.
    fn is_decided_by_several(self) -> bool {
        self.roles().count() > 1 || self.employees().is_some_and(|employees| employees >= LARGE)
    }

    fn doubt_contacts(self, tell: &mut impl FnMut(LeadDoubt, String)) {
        let contacts = self.contacts();
        if contacts.is_empty() {
            return tell(LeadDoubt::NobodyKnown, String::new());
        }
        let engaged: Vec<&Contact> = contacts.iter().filter(|contact| contact.engaged()).collect();
        let touched: Vec<&Contact> = contacts.iter().filter(|c| c.engaged() || c.outbound > 0).collect();
        if engaged.is_empty() && !touched.is_empty() {
            tell(LeadDoubt::NobodyAnswers, touched.len().to_string());
        }
        // In a small firm the owner is the one to talk to.
        let owner_decides = self.employees().is_some_and(|employees| employees < LARGE);
        let heads = || touched.iter().all(|contact| heads_the_firm(contact));
        if !owner_decides && self.is_decided_by_several() && !touched.is_empty() && heads() {
            tell(LeadDoubt::CeoOnly, named(&touched));
        }
        if engaged.len() == 1 && self.is_decided_by_several() && !owner_decides {
            tell(LeadDoubt::SingleThreaded, named(&engaged));
        }
        let is_holder = |role: &str| role == BUDGET_HOLDER;
        let is_known = contacts.iter().any(|contact| is_holder(&contact.decision_role));
        if self.roles().any(|role| is_holder(&role.role)) && !is_known {
            tell(LeadDoubt::NoBudgetHolder, String::new());
        }
    }

    fn doubt_freshness(self, tell: &mut impl FnMut(LeadDoubt, String)) {
        let is_open = matches!(
            self.lead.stage,
            LeadStage::New | LeadStage::Mql | LeadStage::Sal | LeadStage::Sql | LeadStage::Recycled
        );
        let engaged = self.contacts().iter().filter_map(|contact| contact.last_engaged_time);
        let first = self.lead.first_seen.or(self.created);
        let last = engaged.chain(self.last_activity).filter(|time| *time <= self.as_of).max().or(first);
        if let Some(last) = last.filter(|last| is_open && self.as_of.days_since(*last) > SILENT) {
            tell(LeadDoubt::Stale, last.date());
        }
        let judged = self.lead.attributes.iter();
        let old = judged.filter_map(|(name, fact)| Some((fact.verified_time?, name)));
        if let Some((time, name)) = old.filter(|(time, _)| self.as_of.days_since(*time) > OLD).min() {
            tell(LeadDoubt::OldFacts, format!("{name}, {}", time.date()));
        }
    }

    /// Whom to reach next: of the roles that take part, the required ones first, the first that is not reached; somebody who
    /// has answered counts. `None` for persons, and when all are reached.
    pub fn next_role(self) -> Option<NextRole> {
        let Subject::Company(_) = self.lead.subject else { return None };
        let (required, others): (Vec<&DecisionRole>, Vec<_>) = self.roles().partition(|role| role.required);
        required.into_iter().chain(others).find_map(|role| {
            let of_role = || self.contacts().iter().filter(|contact| contact.decision_role == role.role);
            let (answered, wanted) =
                (of_role().filter(|c| c.engaged()).count(), role.min_contacts.max(1) as usize);
            if answered >= wanted {
                return None;
            }
            let silent = of_role().find(|contact| !contact.engaged());
            let state = match silent {
                Some(contact) => RoleState::Silent {
                    contact: contact.id.clone(),
                    display_name: called(contact).to_owned(),
                },
                None if answered > 0 => RoleState::Few { answered, wanted },
                None => RoleState::Unknown,
            };
            Some(NextRole { role: role.role.clone(), required: role.required, state })
        })
    }
}

/// The role that holds the money, as shipped facts name it.
const BUDGET_HOLDER: &str = "budget_holder";

/// What a contact is called by.
fn called(contact: &Contact) -> &str {
    [&contact.display_name, &contact.title].into_iter().find(|text| !text.is_empty()).map_or("?", |text| text)
}

fn named(contacts: &[&Contact]) -> String {
    let shown: Vec<String> = contacts
        .iter()
        .take(3)
        .map(|contact| match (contact.display_name.as_str(), contact.title.as_str()) {
            ("", _) | (_, "") => called(contact).to_owned(),
            (name, title) => format!("{name} ({title})"),
        })
        .collect();
    shown.join(", ")
}

/// The titles of those who head a firm, in the languages of the service and in German, and what they don't mean.
const HEADS: [&str; 22] = [
    "ceo",
    "chief executive",
    "founder",
    "owner",
    "managing director",
    "president",
    "geschäftsführer",
    "inhaber",
    "tổng giám đốc",
    "giám đốc điều hành",
    "chủ doanh nghiệp",
    "总经理",
    "首席执行官",
    "创始人",
    "董事长",
    "الرئيس التنفيذي",
    "المدير العام",
    "المالك",
    "المؤسس",
    "amministratore delegato",
    "titolare",
    "fondatore",
];
const NOT_HEADS: [&str; 4] = ["vice president", "product owner", "process owner", "assistant"];

/// Whether a contact runs the whole firm.
fn heads_the_firm(contact: &Contact) -> bool {
    let title = folded(&contact.title);
    let has = |word: &str| {
        let word = folded(word);
        // Latin words are whole ones; Chinese and Arabic put no space between.
        match word.is_ascii() {
            true => title.match_indices(&word).any(|(at, found)| {
                let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                !is_letter(title[..at].chars().next_back())
                    && !is_letter(title[at + found.len()..].chars().next())
            }),
            false => title.contains(&word),
        }
    };
    let by_title = HEADS.into_iter().any(has) && !NOT_HEADS.into_iter().any(has);
    by_title || matches!(contact.seniority.as_str(), "c_level" | "owner" | "founder")
}

#[cfg(test)]
mod tests;
