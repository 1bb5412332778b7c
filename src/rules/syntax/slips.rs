//! Usual slips at a place that can't be read, and what to write instead.

use crate::domain::text::nearest;
use crate::rules::language::statements::SHAPES;

/// What was probably meant at a place that can't be read: slips of people who know other languages, and of texts that
/// went through a word processor.
pub fn slip(line: &str, column: usize) -> Option<String> {
    let before: String = line.chars().take(column - 1).collect();
    let rest: String = line.chars().skip(column - 1).collect();
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let here = word(&rest);
    let last = before.split_whitespace().last().unwrap_or_default();
    let first = rest.chars().next()?;
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
    // Rhai takes `60% then` for a remainder, and stumbles over what follows.
    let is_percentage = |text: &str| {
        let sign = text.match_indices('%').map(|(at, _)| text[..at].trim_end());
        sign.into_iter().any(|number| number.ends_with(|c: char| c.is_ascii_digit()))
    };
    let is_keyword = |word: &str| SHAPES.iter().any(|shape| shape.keyword == word);
    Some(match first {
        ',' if before.ends_with(|c: char| c.is_ascii_digit()) && digits(&rest[1..]) > 0 => {
            let whole = before.chars().rev().take_while(char::is_ascii_digit).collect::<String>();
            let whole: String = whole.chars().rev().collect();
            let after: String = rest[1..].chars().take_while(char::is_ascii_digit).collect();
            match after.len() == 3 && whole != "0" {
                true => format!("write thousands without a mark: {whole}{after}"),
                false => format!("write decimals with a point: {whole}.{after}"),
            }
        }
        '=' if rest.starts_with("=>") => "write >=".into(),
        '=' if !rest.starts_with("==") => "write == to compare".into(),
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2018}' | '\u{2019}' | '\'' => {
            "write texts in plain quotes: \"…\"".into()
        }
        '\u{a0}' => "this is a blank that does not break; write a plain one".into(),
        '≥' => "write >=".into(),
        '≤' => "write <=".into(),
        '≠' => "write !=".into(),
        '>' if before.ends_with('<') => "write !=".into(),
        _ if ["null", "nil", "undefined"].contains(&here.as_str())
            || (here == "is" && rest.contains("null")) =>
        {
            "ask known(fact), or not known(fact): what nobody told has no value".into()
        }
        _ if here == "is" => "write == to compare, != if it is to differ".into(),
        _ if here == "between" => "write x >= low and x <= high".into(),
        _ if here == "if" && before.trim_start().starts_with("rule") => "write when".into(),
        _ if is_keyword(&here) && !is_keyword(last) => "end the statement before it with ;".into(),
        _ if is_keyword(last) && !here.is_empty() => format!("write the name in quotes: \"{here}\""),
        _ if ["AND", "OR", "NOT"].contains(&here.as_str()) => format!("write {}", here.to_lowercase()),
        _ if (here == "in" && last == "not") || (here == "not" && word(rest[3..].trim_start()) == "in") => {
            "write not (x in list)".into()
        }
        _ if is_percentage(&before) => "write a percentage as a number: 0.6 for 60 %".into(),
        ',' if before.contains(" in (") => "write lists in brackets: in [\"a\", \"b\"]".into(),
        _ => {
            let words = SHAPES.iter().flat_map(|shape| shape.clauses.iter().map(|(clause, _)| *clause));
            let words: Vec<_> = words.chain(SHAPES.iter().map(|shape| shape.keyword)).collect();
            // A keyword that is not known is a name to Rhai, which then stumbles over what follows.
            let meant =
                [here.as_str(), last].into_iter().filter(|word| !word.is_empty() && !words.contains(word));
            let near = meant.filter_map(|word| nearest(word, words.iter().copied())).next()?;
            format!("did you mean `{near}`?")
        }
    })
}
