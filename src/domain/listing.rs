//! What the lists of each resource can be filtered and ordered by, and where a page begins.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::canonical::folded;
use super::canvas::{Canvas, Maturity};
use super::filter::{Field, Filter, Kind, Operand};
use super::lead::{LeadContent, LeadRecord, Subject};
use super::profile::Profile;
use super::score::Score;
use super::segment::Segment;
use super::text::suggestion;
use super::value::Value;

/// The order of a list; items that are equal in it stand by name in the same direction, items without the field
/// last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub by: &'static str,
    pub descending: bool,
}

/// The key that every list can be ordered by.
pub const NAME: &str = "name";

impl Default for Order {
    fn default() -> Self {
        Self { by: NAME, descending: false }
    }
}

impl Order {
    /// Reads `update_time` or `update_time desc`.
    pub fn parse(text: &str, fields: &'static [Field]) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let Some(field) = words.next() else { return Ok(Self::default()) };
        let choices =
            || [NAME].into_iter().chain(fields.iter().filter(|field| field.orders).map(|field| field.name));
        let by = choices().find(|choice| *choice == field).ok_or_else(|| {
            let choices: Vec<&str> = choices().collect();
            format!("can't order by \"{field}\"; {}", suggestion(field, choices))
        })?;
        let descending = match (words.next(), words.next()) {
            (None, _) | (Some("asc"), None) => false,
            (Some("desc"), None) => true,
            _ => return Err("must be one field, with \" desc\" after it to turn the order around".into()),
        };
        Ok(Self { by, descending })
    }
}

/// The item after which a page begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Its value of the field that the list is ordered by, unless that is the name.
    pub key: Option<Operand>,
    pub name: String,
}

impl Cursor {
    /// After an item of a list in the order of names.
    pub fn of_name(name: String) -> Self {
        Self { key: None, name }
    }

    /// Whether the key is one of the field that the list is ordered by.
    pub fn fits(&self, order: Order, fields: &'static [Field]) -> bool {
        let kind = fields.iter().find(|field| field.name == order.by).map(|field| field.kind);
        match (&self.key, kind) {
            (None, _) => true,
            (Some(Operand::Time(_)), Some(Kind::Time)) => true,
            (Some(Operand::Number(n)), Some(Kind::Number | Kind::Points)) => n.is_finite(),
            (Some(Operand::Text(_)), Some(Kind::Text | Kind::Folded)) => true,
            _ => false,
        }
    }
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    pub filter: Filter,
    pub order: Order,
    pub after: Option<Cursor>,
    pub limit: usize,
}

/// An item of a list that can be filtered and ordered.
pub trait Listed {
    fn name(&self) -> String;
    /// The value of one of the resource's fields, if it is set.
    fn get(&self, field: &str, key: Option<&str>) -> Option<Operand>;

    /// Where a page begins that goes on after this item.
    fn cursor(&self, order: Order) -> Cursor {
        Cursor { key: if order.by == NAME { None } else { self.get(order.by, None) }, name: self.name() }
    }
}

impl Query {
    /// Answers from memory.
    pub fn select<T: Listed>(&self, items: impl IntoIterator<Item = T>) -> Vec<T> {
        let passes =
            |item: &T| self.filter.matches(&|field: &Field, key: Option<&str>| item.get(field.name, key));
        let mut found: Vec<(Cursor, T)> =
            items.into_iter().filter(passes).map(|item| (item.cursor(self.order), item)).collect();
        found.retain(|(at, _)| {
            self.after.as_ref().is_none_or(|after| self.compare(at, after) == Ordering::Greater)
        });
        found.sort_by(|(a, _), (b, _)| self.compare(a, b));
        found.into_iter().take(self.limit).map(|(_, item)| item).collect()
    }

    fn compare(&self, a: &Cursor, b: &Cursor) -> Ordering {
        let keys = match (&a.key, &b.key) {
            (Some(a), Some(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            _ => Ordering::Equal,
        };
        let turned = |order: Ordering| if self.order.descending { order.reverse() } else { order };
        // Those without the field come last in either direction.
        let unset = a.key.is_none().cmp(&b.key.is_none());
        unset.then_with(|| turned(keys.then_with(|| a.name.cmp(&b.name))))
    }
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, orders: false }
}

const fn ordering(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, orders: true }
}

const MATURITIES: Kind = Kind::Word("MATURITY_", &["startup", "growth", "mature"]);

pub static CANVAS: [Field; 4] = [
    field("kind", Kind::Word("CANVAS_KIND_", &["business_model", "lean"])),
    field("maturity", MATURITIES),
    ordering("display_name", Kind::Text),
    ordering("update_time", Kind::Time),
];

