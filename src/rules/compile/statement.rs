//! The statements of the rule language, at the top level and in groups.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::context::{Context, Define};
use crate::domain::canvas::lint::Severity;
use crate::domain::score::{Axis, Points};
use crate::domain::text::nearest;
use crate::rules::diagnostics::Code;
use crate::rules::language::statements::SHAPES;
use crate::rules::language::types::Type;
use crate::rules::program::{Bounds, Factor, Group, GroupBody, Item, Rule, Script, Verdict};
use crate::rules::syntax::tree::{Ast, Node, RuleStmt, Span, Stmt, StmtKind};

/// What the statements of a script have given so far.
#[derive(Default)]
struct Collected {
    items: Vec<Item>,
    bounds: Vec<Bounds>,
    disqualify: Vec<Verdict>,
    disqualifiers: Option<Span>,
    criteria: Option<Span>,
    cap_grades: Vec<(Verdict, Span)>,
    findings: Vec<(Verdict, Severity)>,
    grades: Vec<(Verdict, Span)>,
    completeness: Option<f64>,
    /// The ids in use, with their places.
    ids: BTreeMap<Arc<str>, Span>,
}

impl Context<'_> {
    /// Lowers the whole script; `None` if there were errors.
    pub fn script(mut self, name: &str) -> Option<Script> {
        let unit = self.unit.clone();
        let mut collected = Collected::default();
        for statement in &unit.statements {
            if let Some(item) = self.top_statement(statement, None, &mut collected) {
                collected.items.push(item);
            }
        }
        self.check_constants();
        self.check_uncalled();
        self.check_grades(&collected);
        let unused: Vec<_> =
            self.defines.iter().filter(|d| !d.used).map(|d| (d.name.clone(), d.at)).collect();
        for (name, at) in unused {
            self.warn(at, Code::Unused, format!("`{name}` is defined but never used"), "");
        }
        if self.had_errors() {
            return None;
        }
        Some(Script {
            name: name.into(),
            path: unit.path.clone(),
            kind: self.kind,
            disqualifiers: collected.disqualifiers.map(|at| self.position(at)),
            leaves: self.leaves,
            named: self.named.into_keys().collect(),
            defines: self.define_formulas,
            functions: self.functions,
            items: collected.items,
            bounds: collected.bounds,
            disqualify: collected.disqualify,
            cap_grades: collected.cap_grades.into_iter().map(|(verdict, _)| verdict).collect(),
            findings: collected.findings,
            grades: collected.grades.into_iter().map(|(verdict, _)| verdict).collect(),
            completeness: collected.completeness.unwrap_or(0.0),
            branches: self.branches.unwrap_or_default(),
            marks: OnceLock::new(),
        })
    }

    /// Checks a file of shared functions and constants.
    pub fn library(mut self) {
        let unit = self.unit.clone();
        for statement in &unit.statements {
            use StmtKind as K;
            if !matches!(statement.kind, K::Const(..) | K::Import(..) | K::Nothing) {
                let help = "rules stand in lead_scoring/, segment_priority/ or canvas_lint/";
                let message = "files in lib/ hold functions and constants only";
                self.error_with(statement.at, Code::Misplaced, message, help);
            }
        }
        self.check_constants();
        self.check_uncalled();
    }

    /// Checks all constants, used or not, and that no name is hidden by another.
    fn check_constants(&mut self) {
        let unit = self.unit.clone();
        let library = unit.path.starts_with(super::LIB);
        for name in unit.constants.keys() {
            let at = unit.constants[name].at;
            if self.is_fact_or_define(name) && !library {
                let message = format!("the constant `{name}` would hide the fact or define of this name");
                self.error_with(at, Code::Reserved, message, "give the constant another name");
            }
            self.formula(|c| c.constant_value(unit.clone(), name, at));
        }
        let mut visible = vec![&unit];
        for import in unit.imports.iter().filter(|import| import.alias.is_none()) {
            let lib = &import.unit;
            let help = "import the file under a name: import \"…\" as name;";
            for name in lib.constants.keys() {
                if self.is_fact_or_define(name) {
                    let path = &lib.path;
                    let message =
                        format!("the constant `{name}` of {path} would hide the fact or define of this name");
                    self.oversight(import.at, Code::Reserved, message, help);
                }
                if let Some(other) = visible.iter().find(|unit| unit.constants.contains_key(name)) {
                    let message =
                        format!("there is a constant `{name}` in {} and in {}", other.path, lib.path);
                    self.oversight(import.at, Code::Duplicate, message, help);
                }
            }
            for (name, arity) in lib.functions.keys() {
                let key = (name.clone(), *arity);
                if let Some(other) = visible.iter().find(|unit| unit.functions.contains_key(&key)) {
                    let message =
                        format!("there is a function `{name}` in {} and in {}", other.path, lib.path);
                    self.oversight(import.at, Code::Duplicate, message, help);
                }
            }
            visible.push(lib);
        }
    }

    fn is_fact_or_define(&self, name: &str) -> bool {
        let defined = self.defines.iter().any(|define| *define.name == *name);
        defined || self.catalogue.find(name, self.kind).is_some()
    }

    fn top_statement(
        &mut self,
        statement: &Stmt,
        group: Option<Option<Axis>>,
        c: &mut Collected,
    ) -> Option<Item> {
        let at = statement.at;
        match &statement.kind {
            StmtKind::Rule(rule) => return self.rule_statement(rule, group, c),
            StmtKind::Expr(expr) => {
                let word = if let Node::Name(name) = &expr.node { name.as_str() } else { "" };
                self.stray(expr.at, word);
            }
            StmtKind::Nothing => {}
            StmtKind::Import(..) | StmtKind::Const(..) if group.is_none() => {}
            StmtKind::Let(..) | StmtKind::Const(..) => {
                let help = "write `define name as …;`, or `const name = …;` for a plain value";
                self.error_with(
                    at,
                    Code::Misplaced,
                    "`let` stands inside functions and expressions only",
                    help,
                );
            }
            StmtKind::Import(..) => {
                self.error(at, Code::Misplaced, "`import` stands at the top of a script only");
            }
            _ => self.stray(at, ""),
        }
        None
    }

    fn stray(&mut self, at: Span, word: &str) {
        let known: Vec<_> = SHAPES.iter().map(|shape| shape.keyword).collect();
        let help = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("statements are {}", known.join(", ")),
        };
        self.error_with(at, Code::Misplaced, "only statements of the rule language stand here", help);
    }

    /// Whether a statement may stand where it does.
    fn check_place(&mut self, s: &RuleStmt, in_group: bool) -> bool {
        let shape = s.shape;
        if !shape.kinds.contains(&self.kind) {
            let homes: Vec<_> = shape.kinds.iter().map(|kind| format!("{}/", kind.folder())).collect();
            let message = format!("`{}` belongs to scripts in {}", s.shape.keyword, homes.join(" or "));
            self.error(s.at, Code::Misplaced, message);
            return false;
        }
        if in_group && !shape.in_group {
            let message = format!("`{}` stands at the top level, not in a group", s.shape.keyword);
            self.error(s.at, Code::Misplaced, message);
            return false;
        }
        true
    }

    fn rule_statement(
        &mut self,
        s: &RuleStmt,
        group: Option<Option<Axis>>,
        c: &mut Collected,
    ) -> Option<Item> {
        if !self.check_place(s, group.is_some()) {
            return None;
        }
        match s.shape.keyword {
            "define" => self.define(s),
            "axis" => self.axis(s, c),
            "rule" => return self.rule(s, c).map(Item::Rule),
            "factor" => return self.factor(s, c).map(Item::Factor),
            "group" => return self.group(s, group.flatten(), c).map(Item::Group),
            "criteria" => return self.criteria(s, group.flatten(), c).map(Item::Group),
            "disqualifiers" if c.disqualifiers.is_some() => self.twice(s),
            "disqualifiers" => c.disqualifiers = Some(s.at),
            "disqualify" => {
                self.claim_id(s, c);
                let verdict = self.verdict(s, false);
                c.disqualify.push(verdict);
            }
            "require" if c.completeness.is_some() => self.twice(s),
            "require" => c.completeness = self.share(s.get("completeness")),
            "cap_grade" => {
                let verdict = self.verdict(s, true);
                c.cap_grades.push((verdict, s.head().1));
            }
            "grade" => self.grade(s, c),
            "finding" => {
                self.claim_id(s, c);
                let severity = self.severity(s);
                let verdict = self.verdict(s, false);
                c.findings.push((verdict, severity));
            }
            _ => {}
        }
        None
    }

    fn twice(&mut self, s: &RuleStmt) {
        self.error(s.at, Code::Duplicate, format!("`{}` stands twice in this script", s.shape.keyword));
    }

    fn share(&mut self, ast: Option<&Ast>) -> Option<f64> {
        let ast = ast?;
        let number = self.plain_number(ast, "the required completeness")?;
        if !(0.0..=1.0).contains(&number) {
            self.error(ast.at, Code::BadValue, "the required completeness lies between 0 and 1");
        }
        Some(number)
    }

    /// Ids are unique in a script, so that every contribution can be told by its id.
    fn claim_id(&mut self, s: &RuleStmt, c: &mut Collected) -> Arc<str> {
        let (id, at) = s.head();
        if id.trim().is_empty() || id.chars().count() > 100 {
            self.error(
                at,
                Code::BadValue,
                format!("the {} needs a name of 1 to 100 characters", s.shape.keyword),
            );
        }
        self.check_visible(at, "name", &id);
        if let Some(first) = c.ids.insert(id.clone(), at) {
            let message = format!("\"{id}\" is already the name of another rule");
            let help = format!("the other one stands in line {}", self.position(first).line);
            self.error_with(at, Code::Duplicate, message, help);
        }
        id
    }

    fn define(&mut self, s: &RuleStmt) {
        let (name, at) = s.head();
        if !self.is_free(&name) {
            let message = format!("`{name}` already has a meaning in scripts");
            self.error_with(at, Code::Reserved, message, "choose another name");
        } else if self.defines.iter().any(|define| *define.name == *name) {
            self.error(at, Code::Duplicate, format!("`{name}` is defined already"));
        }
        let Some(value) = s.get("as") else { return };
        let (formula, ty) = self.formula(|c| c.expr(value));
        if matches!(ty, Type::Nothing | Type::Never) {
            self.error(value.at, Code::TypeMismatch, format!("`{name}` gets no value"));
        }
        self.define_formulas.push(formula);
        self.defines.push(Define { name: name.to_string(), ty, used: false, at });
    }

    /// The axis that a name means.
    fn axis_name(&mut self, ast: &Ast) -> Option<Axis> {
        let name = ast.literal();
        let found = Axis::ALL.into_iter().find(|axis| axis.as_str() == name);
        if found.is_none() {
            let help = self.suggest(name, |_| Axis::ALL.map(|axis| axis.as_str().to_owned()).into());
            self.error_with(ast.at, Code::UnknownWord, format!("there is no axis `{name}`"), help);
        }
        found
    }

    fn points(&mut self, ast: Option<&Ast>, what: &str) -> Option<Points> {
        let ast = ast?;
        let number = self.plain_number(ast, what)?;
        let points = Points::from_number(number);
        if points.is_none() {
            self.error(ast.at, Code::BadValue, format!("{what} must lie within ±1,000,000 points"));
        }
        points
    }

    fn axis(&mut self, s: &RuleStmt, c: &mut Collected) {
        let Some(axis) = s.head.as_ref().and_then(|head| self.axis_name(head)) else { return };
        let (from, to) = (self.points(s.get("from"), "a bound"), self.points(s.get("to"), "a bound"));
        let (Some(from), Some(to)) = (from, to) else { return };
        if from > to {
            self.error(s.at, Code::BadValue, "an axis goes from the lower to the higher bound");
        }
        if c.bounds.iter().any(|bounds| bounds.axis == axis) {
            self.error(s.at, Code::Duplicate, format!("the axis `{}` has its bounds already", axis.as_str()));
        }
        c.bounds.push(Bounds { axis, from, to, position: self.position(s.at) });
    }

    fn rule(&mut self, s: &RuleStmt, c: &mut Collected) -> Option<Rule> {
        let id = self.claim_id(s, c);
        let (when, then) = (s.get("when")?, s.get("then")?);
        let (when, _) = self.formula(|c| (c.expect(when, &Type::YesNo, "the condition"), Type::YesNo));
        let (then, _) = self.formula(|c| (c.expect(then, &Type::Number, "the points"), Type::Number));
        let mut leaves = when.leaves.clone();
        leaves.extend(then.leaves.iter().filter(|leaf| !when.leaves.contains(leaf)));
        let because = self.because(s);
        Some(Rule { id, when, then, leaves, because, position: self.position(s.at) })
    }

    fn because(&mut self, s: &RuleStmt) -> Arc<str> {
        let because = s.get("because");
        let (at, text) = because.map_or((s.at, ""), |because| (because.at, because.literal()));
        self.check_visible(at, "reason", text);
        if text.trim().is_empty() {
            self.error(at, Code::BadValue, "the reason is empty");
        }
        text.into()
    }

    fn factor(&mut self, s: &RuleStmt, c: &mut Collected) -> Option<Factor> {
        let id = self.claim_id(s, c);
        let weight = self.points(s.get("weight"), "a weight");
        if weight.is_some_and(|weight| weight < Points::ZERO) {
            let at = s.get("weight").map_or(s.at, |ast| ast.at);
            self.error_with(at, Code::BadValue, "a weight is 0 or more", "use a `rule` for a penalty");
        }
        let is = s.get("is")?;
        let (is, _) = self.formula(|c| (c.expect(is, &Type::Number, "a factor"), Type::Number));
        let because = self.because(s);
        Some(Factor { id, weight: weight?.number(), is, because, position: self.position(s.at) })
    }

    /// The axis of a group, from its own words and from the group around it.
    fn group_axis(&mut self, s: &RuleStmt, outer: Option<Axis>) -> Option<Axis> {
        let own = s.get("on").map(|on| (self.axis_name(on), on.at));
        if !self.kind.is_of_leads() {
            if let Some((_, at)) = own {
                self.error(at, Code::Misplaced, "a priority has no axes");
            }
            return None;
        }
        match (own, outer) {
            (Some((Some(axis), at)), Some(outer)) if axis != outer => {
                let message =
                    format!("the group around counts on {}, so this one can't differ", outer.as_str());
                self.error(at, Code::Misplaced, message);
                Some(outer)
            }
            (Some((axis, _)), outer) => axis.or(outer),
            (None, outer) => outer.or(Some(Axis::Fit)),
        }
    }

    fn limits(&mut self, s: &RuleStmt) -> (Option<Points>, Option<Points>) {
        let (cap, floor) = (self.points(s.get("cap"), "a cap"), self.points(s.get("floor"), "a floor"));
        if let (Some(cap), Some(floor)) = (cap, floor)
            && floor > cap
        {
            self.error(s.at, Code::BadValue, "the floor lies above the cap");
        }
        (cap, floor)
    }

    fn group(&mut self, s: &RuleStmt, outer: Option<Axis>, c: &mut Collected) -> Option<Group> {
        let name = self.claim_id(s, c);
        let axis = self.group_axis(s, outer);
        let (cap, floor) = self.limits(s);
        let block = s.block.as_ref()?;
        let mut items = Vec::new();
        for statement in block {
            items.extend(self.top_statement(statement, Some(axis), c));
        }
        self.groups.push(name.clone());
        Some(Group { name, axis, cap, floor, body: GroupBody::Items(items), position: self.position(s.at) })
    }

    fn criteria(&mut self, s: &RuleStmt, outer: Option<Axis>, c: &mut Collected) -> Option<Group> {
        if c.criteria.replace(s.at).is_some() {
            self.twice(s);
        }
        let axis = self.group_axis(s, outer);
        let (cap, floor) = self.limits(s);
        let position = self.position(s.at);
        self.groups.push("criteria".into());
        Some(Group { name: "criteria".into(), axis, cap, floor, body: GroupBody::Criteria, position })
    }

    fn verdict(&mut self, s: &RuleStmt, grading: bool) -> Verdict {
        let (id, _) = s.head();
        self.grading = grading;
        let when = s.get("when");
        let when =
            when.map(|when| self.formula(|c| (c.expect(when, &Type::YesNo, "the condition"), Type::YesNo)).0);
        self.grading = false;
        let because = if s.shape.keyword == "grade" { "".into() } else { self.because(s) };
        Verdict { id, when, because, position: self.position(s.at) }
    }

    /// How grave a finding is: a warning, unless it says otherwise.
    fn severity(&mut self, s: &RuleStmt) -> Severity {
        let Some(word) = s.get("as") else { return Severity::Warning };
        match &word.node {
            Node::Name(name) if name == "hint" => Severity::Hint,
            Node::Name(name) if name == "warning" => Severity::Warning,
            Node::Name(name) if name == "error" => Severity::Error,
            _ => {
                self.error(word.at, Code::BadValue, "a finding is a hint, a warning or an error");
                Severity::Warning
            }
        }
    }

    fn grade(&mut self, s: &RuleStmt, c: &mut Collected) {
        let (id, at) = s.head();
        let otherwise = s.has("otherwise");
        let has_condition = s.has("when");
        if otherwise == has_condition {
            let help = "write grade \"A\" when total >= 70; or grade \"D\" otherwise;";
            self.error_with(s.at, Code::Syntax, "a grade needs either `when` or `otherwise`", help);
        }
        if id.trim().is_empty() || id.chars().count() > 20 {
            self.error(at, Code::BadValue, "a grade has 1 to 20 characters");
        }
        self.check_visible(at, "grade", &id);
        if c.grades.iter().any(|(grade, _)| grade.id == id) {
            self.error(at, Code::Duplicate, format!("the grade \"{id}\" stands twice"));
        }
        if c.grades.last().is_some_and(|(grade, _)| grade.when.is_none()) {
            self.error(s.at, Code::Misplaced, "a grade after `otherwise` can never be reached");
        }
        let verdict = self.verdict(s, true);
        c.grades.push((verdict, s.at));
    }

    /// A priority script has no end that must be there, so one that was cut off while it was written may well be valid:
    /// an empty one is refused, and weights that look like a part are told.
    fn check_factors(&mut self, c: &Collected) {
        let start = Span::default();
        if c.items.is_empty() && c.ids.is_empty() {
            let message = "there is neither a factor nor a rule: every segment would have the priority 0";
            let help = "write factor \"fit\" weight 100 is fit because \"The offering fits\";";
            self.error_with(start, Code::EmptySet, message, help);
        }
        let weights = c.items.iter().filter_map(|item| match item {
            Item::Factor(factor) => Some(factor.weight),
            _ => None,
        });
        let sum: f64 = weights.clone().sum();
        if weights.count() > 0 && (sum - 100.0).abs() > 1e-6 && self.unit.lost.is_none() {
            let message = format!("the weights of the factors sum to {sum}, not to 100: is one missing?");
            self.warn(start, Code::BadValue, message, "");
        }
    }

    fn check_grades(&mut self, c: &Collected) {
        if !self.kind.is_of_leads() {
            self.check_factors(c);
            return;
        }
        let ends_well = c.grades.last().is_some_and(|(grade, _)| grade.when.is_none());
        if !ends_well {
            let at = c.grades.last().map_or(Span::default(), |(_, at)| *at);
            let message = "the grades do not end with an `otherwise`, so a lead could be left without one";
            self.error_with(at, Code::MissingOtherwise, message, "end with: grade \"D\" otherwise;");
        }
        for (cap, at) in &c.cap_grades {
            let grades = c.grades.iter().map(|(grade, _)| &*grade.id);
            let lost = self.unit.lost.is_some();
            if !lost && !grades.clone().any(|grade| grade == &*cap.id) {
                let help = self.suggest(&cap.id, |_| grades.map(str::to_owned).collect());
                self.error_with(*at, Code::UnknownWord, format!("there is no grade \"{}\"", cap.id), help);
            }
        }
    }
}
