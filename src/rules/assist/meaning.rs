//! What a word of a script means, and where it comes from.

use super::declared::{Declared, DeclaredKind, declared};
use super::{Assist, Place, declared_in_facts, told, type_label};
use crate::rules::language::functions::host_function;
use crate::rules::language::items::{ITEM_NAMES, ItemKind};
use crate::rules::language::members::{ICP_FIELDS, MEMBERS};
use crate::rules::language::statements::statement;
use crate::rules::source::table;
use crate::rules::syntax::scan::Kind;
use crate::rules::syntax::tree::Span;

/// What a word means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// The word in the script.
    pub at: Span,
    /// As it is written, or declared.
    pub written: String,
    /// In words.
    pub told: String,
}

/// Where something is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Within the folder of rules.
    pub path: String,
    pub at: Span,
}

impl Assist {
    /// What the word at a byte of a script means.
    pub fn meaning(&self, path: &str, byte: usize) -> Option<Meaning> {
        let place = self.at(path, byte)?;
        if place.is_in_comment() {
            return None;
        }
        let touched = place.touched()?;
        let at = place.scan.tokens[touched].span;
        let (written, told) = match place.kind_of(touched)? {
            Kind::Text => self.meaning_of_text(&place, touched)?,
            _ => self.meaning_of_word(&place, touched)?,
        };
        Some(Meaning { at, written, told })
    }

    fn meaning_of_word(&self, place: &Place, touched: usize) -> Option<(String, String)> {
        let word = place.of(touched);
        let pair = |written: &str, told: &str| Some((written.to_owned(), told.to_owned()));
        let behind_dot = touched.checked_sub(1).is_some_and(|dot| place.scan.is(dot, '.'));
        if behind_dot {
            let object = place.of(touched.wrapping_sub(2));
            if object == "icp" {
                let (field, ty, meaning) = ICP_FIELDS.iter().find(|(field, ..)| *field == word)?;
                return Some((
                    format!("icp.{field}: {}", type_label(&ty.ty())),
                    format!("the profile's {meaning}"),
                ));
            }
            if object == "contact"
                && let Some(part) =
                    ITEM_NAMES.iter().find(|part| part.of == ItemKind::Contact && part.name == word)
            {
                return Some((format!("contact.{word}: {}", part.ty), part.meaning.to_owned()));
            }
            // The same word may stand behind several things: whoever asks sees each.
            let told: Vec<String> = MEMBERS
                .iter()
                .filter(|member| member.name == word)
                .map(|member| format!("`{}` {}: {}", member.written, member.ty, member.meaning))
                .collect();
            let first = MEMBERS.iter().find(|member| member.name == word)?;
            return match told.as_slice() {
                [_] => Some((format!("{}: {}", first.written, first.ty), first.meaning.to_owned())),
                several => Some((format!(".{word}"), several.join("\n\n"))),
            };
        }
        if place.is_behind_colons(touched) {
            let (_, text) = self.imported(place, place.of(touched.wrapping_sub(3)))?;
            return told_of(&find(text, word)?);
        }
        if let Some(own) = find(place.text, word) {
            return match own.kind {
                DeclaredKind::Import => Some((
                    format!("import \"{}\" as {word}", own.written),
                    "what stands in that file, behind `::`".into(),
                )),
                _ => told_of(&own),
            };
        }
        if let Some(shape) = statement(word) {
            let clauses: Vec<&str> = shape.clauses.iter().map(|(clause, _)| *clause).collect();
            let told =
                if clauses.is_empty() { String::new() } else { format!("with {}", clauses.join(", ")) };
            return pair(shape.example, &told);
        }
        if let Some(function) = host_function(word) {
            return pair(function.written, function.meaning);
        }
        if let Some(fact) = self.catalogue.find(word, place.kind) {
            let fact = &self.catalogue.facts[fact];
            let unit = if fact.unit.is_empty() { String::new() } else { format!("; {}", fact.unit) };
            let told = format!("{}{unit}; of {}", fact.meaning, fact.scope.as_str());
            return Some((format!("{word}: {}", type_label(&fact.ty)), told));
        }
        if let Some(part) = ITEM_NAMES.iter().find(|part| part.name == word) {
            return Some((
                format!("{word}: {}", part.ty),
                format!("{}; in conditions on items", part.meaning),
            ));
        }
        let properties = self.vocabulary.properties.values().chain([&self.vocabulary.contact_attributes]);
        if let Some(attribute) = properties.filter_map(|of| of.get(word)).next() {
            return Some((word.to_owned(), format!("{}; in conditions on items", told(attribute))));
        }
        let (written, told) = match word {
            "icp" => ("icp.…", "the profile that a lead is scored by"),
            "activities" => ("activities", "all activities of a lead, whatever their type"),
            "fit" => ("fit: number", "the points of the axis fit; in `grade` and `cap_grade`"),
            "engagement" => {
                ("engagement: number", "the points of the axis engagement; in `grade` and `cap_grade`")
            }
            "total" => ("total: number", "fit + engagement; in `grade` and `cap_grade`"),
            "because" => ("because \"…\"", "the reason that is shown with the points"),
            "and" | "or" => (
                "a and b, a or b",
                "with an unknown side: false by a false side of `and`, true by a true side of `or`, else unknown",
            ),
            "not" => ("not a", "unknown if a is"),
            _ => return None,
        };
        pair(written, told)
    }

