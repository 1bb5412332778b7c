//! What could stand at a place of a script.

use super::declared::{DeclaredKind, declared};
use super::{Assist, Place, owned, told, type_label};
use crate::domain::vocabulary::Term;
use crate::rules::language::functions::FUNCTIONS;
use crate::rules::language::items::{ITEM_NAMES, ItemKind};
use crate::rules::language::members::{Called, ICP_FIELDS, MEMBERS, Of};
use crate::rules::language::statements::{Part, SHAPES, Shape, statement};
use crate::rules::language::types::Type;
use crate::rules::source::table;
use crate::rules::syntax::scan::{Kind, is_closed};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProposalKind {
    Statement,
    Keyword,
    Fact,
    Define,
    Function,
    Member,
    /// A word in quotation marks.
    Word,
    File,
}

/// Something that could stand at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub label: Arc<str>,
    pub kind: ProposalKind,
    /// What is written for it: a snippet, whose parts to fill in stand as `${1:name}`.
    pub snippet: String,
    /// Its type, or its shape.
    pub detail: String,
    pub told: String,
}

fn proposal(label: &str, kind: ProposalKind, detail: impl Into<String>, told: impl Into<String>) -> Proposal {
    Proposal { label: owned(label), kind, snippet: escaped(label), detail: detail.into(), told: told.into() }
}

/// A text as a snippet writes it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('$', "\\$").replace('}', "\\}")
}

impl Assist {
    /// What could stand at a byte of a script; nothing in a comment.
    pub fn proposals(&self, path: &str, byte: usize) -> Vec<Proposal> {
        let Some(place) = self.at(path, byte) else { return Vec::new() };
        if place.is_in_comment() {
            return Vec::new();
        }
        let touched = place.touched();
        if let Some(text) = touched.filter(|token| place.kind_of(*token) == Some(Kind::Text)) {
            let span = place.scan.tokens[text].span;
            let is_behind = span.end == place.byte && is_closed(span.of(place.text));
            let is_within = span.start < place.byte && !is_behind;
            return if is_within { self.words(&place, text) } else { Vec::new() };
        }
        let before = place.before();
        let last = before.checked_sub(1);
        match last {
            Some(dot) if place.scan.is(dot, '.') => self.members(&place, dot),
            Some(_) if place.is_behind_colons(before) => self.imported_names(&place, before),
            _ if self.begins_statement(&place, before) => {
                let in_group = !place.open(before).is_empty();
                statements(&place, in_group)
            }
            _ => self.expressions(&place, before),
        }
    }

    fn begins_statement(&self, place: &Place, before: usize) -> bool {
        let open = place.open(before);
        let is_group = |bracket: usize| {
            let group =
                place.scan.tokens[..bracket].iter().rposition(|token| token.span.of(place.text) == "group");
            place.scan.is(bracket, '{')
                && group.is_some_and(|group| {
                    (group..bracket).all(|token| !matches!(place.of(token), ";" | "{" | "}"))
                })
        };
        let last = before.checked_sub(1).map_or(";", |last| place.of(last));
        matches!(last, ";" | "{" | "}") && open.iter().all(|bracket| is_group(*bracket))
    }

