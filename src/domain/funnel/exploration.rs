//! Which leads of low grades are handed over all the same. Without them nobody would ever learn that such a grade is wrong:
//! what sales never sees can't become a customer, and the rules would confirm themselves.

use sha2::{Digest, Sha256};

/// The shares that may be drawn.
pub const MIN_SHARE: f64 = 0.02;
pub const MAX_SHARE: f64 = 0.05;

/// Whether a lead is among those that are drawn with a probability. The draw depends on the seed and the lead's name alone, so
/// that drawing again draws the same leads, in whatever order and on whichever replica.
pub fn draws(seed: &str, lead: &str, share: f64) -> bool {
    let digest = Sha256::digest(format!("{}:{seed}{lead}", seed.len()));
    let bytes = digest.first_chunk().copied().unwrap_or_default();
    // The upper 53 bits are the most that a double tells apart.
    let part = (u64::from_be_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64;
    part < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_drawn_as_were_asked_for_and_others_by_another_seed() {
        let drawn = |seed: &str, share| {
            (0..100_000).filter(|i| draws(seed, &format!("leads/{i}"), share)).collect::<Vec<i32>>()
        };
        let (a, b) = (drawn("2026-Q4", 0.03), drawn("2027-Q1", 0.03));
        // Five standard deviations of a binomial.
        assert!(a.len().abs_diff(3_000) < 270 && b.len().abs_diff(3_000) < 270, "{} {}", a.len(), b.len());
        let both = a.iter().filter(|i| b.contains(i)).count();
        assert!(both < 150, "{both}");
        // Who is drawn at a share is drawn at a larger one.
        let wide = drawn("2026-Q4", 0.05);
        assert!(a.iter().all(|i| wide.contains(i)));
    }
}
