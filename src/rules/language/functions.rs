//! The functions that scripts can call beside their own.

/// What a function does with its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Activity,
    Known,
    State(FactState),
    DaysSince,
    DaysUntil,
    SizePoints,
    /// The points of a group so far; in grades only.
    PointsOf,
    /// A cell of a table.
    Lookup,
    /// A text → whether it is an address or a host of mail that costs nothing.
    IsFreeMail,
    /// Numbers → a number; with the least and the most arguments.
    Math(Math, usize, usize),
}

/// What can be asked of an attribute beside its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactState {
    Confidence,
    AgeDays,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Math {
    Ratio,
    Min,
    Max,
    Clamp,
    Abs,
    Round,
    Floor,
    Ceil,
    Sqrt,
    Ln,
    Exp,
    Pow,
}

/// A function of the host.
#[derive(Debug)]
pub struct HostFunction {
    pub name: &'static str,
    pub does: Does,
    /// As a call is written.
    pub written: &'static str,
    pub meaning: &'static str,
}

const fn function(
    name: &'static str,
    does: Does,
    written: &'static str,
    meaning: &'static str,
) -> HostFunction {
    HostFunction { name, does, written, meaning }
}

/// The most arguments of `min` and `max`.
const MANY: usize = 100;

/// All functions.
pub const FUNCTIONS: [HostFunction; 22] = [
    function(
        "activity",
        Does::Activity,
        "activity(\"type\")",
        "the lead's activities of a type; say what of them: .count, .within(14) …",
    ),
    function("known", Does::Known, "known(x)", "whether x can be told; never unknown itself"),
    function(
        "confidence",
        Does::State(FactState::Confidence),
        "confidence(x)",
        "how sure the source of an attribute is, 0 to 1; unknown if it does not say",
    ),
    function(
        "age_days",
        Does::State(FactState::AgeDays),
        "age_days(x)",
        "whole days since an attribute was last verified; unknown if it never was",
    ),
    function(
        "days_since",
        Does::DaysSince,
        "days_since(date)",
        "whole days from a date to the as-of time; negative if it is to come",
    ),
    function(
        "days_until",
        Does::DaysUntil,
        "days_until(date)",
        "whole days from the as-of time to a date; negative if it has passed",
    ),
    function(
        "size_points",
        Does::SizePoints,
        "size_points(employees)",
        "the points of the profile's size band, 0 outside all bands",
    ),
    function(
        "lookup",
        Does::Lookup,
        "lookup(\"table\", key, …)",
        "the value in the row of tables/table.csv with this key; unknown without one; \"table.column\" where there are several values",
    ),
    function(
        "points_of",
        Does::PointsOf,
        "points_of(\"group\")",
        "the points of a group, within its cap and floor; in `grade` and `cap_grade`",
    ),
    function(
        "is_free_mail",
        Does::IsFreeMail,
        "is_free_mail(domain)",
        "whether a domain or an address is of mail that anybody gets for nothing, such as gmail.com",
    ),
    function(
        "ratio",
        Does::Math(Math::Ratio, 2, 2),
        "ratio(part, whole)",
        "part ÷ whole, kept within 0 and 1",
    ),
    function("min", Does::Math(Math::Min, 2, MANY), "min(a, b, …)", "the least"),
    function("max", Does::Math(Math::Max, 2, MANY), "max(a, b, …)", "the greatest"),
    function("clamp", Does::Math(Math::Clamp, 3, 3), "clamp(x, low, high)", "x, kept within low and high"),
    function("abs", Does::Math(Math::Abs, 1, 1), "abs(x)", "x without its sign"),
    function(
        "round",
        Does::Math(Math::Round, 1, 1),
        "round(x)",
        "the nearest whole number, halves away from zero",
    ),
    function("floor", Does::Math(Math::Floor, 1, 1), "floor(x)", "the whole number below"),
    function("ceil", Does::Math(Math::Ceil, 1, 1), "ceil(x)", "the whole number above"),
    function("sqrt", Does::Math(Math::Sqrt, 1, 1), "sqrt(x)", "the square root"),
    function("ln", Does::Math(Math::Ln, 1, 1), "ln(x)", "the natural logarithm"),
    function("exp", Does::Math(Math::Exp, 1, 1), "exp(x)", "e to the power of x"),
    function("pow", Does::Math(Math::Pow, 2, 2), "pow(x, y)", "x to the power of y"),
];

/// The host's function of a name.
pub fn host_function(name: &str) -> Option<&'static HostFunction> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Whether the host has a function of this name.
pub fn is_function(name: &str) -> bool {
    host_function(name).is_some()
}
