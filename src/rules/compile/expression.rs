//! Expressions: names, operators, literals.

use std::rc::Rc;
use std::sync::Arc;

use super::Unit;
use super::call::MAX_CALL_DEPTH;
use super::context::{Context, Typed};
use crate::domain::canonical::host;
use crate::domain::score::Axis;
use crate::rules::diagnostics::Code;
use crate::rules::language::ScriptKind;
use crate::rules::language::functions::Math;
use crate::rules::language::types::{Choices, Type};
use crate::rules::program::{Arithmetic, BranchKind, Comparison, Expr, LeafKind, WordList};
use crate::rules::syntax::tree::{Ast, Foreign, Node, Span};

impl Context<'_> {
    pub fn expr(&mut self, ast: &Ast) -> Typed {
        let at = ast.at;
        if !self.count_node(at) {
            return (Expr::Nothing, Type::Wrong);
        }
        self.deeper(at, |c| c.expr_at(ast, at))
    }

    fn expr_at(&mut self, ast: &Ast, at: Span) -> Typed {
        match &ast.node {
            Node::YesNo(value) => (Expr::YesNo(*value), Type::YesNo),
            Node::Number(value) => (Expr::Number(*value), Type::Number),
            Node::NotANumber(why) => self.error(at, Code::BadValue, *why),
            Node::Text(text) => {
                self.count_text(text.len(), at);
                (Expr::Text(text.as_str().into()), Type::Text)
            }
            Node::List(items) => self.list(items, at),
            Node::Name(name) => self.variable(name, at),
            Node::Imported(alias, name) => self.imported_constant(alias, name, at),
            Node::Member(_) => self.member_chain(ast),
            Node::And(items) => {
                let items = self.yes_nos(items, "`and`");
                (Expr::And(items), Type::YesNo)
            }
            Node::Or(items) => {
                let items = self.yes_nos(items, "`or`");
                (Expr::Or(items), Type::YesNo)
            }
            Node::Not(inner) => {
                let inner = self.expect(inner, &Type::YesNo, "what `not` turns round");
                (Expr::Not(Box::new(inner)), Type::YesNo)
            }
            Node::Negate(inner) => {
                let inner = self.expect(inner, &Type::Number, "what `-` negates");
                (Expr::Negate(Box::new(inner)), Type::Number)
            }
            Node::Plus(inner) => (self.expect(inner, &Type::Number, "what `+` stands before"), Type::Number),
            Node::Coalesce(items) => self.coalesce(items, at),
            Node::In(sides) => self.membership(&sides[0], &sides[1]),
            Node::Binary(operator, sides) => self.binary(operator, &sides[0], &sides[1], at),
            Node::Call(call) => self.call(call, at),
            Node::Block(statements) => self.block(statements),
            Node::If(parts) => self.if_else(parts, at),
            Node::Switch(switch) => self.switch(switch, at),
            Node::Statement(keyword) => {
                let help = "statements stand at the top level or in a group";
                self.error_with(at, Code::Misplaced, format!("`{keyword}` can't stand here"), help)
            }
            Node::Range(..) => {
                self.unsupported(at, "ranges by themselves", "compare twice: low <= x and x < high")
            }
            Node::Interpolated(parts) => self.interpolated(parts, at),
            Node::Record(fields) => self.record(fields, at),
            Node::Index(sides) => self.index(sides, at),
            Node::Closure(_) => {
                let help = "closures stand in the ( ) of filter, map, some, all and reduce";
                self.error_with(at, Code::Misplaced, "a closure can't stand here", help)
            }
            Node::Foreign(Foreign { what, help }) => self.unsupported(at, what, help),
        }
    }

    pub fn unsupported(&mut self, at: Span, what: &str, help: &str) -> Typed {
        self.error_with(at, Code::Unsupported, format!("the rule language has no {what}"), help)
    }

    /// Lowers an expression that must be of a type.
    pub fn expect(&mut self, ast: &Ast, wanted: &Type, what: &str) -> Expr {
        let (expr, ty) = self.expr(ast);
        self.check_type(ast.at, &ty, wanted, what);
        expr
    }

    pub fn check_type(&mut self, at: Span, ty: &Type, wanted: &Type, what: &str) {
        let fits = ty.is(wanted) || (*wanted == Type::Text && ty.is_text());
        if !fits {
            let help = match ty {
                Type::Activity(kind) => what_of_activities(kind.as_deref()),
                Type::Contacts => "say what of them: contacts.count, .engaged …".into(),
                Type::Nothing => "give every way a value: `if` ends with else { … }".into(),
                _ => String::new(),
            };
            self.error_with(at, Code::TypeMismatch, format!("{what} must be {wanted}, this is {ty}"), help);
        }
    }

    fn yes_nos(&mut self, items: &[Ast], what: &str) -> Vec<Expr> {
        let side = |item: &Ast| {
            let side = self.expect(item, &Type::YesNo, &format!("each side of {what}"));
            self.watched(BranchKind::Side, item.whole, side)
        };
        items.iter().map(side).collect()
    }

    fn coalesce(&mut self, items: &[Ast], at: Span) -> Typed {
        let mut ty = Type::Never;
        let mut lowered = Vec::new();
        for item in items {
            let (expr, next) = self.expr(item);
            lowered.push(expr);
            let shown = (ty.to_string(), next.to_string());
            ty = match ty.join(next) {
                Some(joined) => joined,
                None => {
                    let message =
                        format!("both sides of `??` must be alike, these are {} and {}", shown.0, shown.1);
                    self.error(at, Code::TypeMismatch, message).1
                }
            };
        }
        (Expr::Coalesce(lowered), ty)
    }

    pub fn variable(&mut self, name: &str, at: Span) -> Typed {
        if let Some((index, ty)) = self.local(name) {
            return (Expr::Local(index), ty);
        }
        if let Some(part) = self.item_part(name, at) {
            return part;
        }
        if let Some(owner) = self.constant_owner(name) {
            return self.constant_value(owner, name, at);
        }
        let define = self.defines.iter().position(|define| define.name == name);
        let fact = self.catalogue.find(name, self.kind);
        let axis = Axis::ALL.into_iter().find(|axis| axis.as_str() == name);
        let is_points = self.kind.is_of_leads() && (axis.is_some() || name == "total");
        if self.frame.in_function {
            let message = format!("`{name}` can't be read inside a function");
            let visible =
                define.is_some() || fact.is_some() || is_points || matches!(name, "icp" | "contacts");
            return if visible {
                let help = "a function sees its arguments only: hand the value over in the call";
                self.error_with(at, Code::Misplaced, message, help)
            } else {
                self.unknown_name(name, at)
            };
        }
        if let Some(index) = define {
            self.defines[index].used = true;
            for leaf in self.define_formulas[index].leaves.clone() {
                self.mention(leaf);
            }
            self.reach(at, self.define_formulas[index].depth);
            return (Expr::Define(index), self.defines[index].ty.clone());
        }
        if let Some(index) = fact {
            let fact = &self.catalogue.facts[index];
            let ty = fact.ty.clone();
            return (self.leaf(name, LeafKind::Fact(index, fact.source.clone())), ty);
        }
        if is_points {
            if self.grading {
                return (Expr::Points(axis), Type::Number);
            }
            let message = format!("`{name}` is known only when all rules have been counted");
            return self.error_with(at, Code::Misplaced, message, "read it in `grade` and `cap_grade`");
        }
        if name == "icp" && self.kind.is_of_leads() {
            return (Expr::Nothing, Type::Icp);
        }
        if name == "activities" && self.kind.is_of_leads() && !self.frame.in_function {
            return (Expr::Nothing, Type::Activity(None));
        }
        self.unknown_name(name, at)
    }

    fn unknown_name(&mut self, name: &str, at: Span) -> Typed {
        if self.frame.unit.would_define(name) {
            return (Expr::Nothing, Type::Wrong);
        }
        let sees_it = |kind: &ScriptKind| self.catalogue.find(name, *kind).is_some();
        if let Some(kind) = ScriptKind::ALL.into_iter().filter(|kind| *kind != self.kind).find(sees_it) {
            let message = format!("`{name}` is a fact of scripts in {}/ only", kind.folder());
            return self.error(at, Code::UnknownName, message);
        }
        if self.frame.item_alias.as_deref() == Some(name) {
            let parts =
                self.frame.item.as_ref().map(|of| self.names_of_item(of)).unwrap_or_default().join(", ");
            let message = format!("say what of `{name}`");
            return self.error_with(at, Code::TypeMismatch, message, format!("its parts are {parts}"));
        }
        let help = self.nearest(name, |c| {
            let locals = c.frame.locals.iter().map(|(local, ..)| local.clone());
            let defines = c.defines.iter().map(|define| define.name.clone());
            let constants = c.frame.unit.constants.keys().map(ToString::to_string);
            let facts = c.catalogue.names(c.kind).filter(|_| !c.frame.in_function).map(str::to_owned);
            let points = ["total", "fit", "engagement"].iter().filter(|_| c.grading).map(ToString::to_string);
            let parts = c.frame.item.as_ref().map(|of| c.names_of_item(of)).unwrap_or_default();
            locals.chain(parts).chain(defines).chain(constants).chain(facts).chain(points).collect()
        });
        let help = help.unwrap_or_else(|| match self.frame.in_function {
            true => "a function sees its arguments only".into(),
            false => "`assay rules facts` lists all facts; further ones are declared in facts.toml".into(),
        });
        self.error_with(at, Code::UnknownName, format!("there is no fact or name `{name}`"), help)
    }

    /// A constant is an expression without facts, lowered where it is used, in the words of its own file.
    pub fn constant_value(&mut self, owner: Rc<Unit>, name: &str, at: Span) -> Typed {
        let Some(value) = owner.constants.get(name).cloned() else {
            return (Expr::Nothing, Type::Wrong);
        };
        let key = format!("{}:{name}", owner.path);
        if self.calling.contains(&key) {
            let message = format!("the constant `{name}` names itself, directly or through others");
            return self.error(at, Code::Recursion, message);
        }
        if self.calling.len() >= MAX_CALL_DEPTH {
            return self.error(
                at,
                Code::TooLarge,
                format!("constants name each other more than {MAX_CALL_DEPTH} deep"),
            );
        }
        self.calling.push(key);
        let unit = std::mem::replace(&mut self.frame.unit, owner);
        let locals = std::mem::take(&mut self.frame.locals);
        let was = (self.frame.in_function, self.frame.in_constant);
        (self.frame.in_function, self.frame.in_constant) = (true, true);
        let typed = self.expr(&value);
        (self.frame.in_function, self.frame.in_constant) = was;
        self.frame.locals = locals;
        self.frame.unit = unit;
        self.calling.pop();
        typed
    }

    /// The file of a constant that is visible by its plain name: this one, or one imported without a name.
    fn constant_owner(&self, name: &str) -> Option<Rc<Unit>> {
        self.frame.unit.visible().find(|unit| unit.constants.contains_key(name)).cloned()
    }

    fn imported_constant(&mut self, alias: &str, name: &str, at: Span) -> Typed {
        let Some(lib) = self.frame.unit.named(alias).cloned() else {
            return self.unknown_import(alias, at);
        };
        if lib.would_define(name) {
            return (Expr::Nothing, Type::Wrong);
        }
        match lib.constants.contains_key(name) {
            true => self.constant_value(lib, name, at),
            false => {
                let help = self.suggest(name, |_| lib.constants.keys().map(ToString::to_string).collect());
                self.error_with(at, Code::UnknownName, format!("{} has no constant `{name}`", lib.path), help)
            }
        }
    }

    pub fn unknown_import(&mut self, alias: &str, at: Span) -> Typed {
        let help = self.suggest(alias, |c| {
            let imports = c.frame.unit.imports.iter();
            imports.filter_map(|import| import.alias.as_ref().map(ToString::to_string)).collect()
        });
        self.error_with(at, Code::UnknownName, format!("nothing is imported as `{alias}`"), help)
    }

    fn binary(&mut self, operator: &str, left: &Ast, right: &Ast, at: Span) -> Typed {
        let comparison = match operator {
            "==" => Some(Comparison::Equal),
            "!=" => Some(Comparison::NotEqual),
            "<" => Some(Comparison::Less),
            "<=" => Some(Comparison::LessOrEqual),
            ">" => Some(Comparison::Greater),
            ">=" => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        if let Some(comparison) = comparison {
            return self.comparison(operator, comparison, left, right, at);
        }
        let arithmetic = match operator {
            "+" => Arithmetic::Add,
            "-" => Arithmetic::Subtract,
            "*" => Arithmetic::Multiply,
            "/" => Arithmetic::Divide,
            "%" => Arithmetic::Remainder,
            "**" => {
                let sides = [left, right].map(|side| self.expect(side, &Type::Number, "each side of `**`"));
                return (Expr::Math(Math::Pow, sides.into(), self.position(at)), Type::Number);
            }
            _ => {
                return self.unsupported(
                    at,
                    &format!("operator `{operator}`"),
                    "use `and`, `or`, `not` for conditions",
                );
            }
        };
        let what = format!("each side of `{operator}`");
        let [(l, lt), (r, rt)] = [self.expr(left), self.expr(right)];
        let is_word = |ty: &Type| ty.is_text() && *ty != Type::Wrong;
        if arithmetic == Arithmetic::Add && (is_word(&lt) || is_word(&rt)) {
            if lt.is_text() && rt.is_text() {
                return (Expr::Joined(vec![l, r], self.position(at)), Type::Text);
            }
            let message = format!("{lt} and {rt} can't be added");
            return self.error_with(
                at,
                Code::TypeMismatch,
                message,
                "write a text in backticks: `…${value}…`",
            );
        }
        self.check_type(left.at, &lt, &Type::Number, &what);
        self.check_type(right.at, &rt, &Type::Number, &what);
        (Expr::Arithmetic(arithmetic, Box::new([l, r]), self.position(at)), Type::Number)
    }

    fn comparison(&mut self, operator: &str, how: Comparison, left: &Ast, right: &Ast, at: Span) -> Typed {
        let ((l, lt), (r, rt)) = (self.expr(left), self.expr(right));
        let equality = match how {
            Comparison::Equal => Some(true),
            Comparison::NotEqual => Some(false),
            _ => None,
        };
        if lt == Type::Wrong || rt == Type::Wrong {
            return (Expr::Nothing, Type::YesNo);
        }
        if lt == Type::Number && rt == Type::Number {
            let sides = Box::new([l, r]);
            return match sides.iter().any(|side| self.counts_items(side)) {
                true => (Expr::CompareCounts(how, sides), Type::YesNo),
                false => (Expr::CompareNumbers(how, sides), Type::YesNo),
            };
        }
        match equality {
            Some(equal) if lt.is_text() && rt.is_text() => {
                let [l, r] = self.as_meant([l, r]);
                self.check_choice(&lt, &r, right.at);
                self.check_choice(&rt, &l, left.at);
                (Expr::Same(equal, Box::new([l, r])), Type::YesNo)
            }
            Some(equal) if lt == Type::YesNo && rt == Type::YesNo => {
                (Expr::Same(equal, Box::new([l, r])), Type::YesNo)
            }
            _ => {
                let message = match equality {
                    None if lt == rt => format!("`{operator}` compares numbers, these are {lt} and {rt}"),
                    _ => format!("{lt} can't be compared with {rt}"),
                };
                let help = match (&lt, &rt) {
                    (Type::Number, t) | (t, Type::Number) if t.is_text() => {
                        "write numbers without quotes".into()
                    }
                    (Type::YesNo, Type::Number) | (Type::Number, Type::YesNo) if equality.is_none() => {
                        "compare twice: low < x and x < high".into()
                    }
                    (Type::YesNo, t) | (t, Type::YesNo) if t.is_text() => {
                        "a yes/no stands by itself: write it alone, or not before it".into()
                    }
                    (Type::Activity(kind), _) | (_, Type::Activity(kind)) => {
                        what_of_activities(kind.as_deref())
                    }
                    (Type::Words, _) | (_, Type::Words) => {
                        "ask whether a word is in the list: \"word\" in list".into()
                    }
                    _ => String::new(),
                };
                self.error_with(at, Code::TypeMismatch, message, help);
                (Expr::Nothing, Type::YesNo)
            }
        }
    }

    fn membership(&mut self, list: &Ast, item: &Ast) -> Typed {
        let (l, i) = (self.expr(list), self.expr(item));
        if let (Expr::Words(words), true) = (&l.0, i.1.is_text()) {
            let words: Vec<Arc<str>> = words.words.iter().map(|w| w.as_str().into()).collect();
            for (place, word) in words.into_iter().enumerate() {
                let at = match &list.node {
                    Node::List(items) => items.get(place).map_or(list.at, |item| item.at),
                    _ => list.at,
                };
                self.check_choice(&i.1, &Expr::Text(word), at);
            }
        }
        self.is_in(i, l, list.at, list.at)
    }

    /// Whether a value is in a list.
    pub fn is_in(&mut self, (item, ty): Typed, (list, list_type): Typed, at: Span, item_at: Span) -> Typed {
        match (&ty, &list_type) {
            (Type::Wrong, _) | (_, Type::Wrong) => return (Expr::Nothing, Type::YesNo),
            (Type::Number, list) if list.is(&Type::Numbers) => {}
            (word, list) if word.is_text() && list.is(&Type::Words) => {}
            (Type::YesNo, Type::List(items)) if **items == Type::YesNo => {}
            (item, list) if list.items().is_some() => {
                self.error(item_at, Code::TypeMismatch, format!("{item} can't be in {list}"));
            }
            _ => {
                let message = format!("what stands after `in` must be a list, this is {list_type}");
                let help = "write the words in brackets: [\"one\", \"two\"]";
                self.error_with(at, Code::TypeMismatch, message, help);
            }
        }
        (Expr::In(Box::new(self.as_meant([item, list]))), Type::YesNo)
    }

    /// Two sides that are compared; what is written out on one is put as the fact on the other has it: a host for an
    /// address, for an alias the word that is meant.
    pub fn as_meant(&self, [left, right]: [Expr; 2]) -> [Expr; 2] {
        let facts = [self.fact_of(&right), self.fact_of(&left)];
        let put = |written: Expr, fact: Option<&str>| match (written, fact) {
            (Expr::Text(word), Some(fact)) => Expr::Text(self.word_as_meant(fact, &word).into()),
            (Expr::Words(list), Some(fact)) => {
                let words = list.words.iter().map(|word| self.word_as_meant(fact, word)).collect();
                Expr::Words(Arc::new(WordList::new(words)))
            }
            (other, _) => other,
        };
        [put(left, facts[0]), put(right, facts[1])]
    }

    /// The fact that an expression is, or whose words it lists.
    pub fn fact_of(&self, expr: &Expr) -> Option<&str> {
        let Expr::Leaf(index) = expr else { return None };
        match &self.leaves.get(*index)?.kind {
            LeafKind::Fact(index, _) => Some(&self.catalogue.facts.get(*index)?.name),
            LeafKind::Icp(field) => field.fact(),
            LeafKind::Activity(..) | LeafKind::Contacts(_) | LeafKind::State(..) | LeafKind::Fold(_) => None,
        }
    }

    pub fn word_as_meant(&self, fact: &str, word: &str) -> String {
        match fact {
            "domain" => host(word),
            fact => self.vocabulary.meant(fact, word).to_owned(),
        }
    }

    /// A word that is compared with a choice must be one of its words.
    pub fn check_choice(&mut self, choice: &Type, word: &Expr, at: Span) {
        if let (Type::Choice(choices), Expr::Text(word)) = (choice, word)
            && !choices.words.iter().any(|known| **known == **word)
        {
            let Choices { of, words } = &**choices;
            let help = self.suggest(word, |_| words.clone());
            self.error_with(at, Code::UnknownWord, format!("\"{word}\" is not a word of {of}"), help);
        }
    }

    /// A number that is written out, for caps, bounds and weights.
    pub fn plain_number(&mut self, ast: &Ast, what: &str) -> Option<f64> {
        let (expr, ty) = self.expr(ast);
        match expr.constant() {
            Some(number) => Some(number),
            None if ty == Type::Wrong => None,
            None => {
                let message = format!("{what} must be a plain number");
                self.error(ast.at, Code::BadValue, message);
                None
            }
        }
    }
}

fn what_of_activities(kind: Option<&str>) -> String {
    let activities = kind.map_or("activities".to_owned(), |kind| format!("activity(\"{kind}\")"));
    format!("say what of it: {activities}.count, .sum, .last_days …")
}
