//! Lists as SQL: filters become bound conditions, pages begin after a key. The same for both databases, whose
//! columns are named alike.

use std::fmt::Write as _;

use super::rows::RECORD;
use super::rows::rows_for;
use crate::domain::filter::{Comparison, Field, Filter, Operand};
use crate::domain::lead::Present;
use crate::domain::listing::{NAME, Query};
use crate::domain::name::LeadName;
use crate::domain::time::DAY;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// A value that is bound and never part of the text.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    Text(String),
    Integer(i64),
    Float(f64),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub sql: String,
    pub params: Vec<Param>,
}

/// What is listed.
pub struct List<'a> {
    /// `SELECT … FROM …`, without conditions.
    pub select: &'a str,
    /// A condition of its own, which may end with a value.
    pub within: (&'a str, Option<Param>),
    /// The column that the resource's name is kept in.
    pub name: &'a str,
    pub present: Present,
}

impl List<'_> {
    pub fn canvases(deleted: bool) -> Self {
        Self::of_named("SELECT body, name FROM canvases", deleted)
    }

    pub fn profiles(deleted: bool) -> Self {
        Self::of_named("SELECT body, name FROM profiles", deleted)
    }

    fn of_named(select: &'static str, deleted: bool) -> Self {
        let within = (if deleted { "1 = 1" } else { "NOT deleted" }, None);
        List { select, within, name: "name", present: Present::default() }
    }

    pub fn leads(present: Present) -> Self {
        List { select: RECORD, within: ("1 = 1", None), name: "leads.name", present }
    }

    pub fn scores(lead: &LeadName) -> Self {
        let within = ("lead = ", Some(Param::Text(lead.to_string())));
        List {
            select: "SELECT body, lead || '/scores/' || number FROM scores",
            within,
            name: "number",
            present: Present::default(),
        }
    }
}

/// The statements that answer a query: what comes later is only asked for when what came before did not fill the
/// page. Items without the field that the list is ordered by stand in the second.
pub fn statements(dialect: Dialect, list: &List, query: &Query) -> Vec<Statement> {
    let Query { order, after, limit, .. } = query;
    let (direction, beyond) = if order.descending { ("DESC", "<") } else { ("ASC", ">") };
    let name = list.name;
    let mut first = Builder::begin(dialect, list, &query.filter);
    if order.by == NAME {
        if let Some(after) = after {
            first.and(format!("{name} {beyond} "));
            first.bind(name_param(name, &after.name));
        }
        return vec![first.finish(&format!("{name} {direction}"), *limit)];
    }
    let column = column(order.by);
    let mut statements = Vec::new();
    let past_the_set = after.as_ref().is_some_and(|after| after.key.is_none());
    if !past_the_set {
        first.and(format!("{column} IS NOT NULL"));
        if let Some(after) = after
            && let Some(key) = &after.key
        {
            first.and(format!("({column}, {name}) {beyond} ("));
            first.bind(param(key));
            first.sql.push_str(", ");
            first.bind(name_param(name, &after.name));
            first.sql.push(')');
        }
        statements.push(first.finish(&format!("{column} {direction}, {name} {direction}"), *limit));
    }
    let mut second = Builder::begin(dialect, list, &query.filter);
    second.and(format!("{column} IS NULL"));
    if let Some(after) = after.as_ref().filter(|_| past_the_set) {
        second.and(format!("{name} {beyond} "));
        second.bind(name_param(name, &after.name));
    }
    statements.push(second.finish(&format!("{name} {direction}"), *limit));
    statements
}

/// The column of a field.
fn column(field: &str) -> String {
    match field {
        "status" => "score_status".into(),
        "rule_set" => "('ruleSets/' || rule_set)".into(),
        _ => match field.strip_suffix("_time") {
            Some(what) => format!("{what}_micros"),
            None => field.into(),
        },
    }
}

/// Scores are named by numbers.
fn name_param(column: &str, name: &str) -> Param {
    match name.parse() {
        Ok(number) if column == "number" => Param::Integer(number),
        _ => Param::Text(name.to_owned()),
    }
}

