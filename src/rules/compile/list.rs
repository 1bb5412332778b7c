//! Lists, object maps, texts that are put together, and closures over lists.

use std::sync::Arc;

use super::context::{Context, Typed};
use crate::rules::diagnostics::Code;
use crate::rules::language::members::{Called, Of, member_of, names_of};
use crate::rules::language::types::Type;
use crate::rules::program::{Each, EachHow, Expr, Index, WordList};
use crate::rules::syntax::tree::{Ast, Closure, Node, Span, Word};

impl Context<'_> {
    /// A list of what is written out, or of what expressions give.
    pub fn list(&mut self, items: &[Ast], at: Span) -> Typed {
        let mut lowered = Vec::new();
        let mut ty = Type::Never;
        for item in items {
            let (expr, item_type) = self.expr(item);
            self.check_item(item.at, &item_type);
            let shown = (ty.to_string(), item_type.to_string());
            let Some(joined) = ty.join(item_type) else {
                let message = format!("all items of a list are alike, these are {} and {}", shown.0, shown.1);
                return self.error(item.at, Code::TypeMismatch, message);
            };
            ty = joined;
            lowered.push(expr);
        }
        let words: Option<Vec<String>> = lowered
            .iter()
            .map(|item| if let Expr::Text(word) = item { Some(word.to_string()) } else { None })
            .collect();
        let numbers: Option<Vec<f64>> = lowered.iter().map(Expr::constant).collect();
        match (words, numbers) {
            // An empty list may get items of any type later.
            _ if items.is_empty() => (Expr::Words(Arc::new(WordList::new(Vec::new()))), Type::EmptyList),
            (Some(words), _) => (Expr::Words(Arc::new(WordList::new(words))), Type::Words),
            (_, Some(numbers)) => (Expr::Numbers(numbers.into()), Type::Numbers),
            _ => (Expr::Made(lowered, self.position(at)), Type::list_of(ty)),
        }
    }

    fn check_item(&mut self, at: Span, ty: &Type) {
        if matches!(ty, Type::Contacts | Type::Activity(_) | Type::Icp | Type::Nothing) {
            self.error(at, Code::TypeMismatch, format!("a list can't hold {ty}"));
        }
    }

    /// `#{ name: value, … }`
    pub fn record(&mut self, fields: &[(Word, Ast)], at: Span) -> Typed {
        let mut lowered = Vec::new();
        for (name, value) in fields {
            let (expr, ty) = self.expr(value);
            self.check_item(value.at, &ty);
            lowered.push((name.text.clone(), ty, expr));
        }
        lowered.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let types = lowered.iter().map(|(name, ty, _)| (name.clone(), ty.clone())).collect();
        let values = lowered.into_iter().map(|(.., value)| value).collect();
        (Expr::Made(values, self.position(at)), Type::Record(Arc::new(types)))
    }

    /// The place and the type of a value in an object map.
    pub fn field(&mut self, fields: &[(String, Type)], name: &str, at: Span) -> Option<(Index, Type)> {
        let place = fields.iter().position(|(known, _)| known == name);
        if place.is_none() {
            let known: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            self.no_member("this object map", name, &known, at);
        }
        place.map(|place| (place, fields[place].1.clone()))
    }

    pub fn index(&mut self, sides: &[Ast; 2], at: Span) -> Typed {
        let (object, ty) = self.expr(&sides[0]);
        if let (Type::Record(fields), Node::Text(name)) = (&ty, &sides[1].node) {
            return match self.field(&fields.clone(), name, sides[1].at) {
                Some((place, ty)) => (Expr::Field(Box::new(object), place), ty),
                None => (Expr::Nothing, Type::Wrong),
            };
        }
        let place = self.expect(&sides[1], &Type::Number, "the place in a list");
        match ty.items() {
            Some(items) => (Expr::Element(Box::new([object, place]), self.position(at)), items),
            None => self.error(at, Code::TypeMismatch, format!("[ ] asks a list, this is {ty}")),
        }
    }

    /// `` `…${value}…` ``
    pub fn interpolated(&mut self, parts: &[Ast], at: Span) -> Typed {
        let parts = parts.iter().map(|part| {
            let (expr, ty) = self.expr(part);
            if !(ty.is_text() || matches!(ty, Type::Number | Type::YesNo | Type::Date | Type::Never)) {
                self.error(part.at, Code::TypeMismatch, format!("a text can't hold {ty}"));
            }
            expr
        });
        (Expr::Joined(parts.collect(), self.position(at)), Type::Text)
    }

    /// What is asked of a list.
    pub fn list_member(&mut self, (list, ty): Typed, name: &str, args: Option<&[Ast]>, at: Span) -> Typed {
        let Some(member) = member_of(Of::List, name) else {
            if ty.is(&Type::Words) && member_of(Of::Words, name).is_some() {
                return self.words_member(list, name, args.unwrap_or_default(), at);
            }
            let mut known = names_of(Of::List);
            if ty.is(&Type::Words) {
                known.extend(names_of(Of::Words));
            }
            return self.no_member(&ty.to_string(), name, &known, at);
        };
        let args = args.unwrap_or_default();
        let wanted = match (member.called, name) {
            (Called::Either, _) => 0,
            (_, "reduce") => 2,
            _ => 1,
        };
        if args.len() != wanted {
            return self.error(at, Code::TypeMismatch, format!("`{name}` is written {}", member.written));
        }
        match name {
            "count" | "len" => (Expr::ListCount(Box::new(list)), Type::Number),
            "is_empty" => {
                let none = Box::new([Expr::ListCount(Box::new(list)), Expr::Number(0.0)]);
                (Expr::CompareNumbers(crate::rules::program::Comparison::Equal, none), Type::YesNo)
            }
            "contains" => {
                let item = self.expr(&args[0]);
                self.is_in(item, (list, ty), at, args[0].at)
            }
            "push" => self.push(list, ty, &args[0], at),
            _ => self.each((list, ty), name, args, at),
        }
    }

    fn push(&mut self, list: Expr, ty: Type, item: &Ast, at: Span) -> Typed {
        let Expr::Local(variable) = list else {
            let help = "write let list = …; and then list.push(item)";
            return self.error_with(at, Code::TypeMismatch, "`push` changes a variable", help);
        };
        let (value, item_type) = self.expr(item);
        self.check_item(item.at, &item_type);
        let pushed = Type::list_of(item_type.clone());
        match ty.clone().join(pushed) {
            Some(joined) => self.refine(variable, joined),
            None => {
                let message = format!("{ty} can't take {item_type}");
                self.error(item.at, Code::TypeMismatch, message);
            }
        }
        let pushed = Expr::Pushed(Box::new([Expr::Local(variable), value]), self.position(at));
        (Expr::Set(variable, Box::new(pushed)), Type::Nothing)
    }

    /// Something that is asked of each item by a closure.
    fn each(&mut self, (list, ty): Typed, name: &str, args: &[Ast], at: Span) -> Typed {
        let Some(items) = ty.items() else {
            return self.error(at, Code::TypeMismatch, format!("`{name}` asks a list, this is {ty}"));
        };
        let reduces = name == "reduce";
        let first = reduces.then(|| self.expr(&args[1]));
        let Node::Closure(closure) = &args[0].node else {
            let help = match reduces {
                true => "write list.reduce(|sum, x| sum + x, 0)".to_owned(),
                false => format!("write list.{name}(|x| …)"),
            };
            return self.error_with(
                args[0].at,
                Code::TypeMismatch,
                format!("`{name}` needs a closure"),
                help,
            );
        };
        let params = closure.params.as_slice();
        let least = 1 + usize::from(reduces);
        if !(least..=least + 1).contains(&params.len()) {
            let message = format!("the closure of `{name}` takes {least} or {} parameters", least + 1);
            return self.error(args[0].at, Code::TypeMismatch, message);
        }
        self.scoped(|c| {
            let first = first.map(|(expr, ty)| (c.declare(&params[0], ty.clone()), expr, ty));
            let item = c.declare(&params[least - 1], items);
            let place = params.get(least).map(|place| c.declare(place, Type::Number));
            let (body, body_type) = c.closure_body(closure);
            let ty = match name {
                "filter" | "some" | "all" => {
                    c.check_type(args[0].at, &body_type, &Type::YesNo, &format!("what `{name}` asks"));
                    if name == "filter" { ty } else { Type::YesNo }
                }
                "map" => {
                    c.check_item(args[0].at, &body_type);
                    Type::list_of(body_type)
                }
                _ => match &first {
                    Some((sum, _, first)) => {
                        let shown = (first.to_string(), body_type.to_string());
                        // What is put into an empty list tells what list it is.
                        let first = c.local_type(*sum).unwrap_or_else(|| first.clone());
                        first.join(body_type).unwrap_or_else(|| {
                            let message =
                                format!("`reduce` begins with {} but its closure gives {}", shown.0, shown.1);
                            c.error(args[0].at, Code::TypeMismatch, message).1
                        })
                    }
                    None => Type::Wrong,
                },
            };
            let how = match (name, first) {
                ("filter", _) => EachHow::Filter,
                ("map", _) => EachHow::Map,
                ("some", _) => EachHow::Some,
                ("all", _) => EachHow::All,
                (_, Some((sum, first, _))) => EachHow::Reduce(sum, first),
                _ => return (Expr::Nothing, Type::Wrong),
            };
            let position = c.position(at);
            (Expr::Each(Box::new(Each { how, list, item, place, body, position })), ty)
        })
    }

    /// A closure's value is that of its body, which it can't return from.
    pub fn closure_body(&mut self, closure: &Closure) -> Typed {
        let outer = std::mem::replace(&mut self.frame.in_closure, true);
        let typed = self.block(&closure.body);
        self.frame.in_closure = outer;
        typed
    }
}
