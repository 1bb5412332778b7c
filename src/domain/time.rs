//! Points in time. Nothing here reads a clock: the time is always an argument.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(i64);

/// Microseconds in a day.
pub const DAY: i64 = 86_400_000_000;

/// A time zone by its name in the IANA database, of which the program has a copy: so all machines agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone(jiff::tz::TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }
}

impl Zone {
    /// The zone of a name such as `Europe/Berlin`.
    pub fn named(name: &str) -> Option<Self> {
        jiff::tz::TimeZoneDatabase::bundled().get(name).ok().map(Self)
    }
}

/// The days of the week, as scripts call them.
pub const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A text that is not a time.
#[derive(Debug, thiserror::Error)]
#[error("not a time: write it as 2026-11-21T09:30:00Z, or a day as 2026-11-21 where a day will do")]
pub struct NotATime;

impl Time {
    /// The earliest time there is: 0001-01-01T00:00:00Z.
    pub const MIN: Time = Time(-62_135_596_800_000_000);
    /// The latest time there is: 9999-12-30T22:00:00Z, the end of what timestamps can be shown as.
    pub const MAX: Time = Time(253_402_207_200_000_000);

    /// A time from microseconds since 1970, if it is within [`Time::MIN`] and [`Time::MAX`].
    pub fn from_micros(micros: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&micros).then_some(Self(micros))
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Days from `earlier` to this time, with their fraction; negative if it is later.
    pub fn days_since(self, earlier: Time) -> f64 {
        (self.0 - earlier.0) as f64 / DAY as f64
    }

    /// This time moved by whole days, kept within the range.
    pub fn plus_days(self, days: i64) -> Time {
        Time(self.0.saturating_add(days.saturating_mul(DAY)).clamp(Self::MIN.0, Self::MAX.0))
    }

    /// This time moved by seconds, kept within the range.
    pub fn plus_seconds(self, seconds: i64) -> Time {
        Time(self.0.saturating_add(seconds.saturating_mul(1_000_000)).clamp(Self::MIN.0, Self::MAX.0))
    }

    /// The beginning of a day, written as 2026-11-26, in UTC.
    pub fn of_date(text: &str) -> Option<Self> {
        Self::of_day(text.parse().ok()?)
    }

    /// The beginning of a day written in another way, as strptime has it.
    pub fn of_date_by(format: &str, text: &str) -> Option<Self> {
        // `%Y` takes 26 for the year 26, which nobody means.
        let day = jiff::civil::Date::strptime(format, text).ok().filter(|day| day.year() >= 1_000)?;
        Self::of_day(day)
    }

    fn of_day(day: jiff::civil::Date) -> Option<Self> {
        let zoned = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Self::from_micros(zoned.timestamp().as_microsecond())
    }

    /// The day in UTC, as 2026-11-26.
    pub fn date(self) -> String {
        self.timestamp().to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
    }

    /// Whole days from the day of `earlier` to the day of this time, in UTC; negative if it is later.
    pub fn calendar_days_since(self, earlier: Time) -> i64 {
        self.0.div_euclid(DAY) - earlier.0.div_euclid(DAY)
    }

    /// The day of the week in a time zone, and the hour, 0 to 23.
    pub fn weekday_and_hour(self, zone: &Zone) -> (&'static str, f64) {
        let there = zone.0.to_datetime(self.timestamp());
        let day = usize::try_from(there.weekday().to_monday_zero_offset()).unwrap_or_default();
        (WEEKDAYS[day], there.hour().into())
    }

    /// The calendar year in UTC.
    pub fn year(self) -> i32 {
        self.timestamp().to_zoned(jiff::tz::TimeZone::UTC).year().into()
    }

    /// The calendar month in UTC, such as `2026-11`.
    pub fn month(self) -> String {
        self.date()[..7].to_owned()
    }

    /// The calendar quarter in UTC, such as `2026-Q4`.
    pub fn quarter(self) -> String {
        let there = self.timestamp().to_zoned(jiff::tz::TimeZone::UTC);
        format!("{:04}-Q{}", there.year(), (there.month() - 1) / 3 + 1)
    }

    fn timestamp(self) -> jiff::Timestamp {
        // In range by construction: Time's bounds lie within jiff's.
        jiff::Timestamp::from_microsecond(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.timestamp())
    }
}

impl FromStr for Time {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| NotATime)?;
        Self::from_micros(parsed.as_microsecond()).ok_or(NotATime)
    }
}

impl TryFrom<String> for Time {
    type Error = NotATime;

    fn try_from(text: String) -> Result<Self, NotATime> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> String {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_and_hours_are_those_of_the_zone() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let time: Time = "2026-07-31T22:30:00Z".parse().unwrap();
        assert_eq!(time.weekday_and_hour(&Zone::default()), ("friday", 22.0));
        assert_eq!(time.weekday_and_hour(&berlin), ("saturday", 0.0));
        assert_eq!(Zone::named("Europe/Berln"), None);
    }

    #[test]
    fn text_and_time_round_trip_at_the_ends_too() {
        for text in ["2026-11-21T09:30:00.000001Z", "0001-01-01T00:00:00Z", "9999-12-30T22:00:00Z"] {
            let time: Time = text.parse().unwrap();
            assert_eq!(time.to_string(), text);
        }
        assert!(Time::from_micros(Time::MAX.0 + 1).is_none());
        assert_eq!("2024-02-29T23:00:00Z".parse::<Time>().unwrap().year(), 2024);
    }
}
