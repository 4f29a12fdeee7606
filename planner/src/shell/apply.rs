//! Carries a decision out: the job's new state and all its effects in one transaction.

use engine::catalog::EngineKind;
use engine::db::Connection;
use engine::mirror::Authority;
use engine::relation;
use ledger::chunks::{ChunkKind, NewChunk};
use ledger::jobs::{self, Job, JobChange};
use ledger::sweeps::SweepLeaf;
use ledger::tasks::Work;
use ledger::{Plan, Stage, StageStatus, Target, checks, chunks, commands, events, flags, sweeps, tasks};
use proto::{ChunkId, LeaseId};

use super::Error;
use super::facts::{check_task, step_task};
use crate::decide::{ChunkRange, Decision, Effect, Facts};

/// Blocks with wrong rows that lie this close together are written by one repair chunk.
const REPAIR_GAP: u64 = 16;

/// A decision, and what it is carried out on.
pub(super) struct Applying<'a> {
    pub(super) target: &'a Target,
    pub(super) job: &'a Job,
    pub(super) plan: &'a Plan,
    pub(super) decision: &'a Decision,
    pub(super) facts: &'a Facts,
    /// The lease under which it was decided.
    pub(super) planner: LeaseId,
}

/// A planner that is stopped in the middle of this transaction holds the job's row: no longer than its lease.
const IDLE_LIMIT: &str = "/* planner.apply */ SET LOCAL idle_in_transaction_session_timeout = '5s'";