fn param(operand: &Operand) -> Param {
    match operand {
        Operand::Text(text) => Param::Text(text.clone()),
        Operand::Time(time) => Param::Integer(time.micros()),
        Operand::YesNo(yes) => Param::Integer((*yes).into()),
        // Whole numbers as such: then an index on whole numbers can be used.
        Operand::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => Param::Integer(*n as i64),
        Operand::Number(n) => Param::Float(*n),
    }
}

/// What is wanted of an attribute.
#[derive(Clone, Copy)]
enum Shape {
    Type,
    Number,
    Text,
    YesNo,
}

impl Shape {
    fn of(operand: &Operand) -> Self {
        match operand {
            Operand::Number(_) | Operand::Time(_) => Shape::Number,
            Operand::Text(_) => Shape::Text,
            Operand::YesNo(_) => Shape::YesNo,
        }
    }
}

struct Builder<'a> {
    dialect: Dialect,
    list: &'a List<'a>,
    sql: String,
    params: Vec<Param>,
}

impl<'a> Builder<'a> {
    fn begin(dialect: Dialect, list: &'a List<'a>, filter: &Filter) -> Self {
        let (condition, value) = &list.within;
        let sql = format!("{} WHERE {condition}", list.select);
        let mut builder = Self { dialect, list, sql, params: Vec::new() };
        if let Some(value) = value {
            builder.bind(value.clone());
        }
        if *filter != Filter::default() {
            builder.and(String::new());
            builder.filter(filter);
        }
        builder
    }

    fn and(&mut self, condition: String) {
        self.sql.push_str(" AND ");
        self.sql.push_str(&condition);
    }

    fn bind(&mut self, param: Param) {
        let kind = match param {
            Param::Text(_) => "text",
            Param::Integer(_) => "bigint",
            Param::Float(_) => "float8",
        };
        self.params.push(param);
        _ = match self.dialect {
            Dialect::Sqlite => write!(self.sql, "?{}", self.params.len()),
            Dialect::Postgres => write!(self.sql, "${}::{kind}", self.params.len()),
        };
    }

    fn finish(mut self, order: &str, limit: usize) -> Statement {
        _ = write!(self.sql, " ORDER BY {order} LIMIT ");
        self.bind(Param::Integer(rows_for(limit)));
        Statement { sql: self.sql, params: self.params }
    }

    fn filter(&mut self, filter: &Filter) {
        match filter {
            Filter::All(parts) => self.joined(parts, " AND ", "1 = 1"),
            Filter::Any(parts) => self.joined(parts, " OR ", "1 = 0"),
            Filter::Present { field, key, wanted } => self.presence(field, key.as_deref(), *wanted),
            Filter::Compare { field, key, by, with } => self.comparison(field, key.as_deref(), *by, with),
        }
    }