pub static SEGMENT: [Field; 4] = [
    field("growth_rate", Kind::Number),
    field("fit", Kind::Number),
    field("size", Kind::Number),
    ordering("update_time", Kind::Time),
];

pub static PROFILE: [Field; 5] = [
    field("segment", Kind::Text),
    field("maturity", MATURITIES),
    field("scoring_script", Kind::Text),
    ordering("next_review_time", Kind::Time),
    ordering("update_time", Kind::Time),
];

const STAGES: &[&str] = &["new", "mql", "sal", "sql", "customer", "lost", "churned", "rejected", "recycled"];

pub static LEAD: [Field; 23] = [
    field("display_name", Kind::Folded),
    field("domain", Kind::Host),
    field("stage", Kind::Word("LEAD_STAGE_", STAGES)),
    field("outcome", Kind::Word("OUTCOME_KIND_", &["won", "lost"])),
    field("customer", Kind::Word("CUSTOMER_STATUS_", &["active", "paused", "churned"])),
    field("status", Kind::Word("SCORE_STATUS_", &["scored", "disqualified", "insufficient_data"])),
    field("grade", Kind::Text),
    ordering("total", Kind::Points),
    field("fit", Kind::Points),
    field("engagement", Kind::Points),
    field("profile", Kind::Name("profiles/")),
    field("segment", Kind::Text),
    field("owner", Kind::Text),
    field("source", Kind::Folded),
    field("country", Kind::Folded),
    field("industry", Kind::Folded),
    field("employees", Kind::Number),
    field("external_ids", Kind::Keyed),
    field("attributes", Kind::Attribute),
    ordering("create_time", Kind::Time),
    ordering("update_time", Kind::Time),
    ordering("last_activity_time", Kind::Time),
    field("stale", Kind::YesNo),
];

pub static SCORE: [Field; 3] = [
    field("rule_set", Kind::Name("ruleSets/")),
    field("grade", Kind::Text),
    ordering("as_of_time", Kind::Time),
];

/// A text as it is listed by: not set if it is empty, and without the one character that PostgreSQL has no place for.
pub fn listed_text(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(|text| text.replace('\0', "\u{FFFD}"))
}

/// A word, or a name, as it is listed by: whatever its case.
pub fn listed_word(word: &str) -> Option<String> {
    listed_text(&folded(word))
}

fn word(text: &str) -> Option<Operand> {
    listed_word(text).map(Operand::Text)
}

fn text(text: &str) -> Option<Operand> {
    listed_text(text).map(Operand::Text)
}

impl Maturity {
    /// The word that filters use; none if it is not stated.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Maturity::Unstated => None,
            Maturity::Startup => Some("startup"),
            Maturity::Growth => Some("growth"),
            Maturity::Mature => Some("mature"),
        }
    }
}

impl Listed for Canvas {
    fn name(&self) -> String {
        self.name.to_string()
    }

    fn get(&self, field: &str, _: Option<&str>) -> Option<Operand> {
        match field {
            "kind" => text(self.content.kind.as_str()),
            "maturity" => text(self.content.maturity.as_str()?),
            "display_name" => text(&self.content.display_name),
            "update_time" => Some(Operand::Time(self.version.update_time)),
            _ => None,
        }
    }
}

impl Listed for Profile {
    fn name(&self) -> String {
        self.name.to_string()
    }

    fn get(&self, field: &str, _: Option<&str>) -> Option<Operand> {
        match field {
            "segment" => text(&self.content.segment.as_ref()?.to_string()),
            "maturity" => text(self.content.maturity.as_str()?),
            "scoring_script" => text(&self.content.scoring_script),
            "next_review_time" => Some(Operand::Time(self.content.review.as_ref()?.next_time()?)),
            "update_time" => Some(Operand::Time(self.version.update_time)),
            _ => None,
        }
    }
}

/// A segment by its id.
impl Listed for (super::name::Id, Segment) {
    fn name(&self) -> String {
        self.0.to_string()
    }

    fn get(&self, field: &str, _: Option<&str>) -> Option<Operand> {
        let (_, Segment { content, version, .. }) = self;
        match field {
            "growth_rate" => content.growth_rate.map(Operand::Number),
            "fit" => content.fit.map(Operand::Number),
            "size" => content.size.map(Operand::Number),
            "update_time" => Some(Operand::Time(version.update_time)),
            _ => None,
        }
    }
}

/// All but `stale`, which depends on the rules in force and the time.
impl Listed for LeadRecord {
    fn name(&self) -> String {
        self.lead.name.to_string()
    }

