//! What stands around the digits of a number: signs, currencies, scales, and words that say how exact it is.

use super::Rough;

/// A text taken apart into its digits and what stands around them.
pub struct Parts<'a> {
    pub low: &'a str,
    pub high: Option<&'a str>,
    pub negative: bool,
    pub currency: Option<&'static str>,
    pub percent: bool,
    pub scale: f64,
    pub rough: Option<Rough>,
}

/// Stands for a currency whose sign several share.
pub const SHARED: &str = "?";

/// Signs and codes of currencies.
const CURRENCIES: [(&str, &str); 36] = [
    ("€", "EUR"),
    ("£", "GBP"),
    ("US$", "USD"),
    ("A$", "AUD"),
    ("C$", "CAD"),
    ("R$", "BRL"),
    ("$", "USD"),
    ("₫", "VND"),
    ("₹", "INR"),
    ("₩", "KRW"),
    ("₺", "TRY"),
    ("zł", "PLN"),
    ("Kč", "CZK"),
    ("Fr.", "CHF"),
    ("¥", SHARED),
    ("kr", SHARED),
    ("EUR", "EUR"),
    ("USD", "USD"),
    ("GBP", "GBP"),
    ("CHF", "CHF"),
    ("JPY", "JPY"),
    ("CNY", "CNY"),
    ("VND", "VND"),
    ("INR", "INR"),
    ("AUD", "AUD"),
    ("CAD", "CAD"),
    ("SEK", "SEK"),
    ("NOK", "NOK"),
    ("DKK", "DKK"),
    ("PLN", "PLN"),
    ("CZK", "CZK"),
    ("HUF", "HUF"),
    ("TRY", "TRY"),
    ("BRL", "BRL"),
    ("SAR", "SAR"),
    ("AED", "AED"),
];

/// What multiplies the digits before it; what ends another comes after it.
const SCALES: [(&str, f64); 20] = [
    ("thousand", 1e3),
    ("tausend", 1e3),
    ("tsd.", 1e3),
    ("tsd", 1e3),
    ("millionen", 1e6),
    ("millions", 1e6),
    ("million", 1e6),
    ("mill.", 1e6),
    ("mio.", 1e6),
    ("mio", 1e6),
    ("mln", 1e6),
    ("milliarden", 1e9),
    ("billions", 1e9),
    ("billion", 1e9),
    ("mrd.", 1e9),
    ("mrd", 1e9),
    ("bn", 1e9),
    ("k", 1e3),
    ("m", 1e6),
    ("b", 1e9),
];

/// Thousands of a currency, as accountants write them before or after a number.
const THOUSANDS_OF: [(&str, &str); 4] = [("TEUR", "EUR"), ("T€", "EUR"), ("TUSD", "USD"), ("TCHF", "CHF")];

/// Says before a number that it is not exact.
const ABOUT: [&str; 8] = ["ca.", "ca", "approx.", "approximately", "about", "etwa", "~", "≈"];
/// Says before a number that it may be more.
const AT_LEAST: [&str; 7] = ["more than", "at least", "mehr als", "mindestens", "über", ">=", "≥"];
/// What is counted in whole numbers of people, where a file says so beside the number.
const PEOPLE: [&str; 6] = ["employees", "employee", "people", "mitarbeiter", "mitarbeitende", "fte"];

/// The rest of a text that begins with one of these words, in any case.
fn after_any<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().find_map(|word| {
        let (head, rest) = text.split_at_checked(word.len())?;
        let stands_alone = !rest.starts_with(char::is_alphabetic);
        (head.to_lowercase() == *word && stands_alone).then(|| rest.trim_start())
    })
}

/// The part of a text before the one of these words that ends it, in any case.
fn before_any<'a, 'w, T>(
    text: &'a str,
    words: &'w [T],
    word: impl Fn(&T) -> &'w str,
) -> Option<(&'a str, &'w T)> {
    words.iter().find_map(|one| {
        let at = text.len().checked_sub(word(one).len()).filter(|at| text.is_char_boundary(*at))?;
        let before = text[..at].trim_end();
        let fits = text[at..].to_lowercase() == word(one).to_lowercase();
        fits.then_some((before, one))
    })
}

