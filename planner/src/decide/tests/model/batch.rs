//! One batch of a chunk: rows and cursor, under the fence, in one transaction. Mirrors `backfiller::chunk::batch`.

use ledger::job::JobState;

use super::Protocol;
use super::guards::Guard;
use super::ledger::{BATCH, Failed, Work};
use super::met::Event;
use super::state::{Batch, Breach, Doing, Hands, State};

impl Protocol {
    /// `backfiller::chunk::batch`, up to the update. The outer None: it waits for the cursor's row.
    pub(super) fn begin_batch(&self, state: &State, hands: &Hands) -> Option<Option<Doing>> {
        let chunk = chunk_of(state, hands)?;
        let others = |h: &&Hands| h.task == hands.task && h.fence != hands.fence;
        let locked = state.under_way.is_some_and(|batch| batch.chunk == chunk)
            || state
                .hands()
                .filter(others)
                .any(|h| matches!(h.doing, Doing::Batch { .. }));
        if locked && self.guards.stands(Guard::CursorLock) {
            return None;
        }
        let row = &state.ledger.chunks[chunk];
        if self.guards.stands(Guard::Fence) && row.attempt != hands.fence {
            self.met.note(Event::BatchRefused);
            return Some(None);
        }
        if row.cursor >= row.end {
            return Some(Some(Doing::Over(Failed::No)));
        }
        if state.ledger.machine.machine.state != JobState::Backfilling {
            return Some(None);
        }
        if row.file != state.table.file && self.guards.stands(Guard::Fingerprint) {
            self.met.note(Event::Drift);
            return Some(Some(Doing::Over(Failed::Drift)));
        }
        let to = row.end.min(row.cursor + BATCH);
        Some(Some(Doing::Batch { from: row.cursor, to }))
    }

    /// The outer None: rows or cursor are locked by a COMMIT under way.
    pub(super) fn commit_batch(
        &self,
        state: &mut State,
        hands: &Hands,
        from: u64,
        to: u64,
    ) -> Option<Option<Doing>> {
        let chunk = chunk_of(state, hands)?;
        if state.under_way.is_some_and(|batch| batch.chunk == chunk) {
            return None;
        }
        let fence = hands.fence;
        // Refused by the fence, the rows are undone with the cursor.
        let together = self.guards.stands(Guard::OneTransaction);
        if together && self.guards.stands(Guard::Fence) && state.ledger.chunks[chunk].attempt != fence {
            self.met.note(Event::BatchRefused);
            return Some(None);
        }
        let changed = self.update(state, from, to);
        if !together {
            return Some(Some(Doing::RowsOnly { to, changed }));
        }
        Some(self.advance(
            state,
            &Batch {
                chunk,
                fence,
                from,
                to,
            },
            changed,
        ))
    }

    /// The update of a batch: rows that are wrong become right. How many.
    fn update(&self, state: &mut State, from: u64, to: u64) -> u64 {
        let mut changed = 0;
        let mut right_rewritten = false;
        for row in state.table.range_mut(from, to) {
            if row.right {
                self.met.note(Event::RightRow);
                if self.guards.stands(Guard::Predicate) {
                    continue;
                }
                right_rewritten = true;
            }
            row.right = true;
            row.rewrites += 1;
            changed += 1;
        }
        if right_rewritten {
            state.breached(Breach::RightRowRewritten);
        }
        changed
    }

    /// `ledger.cursor_advance`. None: the lease is lost.
    pub(super) fn advance(&self, state: &mut State, batch: &Batch, changed: u64) -> Option<Doing> {
        let seen = state.table.range(batch.from, batch.to).count() as u64;
        let row = &mut state.ledger.chunks[batch.chunk];
        let ours = row.attempt == batch.fence;
        if !ours && self.guards.stands(Guard::Fence) {
            self.met.note(Event::BatchRefused);
            return None;
        }
        let back = batch.to < row.cursor;
        row.cursor = batch.to;
        row.seen += seen;
        row.changed += changed;
        let ended = row.cursor >= row.end;
        if !ours {
            state.breached(Breach::ForeignBatch);
        }
        if back {
            state.breached(Breach::CursorBack);
        }
        Some(if ended {
            Doing::Over(Failed::No)
        } else {
            Doing::Between
        })
    }

    /// The server comes to the end of a COMMIT of which nobody knows: rows and cursor are there.
    pub(super) fn land(&self, state: &mut State) -> Option<()> {
        let batch = state.under_way.take()?;
        self.met.note(Event::LateCommit);
        let changed = self.update(state, batch.from, batch.to);
        self.advance(state, &batch, changed);
        Some(())
    }
}

/// The chunk that a worker has in its hands, if it is one.
pub(super) fn chunk_of(state: &State, hands: &Hands) -> Option<usize> {
    match state.ledger.tasks[hands.task].work {
        Work::Chunk(chunk) => Some(chunk),
        Work::Step(_) | Work::Check => None,
    }
}
