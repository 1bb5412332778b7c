//! What stands after a dot: parts of activities, contacts and the profile, and tests of words and lists.

use std::sync::Arc;

use super::context::{Context, Typed};
use crate::rules::diagnostics::Code;
use crate::rules::language::members::{Called, ICP_FIELDS, IcpField, Of, member_of, names_of};
use crate::rules::language::texts::Pattern;
use crate::rules::language::types::Type;
use crate::rules::program::{ActivityStat, Comparison, ContactStat, Expr, LeafKind, TextPart, TextTest};
use crate::rules::syntax::tree::{Ast, Node, Span};

/// Where a member stands.
#[derive(Clone, Copy)]
pub struct After {
    /// The chain up to here.
    pub whole: Span,
    /// Whether nothing follows.
    pub is_last: bool,
}

impl Context<'_> {
    /// `a.b.c`: what stands before the first dot, and then member by member.
    pub fn member_chain(&mut self, ast: &Ast) -> Typed {
        let mut steps = Vec::new();
        let mut first = ast;
        while let Node::Member(member) = &first.node {
            steps.push((&**member, first.whole));
            first = &member.object;
        }
        steps.reverse();
        let (mut object, done) = match self.named_part(first, steps[0].0) {
            Some(part) => (part, 1),
            None => (self.expr(first), 0),
        };
        for (i, (member, whole)) in steps.iter().enumerate().skip(done) {
            let after = After { whole: *whole, is_last: i + 1 == steps.len() };
            object = self.member(object, &member.name.text, member.args.as_deref(), member.name.at, after);
        }
        object
    }

    fn member(&mut self, object: Typed, name: &str, args: Option<&[Ast]>, at: Span, after: After) -> Typed {
        let (called, given) = (args.is_some(), args);
        let args = args.unwrap_or_default();
        // As Rhai asks lists.
        let name = match (name, &object.1) {
            ("filter", Type::Contacts | Type::Activity(_)) => "where",
            ("some", Type::Contacts | Type::Activity(_)) => "any",
            (name, _) => name,
        };
        if self.asks_items(&object, name, args, after) {
            return self.items_member(object, name, args, called, at, after);
        }
        match &object.1 {
            Type::Wrong => (Expr::Nothing, Type::Wrong),
            Type::Activity(Some(kind)) => {
                let kind = kind.clone();
                self.activity_member(&kind, name, args, called, at)
            }
            Type::Contacts => self.contacts_member(name, args, called, at),
            Type::Icp => self.icp_field(name, called, at),
            Type::Record(fields) => {
                let fields = fields.clone();
                match self.field(&fields, name, at) {
                    Some(_) if called => {
                        self.error(at, Code::TypeMismatch, format!("`{name}` stands without ( )"))
                    }
                    Some((place, ty)) => (Expr::Field(Box::new(object.0), place), ty),
                    None => (Expr::Nothing, Type::Wrong),
                }
            }
            ty if ty.items().is_some() => self.list_member(object, name, given, at),
            ty if ty.is_text() => self.text_member(object.0, name, args, at),
            ty => {
                let message = format!("{ty} has no part `{name}`");
                self.error(at, Code::UnknownName, message)
            }
        }
    }

    pub fn no_member(&mut self, of: &str, name: &str, known: &[&str], at: Span) -> Typed {
        let help = self.suggest(name, |_| known.iter().map(|name| (*name).to_owned()).collect());
        self.error_with(at, Code::UnknownName, format!("{of} has no `{name}`"), help)
    }

    /// Whether there is such a member, and whether it is written with or without arguments as it should be.
    pub fn check_member(&mut self, of: Of, shown: &str, name: &str, called: bool, at: Span) -> bool {
        let Some(member) = member_of(of, name) else {
            let mut known = names_of(of);
            if matches!(of, Of::Activity | Of::Contacts) {
                known.extend(names_of(Of::Items).into_iter().filter(|name| member_of(of, name).is_none()));
            }
            self.no_member(shown, name, &known, at);
            return false;
        };
        let message = match member.called {
            Called::Yes if !called => "needs its arguments in ( )",
            Called::No if called => "stands without ( )",
            _ => return true,
        };
        self.error(at, Code::TypeMismatch, format!("{shown}.{name} {message}"));
        false
    }

    fn activity_member(
        &mut self,
        kind: &std::sync::Arc<str>,
        name: &str,
        args: &[Ast],
        called: bool,
        at: Span,
    ) -> Typed {
        let of = format!("activity(\"{kind}\")");
        if !self.check_member(Of::Activity, &of, name, called, at) {
            return (Expr::Nothing, Type::Wrong);
        }
        let stat = match name {
            "count" => ActivityStat::Count,
            "sum" => ActivityStat::Sum,
            "last_days" => ActivityStat::LastDays,
            _ => {
                let [days] = args else {
                    return self.error(at, Code::TypeMismatch, format!("{of}.{name} needs a number of days"));
                };
                let expr = self.expect(days, &Type::Number, "the number of days");
                match expr.constant() {
                    Some(n) if n > 0.0 && name == "within" => ActivityStat::Within(n),
                    Some(n) if n > 0.0 => ActivityStat::Decayed(n),
                    Some(_) => {
                        let message = "the number of days must be above 0";
                        return self.error(days.at, Code::BadValue, message);
                    }
                    None => {
                        let window = Expr::ActivityWindow {
                            kind: kind.clone(),
                            decayed: name == "decayed",
                            days: Box::new(expr),
                            position: self.position(at),
                        };
                        return (window, Type::Number);
                    }
                }
            }
        };
        let leaf = match stat {
            ActivityStat::Within(days) | ActivityStat::Decayed(days) => format!("{of}.{name}({days})"),
            _ => format!("{of}.{name}"),
        };
        (self.leaf(&leaf, LeafKind::Activity(kind.clone(), stat)), Type::Number)
    }

    fn contacts_member(&mut self, name: &str, args: &[Ast], called: bool, at: Span) -> Typed {
        if !self.check_member(Of::Contacts, "contacts", name, called, at) {
            return (Expr::Nothing, Type::Wrong);
        }
        self.name_fact("contacts");
        let (stat, ty) = match name {
            "count" => (ContactStat::Count, Type::Number),
            "engaged" => (ContactStat::Engaged, Type::Number),
            "engaged_role" => match self.words_of(args, "role", 1, at) {
                Some(mut roles) => (ContactStat::EngagedRole(roles.remove(0)), Type::YesNo),
                None => return (Expr::Nothing, Type::YesNo),
            },
            "engaged_at" => match self.words_of(args, "seniority", usize::MAX, at) {
                Some(seniorities) => (ContactStat::EngagedAt(seniorities), Type::Number),
                None => return (Expr::Nothing, Type::Number),
            },
            _ => match self.roles_list(args, at) {
                Some(stat) => (stat, Type::Number),
                None => return (Expr::Nothing, Type::Number),
            },
        };
        let leaf = match &stat {
            ContactStat::Count | ContactStat::Engaged => format!("contacts.{name}"),
            ContactStat::EngagedRole(role) => format!("contacts.engaged_role(\"{role}\")"),
            ContactStat::EngagedAt(words) => format!("contacts.engaged_at(\"{}\")", words.join("\", \"")),
            ContactStat::RolesCovered(words) => {
                format!("contacts.roles_covered([\"{}\"])", words.join("\", \""))
            }
            ContactStat::IcpRolesCovered => "contacts.roles_covered(icp.decision_roles)".into(),
        };
        (self.leaf(&leaf, LeafKind::Contacts(stat)), ty)
    }

    fn roles_list(&mut self, args: &[Ast], at: Span) -> Option<ContactStat> {
        if let [list] = args {
            match self.expr(list).0 {
                Expr::Words(words) => {
                    for word in &words.words {
                        self.check_term(word, "role", list.at);
                    }
                    return Some(ContactStat::RolesCovered(words.words.clone()));
                }
                Expr::Leaf(leaf)
                    if matches!(self.leaves[leaf].kind, LeafKind::Icp(IcpField::DecisionRoles)) =>
                {
                    return Some(ContactStat::IcpRolesCovered);
                }
                _ => {}
            }
        }
        let help =
            "write contacts.roles_covered([\"champion\", …]) or contacts.roles_covered(icp.decision_roles)";
        self.error_with(at, Code::TypeMismatch, "contacts.roles_covered needs a list of roles", help);
        None
    }

    /// Arguments that must be declared words, written out.
    fn words_of(&mut self, args: &[Ast], what: &str, most: usize, at: Span) -> Option<Vec<String>> {
        let mut words = Vec::new();
        for arg in args {
            match arg {
                Ast { node: Node::Text(word), at, .. } => {
                    self.check_term(word, what, *at);
                    words.push(word.clone());
                }
                other => {
                    let message = format!("the {what} must be written out in quotes");
                    self.error(other.at, Code::TypeMismatch, message);
                    return None;
                }
            }
        }
        if words.is_empty() || words.len() > most {
            let at = args.first().map_or(at, |ast| ast.at);
            self.error(at, Code::TypeMismatch, format!("a {what} is needed here, in quotes"));
            return None;
        }
        Some(words)
    }

    fn check_term(&mut self, word: &str, what: &str, at: Span) {
        let terms = match what {
            "role" => &self.vocabulary.roles,
            "seniority" => &self.vocabulary.seniorities,
            _ => &self.vocabulary.activities,
        };
        if !terms.contains_key(word) {
            let help = self.suggest(word, |_| terms.keys().cloned().collect());
            let message = format!("\"{word}\" is not a word of the {what} list in facts.toml");
            self.error_with(at, Code::UnknownWord, message, help);
        }
    }

    /// `activity("type")`
    pub fn activity(&mut self, args: &[Ast], at: Span) -> Typed {
        if self.frame.in_function || !self.kind.is_of_leads() {
            let message = "`activity` can't be asked here";
            return self.error_with(at, Code::Misplaced, message, "hand its number over in the call");
        }
        match args {
            [Ast { node: Node::Text(kind), at, .. }] => {
                self.check_term(kind, "activity", *at);
                (Expr::Nothing, Type::Activity(Some(kind.as_str().into())))
            }
            _ => {
                let help = "write activity(\"page_visit\").count";
                self.error_with(at, Code::TypeMismatch, "`activity` needs one activity type in quotes", help)
            }
        }
    }

    fn icp_field(&mut self, name: &str, called: bool, at: Span) -> Typed {
        let known: Vec<&str> = ICP_FIELDS.iter().map(|(field, ..)| *field).collect();
        match ICP_FIELDS.iter().find(|(field, ..)| *field == name) {
            Some((_, field, _)) if !called => {
                (self.leaf(&format!("icp.{name}"), LeafKind::Icp(*field)), field.ty())
            }
            _ => self.no_member("icp", name, &known, at),
        }
    }

    /// What is asked of a list of words only.
    pub fn words_member(&mut self, list: Expr, name: &str, args: &[Ast], at: Span) -> Typed {
        match args {
            [other] if name == "count_in" => {
                let other = self.expect(other, &Type::Words, "what count_in looks in");
                (Expr::CountIn(Box::new(self.as_meant([list, other]))), Type::Number)
            }
            _ => self.error(at, Code::TypeMismatch, format!("`{name}` needs a list in ( )")),
        }
    }

    fn text_member(&mut self, text: Expr, name: &str, args: &[Ast], at: Span) -> Typed {
        let test = |test| Some(move |sides| Expr::TextTest(test, sides));
        let test = match name {
            "contains" => test(TextTest::Contains),
            "starts_with" => test(TextTest::StartsWith),
            "ends_with" => test(TextTest::EndsWith),
            _ => None,
        };
        if let Some(test) = test {
            let [part] = args else {
                return self.error(at, Code::TypeMismatch, format!("`{name}` needs one word in ( )"));
            };
            let part = self.expect(part, &Type::Text, &format!("what `{name}` looks for"));
            return (test(Box::new([text, part])), Type::YesNo);
        }
        match (name, args) {
            ("length" | "len", []) => (Expr::TextLength(Box::new(text)), Type::Number),
            ("is_empty", []) => {
                let length = Box::new([Expr::TextLength(Box::new(text)), Expr::Number(0.0)]);
                (Expr::CompareNumbers(Comparison::Equal, length), Type::YesNo)
            }
            ("trim", []) => (Expr::TextPart(TextPart::Trimmed, Box::new(text)), Type::Text),
            ("host", []) => (Expr::TextPart(TextPart::Host, Box::new(text)), Type::Text),
            // Nothing in the language can tell a word from the same in lower case.
            ("lower" | "to_lower", []) => (text, Type::Text),
            ("matches" | "has_word" | "one_of_words", [pattern]) => match self.pattern(name, pattern) {
                Some(pattern) => (Expr::TextFits(Arc::new(pattern), Box::new(text)), Type::YesNo),
                None => (Expr::Nothing, Type::Wrong),
            },
            _ => match member_of(Of::Text, name) {
                Some(member) => {
                    self.error(at, Code::TypeMismatch, format!("`{name}` is written {}", member.written))
                }
                None => self.no_member("a word", name, &names_of(Of::Text), at),
            },
        }
    }

    /// What a text is tested for. It is compiled with the script, so it has to be written out there.
    fn pattern(&mut self, name: &str, written: &Ast) -> Option<Pattern> {
        let at = written.at;
        let wanted = if name == "one_of_words" { Type::Words } else { Type::Text };
        let expr = self.expect(written, &wanted, &format!("what `{name}` looks for"));
        // As much work as some hundred parts of a script.
        if matches!(expr, Expr::Text(_) | Expr::Words(_)) && !self.count_text(PATTERN_BYTES, at) {
            return None;
        }
        match (name, expr) {
            ("matches", Expr::Text(pattern)) => match Pattern::regex(&pattern) {
                Ok(pattern) => Some(pattern),
                Err(why) => {
                    let help = "docs/rules.md shows what patterns are made of; \\ is written \\\\ in quotes, or \\ in backticks";
                    self.error_with(at, Code::BadValue, format!("the pattern can't be read: {why}"), help);
                    None
                }
            },
            (_, Expr::Text(word)) => Some(Pattern::words([&*word])),
            (_, Expr::Words(list)) => Some(Pattern::words(list.words.iter().map(String::as_str))),
            (_, Expr::Nothing) => None,
            _ => {
                let message = format!("what `{name}` looks for must be written out, in quotes");
                self.error(at, Code::TypeMismatch, message);
                None
            }
        }
    }
}

/// How much written-out text a pattern counts as.
const PATTERN_BYTES: usize = 32_768;
