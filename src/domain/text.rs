//! Texts for people: help with names that they type, and errors with their causes.

use std::error::Error;
use std::fmt::Write as _;

/// Longer words than this are no slips of names, and cost too much to compare.
const LONGEST: usize = 64;
/// How many candidates of a fitting length are compared.
const COMPARED: usize = 500;

/// The candidate that `word` was most likely meant to be, if one is close enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().take(LONGEST + 1).count();
    if length > LONGEST {
        return None;
    }
    let limit = match length {
        0..=2 => 0,
        3..=5 => 1,
        _ => length / 3,
    };
    let lower = word.to_lowercase();
    let fits = |c: &&str| {
        (length.saturating_sub(limit)..=length + limit).contains(&c.chars().take(2 * LONGEST).count())
    };
    candidates
        .into_iter()
        .filter(fits)
        .take(COMPARED)
        .map(|c| (strsim::osa_distance(&lower, &c.to_lowercase()), c))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, c)| c)
}

/// `did you mean "…"?`, or the choices themselves if none is near and they are few.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, candidates.clone()) {
        return format!("did you mean \"{near}\"?");
    }
    let all: Vec<_> = candidates.into_iter().take(21).collect();
    match all.len() {
        0 => "none is declared".into(),
        1..=20 => format!("known are {}", all.join(", ")),
        _ => format!("known are {}, and more", all[..10].join(", ")),
    }
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

/// An error with its causes, each said once: many libraries repeat the cause in their own words.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_does_not() {
        let words = ["page_visit", "demo_request", "employees"];
        assert_eq!(nearest("page_vist", words), Some("page_visit"));
        assert_eq!(nearest("employes", words), Some("employees"));
        assert_eq!(nearest("quokka", words), None);
        assert_eq!(nearest("de", ["age", "be"]), None);
        assert_eq!(suggestion("quokka", words), "known are page_visit, demo_request, employees");
    }
}
