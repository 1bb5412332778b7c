//! Rhai's syntax tree → ours. Rhai says where a part begins; where it ends is found in the text.

use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{
    AST, ASTFlags, ASTNode, CustomExpr, Expr, FnCallExpr, Position, RangeCase, SwitchCasesCollection,
};

use super::parsed::Parsed;
use super::scan::Scan;
use super::tree::{
    Ast, Call, CaseValue, Closure, Foreign, Function, If, Lines, Member, Node, RuleStmt, Span, Stmt,
    StmtKind, Switch, Tree, Word,
};
use crate::rules::language::statements::statement;

/// The tree of a file that Rhai has parsed.
pub fn lower(ast: &AST, lines: &Lines, scan: &Scan) -> Tree {
    let mut bodies = BTreeMap::new();
    for function in ast.iter_fn_def() {
        bodies.insert(function.name.to_string(), (function.params.to_vec(), body_of(ast, function)));
    }
    let lowering = Lowering { lines, scan, bodies };
    let mut functions: Vec<Function> = ast
        .iter_fn_def()
        .filter(|function| !function.name.starts_with(ANONYMOUS))
        .map(|function| Function {
            name: function.name.to_string(),
            of_type: function.this_type.is_some(),
            params: function.params.iter().map(ToString::to_string).collect(),
            body: lowering.statements(&body_of(ast, function)),
            start: lowering.token(function.body.start_position()),
            end: lowering.token(function.body.end_position()),
        })
        .collect();
    functions.sort_by_key(|function| function.start);
    Tree { statements: lowering.statements(ast.statements()), functions }
}

/// How Rhai names functions without one.
const ANONYMOUS: &str = "anon$";

/// The statements of a function. Rhai exports the type of its body but not its name, so it is reached by walking a
/// copy of the tree that holds one function only.
fn body_of(ast: &AST, function: &rhai::ScriptFuncDef) -> Vec<rhai::Stmt> {
    let mut alone = ast.clone_functions_only();
    // Not clone_functions_only_filtered: in rhai 1.27.0 it does not filter.
    alone.retain_functions(|_, _, name, arity| name == function.name && arity == function.params.len());
    let mut body = Vec::new();
    alone.walk(&mut |path| {
        if let [ASTNode::Stmt(statement)] = path {
            body.push((*statement).clone());
        }
        true
    });
    body
}

/// The parameters and the statements of a function.
type Body = (Vec<rhai::ImmutableString>, Vec<rhai::Stmt>);

struct Lowering<'t> {
    lines: &'t Lines,
    scan: &'t Scan,
    bodies: BTreeMap<String, Body>,
}

const LOOPS_THAT_TEST_LAST: Foreign = Foreign { what: "`do` loops", help: "write while condition { … }" };
const ERRORS: Foreign =
    Foreign { what: "`try` and `throw`", help: "an error in a rule is reported with its place" };
const NO_VALUE: Foreign = Foreign { what: "the empty value ()", help: "ask known(fact) for what is unknown" };
const CHARACTERS: Foreign = Foreign { what: "characters in single quotes", help: "use double quotes" };
const OPTIONAL: Foreign = Foreign { what: "`?.` and `?[`", help: "what is unknown stays unknown by itself" };
const THIS: Foreign = Foreign { what: "`this`", help: "hand the value over as an argument" };
const BANG: Foreign = Foreign { what: "calls with `!`", help: "hand the values over as arguments" };
const PATHS: Foreign = Foreign { what: "names with more than one `::`", help: "" };
const EXPRESSION: Foreign = Foreign { what: "this expression", help: "" };
const STATEMENT: Foreign = Foreign { what: "this statement", help: "" };

