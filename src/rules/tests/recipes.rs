//! The recipes of the guide: each is a condition of a rule that somebody may copy.

use super::*;

/// The conditions of the tables that begin with `| rule | condition |`, with what they are about.
fn recipes() -> Vec<(String, String)> {
    let guide = include_str!("../../../docs/rules.md");
    let mut recipes = Vec::new();
    let mut in_table = false;
    for line in guide.lines() {
        in_table = line == "| rule | condition |" || (in_table && line.starts_with('|'));
        let condition = line.split_once(" | `").and_then(|(about, rest)| {
            let condition = rest.strip_suffix("` |")?;
            Some((about.trim_start_matches("| ").to_owned(), condition.to_owned()))
        });
        recipes.extend(condition.filter(|_| in_table));
    }
    recipes
}

#[test]
fn every_recipe_of_the_guide_is_good_by_the_words_that_ship() {
    let recipes = recipes();
    assert!(recipes.len() >= 30, "{recipes:#?}");
    let facts = include_str!("../../../scripts/facts.toml");
    for (about, condition) in recipes {
        let script =
            format!("rule \"recipe\" when {condition} then 1 because \"x\";\ngrade \"A\" otherwise;\n");
        let files = [
            ("facts.toml", facts),
            ("lead_scoring/t.rhai", &script),
            ("tables/industry_points.csv", "industry,points\nheating,12\n"),
            ("tables/terms.csv", "country,least,points\nDE,50,1\n"),
        ];
        let sources =
            Sources::new(files.into_iter().map(|(path, text)| (path.into(), text.into())).collect());
        let tried = compile_and_try(sources.clone(), "EUR", crate::priority::Nice::Back);
        let (_, warnings) = tried.unwrap_or_else(|found| {
            panic!("{about}: {}", found.iter().map(|d| d.render("scripts", &sources)).collect::<String>())
        });
        assert!(warnings.is_empty(), "{about}: {warnings:?}");
    }
}
