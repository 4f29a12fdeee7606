//! Sweeps, their checks, and the steps that need every row to be filled.
//!
//! Chunks are streamed: at most `max_parallel` of a job are outstanding at any time, so planner memory, queue
//! length and chunks in flight do not grow with the table, and adding workers adds no load (invariant 8).

use std::time::Duration;

use engine::postgres::triggers::Authority;
use ledger::checks::Outcome;
use ledger::chunks::ChunkKind;
use ledger::job::{JobState, Stage};
use ledger::plan::Phase;
use ledger::steps::TaskState;
use ledger::tasks::FailureClass;

use super::{ChunkRange, Effect, Facts, FillFacts, HoldCause, Next, Progress, Sweeping};

/// A chunk aims at this time; its size adapts.
const TARGET_CHUNK: Duration = Duration::from_secs(10);
/// 512 KiB: below this the bookkeeping would cost more than the rows.
const MIN_CHUNK_BLOCKS: u64 = 64;
/// 2 GiB.
const MAX_CHUNK_BLOCKS: u64 = 262_144;
/// Where blocks may be empty (SQLite: rowids that the application gives have gaps of any size), a table is cut into at most about so
/// many chunks. A batch there is bounded by the rows it meets, so a chunk may be of any size; and one worker writes at a time anyway.
const MOST_CHUNKS: u64 = 32;
/// A table that changes more often than this under its sweeps will not converge.
const MAX_DRIFTS: u32 = 5;

