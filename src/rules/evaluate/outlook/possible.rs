//! What a value could be, and what operators make of it: each answer holds all that could come of it, perhaps more, never
//! less.

use crate::domain::canonical::same_word;
use crate::rules::evaluate::list::{list_item, list_len};
use crate::rules::evaluate::operators;
use crate::rules::evaluate::value::Value;
use crate::rules::language::functions::Math;
use crate::rules::program::{Arithmetic, Case, Comparison};

/// What a value could be.
#[derive(Debug, Clone, Copy)]
pub enum Possible<'a> {
    Known(Value<'a>),
    /// A number from one to another.
    Numbers(f64, f64),
    /// Yes or no.
    Either,
    /// Any word but these.
    Except(&'a [&'a str]),
    /// A date that lies so many days back, from one to another.
    DaysBack(f64, f64),
    /// Anything of its type.
    Any,
}

/// What an expression could come to: a value, unknown, or both. Neither is where it can only fail.
#[derive(Debug, Clone, Copy)]
pub struct Could<'a> {
    pub be: Option<Possible<'a>>,
    pub be_unknown: bool,
}

impl<'a> Could<'a> {
    pub const UNKNOWN: Could<'static> = Could { be: None, be_unknown: true };
    pub const FAIL: Could<'static> = Could { be: None, be_unknown: false };
    pub const ANYTHING: Could<'static> = Could { be: Some(Possible::Any), be_unknown: true };

    pub fn be(possible: Possible<'a>) -> Self {
        Self { be: Some(possible), be_unknown: false }
    }

    pub fn known(value: Value<'a>) -> Self {
        Self::be(Possible::Known(value))
    }

    pub fn yes_no(can: Truth) -> Self {
        let be = match (can.hold, can.fail) {
            (true, true) => Some(Possible::Either),
            (true, false) => Some(Possible::Known(Value::YesNo(true))),
            (false, true) => Some(Possible::Known(Value::YesNo(false))),
            (false, false) => None,
        };
        Self { be, be_unknown: can.be_unknown }
    }

    pub fn numbers(low: f64, high: f64) -> Self {
        Self::be(Possible::numbers(low, high))
    }

    pub fn or_unknown(self, unknown: bool) -> Self {
        Self { be_unknown: self.be_unknown || unknown, ..self }
    }

    /// What one of both could come to.
    pub fn or(self, other: Self) -> Self {
        let be = match (self.be, other.be) {
            (Some(a), Some(b)) => Some(a.or(b)),
            (a, b) => a.or(b),
        };
        Self { be, be_unknown: self.be_unknown || other.be_unknown }
    }

    /// What comes of it by a step that takes its value.
    pub fn then(self, step: impl FnOnce(Possible<'a>) -> Self) -> Self {
        self.be.map_or(Self::FAIL, step).or_unknown(self.be_unknown)
    }

    pub fn truth(self) -> Truth {
        let (hold, fail) = match self.be {
            None => (false, false),
            Some(Possible::Known(Value::YesNo(yes))) => (yes, !yes),
            Some(_) => (true, true),
        };
        Truth { hold, fail, be_unknown: self.be_unknown }
    }
}

/// How a condition could come out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Truth {
    pub hold: bool,
    pub fail: bool,
    pub be_unknown: bool,
}

impl Truth {
    pub fn surely_holds(self) -> bool {
        self.hold && !self.fail && !self.be_unknown
    }

    pub fn not(self) -> Self {
        Self { hold: self.fail, fail: self.hold, ..self }
    }

    /// Either way.
    pub const EITHER: Truth = Truth { hold: true, fail: true, be_unknown: false };

    pub fn of(yes: bool) -> Self {
        Self { hold: yes, fail: !yes, be_unknown: false }
    }

    /// `and` with one false side is false, `or` with one true side is true, in either order.
    pub fn all(sides: impl Iterator<Item = Truth>) -> Self {
        let (mut hold, mut fail, mut unknown, mut not_failing) = (true, false, false, true);
        for side in sides {
            hold &= side.hold;
            fail |= side.fail;
            unknown |= side.be_unknown;
            not_failing &= side.hold || side.be_unknown;
        }
        Self { hold, fail, be_unknown: unknown && not_failing }
    }
}

