//! When a table that is being filled is worth a VACUUM, and how gently it works. Pure.
//!
//! Every row that a fill writes leaves a dead version behind. Without VACUUM a fill of the whole table doubles its size; with one as soon as
//! a tenth of the rows is dead, what is written next goes where those were, and the table grows by about that tenth.

use std::time::Duration;

use engine::postgres::upkeep::{Condition, Cost};

use crate::budget::Limits;

/// Dead rows, in percent of the living, from which VACUUM pays, unless the settings say otherwise.
pub const AT_DEAD_PERCENT: u32 = 10;
/// Fewer dead rows than this are not worth the work, however small the table: some 3 MB of rows of 150 bytes.
const LEAST_DEAD: u64 = 20_000;

/// At full speed: the server's own upper bound, which on the reference machine slows nothing down that can be measured.
const FULL: Cost = Cost {
    delay: Duration::from_millis(2),
    limit: 10_000,
};
/// Beside a limited rate: what autovacuum does by default (`autovacuum_vacuum_cost_delay`, `vacuum_cost_limit`).
const GENTLE: Cost = Cost {
    delay: Duration::from_millis(2),
    limit: 200,
};

/// Whether a VACUUM is due. `left`: dead rows that the last one could not remove, because some old transaction may still look at them.
#[must_use]
pub fn is_due(condition: Condition, at_percent: u32, left: u64) -> bool {
    let share = condition.live.saturating_mul(u64::from(at_percent)) / 100;
    at_percent > 0
        && condition.permitted
        && !condition.busy
        && condition.dead.saturating_sub(left) >= share.max(LEAST_DEAD)
}

/// How gently, inside what the job and its target may use.
#[must_use]
pub fn cost(job: Limits, target: Limits) -> Cost {
    if job.any() || target.any() { GENTLE } else { FULL }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(live: u64, dead: u64) -> Condition {
        Condition {
            live,
            dead,
            permitted: true,
            busy: false,
        }
    }

    #[test]
    fn a_tenth_of_the_rows_must_be_dead_and_so_many_that_it_pays() {
        for (live, dead, left, expected) in [
            (1_000_000, 99_999, 0, false),
            (1_000_000, 100_000, 0, true),
            (1_000, 1_000, 0, false),
            (0, 20_000, 0, true),
            // An old transaction keeps the server from removing what was dead the last time.
            (1_000_000, 150_000, 100_000, false),
            (1_000_000, 200_000, 100_000, true),
            (u64::MAX, u64::MAX, 0, true),
        ] {
            assert_eq!(
                is_due(table(live, dead), 10, left),
                expected,
                "{dead} of {live}, {left} left"
            );
        }
    }

    #[test]
    fn nothing_is_vacuumed_that_may_not_be_or_is_being_or_shall_not_be() {
        let due = table(1_000_000, 500_000);
        assert!(is_due(due, 10, 0));
        assert!(!is_due(due, 0, 0));
        for not in [
            Condition {
                permitted: false,
                ..due
            },
            Condition { busy: true, ..due },
        ] {
            assert!(!is_due(not, 10, 0), "{not:?}");
        }
    }

    #[test]
    fn beside_a_limited_rate_it_works_as_gently_as_autovacuum() {
        let limited = Limits {
            rows: Some(1),
            wal_bytes: None,
        };
        for (job, target, expected) in [
            (Limits::default(), Limits::default(), FULL),
            (limited, Limits::default(), GENTLE),
            (Limits::default(), limited, GENTLE),
        ] {
            assert_eq!(cost(job, target), expected);
        }
    }
}
