//! Calls of functions: the host's, and the script's own, which are checked for the arguments they get.

use std::rc::Rc;
use std::sync::Arc;

use crate::rules::syntax::tree::{Ast, Call, Function, Node, Span};

use super::LIB;
use super::context::{Context, Frame, Instance, Typed};
use super::unit::Unit;
use crate::rules::diagnostics::Code;
use crate::rules::language::catalogue::FactSource;
use crate::rules::language::functions::{Does, FUNCTIONS, HostFunction, host_function};
use crate::rules::language::texts::Pattern;
use crate::rules::language::types::Type;
use crate::rules::program;
use crate::rules::program::{Expr, LeafKind};
use crate::rules::source::table::KeyKind;

/// The deepest nesting of calls.
pub const MAX_CALL_DEPTH: usize = 16;
/// The most functions of a script, counted once for each kind of arguments.
const MAX_INSTANCES: usize = 500;

impl Context<'_> {
    pub fn call(&mut self, call: &Call, at: Span) -> Typed {
        let Call { alias, name, args } = call;
        if let Some(alias) = alias {
            return match self.frame.unit.named(alias).cloned() {
                Some(lib) => self.script_call(lib, name, args, at),
                None => self.unknown_import(alias, at),
            };
        }
        match host_function(name) {
            Some(function) => self.host_call(function, args, at),
            None => {
                let unit = self.frame.unit.clone();
                self.script_call(unit, name, args, at)
            }
        }
    }

    fn host_call(&mut self, function: &HostFunction, args: &[Ast], at: Span) -> Typed {
        match (function.does, args) {
            (Does::Activity, args) => self.activity(args, at),
            (Does::Known, [Ast { node: Node::Text(name), .. }]) => {
                let help = format!("write the name without quotes: known({name})");
                self.error_with(at, Code::TypeMismatch, "known() asks of a fact, this is a text", help)
            }
            (Does::Known, [Ast { node: Node::Number(_) | Node::NotANumber(_) | Node::YesNo(_), .. }]) => {
                self.error(at, Code::TypeMismatch, "known() asks of a fact, this is always known")
            }
            (Does::Known, [inner]) => {
                let (inner, ty) = self.expr(inner);
                // What is known of the contacts or the profile as a whole is asked by a fact.
                if matches!(ty, Type::Activity(_) | Type::Icp | Type::Nothing | Type::Never) {
                    let message = format!("known() asks of a fact, this is {ty}");
                    return self.error(at, Code::TypeMismatch, message);
                }
                (Expr::Known(Box::new(inner)), Type::YesNo)
            }
            (Does::State(state), [fact]) => {
                let (fact, ty) = self.expr(fact);
                let of = match fact {
                    Expr::Leaf(leaf) => Some(&self.leaves[leaf].kind),
                    _ => None,
                };
                match of {
                    Some(LeafKind::Fact(_, FactSource::Attribute(attribute))) => {
                        let kind = LeafKind::State(attribute.clone(), state);
                        (self.leaf(&format!("{}({attribute})", function.name), kind), Type::Number)
                    }
                    _ if matches!(ty, Type::Wrong | Type::Never) => (Expr::Nothing, Type::Wrong),
                    _ => {
                        let message =
                            format!("`{}` asks of an attribute that facts.toml declares", function.name);
                        self.error(at, Code::TypeMismatch, message)
                    }
                }
            }
            (Does::DaysSince, [date]) => (self.days_since(function, date), Type::Number),
            (Does::DaysUntil, [date]) => {
                (Expr::Negate(Box::new(self.days_since(function, date))), Type::Number)
            }
            (Does::SizePoints, [employees]) => {
                if self.frame.in_function || !self.kind.is_of_leads() {
                    return self.error(at, Code::Misplaced, "`size_points` can't be asked here");
                }
                let employees = self.expect(employees, &Type::Number, "what size_points looks at");
                (Expr::SizePoints(Box::new(employees)), Type::Number)
            }
            (Does::PointsOf, [Ast { node: Node::Text(group), at: group_at, .. }]) => {
                self.points_of(group, at, *group_at)
            }
            (Does::Lookup, [Ast { node: Node::Text(table), at: table_at, .. }, keys @ ..])
                if !keys.is_empty() =>
            {
                self.lookup(table, *table_at, keys, at)
            }
            (Does::IsFreeMail, [text]) => {
                let text = self.expect(text, &Type::Text, "what is_free_mail looks at");
                (Expr::TextFits(Arc::new(Pattern::FreeMail), Box::new(text)), Type::YesNo)
            }
            (Does::Math(math, least, most), args) if (least..=most).contains(&args.len()) => {
                let what = format!("what `{}` takes", function.name);
                let args = args.iter().map(|arg| self.expect(arg, &Type::Number, &what)).collect();
                (Expr::Math(math, args, self.position(at)), Type::Number)
            }
            _ => {
                let message = format!("`{}` is written {}", function.name, function.written);
                self.error(at, Code::TypeMismatch, message)
            }
        }
    }

    fn lookup(&mut self, named: &str, named_at: Span, keys: &[Ast], at: Span) -> Typed {
        let (name, column) =
            named.split_once('.').map_or((named, None), |(name, column)| (name, Some(column)));
        let Some(table) = self.tables.get(name).cloned() else {
            let help = self.suggest(name, |c| c.tables.keys().cloned().collect());
            let message = format!("there is no table tables/{name}.csv");
            return self.error_with(named_at, Code::UnknownWord, message, help);
        };
        // What is wrong with a table is told at its place, once.
        let Some(table) = table else { return (Expr::Nothing, Type::Wrong) };
        let names: Vec<String> = table.values.iter().map(|column| column.name.clone()).collect();
        let column = match column {
            None if names.len() == 1 => 0,
            None => {
                let help = format!("say which: lookup(\"{name}.{}\", …)", names[0]);
                let message = format!("the table {name} has {} columns of values", names.len());
                return self.error_with(named_at, Code::TypeMismatch, message, help);
            }
            Some(column) => match names.iter().position(|known| known == column) {
                Some(place) => place,
                None => {
                    let help = self.suggest(column, |_| names);
                    let message = format!("the table {name} has no values `{column}`");
                    return self.error_with(named_at, Code::UnknownWord, message, help);
                }
            },
        };
        if keys.len() != table.keys.len() {
            let wanted: Vec<&str> = table.keys.iter().map(|key| key.name.as_str()).collect();
            let message = format!("the table {name} is looked up by {}", wanted.join(", "));
            return self.error(at, Code::TypeMismatch, message);
        }
        let sought = keys.iter().zip(&table.keys).map(|(key, of)| {
            let what = format!("the key {} of the table {name}", of.name);
            match of.kind {
                KeyKind::Text => self.expect(key, &Type::Text, &what),
                KeyKind::Range => self.expect(key, &Type::Number, &what),
            }
        });
        let sought = sought.collect();
        let ty = table.values[column].ty.clone();
        (Expr::Lookup(table, column, sought), ty)
    }

    fn points_of(&mut self, group: &str, at: Span, group_at: Span) -> Typed {
        if !self.grading {
            let message = "the points of a group are known only when all rules have been counted";
            return self.error_with(at, Code::Misplaced, message, "read them in `grade` and `cap_grade`");
        }
        match self.groups.iter().position(|known| &**known == group) {
            Some(index) => (Expr::GroupPoints(index), Type::Number),
            None => {
                let help = self.suggest(group, |c| c.groups.iter().map(ToString::to_string).collect());
                let message = format!("there is no group \"{group}\" above");
                self.error_with(group_at, Code::UnknownWord, message, help)
            }
        }
    }

    fn days_since(&mut self, function: &HostFunction, date: &Ast) -> Expr {
        let date = self.expect(date, &Type::Date, &format!("what {} looks at", function.name));
        Expr::DaysSince(Box::new(date))
    }

    fn script_call(&mut self, unit: Rc<Unit>, name: &str, args: &[Ast], at: Span) -> Typed {
        let typed: Vec<Typed> = args.iter().map(|arg| self.expr(arg)).collect();
        let own = unit.visible();
        let key = (name.to_owned(), args.len());
        let found = own.clone().find_map(|unit| unit.functions.get(&key).map(|f| (unit.clone(), f.clone())));
        if found.is_none() && unit.would_define(name) {
            return (Expr::Nothing, Type::Wrong);
        }
        let Some((home, function)) = found else {
            if own.clone().any(|unit| unit.functions.keys().any(|(known, _)| known == name)) {
                let message = format!(
                    "`{name}` does not take {} argument{}",
                    args.len(),
                    if args.len() == 1 { "" } else { "s" }
                );
                return self.error(at, Code::TypeMismatch, message);
            }
            let names = |_: &Self| {
                let host = FUNCTIONS.iter().map(|function| function.name);
                let own = own.flat_map(|unit| unit.functions.keys().map(|(name, _)| name.clone()));
                own.chain(host.map(str::to_owned)).collect()
            };
            let help = self.nearest(name, names);
            let help =
                help.unwrap_or_else(|| "functions are defined in the script or imported from lib/".into());
            return self.error_with(at, Code::UnknownName, format!("there is no function `{name}`"), help);
        };
        self.called.insert(function_key(&home, name, args.len()));
        let (args, types): (Vec<Expr>, Vec<Type>) = typed.into_iter().unzip();
        if types.contains(&Type::Never) {
            return self.error(at, Code::TypeMismatch, "an argument that returns has no value");
        }
        if types.contains(&Type::Wrong) {
            return (Expr::Nothing, Type::Wrong);
        }
        let Some(instance) = self.instance(home, &function, types, at) else {
            return (Expr::Nothing, Type::Wrong);
        };
        for leaf in instance.leaves {
            self.mention(leaf);
        }
        self.reach(at, instance.depth);
        (Expr::Call(instance.index, args, self.position(at)), instance.ty)
    }

    /// The function for arguments of these types, lowered once.
    fn instance(
        &mut self,
        home: Rc<Unit>,
        function: &Function,
        types: Vec<Type>,
        at: Span,
    ) -> Option<Instance> {
        let key = function_key(&home, &function.name, types.len());
        if let Some(known) = self.instances.iter().find(|known| known.key == key && known.types == types) {
            return Some(known.clone());
        }
        if self.calling.contains(&key) {
            let message = format!("`{}` calls itself, directly or through others", function.name);
            self.error(at, Code::Recursion, message);
            return None;
        }
        if self.calling.len() == MAX_CALL_DEPTH {
            self.error(
                at,
                Code::TooLarge,
                format!("functions call each other more than {MAX_CALL_DEPTH} deep"),
            );
            return None;
        }
        if self.instances.len() == MAX_INSTANCES {
            self.error(at, Code::TooLarge, format!("the script uses more than {MAX_INSTANCES} functions"));
            return None;
        }
        self.calling.push(key.clone());
        let lowered = self.in_frame(Frame::new(home, true), |c| {
            for (param, ty) in function.params.iter().zip(&types) {
                c.declare(param, ty.clone());
            }
            let (expr, ty) = c.function_body(&function.body, function.end);
            if ty == Type::Nothing {
                let help = "end it with the value, without a semicolon; `if` needs its `else`";
                let message = format!("`{}` does not always give a value", function.name);
                return c.error_with(function.end, Code::TypeMismatch, message, help);
            }
            (expr, ty)
        });
        self.calling.pop();
        let ty = if lowered.ty == Type::Never { Type::Wrong } else { lowered.ty };
        let index = self.functions.len();
        let (leaves, depth) = (lowered.leaves, lowered.depth);
        self.functions.push(program::Function {
            name: function.name.to_string(),
            body: lowered.body,
            locals: lowered.locals,
        });
        let instance = Instance { key, types, index, ty, leaves, depth };
        self.instances.push(instance.clone());
        Some(instance)
    }

    /// Checks functions that nothing calls, as far as that is possible without knowing their arguments.
    pub fn check_uncalled(&mut self) {
        let unit = self.unit.clone();
        for ((name, arity), function) in &unit.functions {
            let key = function_key(&unit, name, *arity);
            if self.instances.iter().any(|known| known.key == key) {
                continue;
            }
            let types = vec![Type::Wrong; *arity];
            self.instance(unit.clone(), function, types, function.start);
            if !unit.path.starts_with(LIB) && !self.called.contains(&key) {
                let help = "remove it, or move it to lib/ to share it";
                self.warn(
                    function.start,
                    Code::Unused,
                    format!("the function `{name}` is never called"),
                    help,
                );
            }
        }
    }
}

/// What tells a function from all others of a set.
fn function_key(home: &Unit, name: &str, arity: usize) -> String {
    format!("{}:{name}/{arity}", home.path)
}
