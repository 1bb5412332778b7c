//! What scripts look at: a lead, its activities and its profile, or a segment, as of a time.

use std::sync::LazyLock;

use super::value::{Value, Words};
use crate::domain::canvas::lint::{Item, NoteFacts};
use crate::domain::canvas::{Block, CanvasKind};
use crate::domain::lead::{Activity, Contact, LeadContent, Subject, fits_type};
use crate::domain::profile::{DecisionRole, ProfileContent, Served, SizeBand};
use crate::domain::score::{Warning, WarningCode};
use crate::domain::segment::{LeadTally, SegmentContent};
use crate::domain::time::Time;
use crate::domain::value::{Money, Value as Plain};
use crate::domain::vocabulary::{Attribute, AttributeType, Vocabulary};
use crate::rules::language::catalogue::{FactDef, FactSource};
use crate::rules::language::functions::FactState;
use crate::rules::language::members::IcpField;
use crate::rules::program::{ActivityStat, ContactStat, LeafKind};

/// A lead's facts as of a time.
#[derive(Debug, Clone, Copy)]
pub struct LeadFacts<'a> {
    pub lead: &'a LeadContent,
    pub activities: &'a [Activity],
    pub profile: &'a ProfileContent,
    /// When the lead was created, if it is a stored one.
    pub created: Option<Time>,
    pub as_of: Time,
    /// The deployment's currency; amounts in others are unknown.
    pub currency: &'a str,
    pub vocabulary: &'a Vocabulary,
}

/// A segment's facts.
#[derive(Debug, Clone, Copy)]
pub struct SegmentFacts<'a> {
    pub segment: &'a SegmentContent,
    pub leads: LeadTally,
}

/// A note or segment of a canvas.
#[derive(Debug, Clone, Copy)]
pub struct ItemFacts<'a>(pub &'a Item<'a>);

/// What a script looks at.
#[derive(Debug, Clone, Copy)]
pub enum Facts<'a> {
    Lead(LeadFacts<'a>),
    Segment(SegmentFacts<'a>),
    Item(ItemFacts<'a>),
}

impl<'a> Facts<'a> {
    /// The value of a fact; `None` is unknown.
    pub fn fact(&self, source: &FactSource) -> Option<Value<'a>> {
        match self {
            Facts::Lead(facts) => facts.fact(source),
            Facts::Segment(facts) => facts.fact(source),
            Facts::Item(facts) => facts.fact(source),
        }
    }

    /// The value of anything that an expression reads; `None` is unknown.
    pub fn leaf(&self, kind: &LeafKind) -> Option<Value<'a>> {
        match (kind, self) {
            (LeafKind::Fact(_, source), _) => self.fact(source),
            (LeafKind::Activity(kind, stat), Facts::Lead(facts)) => {
                facts.activity(kind, *stat).map(Value::Number)
            }
            (LeafKind::Contacts(stat), Facts::Lead(facts)) => facts.contacts(stat),
            (LeafKind::Icp(field), Facts::Lead(facts)) => facts.icp(*field),
            (LeafKind::State(name, state), Facts::Lead(facts)) => {
                facts.state(name, *state).map(Value::Number)
            }
            _ => None,
        }
    }
}

fn text(text: &str) -> Option<Value<'_>> {
    (!text.is_empty()).then_some(Value::Text(text))
}

fn number(number: Option<impl Into<f64>>) -> Option<Value<'static>> {
    number.map(|n| Value::Number(n.into()))
}