impl Applying<'_> {
    /// The job's new state and every effect, or nothing.
    ///
    /// The lease is asked for twice. First with the job's version, so that nothing is begun on what was read before another planner
    /// took over. Then once more at the end: a process may sleep between any two statements, and the other planner must not
    /// meet a decision that was made before its time and comes after.
    pub(super) async fn carry_out(&self) -> Result<(), Error> {
        let failed = |source| self.ledger_error(source);
        let mut tx = self
            .target
            .ledger
            .pool()
            .begin()
            .await
            .map_err(ledger::Error::of("planner.apply"))
            .map_err(failed)?;
        if tx.engine() == EngineKind::Postgresql {
            tx.execute_script(IDLE_LIMIT)
                .await
                .map_err(ledger::Error::of("planner.apply"))
                .map_err(failed)?;
        }
        let machine = serde_json::to_value(&self.decision.machine).map_err(|source| {
            failed(ledger::Error::Document {
                what: "machine",
                source,
            })
        })?;
        let change = JobChange {
            id: self.job.id,
            version: self.job.version,
            state: self.decision.machine.state,
            reason: self.decision.machine.reason(),
            machine,
        };
        jobs::change(&mut tx, &change, self.planner)
            .await
            .map_err(failed)?;
        for effect in &self.decision.effects {
            self.effect(&mut tx, effect).await?;
        }
        jobs::require_planner(&mut tx, self.planner)
            .await
            .map_err(failed)?;
        tx.commit()
            .await
            .map_err(ledger::Error::of("planner.apply"))
            .map_err(failed)
    }

    async fn effect(&self, conn: &mut Connection, effect: &Effect) -> Result<(), Error> {
        let job = self.job.id;
        let done = match effect {
            Effect::StartStage(stage) => jobs::set_stage(conn, job, *stage, StageStatus::Running).await,
            Effect::EndStage(stage) => jobs::set_stage(conn, job, *stage, StageStatus::Done).await,
            Effect::UndoStages => return self.undo_stages(conn).await,
            Effect::IssueStep { phase, step } => {
                let task = step_task(job, *phase, *step, self.decision.machine.round);
                tasks::create(
                    conn,
                    task,
                    job,
                    Work::Step {
                        phase: *phase,
                        step: *step,
                    },
                )
                .await
            }
            Effect::IssueCheck { fill, round } => {
                let task = check_task(job, *fill, *round);
                tasks::create(
                    conn,
                    task,
                    job,
                    Work::Check {
                        fill: *fill,
                        round: *round,
                    },
                )
                .await
            }
            Effect::BeginSweep { fill, sweep } => return self.begin_sweep(conn, *fill, *sweep).await,
            Effect::BeginRepair { fill, sweep } => return self.begin_repair(conn, *fill, *sweep).await,
            Effect::IssueChunks(ranges) => return self.issue_chunks(conn, ranges).await,
            Effect::RequeueFailed => tasks::requeue_failed(conn, job).await,
            Effect::CancelOutstanding => tasks::cancel_ready(conn, job).await,
            Effect::ForgetFindings => checks::forget_findings(conn, job).await,
            Effect::Approve { gate, actor } => commands::record_approval(conn, job, gate, actor).await,
            Effect::VoidApproval { gate } => commands::void_approval(conn, job, gate).await,
            Effect::Answer(id, answer) => commands::settle(conn, *id, answer).await,
            Effect::SetFlag { flag, percentage } => flags::set(conn, job, flag, *percentage).await,
            Effect::HoldTables(hold) => jobs::hold_tables(conn, job, *hold).await,
            Effect::Audit { actor, kind, detail } => {
                events::append(conn, Some(job), actor, kind, detail).await
            }
        };
        done.map_err(|e| self.ledger_error(e))
    }

    async fn undo_stages(&self, conn: &mut Connection) -> Result<(), Error> {
        flags::record_authority(conn, self.job.id, Authority::Old)
            .await
            .map_err(|e| self.ledger_error(e))?;
        for stage in Stage::ALL.iter().rev().filter(|s| **s > Stage::Classify) {
            jobs::set_stage(conn, self.job.id, *stage, StageStatus::Undone)
                .await
                .map_err(|e| self.ledger_error(e))?;
        }
        Ok(())
    }

    /// Bound and fingerprint of every leaf. Each statement of this transaction has its own snapshot, and the
    /// triggers were committed by an earlier one, so every row that no trigger saw lies below the bound.
    async fn begin_sweep(&self, conn: &mut Connection, fill: u32, sweep: u32) -> Result<(), Error> {
        let leaves = self.leaves(conn, fill).await?;
        sweeps::create(conn, self.job.id, fill, sweep, &leaves)
            .await
            .map_err(|e| self.ledger_error(e))
    }

    async fn leaves(&self, conn: &mut Connection, fill: u32) -> Result<Vec<SweepLeaf>, Error> {
        let Some(planned) = self.plan.fills.get(fill as usize) else {
            return Ok(Vec::new());
        };
        let engine = |source| Error::Engine {
            target: self.target.name.to_string(),
            source,
        };
        let Some(root) = relation::oid(conn, &planned.table).await.map_err(engine)? else {
            return Ok(Vec::new());
        };
        let mut prints = Vec::new();
        let row = planned.row.as_deref();
        for leaf in relation::leaves(conn, &planned.table, row)
            .await
            .map_err(engine)?
        {
            // A leaf that went away between the two reads changes the fingerprint of every other one.
            if let Some(print) = relation::fingerprint(conn, root, leaf.oid, &leaf.name)
                .await
                .map_err(engine)?
            {
                prints.push((leaf, print));
            }
        }
        // The size is read after the fingerprint: of a table rewritten in between, batches then see another fingerprint.
        let now = relation::leaves(conn, &planned.table, row)
            .await
            .map_err(engine)?;
        let mut leaves = Vec::new();
        for (leaf, print) in prints {
            let blocks = now
                .iter()
                .find(|l| l.oid == leaf.oid)
                .map_or(leaf.blocks, |l| l.blocks);
            leaves.push(SweepLeaf {
                seq: leaves.len() as u32,
                oid: leaf.oid,
                name: leaf.name,
                blocks,
                fingerprint: print.0,
            });
        }
        Ok(leaves)
    }

    async fn issue_chunks(&self, conn: &mut Connection, ranges: &[ChunkRange]) -> Result<(), Error> {
        for range in ranges {
            let leaf = self
                .facts
                .fills
                .get(range.fill as usize)
                .and_then(|f| f.leaves.get(range.leaf as usize));
            let Some(leaf) = leaf else { continue };
            let chunk = NewChunk {
                id: ChunkId::of(self.job.id, range.fill, range.sweep, range.seq),
                fill: range.fill,
                sweep: range.sweep,
                seq: range.seq,
                kind: range.kind,
                leaf_oid: leaf.oid,
                leaf: leaf.name.clone(),
                fingerprint: leaf.fingerprint.clone(),
                first_block: range.first_block,
                end_block: range.end_block,
            };
            chunks::create(conn, self.job.id, &chunk)
                .await
                .map_err(|e| self.ledger_error(e))?;
        }
        Ok(())
    }

    /// Rows that were found wrong and not written since lie in the block they were found in (a write would have made
    /// them right), so their blocks are what is written again.
    async fn begin_repair(&self, conn: &mut Connection, fill: u32, sweep: u32) -> Result<(), Error> {
        let leaves = self.leaves(conn, fill).await?;
        let found = self
            .target
            .ledger
            .mismatches(self.job.id, checks::MISMATCH_LIMIT)
            .await
            .map_err(|e| self.ledger_error(e))?;
        let mut seq = 0;
        for leaf in &leaves {
            let blocks = found
                .iter()
                .filter(|(f, m)| *f == fill && m.leaf_oid == leaf.oid)
                .map(|(_, m)| m.block);
            // A list that is full is not the whole list: then the whole leaf is looked through.
            let whole = found.len() as i64 >= checks::MISMATCH_LIMIT && leaf.blocks > 0;
            let ranges = if whole {
                vec![(0, leaf.blocks)]
            } else {
                ranges_around(blocks)
            };
            for (first_block, end_block) in ranges {
                let chunk = NewChunk {
                    id: ChunkId::of(self.job.id, fill, sweep, seq),
                    fill,
                    sweep,
                    seq,
                    kind: ChunkKind::Repair,
                    leaf_oid: leaf.oid,
                    leaf: leaf.name.clone(),
                    fingerprint: leaf.fingerprint.clone(),
                    first_block,
                    end_block,
                };
                chunks::create(conn, self.job.id, &chunk)
                    .await
                    .map_err(|e| self.ledger_error(e))?;
                seq += 1;
            }
        }
        Ok(())
    }

    fn ledger_error(&self, source: ledger::Error) -> Error {
        Error::Ledger {
            target: self.target.name.to_string(),
            source,
        }
    }
}

/// Sorted blocks as ranges, close ones together.
fn ranges_around(blocks: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut sorted: Vec<u64> = blocks.collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for block in sorted {
        match ranges.last_mut() {
            Some((_, end)) if block <= *end + REPAIR_GAP => *end = block + 1,
            _ => ranges.push((block, block + 1)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_blocks_become_few_ranges_that_cover_each_of_them() {
        assert_eq!(ranges_around([7, 3, 3, 100, 8].into_iter()), [(3, 9), (100, 101)]);
        assert_eq!(ranges_around(std::iter::empty()), []);
    }
}