    fn joined(&mut self, parts: &[Filter], joint: &str, none: &str) {
        self.sql.push('(');
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                self.sql.push_str(joint);
            }
            self.filter(part);
        }
        if parts.is_empty() {
            self.sql.push_str(none);
        }
        self.sql.push(')');
    }

    fn presence(&mut self, field: &Field, key: Option<&str>, wanted: bool) {
        let not = if wanted { "" } else { "NOT " };
        match (field.name, key) {
            ("attributes", Some(key)) => {
                self.attribute(key, Shape::Type);
                _ = write!(self.sql, " IS {}NULL", if wanted { "NOT " } else { "" });
            }
            (_, Some(key)) => {
                _ = write!(
                    self.sql,
                    "leads.name {not}IN (SELECT lead FROM lead_external_ids WHERE system = "
                );
                self.bind(Param::Text(key.to_owned()));
                self.sql.push(')');
            }
            ("stale", None) => {
                _ = write!(self.sql, "score_number IS {}NULL", if wanted { "NOT " } else { "" });
            }
            (name, None) => {
                _ = write!(self.sql, "{} IS {}NULL", column(name), if wanted { "NOT " } else { "" });
            }
        }
    }

    fn comparison(&mut self, field: &Field, key: Option<&str>, by: Comparison, with: &Operand) {
        if field.name == "stale" {
            return self.staleness(*with == Operand::YesNo(true));
        }
        match key {
            Some(key) if field.name == "attributes" => self.attribute_compared(key, by, with),
            Some(key) => {
                self.sql.push_str("leads.name IN (SELECT lead FROM lead_external_ids WHERE system = ");
                self.bind(Param::Text(key.to_owned()));
                self.sql.push_str(" AND ");
                self.compared("id", by, with);
                self.sql.push(')');
            }
            None => self.compared(&column(field.name), by, with),
        }
    }

    fn compared(&mut self, column: &str, by: Comparison, with: &Operand) {
        let sign = match by {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
            Comparison::Contains | Comparison::ContainsNot => {
                let find = if self.dialect == Dialect::Sqlite { "instr" } else { "strpos" };
                _ = write!(self.sql, "{find}({column}, ");
                self.bind(param(with));
                self.sql.push_str(if by == Comparison::Contains { ") > 0" } else { ") = 0" });
                return;
            }
        };
        _ = write!(self.sql, "{column} {sign} ");
        self.bind(param(with));
    }

    /// Compares an attribute, if it has the type of what it is compared with.
    fn attribute_compared(&mut self, key: &str, by: Comparison, with: &Operand) {
        let (sqlite, postgres) = match with {
            Operand::Number(_) | Operand::Time(_) => ("'integer', 'real'", "'number'"),
            Operand::Text(_) => ("'text'", "'string'"),
            Operand::YesNo(_) => ("'true', 'false'", "'boolean'"),
        };
        // A CASE, since nothing else keeps PostgreSQL from casting what is of another type.
        self.sql.push_str("CASE WHEN ");
        self.attribute(key, Shape::Type);
        let types = if self.dialect == Dialect::Sqlite { sqlite } else { postgres };
        _ = write!(self.sql, " IN ({types}) THEN ");
        let mut value = Builder { sql: String::new(), params: std::mem::take(&mut self.params), ..*self };
        value.attribute(key, Shape::of(with));
        self.params = std::mem::take(&mut value.params);
        self.compared(&value.sql, by, with);
        self.sql.push_str(" ELSE false END");
    }

    /// An attribute's value, or its type.
    fn attribute(&mut self, key: &str, shape: Shape) {
        match (self.dialect, shape) {
            (Dialect::Sqlite, Shape::Type) => self.sql.push_str("json_type(leads.attributes, "),
            (Dialect::Sqlite, _) => self.sql.push_str("json_extract(leads.attributes, "),
            (Dialect::Postgres, Shape::Type) => self.sql.push_str("jsonb_typeof(leads.attributes -> "),
            (Dialect::Postgres, _) => self.sql.push_str("(leads.attributes ->> "),
        }
        match self.dialect {
            // A key with a quote in it is none that facts.toml can declare.
            Dialect::Sqlite => self.bind(Param::Text(format!("$.\"{}\"", key.replace('"', "")))),
            Dialect::Postgres => self.bind(Param::Text(key.to_owned())),
        }
        self.sql.push(')');
        if self.dialect == Dialect::Postgres {
            self.sql.push_str(match shape {
                Shape::Number => "::float8",
                Shape::YesNo => "::boolean::int",
                Shape::Type | Shape::Text => "",
            });
        }
    }

    /// The same as `LeadRecord::is_stale`.
    fn staleness(&mut self, stale: bool) {
        let not = if stale { "NOT " } else { "" };
        _ = write!(
            self.sql,
            "(score_number IS NOT NULL AND {not}(score_lead_revision = leads.revision
              AND score_activity_count = activity_count
              AND score_profile_revision = (SELECT p.revision FROM profiles p WHERE p.name = score_profile)
              AND score_rule_set = "
        );
        let Present { rule_set, now } = self.list.present.clone();
        self.bind(Param::Text(rule_set));
        self.sql.push_str(" AND score_as_of_micros > ");
        self.bind(Param::Integer(now.micros() - DAY));
        self.sql.push_str("))");
    }
}