    fn get(&self, field: &str, key: Option<&str>) -> Option<Operand> {
        let (content, version) = (&self.lead.content, &self.lead.version);
        let latest = self.latest_score.as_ref();
        let points = |of: fn(&super::lead::LatestScore) -> super::score::Points| {
            latest.map(|latest| Operand::Number(of(latest).0 as f64))
        };
        match field {
            "stage" => text(content.stage.as_str()),
            "status" => text(latest?.status.as_str()),
            "grade" => text(&latest?.grade),
            "total" => points(|latest| latest.total),
            "fit" => points(|latest| latest.fit),
            "engagement" => points(|latest| latest.engagement),
            "profile" => text(&content.profile.as_ref()?.to_string()),
            "segment" => text(&latest?.segment.as_ref()?.to_string()),
            "owner" => text(&content.owner),
            "source" => word(&content.source),
            "country" => word(content.subject.country()),
            "industry" => word(content.subject.industry()),
            "display_name" => word(content.subject.display_name()),
            "domain" => word(content.subject.domain()),
            "outcome" => text(content.outcome.as_ref()?.kind.as_str()),
            "customer" => text(content.customer.as_ref()?.status?.as_str()),
            "attributes" => operand_of(&content.attributes.get(key?)?.value),
            "employees" => content.subject.employees().map(|n| Operand::Number(n as f64)),
            "external_ids" => text(content.external_ids.get(key?)?),
            "create_time" => Some(Operand::Time(version.create_time)),
            "update_time" => Some(Operand::Time(version.update_time)),
            "last_activity_time" => self.last_activity.map(Operand::Time),
            _ => None,
        }
    }
}

impl Listed for Score {
    /// Scores of a lead are numbered in the order of recording.
    fn name(&self) -> String {
        self.name.as_ref().map(|name| name.score.to_string()).unwrap_or_default()
    }

    fn get(&self, field: &str, _: Option<&str>) -> Option<Operand> {
        match field {
            "rule_set" => text(&format!("ruleSets/{}", self.basis.rule_set)),
            "grade" => text(self.assessment.grade.as_deref()?),
            "as_of_time" => Some(Operand::Time(self.basis.as_of)),
            _ => None,
        }
    }
}

/// A lead's attributes as they are listed by, as a JSON object; nothing if it has none.
pub fn listed_attributes(content: &LeadContent) -> Option<String> {
    let json = |operand: Operand| match operand {
        Operand::Number(n) => serde_json::Value::from(n),
        Operand::Text(text) => text.into(),
        Operand::YesNo(yes) => yes.into(),
        Operand::Time(time) => time.micros().into(),
    };
    let listed =
        content.attributes.iter().filter_map(|(name, fact)| Some((name, json(operand_of(&fact.value)?))));
    let listed: serde_json::Map<_, _> = listed.map(|(name, value)| (name.clone(), value)).collect();
    (!listed.is_empty()).then(|| serde_json::Value::Object(listed).to_string())
}

/// An attribute's value as it is compared: lists and amounts of money are only asked for whether they are there.
fn operand_of(value: &Value) -> Option<Operand> {
    match value {
        Value::Number(n) => Some(Operand::Number(*n)),
        Value::Text(text) => word(text),
        Value::YesNo(yes) => Some(Operand::YesNo(*yes)),
        Value::List(_) | Value::Money(_) => Some(Operand::Text(String::new())),
    }
}

impl Subject {
    /// A company's; empty for a person.
    pub fn domain(&self) -> &str {
        match self {
            Subject::Company(company) => &company.domain,
            Subject::Person(_) => "",
        }
    }

    pub fn country(&self) -> &str {
        match self {
            Subject::Company(company) => &company.country,
            Subject::Person(person) => &person.country,
        }
    }

    /// A company's; empty for a person.
    pub fn industry(&self) -> &str {
        match self {
            Subject::Company(company) => &company.industry,
            Subject::Person(_) => "",
        }
    }

    /// A company's.
    pub fn employees(&self) -> Option<i64> {
        match self {
            Subject::Company(company) => company.employees,
            Subject::Person(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lead::LeadStage;
    use super::*;

    #[test]
    fn every_word_of_a_stage_can_be_asked_for() {
        let stage = LEAD.iter().find(|field| field.name == "stage").unwrap();
        let Kind::Word(_, words) = stage.kind else { panic!("{stage:?}") };
        assert_eq!(words, LeadStage::ALL.map(LeadStage::as_str));
    }

    #[test]
    fn an_order_is_one_field_with_a_direction() {
        let order = |text| Order::parse(text, &LEAD);
        assert_eq!(order(" total  desc "), Ok(Order { by: "total", descending: true }));
        assert_eq!(order(""), Ok(Order::default()));
        assert_eq!(
            order("updat_time").unwrap_err(),
            "can't order by \"updat_time\"; did you mean \"update_time\"?"
        );
        assert!(order("grade").is_err() && order("name, total").is_err() && order("name up").is_err());
    }
}