impl Lowering<'_> {
    /// The word at a place; nothing at the end of the text if Rhai knows of no place.
    fn token(&self, at: Position) -> Span {
        let (Some(line), Some(column)) = (at.line(), at.position()) else {
            let end = self.lines.text().len();
            return Span::new(end, end);
        };
        let start = self.lines.byte(line, column);
        self.scan.token(start).unwrap_or(Span { start, end: start + 1 })
    }

    /// A stretch with the brackets that open right behind it.
    fn with_bracket(&self, before: Span) -> Span {
        self.scan.bracket(before.end).map_or(before, |bracket| before.to(bracket))
    }

    fn statements(&self, statements: &[rhai::Stmt]) -> Vec<Stmt> {
        statements.iter().map(|statement| self.statement(statement)).collect()
    }

    fn statement(&self, statement: &rhai::Stmt) -> Stmt {
        use rhai::Stmt as S;
        let at = self.token(statement.position());
        let expr = |expr: Node, whole: Span| StmtKind::Expr(Ast { at, whole, node: expr });
        let kind = match statement {
            S::Noop(_) => StmtKind::Nothing,
            S::Expr(inner) => match &**inner {
                Expr::Custom(custom, at) => match self.rule(custom, *at) {
                    Some(rule) => StmtKind::Rule(Box::new(rule)),
                    None => StmtKind::Foreign(STATEMENT),
                },
                inner => StmtKind::Expr(self.expr(inner)),
            },
            S::FnCall(call, at) => StmtKind::Expr(self.call(call, *at)),
            S::Block(block) => expr(Node::Block(self.statements(block.statements())), self.with_bracket(at)),
            S::If(flow, _) => {
                let node = If {
                    condition: self.expr(&flow.expr),
                    then: self.statements(flow.body.statements()),
                    otherwise: self.statements(flow.branch.statements()),
                };
                expr(Node::If(Box::new(node)), at)
            }
            S::Switch(switch, _) => expr(Node::Switch(Box::new(self.switch(&switch.0, &switch.1))), at),
            S::Var(variable, flags, _) => {
                let (name, value, _) = &**variable;
                let (name, value) = (self.word(name), self.expr(value));
                match flags.intersects(ASTFlags::CONSTANT) {
                    true => StmtKind::Const(name, value),
                    false => StmtKind::Let(name, value),
                }
            }
            S::Assignment(assignment) => {
                let (operator, sides) = &**assignment;
                let symbol = operator.get_op_assignment_info().map(|info| info.5.to_owned());
                StmtKind::Assign(
                    self.expr(&sides.lhs),
                    symbol,
                    self.token(operator.position()),
                    self.expr(&sides.rhs),
                )
            }
            S::Return(value, flags, _) if !flags.intersects(ASTFlags::BREAK) => {
                StmtKind::Return(value.as_ref().map(|value| self.expr(value)))
            }
            S::TryCatch(..) | S::Return(..) => StmtKind::Foreign(ERRORS),
            S::While(flow, _) => {
                let condition = (!matches!(flow.expr, Expr::Unit(_))).then(|| self.expr(&flow.expr));
                StmtKind::While(condition, self.statements(flow.body.statements()))
            }
            S::For(parts, _) => {
                let (item, number, flow) = &**parts;
                let number = number.as_ref().map(|number| self.word(number));
                let body = self.statements(flow.body.statements());
                StmtKind::For(self.word(item), number, self.expr(&flow.expr), body)
            }
            S::BreakLoop(None, flags, _) if flags.intersects(ASTFlags::BREAK) => StmtKind::Break,
            S::BreakLoop(None, ..) => StmtKind::Continue,
            S::Do(..) => StmtKind::Foreign(LOOPS_THAT_TEST_LAST),
            S::Import(import, _) => {
                let (what, alias) = &**import;
                let alias = (!alias.name.is_empty()).then(|| self.word(alias));
                StmtKind::Import(self.expr(what), alias)
            }
            S::Export(..) => StmtKind::Foreign(Foreign {
                what: "`export`",
                help: "all functions and constants of lib/ can be imported",
            }),
            _ => StmtKind::Foreign(STATEMENT),
        };
        Stmt { at, kind }
    }

    fn word(&self, ident: &rhai::Ident) -> Word {
        Word { text: ident.name.to_string(), at: self.token(ident.pos) }
    }

    fn rule(&self, custom: &CustomExpr, at: Position) -> Option<RuleStmt> {
        let shape = statement(custom.tokens.first()?)?;
        let parsed = custom.state.clone().try_cast::<Parsed>()?;
        let mut inputs = custom.inputs.iter();
        let head = if shape.has_head() { inputs.next().map(|head| self.expr(head)) } else { None };
        let mut clauses = Vec::new();
        for clause in parsed.clauses {
            let value = if shape.has_value(clause) { inputs.next() } else { None };
            clauses.push((clause, value.map(|value| self.expr(value))));
        }
        let block = match inputs.next() {
            Some(Expr::Stmt(block)) => Some(self.statements(block.statements())),
            _ => None,
        };
        Some(RuleStmt { shape, at: self.token(at), head, clauses, block })
    }

    fn exprs(&self, exprs: &[Expr]) -> Vec<Ast> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn expr(&self, expr: &Expr) -> Ast {
        let at = self.token(expr.position());
        let leaf = |node: Node| Ast { at, whole: at, node };
        match expr {
            Expr::BoolConstant(value, _) => leaf(Node::YesNo(*value)),
            Expr::IntegerConstant(value, _) if value.unsigned_abs() <= 1 << 53 => {
                leaf(Node::Number(*value as f64))
            }
            Expr::IntegerConstant(..) => leaf(Node::NotANumber("the number is too large to be exact")),
            Expr::FloatConstant(value, _) if value.is_finite() => leaf(Node::Number(**value)),
            Expr::FloatConstant(..) => leaf(Node::NotANumber("the number is too large")),
            Expr::StringConstant(text, _) => leaf(Node::Text(text.to_string())),
            Expr::InterpolatedString(parts, _) => leaf(Node::Interpolated(self.exprs(parts))),
            Expr::Array(items, _) => Ast {
                at,
                whole: self.scan.bracket(at.start).unwrap_or(at),
                node: Node::List(self.exprs(items)),
            },
            Expr::Map(map, _) => {
                let fields = map.0.iter().map(|(name, value)| (self.word(name), self.expr(value)));
                Ast { at, whole: self.with_bracket(at), node: Node::Record(fields.collect()) }
            }
            Expr::Variable(variable, ..) => {
                let (_, name, namespace, _) = &**variable;
                match namespace.path.as_slice() {
                    [] => leaf(Node::Name(name.to_string())),
                    [alias] => leaf(Node::Imported(alias.name.to_string(), name.to_string())),
                    _ => leaf(Node::Foreign(PATHS)),
                }
            }
            Expr::And(sides, _) => self.sides(at, sides, Node::And),
            Expr::Or(sides, _) => self.sides(at, sides, Node::Or),
            Expr::Coalesce(sides, _) => self.sides(at, sides, Node::Coalesce),
            Expr::FnCall(call, at) => self.call(call, *at),
            Expr::Dot(..) | Expr::Index(..) => self.chain(expr, at),
            Expr::Stmt(block) => match self.closure(block.statements()) {
                Some(closure) => leaf(closure),
                None => Ast {
                    at,
                    whole: self.scan.bracket(at.start).unwrap_or(at),
                    node: Node::Block(self.statements(block.statements())),
                },
            },
            Expr::Custom(custom, _) => {
                let keyword = custom.tokens.first().and_then(|token| statement(token));
                leaf(keyword.map_or(Node::Foreign(EXPRESSION), |shape| Node::Statement(shape.keyword)))
            }
            Expr::DynamicConstant(value, _) => match value.read_lock::<rhai::FnPtr>() {
                Some(function) => leaf(self.anonymous(function.fn_name(), 0)),
                None => leaf(Node::Foreign(EXPRESSION)),
            },
            Expr::CharConstant(..) => leaf(Node::Foreign(CHARACTERS)),
            Expr::Unit(_) => leaf(Node::Foreign(NO_VALUE)),
            Expr::ThisPtr(_) => leaf(Node::Foreign(THIS)),
            _ => leaf(Node::Foreign(EXPRESSION)),
        }
    }

    /// An operator between its sides, with the brackets around each.
    fn sides(&self, at: Span, sides: &[Expr], node: impl FnOnce(Vec<Ast>) -> Node) -> Ast {
        let sides = self.exprs(sides);
        let whole = sides.iter().map(|side| self.scan.with_parentheses(side.whole)).fold(at, Span::to);
        Ast { at, whole, node: node(sides) }
    }

    /// A closure that reads what stands around it: Rhai makes a block of it that first shares what it reads.
    fn closure(&self, block: &[rhai::Stmt]) -> Option<Node> {
        let [rhai::Stmt::Share(_), rhai::Stmt::Expr(curried)] = block else { return None };
        let Expr::FnCall(call, _) = &**curried else { return None };
        let Some(Expr::DynamicConstant(function, _)) = call.args.first() else { return None };
        let function = function.read_lock::<rhai::FnPtr>()?;
        Some(self.anonymous(function.fn_name(), call.args.len() - 1))
    }

    /// A function without a name, of whose parameters the first are what it reads around it.
    fn anonymous(&self, name: &str, read: usize) -> Node {
        let Some((params, body)) = self.bodies.get(name) else { return Node::Foreign(EXPRESSION) };
        let params = params.iter().skip(read).map(ToString::to_string).collect();
        Node::Closure(Rc::new(Closure { params, body: self.statements(body) }))
    }

    fn call(&self, call: &FnCallExpr, position: Position) -> Ast {
        let at = self.token(position);
        let is_operator = call.op_token.is_some() || call.name == "contains";
        if call.capture_parent_scope {
            return Ast { at, whole: at, node: Node::Foreign(BANG) };
        }
        if !call.is_qualified() && is_operator {
            return self.operator(call, at);
        }
        let alias = match call.namespace.path.as_slice() {
            [] => None,
            [alias] => Some(alias.name.to_string()),
            _ => return Ast { at, whole: at, node: Node::Foreign(PATHS) },
        };
        let call = Call { alias, name: call.name.to_string(), args: self.exprs(&call.args) };
        // Of `alias::name(…)` Rhai tells where the alias stands.
        let name = self.scan.at(at.start) + if call.alias.is_some() { 3 } else { 0 };
        let name = self.scan.tokens.get(name).map_or(at, |token| token.span);
        Ast { at, whole: at.to(self.with_bracket(name)), node: Node::Call(Box::new(call)) }
    }

    fn operator(&self, call: &FnCallExpr, at: Span) -> Ast {
        let args = self.exprs(&call.args);
        let whole = args.iter().map(|side| self.scan.with_parentheses(side.whole)).fold(at, Span::to);
        let name = call.name.as_str();
        let node = match (name, <[Ast; 1]>::try_from(args)) {
            ("!", Ok([inner])) => Node::Not(Box::new(inner)),
            ("-", Ok([inner])) => Node::Negate(Box::new(inner)),
            ("+", Ok([inner])) => Node::Plus(Box::new(inner)),
            (name, Err(args)) => match (name, <[Ast; 2]>::try_from(args)) {
                ("contains", Ok(sides)) => Node::In(Box::new(sides)),
                (".." | "..=", Ok(sides)) => Node::Range(Box::new(sides), name == "..="),
                (name, Ok(sides)) => Node::Binary(name.to_owned(), Box::new(sides)),
                _ => Node::Foreign(EXPRESSION),
            },
            _ => Node::Foreign(EXPRESSION),
        };
        Ast { at, whole, node }
    }

    /// Rhai nests `a.b[c].d` to the right, `(a, (b, (c, d)))`; we nest it to the left, as it is meant.
    fn chain(&self, expr: &Expr, at: Span) -> Ast {
        let (Expr::Dot(pair, ..) | Expr::Index(pair, ..)) = expr else {
            return Ast { at, whole: at, node: Node::Foreign(EXPRESSION) };
        };
        let mut object = self.expr(&pair.lhs);
        object.whole = self.scan.with_parentheses(object.whole);
        let mut link = expr;
        loop {
            let (pair, flags, indexes) = match link {
                Expr::Dot(pair, flags, _) => (pair, *flags, false),
                Expr::Index(pair, flags, _) => (pair, *flags, true),
                _ => return object,
            };
            if flags.intersects(ASTFlags::NEGATED) {
                object.node = Node::Foreign(OPTIONAL);
                return object;
            }
            let goes_on = !flags.intersects(ASTFlags::BREAK);
            let (step, next) = match &pair.rhs {
                rest @ (Expr::Dot(inner, ..) | Expr::Index(inner, ..)) if goes_on => (&inner.lhs, Some(rest)),
                step => (step, None),
            };
            object = self.step(object, step, indexes);
            match next {
                Some(next) => link = next,
                None => break,
            }
        }
        Ast { at, ..object }
    }

    /// A member, or a place in a list.
    fn step(&self, object: Ast, step: &Expr, indexes: bool) -> Ast {
        if indexes {
            let index = self.expr(step);
            let close = self.scan.tokens.get(self.scan.at(index.whole.end)).map(|token| token.span);
            let whole = object.whole.to(close.unwrap_or(index.whole));
            return Ast { at: index.at, whole, node: Node::Index(Box::new([object, index])) };
        }
        let at = self.token(step.position());
        let (name, args) = match step {
            Expr::Property(property, _) => (property.2.to_string(), None),
            Expr::MethodCall(call, _) => (call.name.to_string(), Some(self.exprs(&call.args))),
            _ => return Ast { at, whole: object.whole.to(at), node: Node::Foreign(EXPRESSION) },
        };
        let whole = object.whole.to(if args.is_some() { self.with_bracket(at) } else { at });
        let member = Member { object, name: Word { text: name, at }, args };
        Ast { at, whole, node: Node::Member(Box::new(member)) }
    }

    fn switch(&self, subject: &Expr, cases: &SwitchCasesCollection) -> Switch {
        let mut found: Vec<(CaseValue, usize)> = Vec::new();
        for list in cases.cases.values() {
            let value = case_value(&list.value);
            found.extend(list.blocks.iter().map(|block| (value.clone(), *block)));
        }
        // Rhai keeps ranges among the values, and apart from them those that are not empty.
        found.retain(|(value, _)| !matches!(value, CaseValue::Range(..)) || value.is_empty());
        for range in &cases.ranges {
            found.push(match range {
                RangeCase::ExclusiveInt(range, block) => {
                    (CaseValue::Range(range.start as f64, range.end as f64, false), *block)
                }
                RangeCase::InclusiveInt(range, block) => {
                    (CaseValue::Range(*range.start() as f64, *range.end() as f64, true), *block)
                }
            });
        }
        // Rhai keeps cases in a hash map; the places of their ways give the order of the text back.
        found.sort_by(|(a, a_way), (b, b_way)| {
            a_way.cmp(b_way).then_with(|| order(a).total_cmp(&order(b))).then_with(|| text(a).cmp(text(b)))
        });
        let ways = cases.expressions.iter().map(|way| {
            let condition = match &way.lhs {
                Expr::BoolConstant(true, _) => None,
                condition => Some(self.expr(condition)),
            };
            (condition, self.expr(&way.rhs))
        });
        Switch { subject: self.expr(subject), cases: found, ways: ways.collect(), default: cases.def_case }
    }
}

/// Of several values with one way any order does, as long as it is always the same.
fn order(value: &CaseValue) -> f64 {
    match value {
        CaseValue::Number(number) | CaseValue::Range(number, ..) => *number,
        CaseValue::YesNo(yes) => f64::from(u8::from(*yes)),
        CaseValue::Text(_) | CaseValue::Other => 0.0,
    }
}

fn text(value: &CaseValue) -> &str {
    if let CaseValue::Text(text) = value { text } else { "" }
}

fn case_value(value: &rhai::Dynamic) -> CaseValue {
    if let Ok(text) = value.clone().into_string() {
        CaseValue::Text(text)
    } else if let Ok(number) = value.as_int() {
        CaseValue::Number(number as f64)
    } else if let Ok(number) = value.as_float() {
        CaseValue::Number(number)
    } else if let Ok(yes) = value.as_bool() {
        CaseValue::YesNo(yes)
    } else if let Some(range) = value.read_lock::<std::ops::Range<i64>>() {
        CaseValue::Range(range.start as f64, range.end as f64, false)
    } else if let Some(range) = value.read_lock::<std::ops::RangeInclusive<i64>>() {
        CaseValue::Range(*range.start() as f64, *range.end() as f64, true)
    } else {
        CaseValue::Other
    }
}