impl<'a> Possible<'a> {
    pub fn numbers(low: f64, high: f64) -> Self {
        if low == high { Possible::Known(Value::Number(low)) } else { Possible::Numbers(low, high) }
    }

    fn or(self, other: Self) -> Self {
        use Possible as P;
        match (self, other) {
            (P::Known(Value::YesNo(a)), P::Known(Value::YesNo(b))) if a == b => self,
            (P::Known(Value::YesNo(_)) | P::Either, P::Known(Value::YesNo(_)) | P::Either) => P::Either,
            (P::Known(Value::Text(a)), P::Known(Value::Text(b))) if a == b => self,
            (P::DaysBack(a, b), P::DaysBack(c, d)) => P::DaysBack(a.min(c), b.max(d)),
            (a, b) => match (a.exact_range(), b.exact_range()) {
                (Some((a, b)), Some((c, d))) => P::numbers(a.min(c), b.max(d)),
                _ => P::Any,
            },
        }
    }

    fn exact_range(self) -> Option<(f64, f64)> {
        match self {
            Possible::Known(Value::Number(number)) => Some((number, number)),
            Possible::Numbers(low, high) => Some((low, high)),
            _ => None,
        }
    }

    /// The numbers that it could be.
    pub fn range(self) -> (f64, f64) {
        self.exact_range().unwrap_or((f64::NEG_INFINITY, f64::INFINITY))
    }

    pub fn known(self) -> Option<Value<'a>> {
        if let Possible::Known(value) = self { Some(value) } else { None }
    }
}

/// A product of ends: what is infinite stands for numbers that are merely large, so that nothing times it is nothing.
fn product(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { a * b }
}

fn hull(numbers: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let mut all = numbers.into_iter();
    let first = all.next().unwrap_or(f64::NAN);
    let (low, high) = all.fold((first, first), |(low, high), n| {
        if n.is_nan() || low.is_nan() { (f64::NAN, f64::NAN) } else { (low.min(n), high.max(n)) }
    });
    if low.is_nan() { (f64::NEG_INFINITY, f64::INFINITY) } else { (low, high) }
}

pub fn arithmetic(operator: Arithmetic, (a, b): (f64, f64), (c, d): (f64, f64)) -> (f64, f64) {
    let corners = |of: fn(f64, f64) -> f64| hull([of(a, c), of(a, d), of(b, c), of(b, d)]);
    match operator {
        Arithmetic::Add => corners(|a, b| a + b),
        Arithmetic::Subtract => corners(|a, b| a - b),
        Arithmetic::Multiply => corners(product),
        Arithmetic::Divide if c <= 0.0 && d >= 0.0 => (f64::NEG_INFINITY, f64::INFINITY),
        Arithmetic::Divide => corners(|a, b| if b.is_infinite() { 0.0 } else { a / b }),
        Arithmetic::Remainder => {
            let most = c.abs().max(d.abs());
            (if a < 0.0 { -most } else { 0.0 }, if b > 0.0 { most } else { 0.0 })
        }
    }
}

pub fn compare(how: Comparison, (a, b): (f64, f64), (c, d): (f64, f64)) -> Truth {
    let (hold, fail) = match how {
        Comparison::Less => (a < d, b >= c),
        Comparison::LessOrEqual => (a <= d, b > c),
        Comparison::Greater => (b > c, a <= d),
        Comparison::GreaterOrEqual => (b >= c, a < d),
        Comparison::Equal => (a <= d && c <= b, !(a == b && c == d && a == c)),
        Comparison::NotEqual => (!(a == b && c == d && a == c), a <= d && c <= b),
    };
    Truth { hold, fail, be_unknown: false }
}

