//! What is told of all pairs together: how totals are spread, and how alike both orders are.

use std::collections::BTreeMap;

use super::Sides;

/// Into about so many parts totals are cut.
const PARTS: i64 = 20;

/// Totals in parts of whole points.
pub fn histogram(totals: &BTreeMap<(i64, i64), u64>) -> (i64, Vec<(i64, Sides<u64>)>) {
    let all = || totals.keys().flat_map(|(before, after)| [*before, *after]);
    let (Some(least), Some(most)) = (all().min(), all().max()) else { return (1, Vec::new()) };
    let points = |hundredths: i64| hundredths.div_euclid(100);
    let span = points(most) - points(least) + 1;
    let wanted = (span + PARTS - 1) / PARTS;
    // Widths that people count in: 1, 2, 5, 10, 20 …
    let widths = (0..12).flat_map(|power| [1, 2, 5].map(|first| first * 10_i64.pow(power)));
    let width = widths.into_iter().find(|width| *width >= wanted).unwrap_or(wanted);
    let start = |hundredths: i64| points(hundredths).div_euclid(width) * width;
    // Parts without leads stand there too, so that it can be drawn as it is.
    let (first, last) = (start(least), start(most));
    let parts = (0..=(last - first) / width).map(|part| (first + part * width, Sides::default()));
    let mut parts: BTreeMap<i64, Sides<u64>> = parts.collect();
    for ((before, after), count) in totals {
        parts.entry(start(*before)).or_default().before += count;
        parts.entry(start(*after)).or_default().after += count;
    }
    (width, parts.into_iter().collect())
}

/// Spearman's rank correlation, ties by their mean rank; 1 where nothing differs in either.
pub fn spearman(pairs: &BTreeMap<(i64, i64), u64>) -> Option<f64> {
    let all: u64 = pairs.values().sum();
    if all < 2 {
        return None;
    }
    // Of each value the mean rank of those that have it, less the mean of all.
    let ranks = |of: fn(&(i64, i64)) -> i64| {
        let mut counts = BTreeMap::<i64, u64>::new();
        for (pair, count) in pairs {
            *counts.entry(of(pair)).or_default() += count;
        }
        let mut below = 0;
        let rank = |(value, count): (i64, u64)| {
            let mean = below as f64 + (count as f64 - 1.0) / 2.0;
            below += count;
            (value, mean - (all as f64 - 1.0) / 2.0)
        };
        counts.into_iter().map(rank).collect::<BTreeMap<i64, f64>>()
    };
    let (x, y) = (ranks(|pair| pair.0), ranks(|pair| pair.1));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for ((before, after), count) in pairs {
        let (x, y, count) = (x[before], y[after], *count as f64);
        (xy, xx, yy) = (xy + count * x * y, xx + count * x * x, yy + count * y * y);
    }
    Some(if xx == 0.0 && yy == 0.0 {
        1.0
    } else if xx == 0.0 || yy == 0.0 {
        0.0
    } else {
        xy / (xx * yy).sqrt()
    })
}