impl Next<'_> {
    /// Begins a new sweep of every fill.
    pub(super) fn begin_sweeps(&mut self) {
        for fill in 0..self.machine.fills.len() {
            self.begin_sweep(fill);
        }
    }

    fn begin_sweep(&mut self, fill: usize) {
        let machine = &mut self.machine.fills[fill];
        machine.sweep += 1;
        machine.repair = Sweeping::Whole;
        machine.next_seq = 0;
        machine.leaf = 0;
        machine.next_block = 0;
        machine.swept = Progress::Open;
        let sweep = machine.sweep;
        self.effects.push(Effect::BeginSweep {
            fill: fill as u32,
            sweep,
        });
    }

    /// A fill whose sweep is not over is swept anew as a whole: repairing what was found so far would leave the
    /// rest unfilled. Rows that are right are not written again.
    pub(super) fn begin_repairs(&mut self) {
        for fill in 0..self.machine.fills.len() {
            if self.machine.fills[fill].swept != Progress::Done {
                self.begin_sweep(fill);
                continue;
            }
            let machine = &mut self.machine.fills[fill];
            machine.sweep += 1;
            machine.repair = Sweeping::Repair;
            machine.swept = Progress::Open;
            let sweep = machine.sweep;
            self.effects.push(Effect::BeginRepair {
                fill: fill as u32,
                sweep,
            });
        }
    }

    pub(super) fn backfilling(&mut self, facts: &Facts) {
        if let Some(why) = &facts.drift {
            self.hold_by_drift(why);
            return;
        }
        for (fill, fact) in facts.fills.iter().enumerate().take(self.machine.fills.len()) {
            if self.machine.fills[fill].swept != Progress::Done {
                self.sweep(fill, fact, facts.leased);
                return;
            }
        }
        if self.check(facts) {
            self.finish(facts);
        }
    }

    /// One look at the sweep of one fill.
    fn sweep(&mut self, fill: usize, fact: &FillFacts, leased: u64) {
        if let Some(failed) = fact.sweep.failed.first() {
            if failed.failure.class == FailureClass::Drift {
                self.drifted(fill, &failed.failure.message);
                return;
            }
            let sqlstate = failed.failure.sqlstate.as_deref().unwrap_or("none");
            let why = format!(
                "blocks {} to {} of {}.{} cannot be filled: SQLSTATE {sqlstate}, {}; mend the rows (or the expression in a new job), then `sluice resume`",
                failed.cursor_block,
                failed.end_block,
                failed.leaf.schema,
                failed.leaf.name,
                failed.failure.message
            );
            self.hold(HoldCause::Data, why);
            return;
        }
        if self.machine.fills[fill].swept == Progress::Drifted {
            self.sweep_anew(fill, fact, leased);
            return;
        }
        if fact.sweep.mismatched + fact.sweep.unreadable > 0 {
            let why = format!(
                "{} chunks of {} hold rows that are wrong after they were filled, {} could not be re-read; \
                 `sluice status` lists the rows; `sluice repair` writes them again, `sluice verify` looks again",
                fact.sweep.mismatched, self.plan.fills[fill].table.name, fact.sweep.unreadable
            );
            self.hold(HoldCause::Verification, why);
            return;
        }
        let all_cut = self.cut_chunks(fill, fact);
        if !all_cut || fact.sweep.open > 0 || fact.sweep.unverified > 0 {
            return;
        }
        let Some(leaf) = &fact.attached else {
            self.machine.fills[fill].swept = Progress::Done;
            return;
        };
        self.effects.push(Effect::Audit {
            actor: "planner".to_owned(),
            kind: "sweep.new_leaf",
            detail: serde_json::json!({ "leaf": leaf }),
        });
        self.begin_sweep(fill);
    }

    /// Begins the sweep after a drifted one, once no chunk of that can be worked any more.
    ///
    /// Facts are older than the decision made from them: a chunk that nobody had when they were read may have been claimed since, or
    /// given back since the last cancellation. One left over would outlive its sweep, and a worker would be held by it for as long as the
    /// job rests at `verified`. A chunk that is no longer open stays so.
    fn sweep_anew(&mut self, fill: usize, fact: &FillFacts, leased: u64) {
        if leased > 0 {
            return;
        }
        if fact.sweep.open > 0 {
            self.effects.push(Effect::CancelOutstanding);
            return;
        }
        self.begin_sweep(fill);
    }

    fn drifted(&mut self, fill: usize, why: &str) {
        let machine = &mut self.machine.fills[fill];
        if machine.swept == Progress::Drifted {
            // Another chunk saw the same change.
            self.effects.push(Effect::CancelOutstanding);
            return;
        }
        machine.drifts += 1;
        let detail =
            serde_json::json!({ "fill": fill, "sweep": machine.sweep, "drifts": machine.drifts, "why": why });
        if machine.drifts > MAX_DRIFTS {
            let why = format!(
                "the sweep does not converge: the table changed under it {MAX_DRIFTS} times, last: {why}; \
                 find out what keeps changing it, then `sluice resume`"
            );
            self.machine.fills[fill].drifts = 0;
            self.hold(HoldCause::Drift, why);
            return;
        }
        machine.swept = Progress::Drifted;
        self.effects.push(Effect::CancelOutstanding);
        self.effects.push(Effect::Audit {
            actor: "planner".to_owned(),
            kind: "sweep.drifted",
            detail,
        });
    }

    /// Cuts as many chunks as the window allows. True: the whole sweep is cut.
    fn cut_chunks(&mut self, fill: usize, fact: &FillFacts) -> bool {
        if self.machine.fills[fill].repair == Sweeping::Repair {
            return true;
        }
        self.adapt_chunk_size(fill, fact);
        let window = u64::from(self.machine.budget.max_parallel.max(1));
        let mut free = window.saturating_sub(fact.sweep.open);
        let mut cut = Vec::new();
        let sparse = self.plan.fills[fill].row.is_some();
        let machine = &mut self.machine.fills[fill];
        while let Some(leaf) = fact.leaves.get(machine.leaf as usize) {
            if machine.next_block >= leaf.blocks {
                machine.leaf += 1;
                machine.next_block = 0;
                continue;
            }
            if free == 0 {
                break;
            }
            let size = if sparse {
                machine.chunk_blocks.max(leaf.blocks.div_ceil(MOST_CHUNKS))
            } else {
                machine.chunk_blocks
            };
            let end_block = end_of_chunk(machine.next_block, leaf.blocks, size, window);
            cut.push(ChunkRange {
                fill: fill as u32,
                sweep: machine.sweep,
                seq: machine.next_seq,
                kind: ChunkKind::Sweep,
                leaf: machine.leaf,
                first_block: machine.next_block,
                end_block,
            });
            machine.next_seq += 1;
            machine.next_block = end_block;
            free -= 1;
        }
        let all = machine.leaf as usize >= fact.leaves.len();
        if !cut.is_empty() {
            self.effects.push(Effect::IssueChunks(cut));
            return false;
        }
        all
    }

    fn adapt_chunk_size(&mut self, fill: usize, fact: &FillFacts) {
        let Some(recent) = fact.sweep.recent else { return };
        let seconds = recent.duration.as_secs_f64().max(0.01);
        let ratio = (TARGET_CHUNK.as_secs_f64() / seconds).clamp(0.5, 2.0);
        let wanted = (recent.blocks as f64 * ratio) as u64;
        self.machine.fills[fill].chunk_blocks = wanted.clamp(MIN_CHUNK_BLOCKS, MAX_CHUNK_BLOCKS);
    }

    /// The whole-table check of every fill. True: all may proceed.
    fn check(&mut self, facts: &Facts) -> bool {
        let round = self.machine.check_round;
        for (fill, fact) in facts.fills.iter().enumerate() {
            match &fact.verdict {
                Some(verdict) if verdict.outcome == Outcome::Proceed => {}
                // The rows for which the way back is closed are unrelated by nature, and are told apart already.
                Some(verdict)
                    if self.machine.authority == Authority::New
                        && verdict.outcome == Outcome::Hold
                        && verdict.rows_mismatched <= facts.closed => {}
                Some(verdict) => {
                    let why = format!("{}; {}", verdict.why, self.after_a_failed_check());
                    self.hold(HoldCause::Verification, why);
                    return false;
                }
                None => {
                    self.await_check(fill, fact, round);
                    return false;
                }
            }
        }
        true
    }

    /// What helps once rows were found wrong.
    pub(super) fn after_a_failed_check(&self) -> &'static str {
        match self.machine.authority {
            Authority::Old => {
                "`sluice repair` writes the rows that were found wrong, `sluice verify` checks again"
            }
            Authority::New => {
                "mend the rows by hand (new is the authority, so nothing is repaired from old), then `sluice verify` checks again"
            }
        }
    }

    fn await_check(&mut self, fill: usize, fact: &FillFacts, round: u32) {
        match &fact.check {
            None => self.effects.push(Effect::IssueCheck {
                fill: fill as u32,
                round,
            }),
            Some(TaskState::Failed(failure)) => {
                let why = format!(
                    "the whole-table check failed: {}; `sluice verify` checks again",
                    failure.message
                );
                self.hold(HoldCause::Verification, why);
                return;
            }
            Some(TaskState::Ready | TaskState::Leased { .. } | TaskState::Done | TaskState::Cancelled) => {}
        }
        if self.machine.state == JobState::Backfilling {
            self.machine.waiting = Some(format!(
                "the whole of {} is being checked",
                self.plan.fills[fill].table.name
            ));
        }
    }

    /// VALIDATE, NOT NULL and the like; then the stage's exit condition holds.
    fn finish(&mut self, facts: &Facts) {
        if self.driven(Phase::Finish, facts) {
            self.effects.push(Effect::EndStage(Stage::Backfill));
            self.enter(JobState::Verified);
        }
    }
}

/// Where a chunk ends: small tables are still shared by all workers, and no sliver is left at the end.
fn end_of_chunk(from: u64, blocks: u64, size: u64, window: u64) -> u64 {
    let fair = blocks.div_ceil(window * 2).max(MIN_CHUNK_BLOCKS);
    let end = from + size.min(fair).max(1);
    if end + MIN_CHUNK_BLOCKS / 2 >= blocks {
        blocks
    } else {
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_any_size_tile_their_leaf() {
        for (blocks, size, window) in [(1, 1024, 4), (100, 64, 2), (1_000_000, 1024, 8), (97, 64, 1)] {
            let mut at = 0;
            while at < blocks {
                let end = end_of_chunk(at, blocks, size, window);
                assert!(end > at && end <= blocks, "{at}..{end} of {blocks}");
                at = end;
            }
            assert_eq!(at, blocks);
        }
    }
}
