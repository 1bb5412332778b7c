//! Numbers as people write them in files: `5,400`, `1.250.000,00 €`, `0,8`, `60 %`, `1.2k`, `51-200`.
//!
//! Whether a comma or a point marks the decimals is declared, or shown by the whole column. Where neither says, the number
//! is not read: a guess that is wrong by a factor of a thousand looks like any other number.

mod parts;

use super::canonical::folded;

use parts::Parts;
pub use parts::SHARED;

/// What marks the decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimal {
    Point,
    Comma,
}

impl Decimal {
    pub fn of(mark: &str) -> Option<Self> {
        match mark {
            "." => Some(Decimal::Point),
            "," => Some(Decimal::Comma),
            _ => None,
        }
    }

    pub fn mark(self) -> char {
        match self {
            Decimal::Point => '.',
            Decimal::Comma => ',',
        }
    }

    /// What may stand between thousands then.
    fn other(self) -> Self {
        match self {
            Decimal::Point => Decimal::Comma,
            Decimal::Comma => Decimal::Point,
        }
    }
}

/// A number with what stood beside it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Written {
    pub value: f64,
    /// ISO 4217, where a code or a sign stood beside it; [`SHARED`] where that may be of several.
    pub currency: Option<&'static str>,
    /// Whether it was written as a percentage; the value is the ratio then.
    pub percent: bool,
    /// How it was said that it is not exact.
    pub rough: Option<Rough>,
}

/// What the value of an inexact number is of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rough {
    /// The middle of `51-200`.
    Range,
    /// The lower end of `10,001+`.
    AtLeast,
    /// `ca. 120`, as it stands.
    About,
}

/// Why a text gave no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It may be a thousand times larger or smaller, depending on what marks the decimals.
    Ambiguous,
    /// It shows another mark of the decimals than is declared.
    Against,
    NotANumber,
}

/// What a column shows of its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evidence {
    point: bool,
    comma: bool,
}

impl Evidence {
    /// Adds what a cell shows. A whole number can't have decimals, so a mark in it stands between thousands.
    pub fn see(&mut self, cell: &str, whole: bool) {
        let Some(parts) = Parts::of(cell, whole) else { return };
        let whole = whole && parts.scale == 1.0 && !parts.percent;
        for number in parts.numbers() {
            // Where a number can't have decimals, one that has some is a slip, and shows nothing.
            let has_decimals = |decimal| digits(number, decimal).is_some_and(|value| value.fract() != 0.0);
            match shown(number, whole).filter(|decimal| !(whole && has_decimals(*decimal))) {
                Some(Decimal::Point) => self.point = true,
                Some(Decimal::Comma) => self.comma = true,
                None => {}
            }
        }
    }

    /// What marks the decimals, if the column is of one mind.
    pub fn decimal(self) -> Option<Decimal> {
        match (self.point, self.comma) {
            (true, false) => Some(Decimal::Point),
            (false, true) => Some(Decimal::Comma),
            _ => None,
        }
    }
}

/// What a number shows of what marks the decimals; nothing if it would read the same or could be either.
fn shown(number: &str, whole: bool) -> Option<Decimal> {
    let number = without_gaps(number)?;
    let (point, comma) = (number.matches('.').count(), number.matches(',').count());
    match (point, comma) {
        (0, 0) => None,
        (1.., 1..) => {
            let last = if number.rfind('.') > number.rfind(',') { Decimal::Point } else { Decimal::Comma };
            digits(&number, last).map(|_| last)
        }
        (2.., 0) => digits(&number, Decimal::Comma).map(|_| Decimal::Comma),
        (0, 2..) => digits(&number, Decimal::Point).map(|_| Decimal::Point),
        (single, _) => {
            let as_decimal = if single == 1 { Decimal::Point } else { Decimal::Comma };
            let decimal = digits(&number, as_decimal);
            match (decimal, digits(&number, as_decimal.other())) {
                (Some(_), None) => Some(as_decimal),
                (Some(value), Some(_)) if whole && value.fract() != 0.0 => Some(as_decimal.other()),
                _ => None,
            }
        }
    }
}

