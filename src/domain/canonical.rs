//! One canonical form a fact, made at the edge: what people type in seven ways is compared in one.

use unicode_normalization::UnicodeNormalization as _;

/// Whether two words are the same for people: whatever their case, the spaces around and between them, and the way in
/// which their letters are put together.
pub fn same_word(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (a, b) = (a.trim(), b.trim());
    match is_plain(a) && is_plain(b) {
        true => a.eq_ignore_ascii_case(b),
        false => folded(a) == folded(b),
    }
}

/// The form in which equal words are equal: NFKC in small letters, without what can't be seen, with single spaces.
pub fn folded(word: &str) -> String {
    let word = word.trim();
    if is_plain(word) {
        return word.to_ascii_lowercase();
    }
    let seen = word.nfkc().filter(|c| !matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}'));
    let seen: String = seen.collect::<String>().to_lowercase().nfkc().collect();
    let words: Vec<&str> = seen.split_whitespace().collect();
    words.join(" ")
}

/// Whether a trimmed word is folded by making its letters small.
fn is_plain(word: &str) -> bool {
    let mut before = b' ';
    word.bytes().all(|b| {
        let single = b.is_ascii_graphic() || (b == b' ' && before != b' ');
        before = b;
        single
    })
}

/// Does something with that form, which short words need no memory for: rules ask for it with every lead.
pub fn with_folded<T>(word: &str, look: impl FnOnce(&str) -> T) -> T {
    let word = word.trim();
    let mut room = [0; 48];
    let bytes = room.get_mut(..word.len()).filter(|_| is_plain(word));
    let short = bytes.and_then(|bytes| {
        bytes.copy_from_slice(word.as_bytes());
        bytes.make_ascii_lowercase();
        std::str::from_utf8(bytes).ok()
    });
    match short {
        Some(short) => look(short),
        None => look(&folded(word)),
    }
}

/// The host of a domain, a web address or an e-mail address, without `www.`: `https://www.Rival.example/x` and
/// `info@rival.example` are `rival.example`.
pub fn host(text: &str) -> String {
    let text = text.trim();
    // `Rival <info@rival.example>`
    let between = |text: &str| text.split_once('<')?.1.split_once('>').map(|(inner, _)| inner.to_owned());
    let inner = between(text).filter(|inner| inner.contains('.'));
    let text = inner.as_deref().unwrap_or(text).trim_matches(is_around);
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.strip_prefix("mailto:").unwrap_or(text).trim_start_matches("//");
    let authority = text.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let bare = |host: &str| host.trim_matches(is_around).to_lowercase();
    let host = bare(authority.rsplit('@').next().unwrap_or_default());
    // A port; an address in brackets has colons of its own.
    let host = match host.rsplit_once(':') {
        Some((before, port)) if !before.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => {
            bare(before)
        }
        _ => host,
    };
    match host.strip_prefix("www.") {
        Some(rest) if rest.contains('.') => bare(rest),
        _ => host,
    }
}

/// What people put around an address.
fn is_around(c: char) -> bool {
    c.is_whitespace() || matches!(c, '.' | ',' | ';' | '"' | '\'' | '(' | ')' | '<' | '>')
}

/// Whether a text can be a host at all.
pub fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_domain_is_reduced_to_its_host() {
        for text in [
            "rival.example",
            "RIVAL.EXAMPLE",
            "www.rival.example",
            "https://rival.example/",
            "rival.example.",
            "info@rival.example",
            "rival.example/about",
            "https://www.Rival.example:8443/x?y#z",
            "http://user:secret@rival.example",
            "mailto:Info@Rival.Example",
            " //rival.example/a ",
            ". rival.example .",
            "Rival Inc. <info@rival.example>",
            "(rival.example)",
            "\"rival.example\",",
        ] {
            assert_eq!(host(text), "rival.example", "{text}");
        }
        assert_eq!(host("www.example"), "www.example");
        assert_eq!(host("shop.rival.example"), "shop.rival.example");
        assert_eq!(host(""), "");
    }

    #[test]
    fn words_are_the_same_whatever_their_case() {
        assert!(same_word("DE", " de "));
        assert!(same_word("Österreich", "ÖSTERREICH"));
        // Letters with marks of their own, wide ones, several spaces, and what nobody sees.
        assert!(same_word("Österreich", "O\u{308}sterreich"));
        assert!(same_word("ＤＥ", "de") && same_word("DE\u{200b}", "\u{feff}de"));
        assert!(same_word("United States", "united  states") && !same_word("a b", "ab"));
        assert!(!same_word("DE", "D E"));
    }

    proptest! {
        #[test]
        fn a_host_is_its_own_host(text in "\\PC{0,40}") {
            let once = host(&text);
            // A second `www.` is a part of the name.
            prop_assume!(!once.starts_with("www."));
            prop_assert_eq!(host(&once), once.clone());
        }

        #[test]
        fn same_words_are_folded_alike(a in "\\PC{0,8}", b in "\\PC{0,8}", long in "[A-z ]{0,100}") {
            prop_assert_eq!(same_word(&a, &b), folded(&a) == folded(&b));
            for word in [a, long] {
                prop_assert_eq!(with_folded(&word, str::to_owned), folded(&word));
            }
        }
    }
}