    /// Behind a dot.
    fn members(&self, place: &Place, dot: usize) -> Vec<Proposal> {
        let Some(object) = dot.checked_sub(1) else { return Vec::new() };
        let name = place.of(object);
        if name == "icp" {
            return ICP_FIELDS
                .iter()
                .map(|(field, ty, meaning)| {
                    proposal(field, ProposalKind::Member, type_label(&ty.ty()), *meaning)
                })
                .collect();
        }
        if name == "contact" {
            return self.item_parts(ItemKind::Contact);
        }
        let fact = self.catalogue.find(name, place.kind).map(|fact| &self.catalogue.facts[fact].ty);
        let of: &[Of] = match (name, fact) {
            ("contacts", _) => &[Of::Contacts, Of::Items],
            ("activities", _) => &[Of::Items],
            (_, Some(Type::Words)) => &[Of::List, Of::Words],
            (_, Some(Type::Text | Type::Choice(_))) => &[Of::Text],
            (_, Some(_)) => &[],
            (")", _) => match self.before_bracket(place, object) {
                Some(("activity", _)) => &[Of::Activity, Of::Items],
                Some(("where" | "within" | "after", true)) => &[Of::Items],
                Some(("filter" | "map", true)) => &[Of::List],
                Some(("trim" | "lower" | "to_lower", true)) => &[Of::Text],
                _ => &[Of::Items, Of::List, Of::Text],
            },
            ("]", _) => &[Of::List, Of::Words],
            // What a define stands for isn't known here.
            _ => &[Of::Activity, Of::Contacts, Of::Items, Of::List, Of::Words, Of::Text],
        };
        let mut found: Vec<Proposal> = Vec::new();
        for member in MEMBERS.iter().filter(|member| of.contains(&member.of)) {
            if found.iter().any(|known| *known.label == *member.name) {
                continue;
            }
            let shown = proposal(
                member.name,
                ProposalKind::Member,
                member.ty,
                format!("`{}`: {}", member.written, member.meaning),
            );
            let snippet = if member.called == Called::Yes {
                format!("{}($1)", member.name)
            } else {
                shown.snippet.clone()
            };
            found.push(Proposal { snippet, ..shown });
        }
        found
    }

