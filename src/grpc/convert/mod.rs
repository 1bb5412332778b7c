//! Messages ⇄ domain, a file per noun. Inward notes every violation with its field path and goes on with
//! something harmless; outward can't fail.

pub mod after_sale;
pub mod canvas;
pub mod edit;
pub mod funnel;
pub mod impact;
pub mod interview;
pub mod job;
pub mod lead;
pub mod profile;
pub mod relationship;
pub mod review;
pub mod rules;
pub mod score;
pub mod segment;
pub mod value;
pub mod what_if;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use prost_types::Timestamp;

use crate::domain::check::Checker;
use crate::domain::name::Id;
use crate::domain::time::Time;
use crate::domain::version::Change;
use crate::grpc::pb;

/// A number that an enumeration does not have.
pub struct NoSuchValue;

/// An enumeration on both sides, where the wire's zero means "not stated".
pub trait WireEnum: Sized {
    /// `Ok(None)` is "not stated", `Err` a number that it does not have.
    fn inward(number: i32) -> Result<Option<Self>, NoSuchValue>;
    fn outward(self) -> i32;
}

/// Pairs the variants of a message's enumeration with those of the domain's, which have the same names.
macro_rules! wire_enum {
    ($wire:ident, $domain:ty, $($variant:ident),+) => {
        impl $crate::grpc::convert::WireEnum for $domain {
            fn inward(number: i32) -> Result<Option<Self>, $crate::grpc::convert::NoSuchValue> {
                match $crate::grpc::pb::$wire::try_from(number) {
                    Ok($crate::grpc::pb::$wire::Unspecified) => Ok(None),
                    $(Ok($crate::grpc::pb::$wire::$variant) => Ok(Some(<$domain>::$variant)),)+
                    Err(_) => Err($crate::grpc::convert::NoSuchValue),
                }
            }

            fn outward(self) -> i32 {
                #[allow(unreachable_patterns)] // Some domain enumerations have a variant for "not stated".
                match self {
                    $(<$domain>::$variant => $crate::grpc::pb::$wire::$variant as i32,)+
                    _ => 0,
                }
            }
        }
    };
}
pub(crate) use wire_enum;

/// An enumeration that may be left out.
pub fn choice<E: WireEnum>(c: &mut Checker, field: &str, number: i32) -> Option<E> {
    E::inward(number).unwrap_or_else(|NoSuchValue| {
        c.wrong_field(field, format!("{number} is not a value of this enumeration"));
        None
    })
}

/// An enumeration that must be stated.
pub fn stated<E: WireEnum>(c: &mut Checker, field: &str, number: i32, instead: E) -> E {
    match E::inward(number) {
        Ok(Some(value)) => value,
        Ok(None) => {
            c.wrong_field(field, "is required");
            instead
        }
        Err(NoSuchValue) => {
            c.wrong_field(field, format!("{number} is not a value of this enumeration"));
            instead
        }
    }
}

/// An enumeration outward, where absent is the wire's zero.
pub fn stated_or_zero<E: WireEnum>(value: Option<E>) -> i32 {
    value.map_or(0, E::outward)
}

pub fn time(c: &mut Checker, field: &str, timestamp: Option<Timestamp>) -> Option<Time> {
    let timestamp = timestamp?;
    let micros = timestamp
        .seconds
        .checked_mul(1_000_000)
        .and_then(|micros| micros.checked_add(i64::from(timestamp.nanos) / 1_000));
    let in_range = (0..1_000_000_000).contains(&timestamp.nanos);
    let time = micros.filter(|_| in_range).and_then(Time::from_micros);
    c.require(time.is_some(), field, "is not a time between the years 1 and 9999");
    time
}

pub fn required_time(c: &mut Checker, field: &str, timestamp: Option<Timestamp>) -> Time {
    c.require(timestamp.is_some(), field, "is required");
    time(c, field, timestamp).unwrap_or_default()
}

/// Who makes a change, and why.
pub fn change(c: &mut Checker, change: Option<pb::Change>) -> Change {
    let pb::Change { author, reason } = change.unwrap_or_default();
    c.length("change.author", &author, 0, 200);
    c.length("change.reason", &reason, 0, 1_000);
    Change { author, reason }
}

pub fn change_out(change: &Change) -> Option<pb::Change> {
    let Change { author, reason } = change.clone();
    (!change.is_untold()).then_some(pb::Change { author, reason })
}

pub fn timestamp(time: Time) -> Timestamp {
    let micros = time.micros();
    let nanos = micros.rem_euclid(1_000_000) * 1_000;
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos: i32::try_from(nanos).unwrap_or(0) }
}

/// A resource name or id that must be given.
pub fn parsed<N>(c: &mut Checker, field: &str, text: &str) -> Option<N>
where
    N: FromStr<Err: Display>,
{
    if text.is_empty() {
        c.wrong_field(field, "is required");
        return None;
    }
    optional(c, field, text)
}

/// A resource name or id that may be left empty.
pub fn optional<N>(c: &mut Checker, field: &str, text: &str) -> Option<N>
where
    N: FromStr<Err: Display>,
{
    if text.is_empty() {
        return None;
    }
    let shown: String = text.chars().take(80).collect();
    text.parse().map_err(|error: N::Err| c.wrong_field(field, format!("\"{shown}\" {error}"))).ok()
}

/// Ids of the parts of a resource. Those that are left empty get `prefix-number`, with a number above all that there are: one that
/// was free because its part was removed would make the new part look like the old one, changed.
pub struct PartIds {
    taken: BTreeSet<String>,
    prefix: &'static str,
    next: usize,
}

/// A number that somebody gave and that is as high as this is a name, not a count.
const HIGHEST: usize = 1_000_000_000;

impl PartIds {
    pub fn new<'a>(prefix: &'static str, given: impl IntoIterator<Item = &'a str>) -> Self {
        let taken: BTreeSet<String> =
            given.into_iter().filter(|id| !id.is_empty()).map(str::to_owned).collect();
        let number = |id: &String| id.strip_prefix(prefix)?.strip_prefix('-')?.parse::<usize>().ok();
        let next = taken
            .iter()
            .filter_map(number)
            .filter(|number| *number < HIGHEST)
            .max()
            .map_or(1, |most| most + 1);
        Self { taken, prefix, next }
    }

    pub fn read(&mut self, c: &mut Checker, id: &str) -> Id {
        optional(c, "id", id).unwrap_or_else(|| self.assign())
    }

    fn assign(&mut self) -> Id {
        loop {
            let text = format!("{}-{}", self.prefix, self.next);
            self.next += 1;
            if self.taken.insert(text.clone())
                && let Ok(id) = text.parse()
            {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_part_that_was_removed_is_not_given_to_a_new_one() {
        let mut ids = PartIds::new("note", ["note-1", "fairs", "note-4", "note-99999999999"]);
        assert_eq!([ids.assign().to_string(), ids.assign().to_string()], ["note-5", "note-6"]);
        assert_eq!(PartIds::new("note", []).assign().to_string(), "note-1");
    }
}