impl<'a> Parts<'a> {
    pub fn of(text: &'a str, whole: bool) -> Option<Self> {
        let mut rest = text.trim();
        let mut rough = None;
        for (words, kind) in [(&ABOUT[..], Rough::About), (&AT_LEAST[..], Rough::AtLeast)] {
            if let Some(after) = after_any(rest, words) {
                (rest, rough) = (after, Some(kind));
            }
        }
        if let Some((before, _)) = before_any(rest, &PEOPLE, |word| word).filter(|_| whole) {
            rest = before;
        }
        let (mut currency, mut negative, mut signed, mut percent, mut scale) =
            (None, false, false, false, 1.0);
        if let Some(inner) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            (rest, negative) = (inner.trim(), true);
        }
        // A sign may stand before or after the currency.
        for _ in 0..2 {
            if let Some(after) = rest.strip_prefix(['-', '−', '+']).filter(|_| !signed) {
                (signed, negative) = (true, negative || !rest.starts_with('+'));
                rest = after.trim_start();
            }
            let thousands = THOUSANDS_OF.iter().find_map(|(word, code)| {
                let after = rest.strip_prefix(word)?.trim_start();
                after.starts_with(|c: char| c.is_ascii_digit()).then_some((*code, after))
            });
            if let Some((code, after)) = thousands {
                (currency, rest, scale) = (Some(code), after, 1e3);
            }
            if let Some((code, after)) = currency_before(rest) {
                (currency, rest) = (Some(code), after.trim_start());
            }
        }
        if let Some((code, before)) = currency_after(rest) {
            (currency, rest) = (currency.or(Some(code)), before.trim_end());
        }
        if let Some(before) = rest.strip_suffix('%') {
            (rest, percent) = (before.trim_end(), true);
        }
        let counted = |before: &str| before.ends_with(|c: char| c.is_ascii_digit());
        let scaled = before_any(rest, &SCALES, |(word, _)| word).filter(|(before, _)| counted(before));
        if let Some((before, (_, factor))) = scaled {
            (rest, scale) = (before, *factor);
        }
        let of = before_any(rest, &THOUSANDS_OF, |(word, _)| word).filter(|(before, _)| counted(before));
        if let Some((before, (_, code))) = of {
            (rest, scale, currency) = (before, scale * 1e3, currency.or(Some(*code)));
        }
        if let Some((code, before)) = currency_after(rest) {
            (currency, rest) = (currency.or(Some(code)), before.trim_end());
        }
        if let Some(before) = rest.strip_suffix('+') {
            (rest, rough) = (before.trim_end(), Some(Rough::AtLeast));
        }
        let (low, high) = match range(rest) {
            Some((low, high)) => (low, Some(high)),
            None => (rest, None),
        };
        rough = if high.is_some() { Some(Rough::Range) } else { rough };
        let digits = |text: &str| text.contains(|c: char| c.is_ascii_digit());
        if !digits(low) || high.is_some_and(|high| !digits(high)) {
            return None;
        }
        Some(Self { low, high, negative, currency, percent, scale, rough })
    }

    pub fn numbers(&self) -> impl Iterator<Item = &'a str> {
        [Some(self.low), self.high].into_iter().flatten()
    }
}

fn currency_before(text: &str) -> Option<(&'static str, &str)> {
    CURRENCIES.iter().find_map(|(sign, code)| {
        let rest = text.strip_prefix(sign)?;
        // A code needs a space or a digit after it, or it is the beginning of a word.
        rest.starts_with(|c: char| !c.is_alphabetic()).then_some((*code, rest))
    })
}

fn currency_after(text: &str) -> Option<(&'static str, &str)> {
    CURRENCIES.iter().find_map(|(sign, code)| {
        let rest = text.strip_suffix(sign)?;
        rest.ends_with(|c: char| !c.is_alphabetic()).then_some((*code, rest))
    })
}

/// The two ends of `51-200`, `201–500`, `51 to 200`. A minus before the first belongs to it.
fn range(text: &str) -> Option<(&str, &str)> {
    let mark = ["–", "—", " to ", " bis ", "..", "-"];
    mark.into_iter().find_map(|mark| {
        let (low, high) = text.split_once(mark)?;
        let (low, high) = (low.trim(), high.trim().trim_start_matches(mark.trim()));
        let plain = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_digit())
        };
        (plain(low) && plain(high)).then_some((low, high))
    })
}