    /// What is called by the bracket that a token closes.
    fn before_bracket<'s>(&self, place: &Place<'s>, close: usize) -> Option<(&'s str, bool)> {
        place.called(*place.open(close).last()?)
    }

    /// Behind `alias::`.
    fn imported_names(&self, place: &Place, before: usize) -> Vec<Proposal> {
        let Some((_, text)) = self.imported(place, place.of(before.wrapping_sub(3))) else {
            return Vec::new();
        };
        declared(text).iter().filter_map(own_name).collect()
    }

    /// Within quotation marks.
    fn words(&self, place: &Place, text: usize) -> Vec<Proposal> {
        let words = |terms: &BTreeMap<String, Term>| {
            terms
                .iter()
                .map(|(word, term)| {
                    proposal(word, ProposalKind::Word, term.unit.clone(), term.meaning.clone())
                })
                .collect()
        };
        let before = text.checked_sub(1).map_or("", |before| place.of(before));
        match before {
            "import" => {
                let files = self.sources.iter().filter_map(|(path, _)| path.strip_suffix(".rhai"));
                let libs = files.filter(|path| path.starts_with("lib/"));
                return libs.map(|path| proposal(path, ProposalKind::File, "", "")).collect();
            }
            "grade" | "cap_grade" => {
                let rules = declared(place.text);
                let grades = rules
                    .iter()
                    .filter(|known| known.kind == DeclaredKind::Rule("grade") && !known.name.is_empty());
                return grades.map(|grade| proposal(&grade.name, ProposalKind::Word, "grade", "")).collect();
            }
            _ => {}
        }
        let open = place.open(text);
        match open.last().and_then(|bracket| place.called(*bracket)) {
            Some(("activity", _)) => words(&self.vocabulary.activities),
            Some(("engaged_role", _)) => words(&self.vocabulary.roles),
            Some(("engaged_at", _)) => words(&self.vocabulary.seniorities),
            Some(("lookup", _)) => {
                let tables = self.sources.iter().filter_map(|(path, _)| table::table_name(path));
                tables.map(|name| proposal(name, ProposalKind::File, "table", "")).collect()
            }
            Some(("points_of", _)) => {
                let groups =
                    declared(place.text).into_iter().filter(|known| known.kind == DeclaredKind::Group);
                groups.map(|group| proposal(&group.name, ProposalKind::Word, "group", group.said)).collect()
            }
            _ => self.compared_words(place, text, &open),
        }
    }

    /// The words of the fact that a text is compared with: `stage == "…"`, `stage in ["…", "…"]`, `switch stage { "…" =>`.
    fn compared_words(&self, place: &Place, text: usize, open: &[usize]) -> Vec<Proposal> {
        let bracket = open.last().copied();
        let fact = match bracket {
            Some(list) if place.scan.is(list, '[') && list >= 2 && place.of(list - 1) == "in" => {
                place.of(list - 2)
            }
            Some(cases) if place.scan.is(cases, '{') && cases >= 2 && place.of(cases - 2) == "switch" => {
                place.of(cases - 1)
            }
            _ if text >= 3 && place.scan.is(text - 1, '=') => place.of(text - 3),
            _ => return Vec::new(),
        };
        let ty = match self.catalogue.find(fact, place.kind) {
            Some(found) => self.catalogue.facts[found].ty.clone(),
            None => match ITEM_NAMES.iter().find(|part| part.name == fact) {
                Some(part) => part.field.ty(&self.vocabulary),
                None => return Vec::new(),
            },
        };
        let meant =
            self.vocabulary.aliases.get(fact).into_iter().flat_map(|meanings| meanings.values().cloned());
        let mut words = match ty {
            Type::Choice(choices) => choices.words.clone(),
            _ => meant.collect(),
        };
        let mut seen = std::collections::BTreeSet::new();
        words.retain(|word| seen.insert(word.clone()));
        words.iter().map(|word| proposal(word, ProposalKind::Word, fact, "")).collect()
    }

    /// Where a value or a clause stands.
    fn expressions(&self, place: &Place, before: usize) -> Vec<Proposal> {
        let mut found = Vec::new();
        if let Some((shape, at)) = statement_around(place, before) {
            let said = |clause: &str| (at..before).any(|token| place.of(token) == clause);
            let clauses = shape.clauses.iter().filter(|(clause, _)| !said(clause));
            found.extend(clauses.map(|(clause, part)| Proposal {
                snippet: format!("{clause}{}", if *part == Part::Text { " \"$1\"" } else { "" }),
                ..proposal(clause, ProposalKind::Keyword, shape.example, "")
            }));
            if matches!(shape.keyword, "grade" | "cap_grade") {
                for (points, meaning) in [
                    ("total", "fit + engagement"),
                    ("fit", "the points of that axis"),
                    ("engagement", "the points of that axis"),
                ] {
                    found.push(proposal(points, ProposalKind::Fact, "number", meaning));
                }
            }
        }
        found.extend(declared(place.text).iter().filter_map(own_name));
        // Within a condition on items their parts have names of their own.
        for bracket in place.open(before) {
            let Some((name, true)) = place.called(bracket) else { continue };
            if matches!(name, "where" | "any" | "all" | "none" | "sum" | "max" | "min" | "distinct" | "share")
            {
                let line = &place.text[..place.scan.tokens[bracket].span.start as usize];
                let statement = line.rsplit(';').next().unwrap_or_default();
                let of_contacts = statement.rfind("contacts") > statement.rfind("activit");
                found.extend(self.item_parts(if of_contacts {
                    ItemKind::Contact
                } else {
                    ItemKind::Activity
                }));
            }
        }
        let facts = self.catalogue.facts.iter().filter(|fact| fact.scope.kinds().contains(&place.kind));
        found.extend(facts.map(|fact| {
            let unit = if fact.unit.is_empty() { String::new() } else { format!(" ({})", fact.unit) };
            proposal(&fact.name, ProposalKind::Fact, type_label(&fact.ty), format!("{}{unit}", fact.meaning))
        }));
        found.extend(FUNCTIONS.iter().map(|function| Proposal {
            snippet: format!("{}($1)", function.name),
            ..proposal(function.name, ProposalKind::Function, function.written, function.meaning)
        }));
        if place.kind.is_of_leads() {
            found.push(proposal("icp", ProposalKind::Fact, "icp", "the profile that a lead is scored by"));
            found.push(proposal("activities", ProposalKind::Fact, "activities", "all activities of a lead"));
        }
        found.extend(
            ["and", "or", "not", "in", "if", "else", "switch"]
                .map(|word| proposal(word, ProposalKind::Keyword, "", "")),
        );
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|known| seen.insert(known.label.clone()));
        found
    }

    fn item_parts(&self, of: ItemKind) -> Vec<Proposal> {
        let parts = ITEM_NAMES.iter().filter(|part| part.of == of);
        let mut found: Vec<Proposal> =
            parts.map(|part| proposal(part.name, ProposalKind::Member, part.ty, part.meaning)).collect();
        let declared: Vec<_> = match of {
            ItemKind::Contact => self.vocabulary.contact_attributes.iter().collect(),
            ItemKind::Activity => self.vocabulary.properties.values().flatten().collect(),
        };
        found.extend(declared.into_iter().map(|(name, attribute)| {
            proposal(name, ProposalKind::Member, attribute.kind.label(), told(attribute))
        }));
        found
    }
}

