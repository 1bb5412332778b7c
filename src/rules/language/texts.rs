//! Tests of texts that are compiled when a script is loaded: words, patterns, and mail that anybody gets for nothing.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use crate::domain::canonical::{folded, host};

/// The most characters of a pattern.
const MAX_PATTERN: usize = 500;
/// The most bytes that a compiled pattern takes: repetitions of repetitions grow fast. `\w{1,9}` takes a third of it.
const MAX_COMPILED: usize = 1 << 19;
/// The most bytes that a thread keeps of a pattern while it matches.
const MAX_CACHE: usize = 1 << 17;
/// How many bytes of a text one step stands for. The matcher looks at each byte a bounded number of times.
const BYTES_PER_STEP: usize = 16;

/// Hosts whose mail costs nothing, sorted.
static FREE_MAIL: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("free_mail.txt").lines().collect());

/// What a text is tested for.
#[derive(Debug)]
pub enum Pattern {
    /// By a regular expression, ignoring case.
    Regex(Box<Regex>),
    /// One of these words as a whole; each in its parts, folded.
    Words(Vec<Vec<String>>),
    FreeMail,
}

impl Pattern {
    /// Compiles a regular expression; the error says what is wrong with it.
    pub fn regex(pattern: &str) -> Result<Self, String> {
        if pattern.chars().count() > MAX_PATTERN {
            return Err(format!("a pattern has at most {MAX_PATTERN} characters"));
        }
        let built = RegexBuilder::new(pattern)
            .case_insensitive(true)
            .size_limit(MAX_COMPILED)
            .dfa_size_limit(MAX_CACHE)
            .nest_limit(20)
            .build();
        match built {
            Ok(regex) => Ok(Self::Regex(Box::new(regex))),
            Err(regex::Error::CompiledTooBig(_)) => {
                Err("the pattern grows too large: repeat less of it".into())
            }
            // The last line says it; those before draw the pattern.
            Err(error) => {
                let told = error.to_string();
                Err(told.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned())
            }
        }
    }

    /// Words of which a text has one; a word may be several, which follow each other then.
    pub fn words<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        Self::Words(words.into_iter().map(|word| parts(&folded(word))).collect())
    }

    pub fn fits(&self, text: &str) -> bool {
        match self {
            Pattern::Regex(regex) => regex.is_match(text),
            Pattern::Words(words) => {
                let text = parts(&folded(text));
                let stands = |word: &Vec<String>| {
                    !word.is_empty() && text.windows(word.len()).any(|part| part == word.as_slice())
                };
                words.iter().any(stands)
            }
            Pattern::FreeMail => {
                let host = host(text);
                // Also a part of such a host: `mail.gmx.net`.
                let ends = std::iter::successors(Some(host.as_str()), |host| Some(host.split_once('.')?.1));
                ends.into_iter().any(|end| FREE_MAIL.binary_search(&end).is_ok())
            }
        }
    }

    /// How many steps a test of a text is.
    pub fn steps(&self, text: &str) -> usize {
        let words = if let Pattern::Words(words) = self { words.len() } else { 1 };
        words + words * text.len() / BYTES_PER_STEP
    }
}

/// The words of a folded text: runs of letters and digits.
fn parts(folded: &str) -> Vec<String> {
    let words = folded.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What stands behind the last `@`, or all of it.
pub fn host_of(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole_and_whatever_their_case() {
        let vp = Pattern::words(["VP", "vice president"]);
        for (text, fits) in [
            ("VP of IT", true),
            ("Senior vp, Sales", true),
            ("Vice-President", true),
            ("MVP", false),
            ("vice of a president", false),
            ("", false),
        ] {
            assert_eq!(vp.fits(text), fits, "{text}");
        }
        assert!(Pattern::words(["geschäftsführer"]).fits("Techn. GESCHÄFTSFÜHRER"));
        assert!(!Pattern::words([" - "]).fits("a - b"), "no word at all");
    }

    #[test]
    fn patterns_ignore_case_and_are_bounded() {
        let head = Pattern::regex(r"^(head|leiter(in)?)\b").unwrap();
        assert!(head.fits("Head of Data") && head.fits("LEITERIN IT") && !head.fits("ahead"));
        assert_eq!(Pattern::regex("(a").unwrap_err(), "unclosed group");
        assert!(Pattern::regex(r"(\w{100}){100}").unwrap_err().contains("too large"));
        assert!(Pattern::regex(&"a".repeat(501)).unwrap_err().contains("500"));
    }

    #[test]
    fn free_mail_is_known_by_host_and_by_address() {
        assert!(FREE_MAIL.is_sorted());
        for (text, free) in [
            ("gmail.com", true),
            ("An.Lee@GMX.net", true),
            ("An Lee <an.lee@web.de>", true),
            ("mail.gmx.net", true),
            ("acme.example", false),
            ("notgmail.com", false),
            ("com", false),
        ] {
            assert_eq!(Pattern::FreeMail.fits(text), free, "{text}");
        }
    }
}