/// A number without the spaces and apostrophes between its thousands; `None` if they stand elsewhere.
fn without_gaps(number: &str) -> Option<String> {
    let is_gap = |c: char| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’');
    if !number.contains(is_gap) {
        return Some(number.to_owned());
    }
    let whole_end = number.find([',', '.']).unwrap_or(number.len());
    let (whole, rest) = number.split_at(whole_end);
    (is_grouped(whole, is_gap) && !rest.contains(is_gap))
        .then(|| format!("{}{rest}", whole.replace(is_gap, "")))
}

/// Whether digits stand in groups of three, the first of one to three.
fn is_grouped(text: &str, is_mark: impl Fn(char) -> bool) -> bool {
    text.split(is_mark).enumerate().all(|(i, group)| {
        let fits = if i == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 };
        fits && group.bytes().all(|b| b.is_ascii_digit()) && (i > 0 || group != "0" || text.len() == 1)
    })
}

/// Whether digits stand as in India: the last three together, and those before by twos, as `1,25,000`.
fn is_lakh(text: &str) -> bool {
    let groups: Vec<&str> = text.split(',').collect();
    let last = groups.len() - 1;
    groups.len() > 2
        && groups.iter().enumerate().all(|(i, group)| {
            let fits = match i {
                0 => (1..=2).contains(&group.len()) && *group != "0",
                i => group.len() == if i == last { 3 } else { 2 },
            };
            fits && group.bytes().all(|b| b.is_ascii_digit())
        })
}