/// Defines, functions, constants and imports, as they are used.
fn own_name(known: &super::Declared) -> Option<Proposal> {
    let of = |kind| proposal(&known.name, kind, known.written.clone(), known.said.clone());
    match known.kind {
        DeclaredKind::Define | DeclaredKind::Constant => Some(of(ProposalKind::Define)),
        DeclaredKind::Function => {
            Some(Proposal { snippet: format!("{}($1)", known.name), ..of(ProposalKind::Function) })
        }
        DeclaredKind::Import => {
            Some(Proposal { snippet: format!("{}::", known.name), ..of(ProposalKind::File) })
        }
        DeclaredKind::Group | DeclaredKind::Rule(_) => None,
    }
}

/// The statement of ours that a place stands in, with the place of its first word.
fn statement_around(place: &Place, before: usize) -> Option<(&'static Shape, usize)> {
    for at in (0..before).rev() {
        match place.of(at) {
            ";" => return None,
            word => {
                let behind_dot = at.checked_sub(1).is_some_and(|dot| place.scan.is(dot, '.'));
                if let Some(shape) =
                    statement(word).filter(|_| !behind_dot && place.kind_of(at) == Some(Kind::Word))
                {
                    return Some((shape, at));
                }
            }
        }
    }
    None
}

/// The statements that can begin here, with what they need.
fn statements(place: &Place, in_group: bool) -> Vec<Proposal> {
    let fits = |shape: &&Shape| shape.kinds.contains(&place.kind) && (shape.in_group || !in_group);
    let mut found: Vec<Proposal> = SHAPES
        .iter()
        .filter(fits)
        .map(|shape| Proposal {
            snippet: snippet(shape),
            ..proposal(shape.keyword, ProposalKind::Statement, shape.example, "")
        })
        .collect();
    if !in_group {
        for (word, snippet, example) in [
            ("fn", "fn ${1:name}(${2:x}) {\n    $0\n}", "fn name(x) { … }"),
            ("const", "const ${1:NAME} = ${2:1};", "const NAME = 1;"),
            ("import", "import \"lib/$1\" as ${2:name};", "import \"lib/shapes\" as shape;"),
        ] {
            let shown = proposal(word, ProposalKind::Statement, example, "");
            found.push(Proposal { snippet: snippet.into(), ..shown });
        }
    }
    found
}

fn snippet(shape: &Shape) -> String {
    let mut out = shape.keyword.to_owned();
    let mut number = 0;
    let mut part = |part: Part| {
        number += 1;
        match part {
            Part::Text => format!(" \"${{{number}}}\""),
            Part::Flag => String::new(),
            Part::Expr | Part::Ident => format!(" ${{{number}}}"),
        }
    };
    if let Some(head) = shape.head {
        out += &part(head);
    }
    for (clause, value) in shape.clauses.iter().filter(|(clause, _)| shape.required.contains(clause)) {
        out += &format!(" {clause}{}", part(*value));
    }
    // A grade that is given by nothing in particular is the last one.
    if shape.keyword == "grade" {
        out += " when ${2}";
    }
    out + if shape.block { " {\n    $0\n}" } else { ";" }
}