impl<'a> LeadFacts<'a> {
    pub fn fact(&self, source: &FactSource) -> Option<Value<'a>> {
        use FactSource as S;
        let lead = self.lead;
        match source {
            S::RoleCoverage => return self.role_coverage().map(Value::Number),
            S::Contacts => return lead.contacts.as_ref().map(|_| Value::Nothing),
            S::DaysSinceActivity => return number(self.days_since(|_| true)),
            S::Created => return self.created().map(Value::Date),
            S::DaysSinceCreated => {
                return number(self.created().map(|created| self.as_of.days_since(created)));
            }
            S::Source => return text(&lead.source),
            S::Owner => return text(&lead.owner),
            S::Stage => return text(lead.stage.as_str()),
            S::SubjectIsCompany => return Some(Value::YesNo(matches!(lead.subject, Subject::Company(_)))),
            S::SubjectIsPerson => return Some(Value::YesNo(matches!(lead.subject, Subject::Person(_)))),
            S::Attribute(name) => return self.attribute(name),
            _ => {}
        }
        match (&lead.subject, source) {
            (Subject::Company(company), source) => match source {
                S::Industry => self.word("industry", &company.industry),
                S::Country => self.word("country", &company.country),
                S::Region => self.word("region", &company.region),
                S::Domain => text(&company.domain),
                S::Employees => number(company.employees.map(|n| n as f64)),
                S::Revenue => number(company.annual_revenue.as_ref().and_then(|money| self.amount(money))),
                S::FoundedYear => number(company.founded_year),
                S::GrowthStage => company.growth_stage.map(|stage| Value::Text(stage.as_str())),
                S::Tech => company.technologies.as_ref().map(|tech| self.words(Some("tech"), tech)),
                _ => None,
            },
            (Subject::Person(person), source) => match source {
                S::Country => self.word("country", &person.country),
                S::Region => self.word("region", &person.region),
                S::City => self.word("city", &person.city),
                S::Occupation => self.word("occupation", &person.occupation),
                S::Language => self.word("language", &person.language),
                S::Age => {
                    number(person.birth_year.map(|year| self.as_of.year() - year).filter(|age| *age >= 0))
                }
                _ => None,
            },
        }
    }

    /// The word that is meant, where facts.toml has an alias.
    fn word(&self, fact: &str, word: &'a str) -> Option<Value<'a>> {
        text(self.vocabulary.meant(fact, word))
    }

    fn words(&self, fact: Option<&str>, words: &'a [String]) -> Value<'a> {
        Value::Words(Words::Fact(words, fact.and_then(|fact| self.vocabulary.aliases.get(fact))))
    }

    fn amount(&self, money: &Money) -> Option<f64> {
        (money.currency == self.currency).then(|| money.amount())
    }

    fn attribute(&self, name: &str) -> Option<Value<'a>> {
        let fact = self.lead.attributes.get(name)?;
        if fact.verified_time.is_some_and(|time| time > self.as_of) {
            return None;
        }
        let attribute = self.vocabulary.attributes.get(name)?;
        if !fits_type(attribute, &fact.value) {
            return None;
        }
        match &fact.value {
            Plain::Number(number) => Some(Value::Number(*number)),
            Plain::Text(day) if attribute.kind == AttributeType::Date => Time::of_date(day).map(Value::Date),
            Plain::Text(word) => text(self.vocabulary.meant(name, word)),
            Plain::YesNo(yes) => Some(Value::YesNo(*yes)),
            Plain::List(words) => Some(self.words(Some(name), words)),
            Plain::Money(money) => number(self.amount(money)),
        }
    }

    /// A value of an activity or of a contact, if it is of the type that facts.toml declares.
    pub fn declared(&self, declared: &Attribute, value: &'a Plain) -> Option<Value<'a>> {
        if !fits_type(declared, value) {
            return None;
        }
        match value {
            Plain::Number(number) => Some(Value::Number(*number)),
            Plain::Text(day) if declared.kind == AttributeType::Date => Time::of_date(day).map(Value::Date),
            Plain::Text(word) => text(word),
            Plain::YesNo(yes) => Some(Value::YesNo(*yes)),
            Plain::List(_) | Plain::Money(_) => None,
        }
    }

    /// When the lead was first seen: here, or elsewhere before.
    fn created(&self) -> Option<Time> {
        let times = self.created.into_iter().chain(self.lead.first_seen);
        times.filter(|time| *time <= self.as_of).min()
    }

    /// How sure an attribute's source is, or how long ago it was verified.
    fn state(&self, name: &str, state: FactState) -> Option<f64> {
        let fact = self.lead.attributes.get(name)?;
        match state {
            FactState::Confidence => fact.confidence,
            FactState::AgeDays => {
                let verified = fact.verified_time.filter(|verified| *verified <= self.as_of)?;
                Some(self.days_since_date(verified))
            }
        }
    }

    fn employees(&self) -> Option<f64> {
        match &self.lead.subject {
            Subject::Company(company) => company.employees.map(|employees| employees as f64),
            Subject::Person(_) => None,
        }
    }

    /// The size band that the account is in.
    fn band(&self) -> Option<&'a SizeBand> {
        let employees = self.employees()?;
        self.profile.size_bands.iter().find(|band| band.contains(employees))
    }

    /// The roles that take part in the decision at an account of this size.
    fn roles(&self) -> impl Iterator<Item = &'a DecisionRole> {
        let employees = self.employees();
        self.profile.decision_roles.iter().filter(move |role| role.takes_part(employees))
    }

    /// What the account's size means to a vendor that serves only some sizes, or not all at the same cost.
    pub fn size_warning(&self) -> Option<Warning> {
        let (employees, bands) = (self.employees()?, &self.profile.size_bands);
        let evidence = format!("{employees} employees");
        let served = |band: &&SizeBand| matches!(band.served, Served::Now | Served::Costly);
        let largest = bands.iter().filter(served).map(|band| band.max.unwrap_or(i64::MAX)).max()?;
        match self.band().map(|band| band.served) {
            Some(Served::Costly) => Some(Warning {
                code: WarningCode::Costly,
                text: "an account of this size is served only at a raised cost".into(),
                evidence,
            }),
            Some(Served::Now | Served::Unstated) => None,
            Some(Served::No) | None if employees >= largest as f64 => Some(Warning {
                code: WarningCode::Oversized,
                text: "the account is larger than those that can be served".into(),
                evidence,
            }),
            Some(Served::No) | None => None,
        }
    }

    /// Activities that had happened and were known at the as-of time.
    pub fn past(&self) -> impl Iterator<Item = &'a Activity> + use<'a> {
        let as_of = self.as_of;
        self.activities.iter().filter(move |a| a.time <= as_of && a.known_time <= as_of)
    }

    fn days_since(&self, of: impl Fn(&Activity) -> bool) -> Option<f64> {
        let last = self.past().filter(|a| of(a)).map(|a| a.time).max()?;
        Some(self.as_of.days_since(last))
    }

    /// Whole days from a date to the as-of time.
    pub fn days_since_date(&self, date: Time) -> f64 {
        self.as_of.calendar_days_since(date) as f64
    }

    fn activity(&self, kind: &str, stat: ActivityStat) -> Option<f64> {
        let of_kind = || self.past().filter(|a| a.kind == kind);
        Some(match stat {
            ActivityStat::Count => of_kind().count() as f64,
            ActivityStat::Sum => of_kind().map(|a| a.amount).sum(),
            ActivityStat::LastDays => return self.days_since(|a| a.kind == kind),
            ActivityStat::Within(days) => self.within(kind, days),
            ActivityStat::Decayed(half_life) => self.decayed(kind, half_life),
        })
    }

    /// How often something happened in the last days.
    pub fn within(&self, kind: &str, days: f64) -> f64 {
        let recent = self.past().filter(|a| a.kind == kind && self.as_of.days_since(a.time) <= days);
        recent.count() as f64
    }

    /// Σ amount · 2^(−age / half-life), ages in fractional days.
    pub fn decayed(&self, kind: &str, half_life: f64) -> f64 {
        let of_kind = self.past().filter(|a| a.kind == kind);
        of_kind.map(|a| a.amount * libm::exp2(-self.as_of.days_since(a.time) / half_life)).sum()
    }

    fn engaged(&self, contact: &Contact) -> bool {
        contact.engaged() && contact.last_engaged_time.is_none_or(|time| time <= self.as_of)
    }

    fn contacts(&self, stat: &ContactStat) -> Option<Value<'a>> {
        let contacts = self.lead.contacts.as_ref()?;
        let engaged = || contacts.iter().filter(|contact| self.engaged(contact));
        let covered = |role: &str| contacts.iter().any(|contact| contact.decision_role == role);
        let count = match stat {
            ContactStat::Count => contacts.len(),
            ContactStat::Engaged => engaged().count(),
            ContactStat::EngagedRole(role) => {
                return Some(Value::YesNo(engaged().any(|c| c.decision_role == *role)));
            }
            ContactStat::EngagedAt(words) => engaged().filter(|c| words.contains(&c.seniority)).count(),
            ContactStat::RolesCovered(roles) => roles.iter().filter(|role| covered(role)).count(),
            ContactStat::IcpRolesCovered => self.roles().filter(|r| covered(&r.role)).count(),
        };
        Some(Value::Number(count as f64))
    }

    fn icp(&self, field: IcpField) -> Option<Value<'a>> {
        let profile = self.profile;
        let words = match field {
            IcpField::Served => {
                let outside =
                    || (!profile.size_bands.is_empty() && self.employees().is_some()).then_some("no");
                let served = self.band().map_or_else(outside, |band| band.served.as_str());
                return served.map(Value::Text);
            }
            IcpField::Capacity => return number(self.band()?.capacity.map(|capacity| capacity as f64)),
            IcpField::Technologies => &profile.technologies,
            IcpField::Pains => &profile.pains,
            IcpField::Industries => &profile.industries,
            IcpField::Countries => &profile.countries,
            IcpField::DecisionRoles => {
                return Some(Value::Words(Words::Roles(&profile.decision_roles, self.employees())));
            }
        };
        Some(self.words(field.fact(), words))
    }

    /// The share of the required roles (of all, if none is required) that have enough contacts. Unknown if
    /// the contacts are, or if the profile names no role.
    pub fn role_coverage(&self) -> Option<f64> {
        let contacts = self.lead.contacts.as_ref()?;
        let any_required = self.roles().any(|role| role.required);
        let mut counted = 0;
        let mut reached = 0;
        for role in self.roles().filter(|role| role.required || !any_required) {
            let have = contacts.iter().filter(|contact| contact.decision_role == role.role).count();
            counted += 1;
            reached += usize::from(have >= role.min_contacts.max(1) as usize);
        }
        (counted > 0).then(|| reached as f64 / counted as f64)
    }

    /// The points of the profile's size band; `None` if the profile has no bands.
    pub fn size_points(&self, employees: f64) -> Option<f64> {
        let bands = &self.profile.size_bands;
        let band = bands.iter().find(|band| band.contains(employees));
        (!bands.is_empty()).then(|| band.map_or(0.0, |band| band.points.number()))
    }

    /// Why a fact that the lead carries is unknown all the same.
    pub fn warning(&self, fact: &FactDef) -> Option<Warning> {
        let currency = |money: &Money, of: &str| {
            (money.currency != self.currency).then(|| Warning {
                code: WarningCode::CurrencyMismatch,
                text: format!("{of} is unknown: it is in another currency than the deployment's"),
                evidence: format!("{} instead of {}", money.currency, self.currency),
            })
        };
        match (&fact.source, &self.lead.subject) {
            (FactSource::Revenue, Subject::Company(company)) => {
                currency(company.annual_revenue.as_ref()?, &fact.name)
            }
            (FactSource::Attribute(name), _) => {
                let value = &self.lead.attributes.get(name)?.value;
                let attribute = self.vocabulary.attributes.get(name)?;
                match value {
                    value if !fits_type(attribute, value) => Some(Warning {
                        code: WarningCode::AttributeType,
                        text: format!("{name} is unknown: its value is not a {}", attribute.kind.label()),
                        evidence: value.to_string(),
                    }),
                    Plain::Money(money) => currency(money, &fact.name),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// How much work it is to look at the activities once.
    pub fn cost(&self) -> usize {
        self.activities.len() / 8
    }
}

impl<'a> ItemFacts<'a> {
    fn fact(&self, source: &FactSource) -> Option<Value<'a>> {
        use FactSource as S;
        let item = self.0;
        let count = |count: usize| Some(Value::Number(count as f64));
        match source {
            S::ItemName => return text(item.name),
            S::ItemIsNote => return Some(Value::YesNo(item.note.is_some())),
            S::ItemIsSegment => return Some(Value::YesNo(item.segment.is_some())),
            S::LinksOut => return count(item.links_out),
            S::LinksIn => return count(item.links_in),
            S::CanvasMaturity => return item.maturity.as_str().map(Value::Text),
            _ => {}
        }
        if let Some(NoteFacts { note, hypothesis }) = &item.note {
            let amount = note.amount.as_ref();
            return match source {
                S::NoteBlock => {
                    BLOCKS.iter().find(|(block, _)| *block == note.block).map(|(_, word)| Value::Text(word))
                }
                S::NoteWords => count(note.text.split_whitespace().count()),
                S::NoteTags => Some(Value::Words(Words::Fact(&note.tags, None))),
                S::NoteAmountLow => number(amount.map(|range| range.low.amount())),
                S::NoteAmountHigh => number(amount.map(|range| range.high.amount())),
                S::NoteHypothesis => hypothesis.map(Value::Text),
                _ => None,
            };
        }
        let segment = item.segment.as_ref()?;
        match source {
            S::NeedCount => count(segment.content.needs.len()),
            S::PersonaCount => count(segment.personas),
            S::PropositionCount => count(segment.propositions),
            S::ChannelCount => count(segment.channels),
            S::RelationshipCount => count(segment.relationships),
            S::RevenueCount => count(segment.revenues),
            S::FacetsMissing => count(segment.facets_missing),
            S::FacetsStale => count(segment.facets_stale),
            source => SegmentFacts { segment: segment.content, leads: segment.leads }.fact(source),
        }
    }
}

/// The words of the blocks, which live as long as scripts compare them.
static BLOCKS: LazyLock<Vec<(Block, String)>> = LazyLock::new(|| {
    let blocks = [CanvasKind::BusinessModel, CanvasKind::Lean].into_iter().flat_map(CanvasKind::blocks);
    blocks.map(|block| (block, block.word())).collect()
});

impl<'a> SegmentFacts<'a> {
    fn fact(&self, source: &FactSource) -> Option<Value<'a>> {
        use FactSource as S;
        let leads = self.leads;
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let value = match source {
            S::SegmentSize => self.segment.size,
            S::GrowthRate => self.segment.growth_rate,
            S::SegmentFit => self.segment.fit,
            S::Capacity => self.segment.capacity,
            S::NeedIntensity => self.segment.need_intensity(),
            S::LeadCount => Some(leads.leads as f64),
            S::AShare => share(leads.graded_a, leads.graded),
            S::Conversion => share(leads.won, leads.won + leads.lost),
            S::Factor(name) => self.segment.custom_factors.get(name).copied(),
            _ => None,
        };
        number(value)
    }
}
