//! Splitting a budget of whole units by weights, within floors and caps: exactly, so that what is given and what is left over add
//! up to what there was.

/// What somebody asks of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Shares go by it; 0 or more.
    pub weight: i64,
    pub floor: i64,
    pub cap: Option<i64>,
}

/// Why somebody gets what they get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// By the weight.
    Share,
    /// The weight alone would have given less.
    Floor,
    /// The weight alone would have given more.
    Cap,
    /// The weight is nothing.
    Nothing,
}

/// What somebody gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub amount: i64,
    pub why: Why,
}

/// The floors take more than there is: so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloorsTooHigh(pub i128);

/// Splits a budget. Everybody gets λ · weight within floor and cap, with the λ that uses up the budget; the fractions that are
/// left go to the largest remainders (Hamilton's method), of equal ones to the first.
pub fn allocate(budget: i64, claims: &[Claim]) -> Result<Vec<Share>, FloorsTooHigh> {
    let floors: i128 = claims.iter().map(|claim| i128::from(claim.floor)).sum();
    if floors > i128::from(budget) {
        return Err(FloorsTooHigh(floors));
    }
    let mut given: Vec<Option<Share>> = vec![None; claims.len()];
    loop {
        let free = |given: &[Option<Share>]| -> Vec<usize> {
            (0..claims.len()).filter(|index| given[*index].is_none()).collect()
        };
        let spent: i128 = given.iter().flatten().map(|share| i128::from(share.amount)).sum();
        let rest = i128::from(budget) - spent;
        let open = free(&given);
        let weights: i128 = open.iter().map(|index| i128::from(claims[*index].weight)).sum();
        if weights == 0 {
            for index in open {
                let amount = claims[index].floor;
                let why = if amount > 0 { Why::Floor } else { Why::Nothing };
                given[index] = Some(Share { amount, why });
            }
            break;
        }
        // By how much each bound is missed, times the weights: whole numbers compare exactly.
        let ideal = |index: usize| rest * i128::from(claims[index].weight);
        let under = |index: usize| (i128::from(claims[index].floor) * weights - ideal(index)).max(0);
        let over = |index: usize| {
            let cap = claims[index].cap.map_or(i128::MAX, |cap| i128::from(cap) * weights);
            if cap == i128::MAX { 0 } else { (ideal(index) - cap).max(0) }
        };
        let deficit: i128 = open.iter().map(|index| under(*index)).sum();
        let excess: i128 = open.iter().map(|index| over(*index)).sum();
        if deficit == 0 && excess == 0 {
            share_out(&mut given, claims, &open, rest, weights);
            break;
        }
        // Those on the graver side get their bound, which only moves the others further that way.
        for index in open {
            if deficit >= excess && under(index) > 0 {
                given[index] = Some(Share { amount: claims[index].floor, why: Why::Floor });
            } else if deficit < excess && over(index) > 0 {
                given[index] = Some(Share { amount: claims[index].cap.unwrap_or(0), why: Why::Cap });
            }
        }
    }
    Ok(given.into_iter().flatten().collect())
}

fn share_out(given: &mut [Option<Share>], claims: &[Claim], open: &[usize], rest: i128, weights: i128) {
    let mut remainders: Vec<(i128, usize)> = Vec::new();
    let mut left = rest;
    for index in open {
        let exact = rest * i128::from(claims[*index].weight);
        let whole = exact / weights;
        left -= whole;
        remainders.push((exact % weights, *index));
        let why = if claims[*index].weight == 0 { Why::Nothing } else { Why::Share };
        given[*index] = Some(Share { amount: i64::try_from(whole).unwrap_or(i64::MAX), why });
    }
    remainders.sort_by_key(|(remainder, index)| (std::cmp::Reverse(*remainder), *index));
    for (_, index) in remainders {
        if left == 0 {
            break;
        }
        if let Some(share) = &mut given[index] {
            share.amount += 1;
            left -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim(weight: i64, floor: i64, cap: Option<i64>) -> Claim {
        Claim { weight, floor, cap }
    }

    fn amounts(budget: i64, claims: &[Claim]) -> Vec<i64> {
        allocate(budget, claims).unwrap().iter().map(|share| share.amount).collect()
    }

    #[test]
    fn shares_go_by_weight_within_bounds_and_the_largest_remainder_gets_the_rest() {
        assert_eq!(amounts(100, &[claim(1, 0, None); 3]), [34, 33, 33]);
        assert_eq!(amounts(10, &[claim(6, 0, None), claim(6, 0, None), claim(2, 0, None)]), [4, 4, 2]);
        assert_eq!(amounts(100, &[claim(80, 0, Some(50)), claim(20, 0, None)]), [50, 50]);
        assert_eq!(amounts(100, &[claim(99, 0, None), claim(1, 20, None)]), [80, 20]);
        assert_eq!(amounts(100, &[claim(1, 0, Some(10)), claim(1, 0, Some(20))]), [10, 20]);
        assert_eq!(amounts(5, &[claim(0, 0, None), claim(0, 2, None)]), [0, 2]);
        assert_eq!(allocate(9, &[claim(1, 5, None), claim(1, 5, None)]), Err(FloorsTooHigh(10)));
    }

    proptest! {
        #[test]
        fn what_is_given_keeps_all_bounds_and_uses_up_what_it_can(
            budget in 0..1_000_000i64,
            claims in prop::collection::vec((0..1_000i64, 0..1_000i64, prop::option::of(0..100_000i64)), 1..12),
        ) {
            let claims: Vec<Claim> = claims
                .into_iter()
                .map(|(weight, floor, more)| claim(weight, floor, more.map(|more| floor + more)))
                .collect();
            let floors: i64 = claims.iter().map(|claim| claim.floor).sum();
            let Ok(given) = allocate(budget, &claims) else {
                prop_assert!(floors > budget);
                return Ok(());
            };
            let total: i64 = given.iter().map(|share| share.amount).sum();
            prop_assert!(total <= budget);
            let full = |(share, claim): (&Share, &Claim)| claim.cap == Some(share.amount) || claim.weight == 0;
            prop_assert!(total == budget || given.iter().zip(&claims).all(full), "{given:?}");
            for (share, claim) in given.iter().zip(&claims) {
                prop_assert!(share.amount >= claim.floor && claim.cap.is_none_or(|cap| share.amount <= cap));
            }
            // Whoever weighs more gets no less, but for the bounds, and for a unit by rounding.
            for (a, one) in given.iter().zip(&claims) {
                for (b, other) in given.iter().zip(&claims) {
                    if one.weight > other.weight && a.why != Why::Cap && b.why != Why::Floor {
                        prop_assert!(a.amount + 1 >= b.amount, "{given:?}");
                    }
                }
            }
        }
    }
}