/// The value of digits in which this marks the decimals and the other one thousands.
fn digits(number: &str, decimal: Decimal) -> Option<f64> {
    let (whole, fraction) = match number.split_once(decimal.mark()) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let thousands = decimal.other().mark();
    if fraction.is_some_and(|fraction| !fraction.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let plain = whole.bytes().all(|b| b.is_ascii_digit());
    let is_grouped = || is_grouped(whole, |c| c == thousands) || (thousands == ',' && is_lakh(whole));
    if !plain && !is_grouped() {
        return None;
    }
    let whole = whole.replace(thousands, "");
    if whole.is_empty() && fraction.is_none_or(str::is_empty) {
        return None;
    }
    format!("{whole}.{}", fraction.unwrap_or("0")).parse().ok().filter(|n: &f64| n.is_finite())
}

/// Reads a number. `decimal` is what is declared or what the column shows; `whole` says that it can't have decimals.
pub fn read(text: &str, decimal: Option<Decimal>, whole: bool) -> Result<Written, Unread> {
    let Some(parts) = Parts::of(text, whole) else { return exponential(text) };
    let number = |number: &str| {
        let gapless = without_gaps(number).ok_or(Unread::NotANumber)?;
        // What a number shows by itself goes before the column's way, but not before what is impossible either way.
        let own = shown(&gapless, whole && parts.scale == 1.0 && !parts.percent);
        let marked = gapless.contains(['.', ',']);
        if let (Some(own), Some(declared)) = (own, decimal)
            && own != declared
        {
            return Err(Unread::Against);
        }
        match own.or(decimal).or((!marked).then_some(Decimal::Point)) {
            Some(decimal) => digits(&gapless, decimal).ok_or(Unread::NotANumber),
            None if digits(&gapless, Decimal::Point).is_some()
                || digits(&gapless, Decimal::Comma).is_some() =>
            {
                Err(Unread::Ambiguous)
            }
            None => Err(Unread::NotANumber),
        }
    };
    let low = match number(parts.low) {
        Err(Unread::NotANumber) => return exponential(text),
        low => low?,
    };
    let value = match parts.high {
        None => low,
        Some(high) => {
            let high = number(high)?;
            if high < low {
                return Err(Unread::NotANumber);
            }
            let middle = low + (high - low) / 2.0;
            if whole { middle.floor() } else { middle }
        }
    };
    let value = value * parts.scale / if parts.percent { 100.0 } else { 1.0 };
    let value = if parts.negative { -value } else { value };
    // Products of decimals such as 1.1 · 1000 are a hair off.
    let value = if parts.scale > 1.0 { (value * 1e6).round() / 1e6 } else { value };
    Ok(Written { value, currency: parts.currency, percent: parts.percent, rough: parts.rough })
}

/// Yes or no, as people write it in the languages that we know.
pub fn yes_or_no(text: &str) -> Option<bool> {
    match folded(text).as_str() {
        "yes" | "y" | "true" | "1" | "ja" | "oui" | "sì" | "sí" | "có" | "是" | "نعم" | "x" | "✓" => {
            Some(true)
        }
        "no" | "n" | "false" | "0" | "nein" | "non" | "không" | "否" | "لا" => Some(false),
        _ => None,
    }
}

/// `1.2e5`, as programs write it: only with a point, and never ambiguous.
fn exponential(text: &str) -> Result<Written, Unread> {
    let text = text.trim();
    let legal = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let value =
        text.parse::<f64>().ok().filter(|value| legal && text.contains(['e', 'E']) && value.is_finite());
    value
        .map(|value| Written { value, currency: None, percent: false, rough: None })
        .ok_or(Unread::NotANumber)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str, decimal: Option<Decimal>) -> Result<f64, Unread> {
        read(text, decimal, false).map(|written| written.value)
    }

    #[test]
    fn numbers_that_are_beyond_doubt_are_read() {
        for (text, expected) in [
            ("5400", 5_400.0),
            ("2,500,000.00", 2_500_000.0),
            ("$2,500,000.00", 2_500_000.0),
            ("1.250.000,00 €", 1_250_000.0),
            ("EUR 1.250.000", 1_250_000.0),
            ("25.000,00", 25_000.0),
            ("0,8", 0.8),
            ("0.125", 0.125),
            (".5", 0.5),
            ("1234.567", 1_234.567),
            ("1 250 000,5", 1_250_000.5),
            ("1'250'000.50", 1_250_000.5),
            ("1\u{202f}250", 1_250.0),
            ("60 %", 0.6),
            ("12,5%", 0.125),
            ("1.2k", 1_200.0),
            ("$3.5m", 3_500_000.0),
            ("2,5 Mio. €", 2_500_000.0),
            ("-12.50", -12.5),
            ("(1,200.50)", -1_200.5),
            ("− 3,25", -3.25),
            ("-$5.25", -5.25),
            ("CHF 1'000", 1_000.0),
            ("51-200", 125.5),
            ("201–500", 350.5),
            ("1e3", 1_000.0),
            ("6.02E+2", 602.0),
            ("500+", 500.0),
            ("ca. 120", 120.0),
            ("~ 3.500.000", 3_500_000.0),
            ("more than 50", 50.0),
            ("TEUR 2.500,5", 2_500_500.0),
            ("850 T€", 850_000.0),
            ("5 million", 5_000_000.0),
            ("$2.5 billion", 2_500_000_000.0),
            ("3,5 Millionen EUR", 3_500_000.0),
            ("1,25,000", 125_000.0),
            ("₹ 2,50,00,000.50", 25_000_000.5),
        ] {
            assert_eq!(value(text, None), Ok(expected), "{text}");
        }
        for (text, people) in
            [("500+ employees", 500.0), ("51-200 Employees", 125.0), ("1.2k Mitarbeiter", 1_200.0)]
        {
            assert_eq!(read(text, None, true).map(|written| written.value), Ok(people), "{text}");
            assert_eq!(value(text, None), Err(Unread::NotANumber), "{text}");
        }
        assert_eq!(read("10,001+", None, true).unwrap().rough, Some(Rough::AtLeast));
        assert_eq!(value("10,001+", None), Err(Unread::Ambiguous));
        for text in [
            "", "?", "abc", "1.2.3", "12,3,567", "1,23.456", "--5", "5 apples", "1 2", "0x10", "inf", "1/2",
            "5-3",
        ] {
            assert_eq!(value(text, None), Err(Unread::NotANumber), "{text}");
        }
        let written = read("EUR 25.000", Some(Decimal::Comma), false).unwrap();
        assert_eq!((written.value, written.currency), (25_000.0, Some("EUR")));
        assert_eq!(read("51-200", None, true).unwrap().value, 125.0);
        assert_eq!(read("5,400", None, true).unwrap().value, 5_400.0);
    }

    #[test]
    fn what_could_be_either_is_read_only_where_the_column_or_a_declaration_says() {
        for text in ["25.000", "25,000", "1.234", "999,999", "€ 25.000", "25.000 k"] {
            assert_eq!(value(text, None), Err(Unread::Ambiguous), "{text}");
        }
        assert_eq!(read("25.000", None, true), Err(Unread::Ambiguous));
        assert_eq!(value("25.000", Some(Decimal::Comma)), Ok(25_000.0));
        assert_eq!(value("25.000", Some(Decimal::Point)), Ok(25.0));
        let mut evidence = Evidence::default();
        for cell in ["25000", "25.000", "n/a"] {
            evidence.see(cell, false);
        }
        assert_eq!(evidence.decimal(), None);
        evidence.see("25.000,00", false);
        assert_eq!(evidence.decimal(), Some(Decimal::Comma));
        evidence.see("0.6", false);
        assert_eq!(evidence.decimal(), None);
        let mut staff = Evidence::default();
        staff.see("5,400", true);
        assert_eq!(staff.decimal(), Some(Decimal::Point));
    }

    /// Writes an amount of hundredths as people do.
    fn written(hundredths: i64, decimal: Decimal, grouped: bool) -> String {
        let (whole, fraction) = (hundredths.abs() / 100, hundredths.abs() % 100);
        let mut digits = whole.to_string();
        if grouped {
            let mut at = digits.len();
            while at > 3 {
                at -= 3;
                digits.insert(at, decimal.other().mark());
            }
        }
        format!("{}{digits}{}{fraction:02}", if hundredths < 0 { "-" } else { "" }, decimal.mark())
    }

    proptest! {
        #[test]
        fn any_number_in_any_declared_format_is_read_back(
            hundredths in -1_000_000_000_000i64..1_000_000_000_000,
            comma: bool,
            grouped: bool,
            around in prop::sample::select(vec![("", ""), ("€ ", ""), ("", " EUR"), ("$", ""), (" ", " ")]),
        ) {
            let decimal = if comma { Decimal::Comma } else { Decimal::Point };
            let text = format!("{}{}{}", around.0, written(hundredths, decimal, grouped), around.1);
            prop_assert_eq!(value(&text, Some(decimal)), Ok(hundredths as f64 / 100.0), "{}", text);
        }

        /// Whatever is read without a declaration has one meaning only: under either declaration it reads the same, or
        /// under one of them not at all.
        #[test]
        fn no_ambiguous_number_is_ever_guessed(text in "[0-9]{0,5}([.,][0-9]{0,4}){0,3}") {
            if let Ok(alone) = value(&text, None) {
                for decimal in [Decimal::Point, Decimal::Comma] {
                    let plain = without_gaps(&text).unwrap();
                    if let Some(other) = digits(&plain, decimal) {
                        prop_assert_eq!(alone, other, "{} by {:?}", text, decimal);
                    }
                }
            }
        }

        #[test]
        fn any_text_is_a_number_or_not(text in "\\PC{0,20}", whole: bool) {
            let mut evidence = Evidence::default();
            evidence.see(&text, whole);
            if let Ok(written) = read(&text, evidence.decimal(), whole) {
                prop_assert!(written.value.is_finite());
            }
        }
    }
}
