//! The planner's core over a table that nobody has: a billion rows, in the smallest chunks there are.
//!
//! The core is a pure function, so a simulated ledger is a handful of numbers: what was cut is done and re-read at the next look. Measured is
//! what one decision costs and whether memory follows the table. The chunks are as small as they can be: real ones adapt to ten seconds of work
//! each, which makes them a thousand times fewer.

use std::fs;
use std::time::Duration;

use anyhow::ensure;
use engine::catalog::TableName;
use ledger::JobState;
use ledger::chunks::{RecentChunks, SweepFacts};
use ledger::sweeps::SweepLeaf;
use planner::decide::{Effect, Facts, FillFacts, Input, Machine, Progress, decide};
use shared::clock::Clock;

use super::results::Planning;
use crate::target::smallest_plan;

/// Rows that are simulated.
const ROWS: u64 = 1_000_000_000;
/// As many of about 150 bytes fit into a block of 8 KiB.
const ROWS_A_BLOCK: u64 = 54;
/// A chunk of the smallest size that took the time a chunk aims at, so that the size stays.
const RECENT: RecentChunks = RecentChunks {
    duration: Duration::from_secs(10),
    blocks: 64,
};

/// Walks the backfill of a simulated table to the end of its sweep.
pub(super) fn plan(clock: &dyn Clock) -> anyhow::Result<Planning> {
    simulate(clock, ROWS / ROWS_A_BLOCK)
}

fn simulate(clock: &dyn Clock, blocks: u64) -> anyhow::Result<Planning> {
    let plan = smallest_plan("users");
    let mut machine = Machine::new(&plan);
    machine.state = JobState::Backfilling;
    machine.fills[0].sweep = 1;
    let facts = facts(blocks);
    let (before, begun) = (resident(), clock.monotonic());
    let (mut looks, mut chunks, mut covered) = (0_u64, 0_u64, 0);
    while machine.fills[0].swept != Progress::Done {
        let decision = decide(&plan, &machine, Input::Look(facts.clone()));
        machine = decision.machine;
        looks += 1;
        for effect in decision.effects {
            if let Effect::IssueChunks(cut) = effect {
                chunks += cut.len() as u64;
                covered += cut
                    .iter()
                    .map(|chunk| chunk.end_block - chunk.first_block)
                    .sum::<u64>();
            }
        }
        ensure!(
            machine.state == JobState::Backfilling,
            "the simulated job is {}",
            machine.state
        );
    }
    let seconds = (clock.monotonic() - begun).as_secs_f64();
    ensure!(
        covered == blocks,
        "{covered} of {blocks} simulated blocks were covered"
    );
    Ok(Planning {
        rows: blocks * ROWS_A_BLOCK,
        chunks,
        looks,
        seconds,
        grown_mib: (resident() - before).max(0.0),
    })
}

/// Everything that was cut is done.
fn facts(blocks: u64) -> Facts {
    let leaf = SweepLeaf {
        seq: 0,
        oid: 1,
        name: TableName {
            schema: "public".to_owned(),
            name: "users".to_owned(),
        },
        blocks,
        fingerprint: "f".to_owned(),
    };
    let fill = FillFacts {
        leaves: vec![leaf],
        sweep: SweepFacts {
            recent: Some(RECENT),
            ..SweepFacts::default()
        },
        ..FillFacts::default()
    };
    Facts {
        fills: vec![fill],
        ..Facts::default()
    }
}

/// Resident memory of this process, in MiB.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or_default() * 4096.0 / (1024.0 * 1024.0)
}

#[cfg(test)]
mod tests {
    use shared::clock::SystemClock;

    use super::*;

    #[test]
    fn a_simulated_sweep_covers_its_table_in_the_smallest_chunks() {
        let planning = simulate(&SystemClock::new(), 64 * 100).unwrap();
        assert_eq!(planning.rows, 64 * 100 * ROWS_A_BLOCK);
        assert_eq!(planning.chunks, 100);
        // Two chunks a look, and one more look that finds nothing to cut.
        assert_eq!(planning.looks, 51);
    }
}