/// What a function of numbers could give; nothing if it can only fail.
pub fn math(math: Math, args: &[(f64, f64)]) -> Option<(f64, f64)> {
    // The functions of libm may be off by a last digit, and not grow for a moment where they should.
    let wider = |(low, high): (f64, f64)| (low - low.abs() * 1e-12, high + high.abs() * 1e-12);
    let (a, b) = *args.first()?;
    let each = |of: fn(f64) -> f64| (of(a), of(b));
    Some(match math {
        Math::Min => args.iter().fold((a, b), |(low, high), (c, d)| (low.min(*c), high.min(*d))),
        Math::Max => args.iter().fold((a, b), |(low, high), (c, d)| (low.max(*c), high.max(*d))),
        Math::Clamp => {
            let ((c, d), (e, f)) = (*args.get(1)?, *args.get(2)?);
            (a.max(c).min(e.max(c)), b.max(d).min(f))
        }
        Math::Ratio => {
            let (low, high) = arithmetic(Arithmetic::Divide, (a, b), *args.get(1)?);
            (low.clamp(0.0, 1.0), high.clamp(0.0, 1.0))
        }
        Math::Abs if a <= 0.0 && b >= 0.0 => (0.0, b.max(-a)),
        Math::Abs => (a.abs().min(b.abs()), a.abs().max(b.abs())),
        Math::Round => each(libm::round),
        Math::Floor => each(libm::floor),
        Math::Ceil => each(libm::ceil),
        Math::Sqrt | Math::Ln if b < 0.0 => return None,
        Math::Sqrt => (libm::sqrt(a.max(0.0)), libm::sqrt(b)),
        Math::Ln => wider((if a <= 0.0 { f64::NEG_INFINITY } else { libm::log(a) }, libm::log(b))),
        Math::Exp => wider(each(libm::exp)),
        Math::Pow => {
            let (c, d) = *args.get(1)?;
            if a == b && c == d {
                let power = libm::pow(a, c);
                (power, power)
            } else if a > 0.0 {
                wider(hull([libm::pow(a, c), libm::pow(a, d), libm::pow(b, c), libm::pow(b, d)]))
            } else {
                (f64::NEG_INFINITY, f64::INFINITY)
            }
        }
    })
}

/// Whether a word that could be one of several is the same as another.
pub fn same_word_as(possible: Possible, word: &str) -> Truth {
    match possible {
        Possible::Known(Value::Text(own)) => Truth::of(same_word(own, word)),
        Possible::Except(words) if words.iter().any(|known| same_word(known, word)) => Truth::of(false),
        _ => Truth::EITHER,
    }
}

pub fn same<'a>(a: Possible<'a>, b: Possible<'a>) -> Truth {
    match (a, b) {
        (Possible::Known(a), Possible::Known(b)) => Truth::of(operators::same(a, b)),
        (other, Possible::Known(Value::Text(word))) | (Possible::Known(Value::Text(word)), other) => {
            same_word_as(other, word)
        }
        _ => Truth::EITHER,
    }
}

pub fn is_in<'a>(item: Possible<'a>, list: Possible<'a>) -> Truth {
    let Some(list) = list.known() else { return Truth::EITHER };
    match item {
        Possible::Known(item) => Truth::of(operators::is_in(item, list)),
        _ if list_len(list) == 0 => Truth::of(false),
        Possible::Except(_) => {
            let words = operators::words(list);
            Truth {
                hold: words.iter().any(|word| same_word_as(item, word).hold),
                fail: true,
                be_unknown: false,
            }
        }
        Possible::Numbers(low, high) => {
            let numbers = (0..list_len(list)).filter_map(|at| list_item(list, at));
            let within = |n: Value| matches!(n, Value::Number(n) if (low..=high).contains(&n));
            Truth { hold: numbers.into_iter().any(within), fail: true, be_unknown: false }
        }
        _ => Truth::EITHER,
    }
}

pub fn case_fits(case: &Case, value: Possible) -> Truth {
    match (case, value) {
        (case, Possible::Known(value)) => Truth::of(operators::matches(case, value)),
        (Case::Number(number), Possible::Numbers(low, high)) => {
            Truth { hold: (low..=high).contains(number), fail: true, be_unknown: false }
        }
        (Case::Range { from, to, inclusive }, Possible::Numbers(low, high)) => {
            let below_end = |n: f64| if *inclusive { n <= *to } else { n < *to };
            Truth {
                hold: *from <= high && below_end(low),
                fail: !(*from <= low && below_end(high)),
                be_unknown: false,
            }
        }
        (Case::Text(word), value) => same_word_as(value, word),
        _ => Truth::EITHER,
    }
}
