//! Collections: contacts and activities, with conditions on their items, and what is asked of them.

use std::sync::Arc;

use rhai::{Expr as Ast, Position as At};

use super::context::{Context, Typed};
use super::expression::constant;
use super::member::After;
use crate::rules::diagnostics::Code;
use crate::rules::language::items::{ItemField, ItemKind, item_name, item_names};
use crate::rules::language::members::{Of, member_of};
use crate::rules::language::types::Type;
use crate::rules::program::{Ask, Expr, Fold, ItemCondition, ItemLeaf, ItemSource, Items, LeafKind, Pick};

/// The longest name of a leaf that is written with conditions, in characters.
const LONGEST_NAME: usize = 300;

impl Context<'_> {
    /// Whether a member asks the items of a collection one by one. What can be told of all contacts, or of all activities
    /// of a type, has ways of its own, which are faster.
    pub fn asks_items(&self, object: &Typed, name: &str, args: &[Ast], after: After) -> bool {
        let activities = match (&object.0, &object.1) {
            (Expr::Items(_), _) | (_, Type::Activity(None)) => return true,
            (_, Type::Activity(Some(_))) => true,
            (_, Type::Contacts) => false,
            _ => return false,
        };
        match name {
            "within" => activities && !after.is_last,
            "sum" => !activities || !args.is_empty(),
            "count" | "last_days" | "decayed" => false,
            name => member_of(Of::Items, name).is_some(),
        }
    }

    pub fn items_member(
        &mut self,
        object: Typed,
        name: &str,
        args: &[Ast],
        called: bool,
        at: At,
        after: After,
    ) -> Typed {
        let (object, ty) = object;
        let mut items = match object {
            Expr::Items(items) => *items,
            _ => {
                let source = match &ty {
                    Type::Activity(kind) => ItemSource::Activities(kind.clone()),
                    _ => ItemSource::Contacts,
                };
                Items { source, conditions: Vec::new(), pick: None }
            }
        };
        let kind = items.source.kind();
        if kind == ItemKind::Contact {
            self.name_fact("contacts");
        }
        if items.pick.is_some() {
            let picked = self.part_of_item(kind, false, name, at);
            return self.ask(items, Ask::Picked(picked.0), picked.1, at, after);
        }
        if !self.check_member(Of::Items, kind.plural(), name, called, at) {
            return (Expr::Nothing, Type::Wrong);
        }
        let of_time = matches!(name, "within" | "last_days" | "decayed" | "first" | "latest");
        if kind == ItemKind::Contact && (of_time || (name == "sum" && args.is_empty())) {
            let message = format!("`{name}` asks when something happened, which contacts don't tell");
            return self.error(at, Code::TypeMismatch, message);
        }
        if args.len() != usize::from(called) {
            let message = format!("`{name}` needs one argument");
            return self.error(at, Code::TypeMismatch, message);
        }
        let condition = |c: &mut Self| c.of_item(kind, &args[0], Some((&Type::YesNo, "the condition"))).0;
        let number =
            |c: &mut Self| c.of_item(kind, &args[0], Some((&Type::Number, "what is asked of each"))).0;
        let (ask, asked) = match name {
            "where" => {
                let condition = condition(self);
                items.conditions.push(ItemCondition::Where(condition));
                return (Expr::Items(Box::new(items)), ty);
            }
            "first" | "latest" => {
                if after.is_last {
                    let parts = item_names(kind).join(", ");
                    let help = format!("write .{name}.amount; its parts are {parts}");
                    return self.error_with(at, Code::TypeMismatch, format!("say what of the {name}"), help);
                }
                items.pick = Some(if name == "first" { Pick::First } else { Pick::Latest });
                return (Expr::Items(Box::new(items)), ty);
            }
            "within" | "decayed" => {
                let days = self.expect(&args[0], &Type::Number, "the number of days");
                if constant(&days).is_some_and(|days| days <= 0.0) {
                    let message = "the number of days must be above 0";
                    return self.error(args[0].position(), Code::BadValue, message);
                }
                if name == "decayed" {
                    (Ask::Decayed(days), Type::Number)
                } else {
                    items.conditions.push(ItemCondition::Within(days, self.position(at)));
                    if !after.is_last {
                        return (Expr::Items(Box::new(items)), ty);
                    }
                    (Ask::Count, Type::Number)
                }
            }
            "any" => (Ask::Any(condition(self)), Type::YesNo),
            "all" => (Ask::All(condition(self)), Type::YesNo),
            "none" => (Ask::None(condition(self)), Type::YesNo),
            "share" => (Ask::Share(condition(self)), Type::Number),
            "sum" if !called => {
                let amount = self.part_of_item(kind, false, "amount", at);
                (Ask::Sum(amount.0), Type::Number)
            }
            "sum" => (Ask::Sum(number(self)), Type::Number),
            "max" => (Ask::Max(number(self)), Type::Number),
            "min" => (Ask::Min(number(self)), Type::Number),
            "distinct" => {
                let (part, ty) = self.of_item(kind, &args[0], None);
                if !(ty.is_text() || ty.is(&Type::Number)) {
                    let message = format!("`distinct` counts words or numbers, this is {ty}");
                    return self.error(args[0].position(), Code::TypeMismatch, message);
                }
                (Ask::Distinct(part), Type::Number)
            }
            "last_days" => (Ask::LastDays, Type::Number),
            _ => (Ask::Count, Type::Number),
        };
        self.ask(items, ask, asked, at, after)
    }

    /// What is asked of a collection. It is read once a lead, like a fact, unless it depends on local variables.
    fn ask(&mut self, items: Items, ask: Ask, ty: Type, at: At, after: After) -> Typed {
        let written: Arc<str> = self.written(after.begin, at).into();
        let fold = Fold { items, ask, position: self.position(at), written: written.clone() };
        let fold = Arc::new(fold);
        match self.frame.locals.is_empty() {
            true => (self.leaf(&written, LeafKind::Fold(fold)), ty),
            false => (Expr::Fold(fold), ty),
        }
    }

    /// Whether an expression counts items, of which some may be undecided.
    pub fn counts_items(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Fold(fold) => fold.ask.counts(),
            Expr::Leaf(leaf) => match &self.leaves[*leaf].kind {
                LeafKind::Fold(fold) => fold.ask.counts(),
                _ => false,
            },
            _ => false,
        }
    }

    /// Lowers an expression in which the parts of an item have names.
    fn of_item(&mut self, kind: ItemKind, ast: &Ast, wanted: Option<(&Type, &str)>) -> Typed {
        let outer = self.frame.item.replace(kind);
        let (expr, ty) = self.expr(ast);
        self.frame.item = outer;
        if let Some((wanted, what)) = wanted {
            self.check_type(ast.position(), &ty, wanted, what);
        }
        (expr, ty)
    }

    /// The part of the item that a plain name means, where a condition on items stands.
    pub fn item_part(&mut self, name: &str, at: At) -> Option<Typed> {
        let kind = self.frame.item?;
        let part = item_name(kind, name)?;
        let means_more = self.catalogue.find(name, self.kind).is_some()
            || self.defines.iter().any(|define| define.name == name)
            || self.frame.unit.constants.contains_key(name);
        if means_more {
            let item = kind.as_str();
            let message =
                format!("`{name}` is a part of the {item}, and means something else in this script too");
            let help = format!("write {item}.{name} for the part, or lead.{name} for the other");
            return Some(self.error_with(at, Code::UnknownName, message, help));
        }
        Some(self.part(kind, false, part.field, part.name))
    }

    /// A name before a dot that says whose the part is: `contact.title`, `activity.amount`, `lead.country`. Gives what
    /// follows, too.
    pub fn named_part<'a>(&mut self, first: &Ast, rest: &'a Ast) -> Option<(Typed, Option<&'a Ast>)> {
        let kind = self.frame.item?;
        let Ast::Variable(variable, ..) = first else { return None };
        let (step, rest) = match rest {
            Ast::Dot(pair, ..) => (&pair.lhs, Some(&pair.rhs)),
            step => (step, None),
        };
        let Ast::Property(property, at) = step else { return None };
        let name = property.2.as_str();
        let part = match (variable.1.as_str(), kind) {
            ("lead", _) => {
                let outer = self.frame.item.take();
                let typed = self.variable(name, *at);
                self.frame.item = outer;
                typed
            }
            ("contact", ItemKind::Contact) | ("activity", ItemKind::Activity) => {
                self.part_of_item(kind, false, name, *at)
            }
            ("contact", ItemKind::Activity) => {
                self.name_fact("contacts");
                self.part_of_item(ItemKind::Contact, true, name, *at)
            }
            _ => return None,
        };
        Some((part, rest))
    }

    fn part_of_item(&mut self, kind: ItemKind, of_contact: bool, name: &str, at: At) -> Typed {
        match item_name(kind, name) {
            Some(part) => self.part(kind, of_contact, part.field, part.name),
            None => self.no_member(kind.as_str(), name, &item_names(kind), at),
        }
    }

    fn part(&mut self, kind: ItemKind, of_contact: bool, field: ItemField, name: &str) -> Typed {
        let name = format!("{}.{name}", kind.as_str()).into();
        (Expr::Item(ItemLeaf { field, of_contact, name }), field.ty(self.vocabulary))
    }

    /// A chain of members as it is written, from where it begins to the end of a member.
    fn written(&self, begin: At, last_member: At) -> String {
        let text = &self.frame.unit.text;
        let offset = |at: At| {
            let (line, column) = (at.line()?, at.position()?);
            let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
            let in_line = text[before..].char_indices().nth(column - 1)?.0;
            Some(before + in_line)
        };
        let place = format!("{}:{last_member}", self.frame.unit.path);
        let (Some(begin), Some(last)) = (offset(begin), offset(last_member)) else { return place };
        let Some(chain) = text.get(begin..end_of_call(text, last)) else { return place };
        let words: Vec<&str> = chain.split_whitespace().collect();
        let written = words.join(" ");
        match written.chars().count() <= LONGEST_NAME {
            true => written,
            false => place,
        }
    }
}

/// Where a member ends that begins at a place: behind its name, or behind its arguments.
fn end_of_call(text: &str, begin: usize) -> usize {
    let mut chars =
        text[begin..].char_indices().skip_while(|(_, c)| c.is_alphanumeric() || *c == '_').peekable();
    let end_of_name = chars.peek().map_or(text.len(), |(i, _)| begin + i);
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    for (i, c) in chars {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '(' => depth += 1,
            ')' if depth == 1 => return begin + i + 1,
            ')' => depth -= 1,
            c if depth == 0 && !c.is_whitespace() => break,
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    end_of_name
}
