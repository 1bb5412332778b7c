//! Collections: contacts and activities, with conditions on their items, and what is asked of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{Context, Typed};
use super::member::After;
use super::unit::Unit;
use crate::domain::vocabulary::{Attribute, Vocabulary};
use crate::rules::diagnostics::Code;
use crate::rules::language::items::{ItemField, ItemKind, declared_type, item_name, item_names};
use crate::rules::language::members::{Of, member_of};
use crate::rules::language::types::Type;
use crate::rules::program::{Ask, Expr, Fold, ItemCondition, ItemLeaf, ItemSource, Items, LeafKind, Pick};
use crate::rules::syntax::tree::{Ast, Member, Node, Span};

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
        at: Span,
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
                Items { source, after: None, conditions: Vec::new(), pick: None }
            }
        };
        let source = items.source.clone();
        let kind = source.kind();
        if kind == ItemKind::Contact {
            self.name_fact("contacts");
        }
        if items.pick.is_some() {
            let picked = self.part_of_item(&source, false, name, at);
            return self.ask(items, Ask::Picked(picked.0), picked.1, at, after);
        }
        if !self.check_member(Of::Items, kind.plural(), name, called, at) {
            return (Expr::Nothing, Type::Wrong);
        }
        let of_time = matches!(name, "within" | "after" | "last_days" | "decayed" | "first" | "latest");
        if kind == ItemKind::Contact && (of_time || (name == "sum" && args.is_empty())) {
            let message = format!("`{name}` asks when something happened, which contacts don't tell");
            return self.error(at, Code::TypeMismatch, message);
        }
        if args.len() != usize::from(called) {
            let message = format!("`{name}` needs one argument");
            return self.error(at, Code::TypeMismatch, message);
        }
        let condition = |c: &mut Self| c.of_item(&source, &args[0], Some((&Type::YesNo, "the condition"))).0;
        let number =
            |c: &mut Self| c.of_item(&source, &args[0], Some((&Type::Number, "what is asked of each"))).0;
        let (ask, asked) = match name {
            "where" => {
                let condition = condition(self);
                items.conditions.push(ItemCondition::Where(condition));
                return (Expr::Items(Box::new(items)), ty);
            }
            "after" => {
                if items.after.is_some() || !items.conditions.is_empty() {
                    let message = "`after` stands directly behind the activities, once";
                    return self.error(at, Code::Misplaced, message);
                }
                let (_, before) = self.expr(&args[0]);
                let Type::Activity(Some(before)) = before else {
                    let message = format!("`after` needs activities of a type, this is {before}");
                    let help = "write .after(activity(\"pricing_visit\"))";
                    return self.error_with(args[0].at, Code::TypeMismatch, message, help);
                };
                items.after = Some((before, f64::INFINITY));
                return (Expr::Items(Box::new(items)), ty);
            }
            "within"
                if items.after.as_ref().is_some_and(|(_, days)| days.is_infinite())
                    && items.conditions.is_empty() =>
            {
                let days = self.expect(&args[0], &Type::Number, "the number of days");
                match (days.constant(), &mut items.after) {
                    (Some(number), Some((_, within))) if number > 0.0 => *within = number,
                    _ => {
                        let message = "the number of days after is written out, and above 0";
                        return self.error(args[0].at, Code::BadValue, message);
                    }
                }
                if !after.is_last {
                    return (Expr::Items(Box::new(items)), ty);
                }
                (Ask::Count, Type::Number)
            }
            "first" | "latest" => {
                if after.is_last {
                    let parts = self.names_of_item(&source).join(", ");
                    let help = format!("write .{name}.amount; its parts are {parts}");
                    return self.error_with(at, Code::TypeMismatch, format!("say what of the {name}"), help);
                }
                items.pick = Some(if name == "first" { Pick::First } else { Pick::Latest });
                return (Expr::Items(Box::new(items)), ty);
            }
            "within" | "decayed" => {
                let days = self.expect(&args[0], &Type::Number, "the number of days");
                if days.constant().is_some_and(|days| days <= 0.0) {
                    let message = "the number of days must be above 0";
                    return self.error(args[0].at, Code::BadValue, message);
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
                let amount = self.part_of_item(&source, false, "amount", at);
                (Ask::Sum(amount.0), Type::Number)
            }
            "sum" => (Ask::Sum(number(self)), Type::Number),
            "max" => (Ask::Max(number(self)), Type::Number),
            "min" => (Ask::Min(number(self)), Type::Number),
            "distinct" => {
                let (part, ty) = self.of_item(&source, &args[0], None);
                if !(ty.is_text() || ty.is(&Type::Number)) {
                    let message = format!("`distinct` counts words or numbers, this is {ty}");
                    return self.error(args[0].at, Code::TypeMismatch, message);
                }
                (Ask::Distinct(part), Type::Number)
            }
            "last_days" => (Ask::LastDays, Type::Number),
            _ => (Ask::Count, Type::Number),
        };
        self.ask(items, ask, asked, at, after)
    }

    /// What is asked of a collection. It is read once a lead, like a fact, unless it depends on local variables.
    fn ask(&mut self, items: Items, ask: Ask, ty: Type, at: Span, after: After) -> Typed {
        let written: Arc<str> = self.written(after.whole, at).into();
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
    fn of_item(&mut self, of: &ItemSource, ast: &Ast, wanted: Option<(&Type, &str)>) -> Typed {
        // A closure gives the item a name, which stands before its parts.
        let (alias, closure) = match &ast.node {
            Node::Closure(closure) if closure.params.len() == 1 => {
                (Some(closure.params[0].clone()), Some(closure.clone()))
            }
            _ => (None, None),
        };
        let outer =
            (self.frame.item.replace(of.clone()), std::mem::replace(&mut self.frame.item_alias, alias));
        let (expr, ty) = match closure {
            Some(closure) => self.closure_body(&closure),
            None => self.expr(ast),
        };
        (self.frame.item, self.frame.item_alias) = outer;
        if let Some((wanted, what)) = wanted {
            self.check_type(ast.at, &ty, wanted, what);
        }
        (expr, ty)
    }

    /// The part of the item that a plain name means, where a condition on items stands.
    pub fn item_part(&mut self, name: &str, at: Span) -> Option<Typed> {
        let of = self.frame.item.clone()?;
        let kind = of.kind();
        let part = match item_name(kind, name) {
            Some(part) => self.part(kind, false, part.field, part.name),
            None => self.declared_part(&of, false, name, at)?,
        };
        let means_more = self.catalogue.find(name, self.kind).is_some()
            || self.defines.iter().any(|define| define.name == name)
            || self.frame.unit.constants.contains_key(name);
        // A set that was in force once was written when the name meant one thing.
        if means_more && self.is_kept() {
            return None;
        }
        if means_more {
            let item = kind.as_str();
            let message =
                format!("`{name}` is a part of the {item}, and means something else in this script too");
            let help = format!("write {item}.{name} for the part, or lead.{name} for the other");
            return Some(self.error_with(at, Code::UnknownName, message, help));
        }
        Some(part)
    }

    /// A part of an activity or of a contact that facts.toml declares.
    fn declared_part(&mut self, of: &ItemSource, of_contact: bool, name: &str, at: Span) -> Option<Typed> {
        let declared = declared_of(self.vocabulary, of);
        let mut types = declared.filter_map(|of| of.get(name)).map(|part| declared_type(name, part));
        let ty = types.next()?;
        if types.any(|other| other != ty) {
            let message =
                format!("`{name}` is declared with different types of activities, and not the same");
            let help = "ask activity(\"type\") instead of all activities";
            return Some(self.error_with(at, Code::TypeMismatch, message, help));
        }
        let shown = format!("{}.{name}", of.kind().as_str()).into();
        let leaf =
            ItemLeaf { field: ItemField::Declared, declared: Some(name.into()), of_contact, name: shown };
        Some((Expr::Item(leaf), ty))
    }

    /// The names of all parts of an item.
    pub fn names_of_item(&self, of: &ItemSource) -> Vec<String> {
        let declared = declared_of(self.vocabulary, of).flat_map(|declared| declared.keys().cloned());
        item_names(of.kind()).into_iter().map(str::to_owned).chain(declared).collect()
    }

    /// A name before a dot that says whose the part is: `contact.title`, `activity.amount`, `lead.country`.
    pub fn named_part(&mut self, first: &Ast, member: &Member) -> Option<Typed> {
        let of = self.frame.item.clone()?;
        let (Node::Name(whose), None) = (&first.node, &member.args) else { return None };
        let (name, at) = (member.name.text.as_str(), member.name.at);
        if self.frame.item_alias.as_ref() == Some(whose) {
            return Some(self.part_of_item(&of, false, name, at));
        }
        Some(match (whose.as_str(), of.kind()) {
            ("lead", _) => {
                let outer = self.frame.item.take();
                let typed = self.variable(name, at);
                self.frame.item = outer;
                typed
            }
            ("contact", ItemKind::Contact) | ("activity", ItemKind::Activity) => {
                self.part_of_item(&of, false, name, at)
            }
            ("contact", ItemKind::Activity) => {
                self.name_fact("contacts");
                self.part_of_item(&ItemSource::Contacts, true, name, at)
            }
            _ => return None,
        })
    }

    /// A part of an item, or of the contact of an activity.
    fn part_of_item(&mut self, of: &ItemSource, of_contact: bool, name: &str, at: Span) -> Typed {
        if let Some(part) = item_name(of.kind(), name) {
            return self.part(of.kind(), of_contact, part.field, part.name);
        }
        if let Some(part) = self.declared_part(of, of_contact, name, at) {
            return part;
        }
        let names = self.names_of_item(of);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.no_member(of.kind().as_str(), name, &names, at)
    }

    fn part(&mut self, kind: ItemKind, of_contact: bool, field: ItemField, name: &str) -> Typed {
        let name = format!("{}.{name}", kind.as_str()).into();
        (Expr::Item(ItemLeaf { field, declared: None, of_contact, name }), field.ty(self.vocabulary))
    }

    /// A chain of members as it is written.
    fn written(&self, chain: Span, last_member: Span) -> String {
        let Unit { path, lines, .. } = &*self.frame.unit;
        let words: Vec<&str> = chain.of(lines.text()).split_whitespace().collect();
        let written = words.join(" ");
        let (line, column) = lines.place(last_member.start);
        match written.chars().count() <= LONGEST_NAME {
            true => written,
            false => format!("{path}:{line}:{column}"),
        }
    }
}

/// What facts.toml declares of items: of activities of all types, type by type.
fn declared_of<'v>(
    vocabulary: &'v Vocabulary,
    of: &ItemSource,
) -> impl Iterator<Item = &'v BTreeMap<String, Attribute>> + use<'v> {
    let (contacts, activities) = match of {
        ItemSource::Contacts => (Some(&vocabulary.contact_attributes), None),
        ItemSource::Activities(of_type) => (None, Some(of_type.clone())),
    };
    let properties = vocabulary.properties.iter().filter(move |(kind, _)| match &activities {
        None => false,
        Some(of_type) => of_type.as_ref().is_none_or(|of_type| **of_type == **kind),
    });
    contacts.into_iter().chain(properties.map(|(_, declared)| declared))
}