    /// Words in quotation marks, by whom they are given to.
    fn meaning_of_text(&self, place: &Place, touched: usize) -> Option<(String, String)> {
        let word = place.of(touched).trim_matches('"');
        let term = |terms: &std::collections::BTreeMap<String, crate::domain::vocabulary::Term>| {
            let term = terms.get(word)?;
            let unit = if term.unit.is_empty() { String::new() } else { format!(" ({})", term.unit) };
            Some((format!("\"{word}\""), format!("{}{unit}", term.meaning)))
        };
        match place.called(*place.open(touched).last()?)?.0 {
            "activity" => term(&self.vocabulary.activities),
            "engaged_role" => term(&self.vocabulary.roles),
            "engaged_at" => term(&self.vocabulary.seniorities),
            _ => None,
        }
    }

    /// Where the word at a byte of a script is declared.
    pub fn origin(&self, path: &str, byte: usize) -> Option<Origin> {
        let place = self.at(path, byte)?;
        let touched = place.touched()?;
        let word = place.of(touched);
        if place.kind_of(touched) == Some(Kind::Text) {
            return self.origin_of_text(&place, touched);
        }
        if place.is_behind_colons(touched) {
            let (path, text) = self.imported(&place, place.of(touched.wrapping_sub(3)))?;
            return Some(Origin { path, at: find(text, word)?.at });
        }
        if let Some(own) = find(place.text, word) {
            return Some(match own.kind {
                DeclaredKind::Import => Origin { path: format!("{}.rhai", own.written), at: Span::new(0, 0) },
                _ => Origin { path: path.to_owned(), at: own.at },
            });
        }
        // What files imported without a name declare is visible by itself.
        let libs = self.sources.iter().filter(|(path, _)| path.starts_with("lib/"));
        for (path, text) in
            libs.filter(|(path, _)| place.text.contains(&format!("\"{}\"", path.trim_end_matches(".rhai"))))
        {
            if let Some(found) = find(text, word) {
                return Some(Origin { path: path.to_owned(), at: found.at });
            }
        }
        ["attributes", "contacts.attributes", "factors"]
            .iter()
            .find_map(|section| declared_in_facts(&self.sources, section, word))
    }

    fn origin_of_text(&self, place: &Place, touched: usize) -> Option<Origin> {
        let word = place.of(touched).trim_matches('"');
        if touched.checked_sub(1).is_some_and(|before| place.of(before) == "import") {
            let path = format!("{word}.rhai");
            return self.sources.get(&path).map(|_| Origin { path: path.clone(), at: Span::new(0, 0) });
        }
        match place.called(*place.open(touched).last()?)?.0 {
            "activity" => declared_in_facts(&self.sources, "activities", word),
            "engaged_role" => declared_in_facts(&self.sources, "roles", word),
            "engaged_at" => declared_in_facts(&self.sources, "seniorities", word),
            "lookup" => {
                let name = word.split('.').next()?;
                let (path, _) =
                    self.sources.iter().find(|(path, _)| table::table_name(path) == Some(name))?;
                Some(Origin { path: path.to_owned(), at: Span::new(0, 0) })
            }
            "points_of" => {
                let groups =
                    declared(place.text).into_iter().filter(|known| known.kind == DeclaredKind::Group);
                let group = groups.into_iter().find(|group| group.name == word)?;
                Some(Origin { path: place.path.to_owned(), at: group.at })
            }
            _ => None,
        }
    }
}

/// What a text declares under a name that can be written without quotation marks.
fn find(text: &str, name: &str) -> Option<Declared> {
    declared(text).into_iter().find(|known| {
        known.name == name && !matches!(known.kind, DeclaredKind::Group | DeclaredKind::Rule(_))
    })
}

fn told_of(known: &Declared) -> Option<(String, String)> {
    Some((known.written.clone(), known.said.clone()))
}
