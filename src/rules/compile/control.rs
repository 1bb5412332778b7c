//! Plain Rhai inside functions and expressions: `let`, `if`, `switch`, `return`.

use rhai::{BinaryExpr, Expr as Ast, RangeCase, Stmt, SwitchCasesCollection};

use super::context::{Context, Typed};
use crate::rules::diagnostics::Code;
use crate::rules::language::types::Type;
use crate::rules::program::{Arithmetic, Case, Expr, Switch};

impl Context<'_> {
    /// A block's value is that of its last statement.
    pub fn block(&mut self, statements: &[Stmt]) -> Typed {
        self.scoped(|c| {
            let mut lowered = Vec::new();
            let mut ty = Type::Nothing;
            let mut leaves = false;
            for statement in statements.iter().filter(|s| !matches!(s, Stmt::Noop(_))) {
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
        let at = statement.position();
        if !self.count_node(at) {
            return (Expr::Nothing, Type::Wrong);
        }
        self.deeper(at, |c| c.statement_at(statement, at))
    }

    fn statement_at(&mut self, statement: &Stmt, at: rhai::Position) -> Typed {
        match statement {
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::FnCall(call, at) => {
                let call = Ast::FnCall(call.clone(), *at);
                self.expr(&call)
            }
            Stmt::Block(block) => self.block(block.statements()),
            Stmt::If(flow, _) => {
                let when = self.expect(&flow.expr, &Type::YesNo, "the condition of `if`");
                let (yes, yes_type) = self.block(flow.body.statements());
                let (no, no_type) = self.block(flow.branch.statements());
                let ty = self.join(yes_type, no_type, at);
                (Expr::If(Box::new([when, yes, no])), ty)
            }
            Stmt::Switch(switch, _) => self.switch(&switch.0, &switch.1, at),
            Stmt::Var(variable, ..) => {
                let (name, value, _) = &**variable;
                let (value, ty) = self.expr(value);
                if !self.frame.in_function && !self.is_free(&name.name) {
                    let message = format!("`{}` already has a meaning in scripts", name.name);
                    self.oversight(name.pos, Code::Reserved, message, "give the variable another name");
                }
                if matches!(ty, Type::Nothing | Type::Never) {
                    self.error(name.pos, Code::TypeMismatch, format!("`{}` gets no value", name.name));
                }
                let index = self.declare(&name.name, ty);
                (Expr::Set(index, Box::new(value)), Type::Nothing)
            }
            Stmt::Assignment(assignment) => self.assignment(&assignment.0, &assignment.1),
            Stmt::Return(value, flags, _) if !flags.intersects(rhai::ASTFlags::BREAK) => {
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
            Stmt::While(..) | Stmt::Do(..) | Stmt::For(..) | Stmt::BreakLoop(..) => {
                self.unsupported(at, "loops", "lists are asked with `in`, count_in and contains")
            }
            Stmt::TryCatch(..) | Stmt::Return(..) => {
                self.unsupported(at, "`try` and `throw`", "an error in a rule is reported with its place")
            }
            Stmt::Import(..) | Stmt::Export(..) => {
                self.error(at, Code::Misplaced, "`import` stands at the top of a script only")
            }
            _ => self.unsupported(at, "this statement", ""),
        }
    }

    /// The common type of two ways; one of them may give nothing if the value isn't used.
    fn join(&mut self, a: Type, b: Type, at: rhai::Position) -> Type {
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

    fn assignment(&mut self, operator: &rhai::OpAssignment, sides: &BinaryExpr) -> Typed {
        let at = sides.lhs.position();
        let Ast::Variable(variable, ..) = &sides.lhs else {
            return self.unsupported(at, "assignment to anything but a variable", "");
        };
        let name = &variable.1;
        let Some((index, ty)) = self.local(name) else {
            let help = "facts can't be changed; `let` makes a variable";
            return self.error_with(at, Code::UnknownName, format!("there is no variable `{name}`"), help);
        };
        let (mut value, value_type) = self.expr(&sides.rhs);
        let symbol = operator.get_op_assignment_info().map(|info| info.5);
        if let Some(symbol) = symbol {
            let arithmetic = match symbol {
                "+" => Arithmetic::Add,
                "-" => Arithmetic::Subtract,
                "*" => Arithmetic::Multiply,
                "/" => Arithmetic::Divide,
                "%" => Arithmetic::Remainder,
                _ => return self.unsupported(operator.position(), &format!("operator `{symbol}=`"), ""),
            };
            self.check_type(at, &ty, &Type::Number, &format!("the left of `{symbol}=`"));
            self.check_type(
                sides.rhs.position(),
                &value_type,
                &Type::Number,
                &format!("the right of `{symbol}=`"),
            );
            let position = self.position(operator.position());
            value = Expr::Arithmetic(arithmetic, Box::new([Expr::Local(index), value]), position);
        } else if value_type != ty
            && !(value_type.is_text() && ty.is_text())
            && value_type != Type::Wrong
            && ty != Type::Wrong
        {
            let message = format!("`{name}` is {ty} and can't become {value_type}");
            return self.error(sides.rhs.position(), Code::TypeMismatch, message);
        }
        (Expr::Set(index, Box::new(value)), Type::Nothing)
    }

    fn switch(&mut self, subject: &Ast, cases: &SwitchCasesCollection, at: rhai::Position) -> Typed {
        let (subject_expr, subject_type) = self.expr(subject);
        let mut ty = Type::Never;
        let mut lowered: Vec<(usize, Case, Option<Expr>, Expr)> = Vec::new();
        let mut values: Vec<(Vec<usize>, rhai::Dynamic)> =
            cases.cases.values().map(|list| (list.blocks.to_vec(), list.value.clone())).collect();
        // Rhai keeps cases in a hash map; the places of their blocks give the order of the script back.
        values.sort_by_key(|(blocks, _)| blocks.first().copied());
        for (blocks, value) in &values {
            self.reached(blocks, value, cases);
        }
        // Ranges stand among the values too, but for looking up they are kept apart.
        for (blocks, value) in values.iter().filter(|(_, value)| empty_range(value).is_none()) {
            let case = if let Ok(text) = value.clone().into_string() {
                let text = match self.fact_of(&subject_expr) {
                    Some(fact) => self.word_as_meant(fact, &text),
                    None => text,
                };
                self.check_choice(&subject_type, &Expr::Text(text.as_str().into()), at);
                Some((Case::Text(text), subject_type.is_text()))
            } else if let Ok(number) = value.as_int() {
                Some((Case::Number(number as f64), subject_type.is(&Type::Number)))
            } else if let Ok(number) = value.as_float() {
                Some((Case::Number(number), subject_type.is(&Type::Number)))
            } else if let Ok(yes) = value.as_bool() {
                Some((Case::YesNo(yes), subject_type.is(&Type::YesNo)))
            } else {
                None
            };
            match case {
                Some((case, true)) => {
                    for block in blocks {
                        self.case(*block, case.clone(), cases, &mut ty, at, &mut lowered);
                    }
                }
                Some((case, false)) => {
                    let message =
                        format!("`switch` looks at {subject_type}, but there is a case {}", show(&case));
                    self.error(at, Code::TypeMismatch, message);
                }
                None => {
                    _ = self.unsupported(at, "`switch` case of this kind", "use words, numbers or ranges")
                }
            }
        }
        for range in &cases.ranges {
            let (from, to, inclusive, block) = match range {
                RangeCase::ExclusiveInt(range, block) => (range.start, range.end, false, *block),
                RangeCase::InclusiveInt(range, block) => (*range.start(), *range.end(), true, *block),
            };
            self.check_type(at, &subject_type, &Type::Number, "what a range looks at");
            let case = Case::Range { from: from as f64, to: to as f64, inclusive };
            self.case(block, case, cases, &mut ty, at, &mut lowered);
        }
        lowered.sort_by_key(|(block, ..)| *block);
        let default = cases.def_case.map(|block| {
            let (value, value_type) = self.expr(&cases.expressions[block].rhs);
            ty = self.join(ty.clone(), value_type, at);
            value
        });
        if default.is_none() {
            let help = "add a last case: _ => 0";
            self.error_with(at, Code::MissingOtherwise, "the `switch` has no case for everything else", help);
        }
        let cases = lowered.into_iter().map(|(_, case, when, value)| (case, when, value)).collect();
        (Expr::Switch(Box::new(Switch { subject: subject_expr, cases, default })), ty)
    }

    /// Notes a case that is never reached: of an empty range, or a second one for the same value unless the first
    /// has a condition.
    fn reached(&mut self, blocks: &[usize], value: &rhai::Dynamic, cases: &SwitchCasesCollection) {
        let place = |block: usize| cases.expressions[block].rhs.position();
        if empty_range(value) == Some(true) {
            let message = "no number is in the range of this case".to_owned();
            self.oversight(place(blocks[0]), Code::BadValue, message, "the smaller number stands first");
        }
        let always = |block: &usize| matches!(cases.expressions[*block].lhs, Ast::BoolConstant(true, _));
        if let Some(first) = blocks.iter().position(always)
            && let Some(second) = blocks.get(first + 1)
        {
            let message = "this case is never reached: the same stands before it".to_owned();
            self.oversight(place(*second), Code::Duplicate, message, "remove one of them");
        }
    }

    fn case(
        &mut self,
        block: usize,
        case: Case,
        cases: &SwitchCasesCollection,
        ty: &mut Type,
        at: rhai::Position,
        lowered: &mut Vec<(usize, Case, Option<Expr>, Expr)>,
    ) {
        let BinaryExpr { lhs, rhs } = &cases.expressions[block];
        let when = match lhs {
            Ast::BoolConstant(true, _) => None,
            condition => Some(self.expect(condition, &Type::YesNo, "the condition of a case")),
        };
        let (value, value_type) = self.expr(rhs);
        *ty = self.join(ty.clone(), value_type, at);
        lowered.push((block, case, when, value));
    }

    /// The body of a function, whose value is what it returns.
    pub fn function_body(&mut self, body: &[Stmt], end: rhai::Position) -> Typed {
        let (expr, ty) = self.block(body);
        let returned = self.frame.returned.take();
        let ty = match returned {
            None => ty,
            Some(returned) => self.join(returned, ty, end),
        };
        (expr, ty)
    }
}

/// Whether no number is in a range; `None` if the value is no range.
fn empty_range(value: &rhai::Dynamic) -> Option<bool> {
    let exclusive = value.read_lock::<std::ops::Range<i64>>().map(|range| range.is_empty());
    exclusive.or_else(|| value.read_lock::<std::ops::RangeInclusive<i64>>().map(|range| range.is_empty()))
}

fn show(case: &Case) -> String {
    match case {
        Case::Number(number) => number.to_string(),
        Case::Range { from, to, .. } => format!("{from}..{to}"),
        Case::Text(text) => format!("\"{text}\""),
        Case::YesNo(yes) => yes.to_string(),
    }
}
