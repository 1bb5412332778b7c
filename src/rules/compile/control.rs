//! Plain Rhai inside functions and expressions: `let`, `if`, `switch`, `return`.

use super::context::{Context, Typed};
use crate::rules::diagnostics::Code;
use crate::rules::language::types::Type;
use crate::rules::program::{Arithmetic, Case, Expr, Switch};
use crate::rules::syntax::tree::{self, Ast, CaseValue, Foreign, If, Node, Span, Stmt, StmtKind};

impl Context<'_> {
    /// A block's value is that of its last statement.
    pub fn block(&mut self, statements: &[Stmt]) -> Typed {
        self.scoped(|c| {
            let mut lowered = Vec::new();
            let mut ty = Type::Nothing;
            let mut leaves = false;
            for statement in statements.iter().filter(|s| !matches!(s.kind, StmtKind::Nothing)) {
                let (expr, next) = c.statement_in_block(statement);
                leaves |= next == Type::Never;
                ty = next;
                lowered.push(expr);
            }
            let ty = if leaves { Type::Never } else { ty };
            let single = lowered.len() == 1;
            (if single { lowered.remove(0) } else { Expr::Block(lowered) }, ty)
        })
    }

    fn statement_in_block(&mut self, statement: &Stmt) -> Typed {
        let at = statement.at;
        if let StmtKind::Expr(expr) = &statement.kind {
            return self.expr(expr);
        }
        if !self.count_node(at) {
            return (Expr::Nothing, Type::Wrong);
        }
        self.deeper(at, |c| c.statement_at(statement, at))
    }

    fn statement_at(&mut self, statement: &Stmt, at: Span) -> Typed {
        match &statement.kind {
            StmtKind::Expr(expr) => self.expr(expr),
            StmtKind::Let(name, value) | StmtKind::Const(name, value) => {
                let (value, ty) = self.expr(value);
                if !self.frame.in_function && !self.is_free(&name.text) {
                    let message = format!("`{}` already has a meaning in scripts", name.text);
                    self.oversight(name.at, Code::Reserved, message, "give the variable another name");
                }
                if matches!(ty, Type::Nothing | Type::Never) {
                    self.error(name.at, Code::TypeMismatch, format!("`{}` gets no value", name.text));
                }
                let index = self.declare(&name.text, ty);
                (Expr::Set(index, Box::new(value)), Type::Nothing)
            }
            StmtKind::Assign(target, operator, operator_at, value) => {
                self.assignment(target, operator.as_deref(), *operator_at, value)
            }
            StmtKind::Return(value) => {
                if !self.frame.in_function || self.frame.in_constant {
                    return self.error(at, Code::Misplaced, "`return` stands in functions only");
                }
                let Some(value) = value else {
                    return self.error(at, Code::TypeMismatch, "`return` needs a value here");
                };
                let (value, ty) = self.expr(value);
                let before = self.frame.returned.take().unwrap_or(Type::Never);
                let joined = self.join(before, ty, at);
                self.frame.returned = Some(joined);
                (Expr::Return(Box::new(value)), Type::Never)
            }
            StmtKind::While(..) | StmtKind::For(..) | StmtKind::Break | StmtKind::Continue => {
                self.unsupported(at, "loops", "lists are asked with `in`, count_in and contains")
            }
            StmtKind::Import(..) => {
                self.error(at, Code::Misplaced, "`import` stands at the top of a script only")
            }
            StmtKind::Rule(rule) => {
                let help = "statements stand at the top level or in a group";
                self.error_with(
                    at,
                    Code::Misplaced,
                    format!("`{}` can't stand here", rule.shape.keyword),
                    help,
                )
            }
            StmtKind::Foreign(Foreign { what, help }) => self.unsupported(at, what, help),
            StmtKind::Nothing => (Expr::Nothing, Type::Nothing),
        }
    }

    pub fn if_else(&mut self, parts: &If, at: Span) -> Typed {
        let when = self.expect(&parts.condition, &Type::YesNo, "the condition of `if`");
        let (yes, yes_type) = self.block(&parts.then);
        let (no, no_type) = self.block(&parts.otherwise);
        let ty = self.join(yes_type, no_type, at);
        (Expr::If(Box::new([when, yes, no])), ty)
    }

    /// The common type of two ways; one of them may give nothing if the value isn't used.
    fn join(&mut self, a: Type, b: Type, at: Span) -> Type {
        if a == Type::Nothing || b == Type::Nothing {
            return Type::Nothing;
        }
        let shown = (a.to_string(), b.to_string());
        a.join(b).unwrap_or_else(|| {
            let message =
                format!("all ways must give the same kind of value, these give {} and {}", shown.0, shown.1);
            self.error(at, Code::TypeMismatch, message).1
        })
    }

    fn assignment(&mut self, target: &Ast, operator: Option<&str>, operator_at: Span, value: &Ast) -> Typed {
        let at = target.at;
        let Node::Name(name) = &target.node else {
            return self.unsupported(at, "assignment to anything but a variable", "");
        };
        let Some((index, ty)) = self.local(name) else {
            let help = "facts can't be changed; `let` makes a variable";
            return self.error_with(at, Code::UnknownName, format!("there is no variable `{name}`"), help);
        };
        let value_at = value.at;
        let (mut value, value_type) = self.expr(value);
        if let Some(symbol) = operator {
            let arithmetic = match symbol {
                "+" => Arithmetic::Add,
                "-" => Arithmetic::Subtract,
                "*" => Arithmetic::Multiply,
                "/" => Arithmetic::Divide,
                "%" => Arithmetic::Remainder,
                _ => return self.unsupported(operator_at, &format!("operator `{symbol}=`"), ""),
            };
            self.check_type(at, &ty, &Type::Number, &format!("the left of `{symbol}=`"));
            self.check_type(value_at, &value_type, &Type::Number, &format!("the right of `{symbol}=`"));
            let position = self.position(operator_at);
            value = Expr::Arithmetic(arithmetic, Box::new([Expr::Local(index), value]), position);
        } else if value_type != ty
            && !(value_type.is_text() && ty.is_text())
            && value_type != Type::Wrong
            && ty != Type::Wrong
        {
            let message = format!("`{name}` is {ty} and can't become {value_type}");
            return self.error(value_at, Code::TypeMismatch, message);
        }
        (Expr::Set(index, Box::new(value)), Type::Nothing)
    }

    pub fn switch(&mut self, switch: &tree::Switch, at: Span) -> Typed {
        let (subject, subject_type) = self.expr(&switch.subject);
        self.check_reached(switch);
        let mut ty = Type::Never;
        let mut cases = Vec::new();
        for (value, way) in &switch.cases {
            let Some(case) = self.case(value, &subject, &subject_type, at) else { continue };
            let (condition, value) = &switch.ways[*way];
            let when = condition
                .as_ref()
                .map(|condition| self.expect(condition, &Type::YesNo, "the condition of a case"));
            let (value, value_type) = self.expr(value);
            ty = self.join(ty, value_type, at);
            cases.push((case, when, value));
        }
        let default = switch.default.map(|way| {
            let (value, value_type) = self.expr(&switch.ways[way].1);
            ty = self.join(ty.clone(), value_type, at);
            value
        });
        if default.is_none() {
            let help = "add a last case: _ => 0";
            self.error_with(at, Code::MissingOtherwise, "the `switch` has no case for everything else", help);
        }
        (Expr::Switch(Box::new(Switch { subject, cases, default })), ty)
    }

    /// What a case matches, if that is of the subject's type.
    fn case(&mut self, value: &CaseValue, subject: &Expr, subject_type: &Type, at: Span) -> Option<Case> {
        let (case, fits) = match value {
            CaseValue::Text(text) => {
                let text = match self.fact_of(subject) {
                    Some(fact) => self.word_as_meant(fact, text),
                    None => text.clone(),
                };
                self.check_choice(subject_type, &Expr::Text(text.as_str().into()), at);
                (Case::Text(text), subject_type.is_text())
            }
            CaseValue::Number(number) => (Case::Number(*number), subject_type.is(&Type::Number)),
            CaseValue::YesNo(yes) => (Case::YesNo(*yes), subject_type.is(&Type::YesNo)),
            CaseValue::Range(from, to, inclusive) => {
                self.check_type(at, subject_type, &Type::Number, "what a range looks at");
                return Some(Case::Range { from: *from, to: *to, inclusive: *inclusive });
            }
            CaseValue::Other => {
                _ = self.unsupported(at, "`switch` case of this kind", "use words, numbers or ranges");
                return None;
            }
        };
        if !fits {
            let message = format!("`switch` looks at {subject_type}, but there is a case {}", show(&case));
            self.error(at, Code::TypeMismatch, message);
            return None;
        }
        Some(case)
    }

    /// Notes cases that are never reached: of an empty range, or a second one for the same value unless the first has
    /// a condition.
    fn check_reached(&mut self, switch: &tree::Switch) {
        for (i, (value, way)) in switch.cases.iter().enumerate() {
            let place = switch.ways[*way].1.at;
            if value.is_empty() {
                let message = "no number is in the range of this case".to_owned();
                self.oversight(place, Code::BadValue, message, "the smaller number stands first");
            }
            let always = |way: &usize| switch.ways[*way].0.is_none();
            let mut same = switch.cases[..i].iter().filter(|(before, way)| before == value && always(way));
            // Of three the third is told of too; of ranges none, since Rhai keeps only one of the same.
            if same.next().is_some() && !matches!(value, CaseValue::Range(..)) {
                let message = "this case is never reached: the same stands before it".to_owned();
                self.oversight(place, Code::Duplicate, message, "remove one of them");
            }
        }
    }

    /// The body of a function, whose value is what it returns.
    pub fn function_body(&mut self, body: &[Stmt], end: Span) -> Typed {
        let (expr, ty) = self.block(body);
        let returned = self.frame.returned.take();
        let ty = match returned {
            None => ty,
            Some(returned) => self.join(returned, ty, end),
        };
        (expr, ty)
    }
}

fn show(case: &Case) -> String {
    match case {
        Case::Number(number) => number.to_string(),
        Case::Range { from, to, .. } => format!("{from}..{to}"),
        Case::Text(text) => format!("\"{text}\""),
        Case::YesNo(yes) => yes.to_string(),
    }
}
