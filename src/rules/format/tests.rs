use proptest::prelude::*;

use super::*;

/// The pieces without what stands between them.
fn words(text: &str) -> Vec<&str> {
    pieces(text).unwrap().into_iter().map(|piece| piece.text).collect()
}

fn settled(text: &str) -> String {
    let once = format(text).unwrap();
    assert_eq!(words(&once), words(text));
    assert_eq!(format(&once).unwrap(), once);
    once
}

#[test]
fn a_script_that_grew_is_written_anew() {
    insta::assert_snapshot!(settled(include_str!("../tests/grown.rhai")));
}

#[test]
fn what_is_not_closed_is_left_alone() {
    for text in ["group \"a\" {", "f(1]", "}", "rule \"a", "/* never", "x = `${a"] {
        assert_eq!(format(text), None, "{text}");
    }
}

#[test]
fn texts_and_numbers_of_every_kind_stay() {
    for text in [
        "const A = #\"a\"b  c\"#;\n",
        "const A = #\"a\\\"#; // 5\"  disk\nconst B = \"x    y\";\n",
        "axis fit from 0. to 60.;\n",
    ] {
        assert_eq!(settled(text), text);
    }
    assert_eq!(settled("define a as 1 // c\r + 2;"), "define a as 1 // c\n    + 2;\n");
}

#[test]
fn signs_stay_as_they_are_written() {
    let text = "define a as -2.max(3);\ndefine b as - 2.max(3);\ndefine c as 1 -2 - -3;\n";
    assert_eq!(settled(text), "define a as -2.max(3);\ndefine b as - 2.max(3);\ndefine c as 1 - 2 - -3;\n");
}

#[test]
fn what_the_service_ships_is_written_so() {
    let shipped = crate::rules::source::Sources::read("scripts".as_ref()).unwrap();
    let scripts: Vec<_> = shipped.iter().filter(|(path, _)| path.ends_with(".rhai")).collect();
    assert!(scripts.len() > 5);
    for (path, text) in scripts {
        assert_eq!(settled(text), text, "{path}");
    }
}

#[test]
fn scripts_that_mean_harm_are_written_in_one_way_too() {
    let folder = std::fs::read_dir("tests/hostile").unwrap();
    let paths = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "rhai"));
    let texts: Vec<String> = paths.filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    assert!(texts.len() > 100);
    let readable: Vec<&String> = texts.iter().filter(|text| format(text).is_some()).collect();
    assert!(readable.len() > 100);
    readable.into_iter().for_each(|text| _ = settled(text));
}

proptest! {
    /// Whatever stands between the words of a script, it is written in the same way but for where its author ends lines.
    #[test]
    fn what_stands_between_words_does_not_matter(gaps in prop::collection::vec(0_usize..4, 0..700)) {
        let text = include_str!("../tests/grown.rhai");
        let mut loose = String::new();
        for (piece, gap) in pieces(text).unwrap().iter().zip(gaps.iter().chain(std::iter::repeat(&1))) {
            let must_end = loose.rsplit('\n').next().is_some_and(|line| line.contains("//"));
            let gap = if piece.touches { "" } else { [" ", "\n", " \n\n\t ", "  "][*gap] };
            loose.push_str(if must_end { "\n" } else { gap });
            loose.push_str(piece.text);
        }
        settled(&loose);
    }

    #[test]
    fn no_text_is_too_odd(text in "(rule|group|fn|if|when|then|because|[a-z0-9\"'`$(){}/*.;:?,# \\n\\\\é|=&-]){0,60}") {
        if let Some(once) = format(&text) {
            prop_assert_eq!(words(&once), words(&text));
            prop_assert_eq!(format(&once), Some(once.clone()));
        }
    }
}
