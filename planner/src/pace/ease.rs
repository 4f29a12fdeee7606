//! How fast the pace falls and rises again: additive increase, multiplicative decrease, as TCP does. Pure.
//!
//! Whoever shares a resource with others finds his part of it so, without knowing theirs (Chiu and Jain, 1989). A step is taken about once a
//! second: under pressure the factor is halved, without it grows by a tenth. So three seconds of pressure cost nearly all of the speed, and
//! ten seconds without bring it back.

use ledger::chunks::SLOWEST;

/// What a second without pressure adds.
const RISE: f64 = 0.1;
/// What a second of pressure leaves.
const FALL: f64 = 0.5;

/// The factor after one step.
#[must_use]
pub fn eased(factor: f64, pressed: bool) -> f64 {
    let next = if pressed { factor * FALL } else { factor + RISE };
    // Sums of tenths do not meet 1 exactly.
    let next = if next > 1.0 - RISE / 10.0 { 1.0 } else { next };
    next.max(SLOWEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever happened before: it stays within its bounds, falls under pressure, rises without, and gets everywhere.
        #[test]
        fn the_factor_stays_within_its_bounds_and_finds_its_way(
            presses in proptest::collection::vec(any::<bool>(), 0..200),
        ) {
            let mut factor = 1.0;
            for pressed in presses {
                let next = eased(factor, pressed);
                prop_assert!((SLOWEST..=1.0).contains(&next));
                let (slower, faster) = if pressed { (next, factor) } else { (factor, next) };
                prop_assert!(slower <= faster, "{} to {}", factor, next);
                prop_assert!(next != factor || factor == SLOWEST || factor == 1.0);
                factor = next;
            }
            let (mut down, mut up) = (factor, factor);
            for _ in 0..5 {
                down = eased(down, true);
            }
            for _ in 0..10 {
                up = eased(up, false);
            }
            prop_assert_eq!((down, up), (SLOWEST, 1.0));
        }

        /// Fair: of two that see the same pressure, the difference never grows, and every fall halves it.
        #[test]
        fn two_that_see_the_same_pressure_come_together(
            one in SLOWEST..=1.0_f64,
            other in SLOWEST..=1.0_f64,
            pressed in any::<bool>(),
        ) {
            let apart = (eased(one, pressed) - eased(other, pressed)).abs();
            // Where the last step is rounded up to 1.
            prop_assert!(apart <= (one - other).abs() + RISE / 10.0);
        }
    }
}
