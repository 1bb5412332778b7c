//! Plain Rhai inside functions and expressions: `let`, assignment, `if`, `switch`, loops, `return`.

use super::context::{Context, Typed};
use crate::rules::diagnostics::Code;
use crate::rules::language::types::Type;
use crate::rules::program::{Arithmetic, BranchKind, Case, Expr, Loop, LoopOver, Switch};
use crate::rules::syntax::tree::{self, Ast, CaseValue, Foreign, If, Node, Span, Stmt, StmtKind, Word};

/// A part of a variable that gets another value.
enum Part<'a> {
    Item(&'a Ast),
    Field(&'a Word),
}

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
                if self.frame.in_closure {
                    let help = "end it with the value, without a semicolon";
                    return self.error_with(at, Code::Misplaced, "a closure can't `return`", help);
                }
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
            StmtKind::While(condition, body) => {
                let condition = condition
                    .as_ref()
                    .map(|condition| self.expect(condition, &Type::YesNo, "the condition of `while`"));
                let body = self.loop_body(body);
                (Expr::Loop(Box::new(Loop { over: LoopOver::While(condition), body })), Type::Nothing)
            }
            StmtKind::For(item, place, over, body) => self.for_loop(item, place.as_ref(), over, body),
            StmtKind::Break => (Expr::Break, Type::Never),
            StmtKind::Continue => (Expr::Continue, Type::Never),
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

    /// What a loop does has no value.
    fn loop_body(&mut self, body: &[Stmt]) -> Expr {
        self.block(body).0
    }

    fn for_loop(&mut self, item: &Word, place: Option<&Word>, over: &Ast, body: &[Stmt]) -> Typed {
        enum Over {
            List(Expr),
            Range(Expr, Expr, bool),
        }
        let numbers = |c: &mut Self, from: &Ast, to: &Ast| {
            [from, to].map(|end| c.expect(end, &Type::Number, "each end of a range"))
        };
        let (over, items) = match &over.node {
            Node::Range(ends, inclusive) => {
                let [from, to] = numbers(self, &ends[0], &ends[1]);
                (Over::Range(from, to, *inclusive), Type::Number)
            }
            Node::Call(call) if call.name == "range" && call.args.len() == 2 => {
                let [from, to] = numbers(self, &call.args[0], &call.args[1]);
                (Over::Range(from, to, false), Type::Number)
            }
            _ => {
                let (list, ty) = self.expr(over);
                let Some(items) = ty.items() else {
                    let help = match ty {
                        Type::Contacts | Type::Activity(_) => {
                            "ask them: contacts.where(…).count, activities.sum(…) …"
                        }
                        _ => "",
                    };
                    let message = format!("`for` goes through a list or a range, this is {ty}");
                    return self.error_with(over.at, Code::TypeMismatch, message, help);
                };
                (Over::List(list), items)
            }
        };
        self.scoped(|c| {
            let item = c.declare(&item.text, items);
            let place = place.map(|place| c.declare(&place.text, Type::Number));
            let body = c.loop_body(body);
            let over = match over {
                Over::List(list) => LoopOver::List(list, item, place),
                Over::Range(from, to, inclusive) => LoopOver::Range { from, to, inclusive, item, place },
            };
            (Expr::Loop(Box::new(Loop { over, body })), Type::Nothing)
        })
    }

    pub fn if_else(&mut self, parts: &If, at: Span) -> Typed {
        let when = self.expect(&parts.condition, &Type::YesNo, "the condition of `if`");
        let (yes, yes_type) = self.way(&parts.then);
        let (no, no_type) = self.way(&parts.otherwise);
        let ty = self.join(yes_type, no_type, at);
        (Expr::If(Box::new([when, yes, no])), ty)
    }

    /// A way of `if`; there may be none behind `else`.
    fn way(&mut self, statements: &[Stmt]) -> Typed {
        let (block, ty) = self.block(statements);
        let whole = |statement: &Stmt| match &statement.kind {
            StmtKind::Expr(expr) => expr.whole,
            _ => statement.at,
        };
        match statements.iter().map(whole).reduce(Span::to) {
            Some(at) => (self.watched(BranchKind::Way, at, block), ty),
            None => (block, ty),
        }
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

    /// A variable gets another value, or its list or object map another item.
    fn assignment(&mut self, target: &Ast, operator: Option<&str>, operator_at: Span, value: &Ast) -> Typed {
        let at = target.at;
        let part = match &target.node {
            Node::Name(name) => (name, None),
            Node::Index(sides) => match &sides[0].node {
                Node::Name(name) => (name, Some(Part::Item(&sides[1]))),
                _ => return self.unsupported(at, "assignment to items within items", ""),
            },
            Node::Member(member) => match &member.object.node {
                Node::Name(name) if member.args.is_none() => (name, Some(Part::Field(&member.name))),
                _ => return self.unsupported(at, "assignment to parts of parts", ""),
            },
            _ => return self.unsupported(at, "assignment to anything but a variable", ""),
        };
        let (name, part) = part;
        let Some((variable, ty)) = self.local(name) else {
            let help = "facts can't be changed; `let` makes a variable";
            return self.error_with(at, Code::UnknownName, format!("there is no variable `{name}`"), help);
        };
        let Some(part) = part else {
            let assigned = self.assigned(Expr::Local(variable), &ty, operator, operator_at, value);
            let Some((value, value_type)) = assigned else { return (Expr::Nothing, Type::Nothing) };
            if ty == Type::EmptyList {
                self.refine(variable, value_type);
            }
            return (Expr::Set(variable, Box::new(value)), Type::Nothing);
        };
        let found = match (part, &ty) {
            (Part::Field(field), Type::Record(fields)) => {
                let fields = fields.clone();
                self.field(&fields, &field.text, field.at).map(|(place, ty)| (Expr::Number(place as f64), ty))
            }
            (Part::Item(Ast { node: Node::Text(field), at, .. }), Type::Record(fields)) => {
                let fields = fields.clone();
                self.field(&fields, field, *at).map(|(place, ty)| (Expr::Number(place as f64), ty))
            }
            (Part::Item(place), ty) if ty.items().is_some() => {
                let items = ty.items();
                let place = self.expect(place, &Type::Number, "the place in a list");
                items.map(|items| (place, items))
            }
            _ => {
                self.error(at, Code::TypeMismatch, format!("{ty} has no parts that could be changed"));
                None
            }
        };
        let Some((place, part_type)) = found else { return (Expr::Nothing, Type::Nothing) };
        let before = match (&place, &target.node) {
            // A place that is more than a number would be evaluated twice.
            _ if operator.is_none() => Expr::Nothing,
            (Expr::Number(place), Node::Member(_)) => {
                Expr::Field(Box::new(Expr::Local(variable)), *place as usize)
            }
            (Expr::Number(place), _) => {
                let sides = Box::new([Expr::Local(variable), Expr::Number(*place)]);
                Expr::Element(sides, self.position(at))
            }
            (Expr::Local(place), _) => {
                let sides = Box::new([Expr::Local(variable), Expr::Local(*place)]);
                Expr::Element(sides, self.position(at))
            }
            _ => {
                let help = "put the place into a variable first";
                return self.error_with(at, Code::Unsupported, "this place can't be changed so", help);
            }
        };
        let assigned = self.assigned(before, &part_type, operator, operator_at, value);
        let Some((value, _)) = assigned else { return (Expr::Nothing, Type::Nothing) };
        let parts = Box::new([Expr::Local(variable), place, value]);
        let replaced = Expr::Replaced(parts, self.position(at));
        (Expr::Set(variable, Box::new(replaced)), Type::Nothing)
    }

    /// What a variable or a part of it gets, of the type that it has.
    fn assigned(
        &mut self,
        before: Expr,
        ty: &Type,
        operator: Option<&str>,
        operator_at: Span,
        value: &Ast,
    ) -> Option<Typed> {
        let value_at = value.at;
        let (value, value_type) = self.expr(value);
        let Some(symbol) = operator else {
            let shown = value_type.to_string();
            let joined = ty.clone().join(value_type);
            if joined.is_none() || matches!(joined, Some(Type::Nothing)) {
                self.error(value_at, Code::TypeMismatch, format!("this is {ty} and can't become {shown}"));
            }
            return joined.map(|joined| (value, joined));
        };
        let arithmetic = match symbol {
            "+" if ty.is_text() && value_type.is_text() && *ty != Type::Wrong => {
                return Some((Expr::Joined(vec![before, value], self.position(operator_at)), Type::Text));
            }
            "+" if ty.items().is_some() && *ty != Type::Wrong => {
                let help = "write list.push(item)";
                self.error_with(
                    operator_at,
                    Code::TypeMismatch,
                    "nothing can be added to a list by +=",
                    help,
                );
                return None;
            }
            "+" => Arithmetic::Add,
            "-" => Arithmetic::Subtract,
            "*" => Arithmetic::Multiply,
            "/" => Arithmetic::Divide,
            "%" => Arithmetic::Remainder,
            _ => {
                self.unsupported(operator_at, &format!("operator `{symbol}=`"), "");
                return None;
            }
        };
        self.check_type(operator_at, ty, &Type::Number, &format!("the left of `{symbol}=`"));
        self.check_type(value_at, &value_type, &Type::Number, &format!("the right of `{symbol}=`"));
        let position = self.position(operator_at);
        Some((Expr::Arithmetic(arithmetic, Box::new([before, value]), position), Type::Number))
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
            let value_at = value.whole;
            let (value, value_type) = self.expr(value);
            ty = self.join(ty, value_type, at);
            cases.push((case, when, self.watched(BranchKind::Way, value_at, value)));
        }
        let default = switch.default.map(|way| {
            let way = &switch.ways[way].1;
            let (value, value_type) = self.expr(way);
            ty = self.join(ty.clone(), value_type, at);
            self.watched(BranchKind::Way, way.whole, value)
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
