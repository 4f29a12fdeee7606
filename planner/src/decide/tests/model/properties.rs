//! What holds in every state, and what every history comes to.

use ledger::job::JobState;
use stateright::Property;

use super::Protocol;
use super::ledger::{BATCH, Chunk, ChunkState, Reread, TaskState, Work};
use super::state::{Breach, Doing, State};
use crate::decide::Progress;

pub(super) const ENDS: &str = "every history ends with the job verified";
pub(super) const RIGHT: &str = "a verified job has no wrong row";
pub(super) const ONCE: &str = "a row that is right is never rewritten";
pub(super) const CHANGED: &str = "the ledger counts the rows that were changed";
pub(super) const SEEN: &str = "the ledger counts each block once";
pub(super) const TILED: &str = "the chunks of a sweep tile it";
pub(super) const FORWARD: &str = "a cursor never goes back";
pub(super) const FENCED: &str = "a batch goes in under the cursor's fence only";
pub(super) const ONE_HOLDER: &str = "a lease that has not lapsed has one holder";
pub(super) const IN_STEP: &str = "a chunk's cursor has the fence of its task";
pub(super) const WINDOW: &str = "no more chunks are outstanding than the window holds";
pub(super) const BUDGET: &str = "never more chunks are in flight than the budget allows";
pub(super) const SETTLED: &str = "a task is claimed once, and once more for each thing that went wrong";
pub(super) const EXIT: &str = "a job is verified only with every chunk done, re-read, and a verdict";
pub(super) const LEASED: &str = "a planner without its lease commits nothing";
pub(super) const ON_THE_LAST: &str = "a decision is committed only on the version it was made on";

pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(ONCE, |_, s: &State| {
            !s.breaches.contains(&Breach::RightRowRewritten)
        }),
        Property::always(FENCED, |_, s: &State| !s.breaches.contains(&Breach::ForeignBatch)),
        Property::always(FORWARD, |_, s: &State| !s.breaches.contains(&Breach::CursorBack)),
        Property::always(LEASED, |_, s: &State| !s.breaches.contains(&Breach::Unleased)),
        Property::always(ON_THE_LAST, |_, s: &State| !s.breaches.contains(&Breach::Stale)),
        Property::always(CHANGED, |_, s: &State| counts_changed(s)),
        Property::always(SEEN, |_, s: &State| counts_seen(s)),
        Property::always(TILED, |_, s: &State| is_tiled(s)),
        Property::always(ONE_HOLDER, |_, s: &State| has_one_holder(s)),
        Property::always(IN_STEP, |_, s: &State| is_in_step(s)),
        Property::always(WINDOW, |_, s: &State| holds_window(s)),
        Property::always(BUDGET, |m, s: &State| keeps_to_the_budget(m, s)),
        Property::always(RIGHT, |_, s: &State| {
            !is_verified(s) || s.table.rows.iter().all(|r| r.right)
        }),
        Property::always(EXIT, |_, s: &State| !is_verified(s) || may_be_verified(s)),
        Property::always(SETTLED, |m, s: &State| is_settled(m, s)),
        Property::eventually(ENDS, |_, s: &State| is_verified(s)),
    ]
}

pub(super) fn is_verified(state: &State) -> bool {
    state.ledger.machine.machine.state == JobState::Verified
}

/// What a worker has committed and is about to count is counted along, so that only what is lost for good shows.
fn counts_changed(state: &State) -> bool {
    let counted: u64 = state.ledger.chunks.iter().map(|c| c.changed).sum();
    let in_hand = state.hands().map(|h| match h.doing {
        Doing::RowsOnly { changed, .. } => changed,
        Doing::Between | Doing::Batch { .. } | Doing::Ended | Doing::Over(_) | Doing::Recorded => 0,
    });
    let changed: u64 = state.table.rows.iter().map(|r| r.rewrites).sum();
    counted + in_hand.sum::<u64>() == changed
}

fn counts_seen(state: &State) -> bool {
    let mut chunks = state.ledger.chunks.iter();
    chunks.all(|c| c.first + c.seen * BATCH == c.cursor)
}

/// `ledger::chunks::TILING`: from block 0 without a gap, and to the bound once the sweep is over.
fn is_tiled(state: &State) -> bool {
    state.ledger.sweeps.iter().zip(1..).all(|(sweep, number)| {
        let mut at = 0;
        for chunk in state.ledger.chunks_of(number) {
            if chunk.first != at || chunk.end <= at {
                return false;
            }
            at = chunk.end;
        }
        let fill = &state.ledger.machine.machine.fills[0];
        let over = fill.sweep == number && fill.swept == Progress::Done;
        at <= sweep.blocks && (!over || at == sweep.blocks)
    })
}

fn has_one_holder(state: &State) -> bool {
    let mut holding = state.hands().filter(|h| !h.lapsed && h.doing != Doing::Recorded);
    holding.all(|h| {
        let row = &state.ledger.tasks[h.task];
        row.attempt == h.fence && row.state == TaskState::Leased
    })
}

fn is_in_step(state: &State) -> bool {
    state.ledger.tasks.iter().all(|task| match task.work {
        Work::Chunk(chunk) => state.ledger.chunks[chunk].attempt == task.attempt,
        Work::Step(_) | Work::Check => true,
    })
}

/// Once, and once more for each fault.
fn is_settled(protocol: &Protocol, state: &State) -> bool {
    let most = protocol.bounds.faults + 1;
    state.ledger.tasks.iter().all(|task| task.attempt <= most)
}

fn holds_window(state: &State) -> bool {
    let machine = &state.ledger.machine.machine;
    let open = |c: &&Chunk| c.state == ChunkState::Open;
    state.ledger.chunks.iter().filter(open).count() <= machine.budget.max_parallel as usize
}

/// Chunks that somebody has, or had until the lease lapsed: what is only admitted writes nothing.
fn keeps_to_the_budget(protocol: &Protocol, state: &State) -> bool {
    let in_hand = state.ledger.tasks.iter().filter(|task| {
        matches!(task.work, Work::Chunk(_)) && matches!(task.state, TaskState::Leased | TaskState::Lapsed)
    });
    in_hand.count() <= protocol.places(state)
}

fn may_be_verified(state: &State) -> bool {
    let sweep = state.ledger.machine.machine.fills[0].sweep;
    let mut chunks = state.ledger.chunks_of(sweep);
    state.ledger.verdict == Some(true)
        && chunks.all(|c| c.state == ChunkState::Done && c.cursor == c.end && c.reread == Reread::Ok)
}
