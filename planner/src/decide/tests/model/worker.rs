//! A worker with one task, and the verifier.
//!
//! A chunk: claim, batches, end, acknowledgement (`backfiller::chunk`). A step and a check acknowledge as soon as the lease is in the
//! ledger (`backfiller::stage`, `verifier::check`). One kind of worker does all three, because the ledger does not care.
//!
//! `ledger::hold`, the holder's own clock, is left out on purpose: what depends on it is not safe.

use std::ops::Not;

use super::batch::chunk_of;
use super::guards::Guard;
use super::ledger::{BATCH, ChunkState, Claimed, Failed, Reread, TaskState, Work};
use super::met::Event;
use super::state::{Batch, Doing, Hands, Message, State, Worker};
use super::{Protocol, Step};

/// What one worker does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// A batch from BEGIN to the update: `ledger.cursor_hold`, `ledger.leave`, fingerprint.
    Begin,
    /// The update, `ledger.cursor_advance` and COMMIT.
    Commit,
    /// Without [`Guard::OneTransaction`]: the cursor in a transaction of its own.
    Advance,
    /// A step's or a check's effect.
    Run,
    /// `ledger.chunk_finish`, `ledger.task_end`.
    Record,
    /// The event is told, the message is acknowledged.
    Acknowledge,
}

/// What the takeover did about the holder before (`backfiller::takeover`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predecessor {
    /// Its batch was ended, if it had one.
    Gone,
    /// Its batch was not found.
    StillThere,
}

impl Protocol {
    pub(super) fn offer_worker(&self, state: &State, steps: &mut Vec<Step>) {
        let is_idle = |worker: &Worker| *worker == Worker::Idle;
        if state.workers.iter().any(is_idle) {
            for task in (0..state.broker.len()).filter(|task| state.broker[*task] > 0) {
                let open = state
                    .hands()
                    .any(|h| h.task == task && matches!(h.doing, Doing::Batch { .. }));
                let leased = state.ledger.tasks[task].state == TaskState::Leased;
                let waits = open && leased && !self.guards.stands(Guard::ClaimCondition);
                let locked = self.guards.stands(Guard::CursorLock);
                if !(waits && locked) {
                    steps.push(Step::Receive(task, Predecessor::Gone));
                }
                if open && !locked {
                    steps.push(Step::Receive(task, Predecessor::StillThere));
                }
            }
        }
        for (worker, at) in state.workers.iter().enumerate() {
            let Worker::At(hands) = at else { continue };
            let is_chunk = matches!(state.ledger.tasks[hands.task].work, Work::Chunk(_));
            let next = match hands.doing {
                Doing::Between if is_chunk => Move::Begin,
                Doing::Between => Move::Run,
                Doing::Batch { .. } | Doing::Ended => Move::Commit,
                Doing::RowsOnly { .. } => Move::Advance,
                Doing::Over(_) => Move::Record,
                Doing::Recorded => Move::Acknowledge,
            };
            steps.push(Step::Worker(worker, next));
        }
    }

    /// A message arrives: the takeover, and `ledger.task_claim`.
    pub(super) fn receive(&self, state: &mut State, task: usize, before: Predecessor) -> Option<()> {
        let worker = state.workers.iter().position(|w| *w == Worker::Idle)?;
        self.waits_for_cursor(state, task).not().then_some(())?;
        state.broker[task] -= 1;
        if state.ledger.tasks[task].state == TaskState::Lapsed {
            self.met.note(Event::TakenOver);
            self.take_over(state, task, before);
        }
        let fence = match state.ledger.claim(task, self.guards) {
            Claimed::Ours { fence } => fence,
            Claimed::Busy => {
                self.met.note(Event::Busy);
                return Some(());
            }
            Claimed::NotAdmitted => {
                self.met.note(Event::NotAdmitted);
                return Some(());
            }
            Claimed::NothingToDo => {
                self.met.note(Event::NothingToDo);
                return Some(());
            }
        };
        let is_chunk = matches!(state.ledger.tasks[task].work, Work::Chunk(_));
        let late = is_chunk && self.guards.stands(Guard::AcknowledgeLast);
        state.workers[worker] = Worker::At(Hands {
            task,
            fence,
            message: if late {
                Message::Unacknowledged
            } else {
                Message::Gone
            },
            doing: Doing::Between,
            lapsed: false,
        });
        Some(())
    }

    /// A COMMIT under way holds the cursor's row, because it has advanced it: a claim waits for it, unless the takeover has ended it.
    fn waits_for_cursor(&self, state: &State, task: usize) -> bool {
        let row = &state.ledger.tasks[task];
        let at_it = state
            .under_way
            .is_some_and(|batch| row.work == Work::Chunk(batch.chunk));
        let claims = row.state == TaskState::Ready || !self.guards.stands(Guard::ClaimCondition);
        at_it && claims && row.state != TaskState::Lapsed
    }

    fn take_over(&self, state: &mut State, task: usize, before: Predecessor) {
        let Work::Chunk(chunk) = state.ledger.tasks[task].work else {
            return;
        };
        if state.under_way.is_some_and(|batch| batch.chunk == chunk) {
            state.under_way = None;
        }
        if before == Predecessor::StillThere {
            return;
        }
        for worker in &mut state.workers {
            if let Worker::At(hands) = worker
                && hands.task == task
                && matches!(hands.doing, Doing::Batch { .. })
            {
                self.met.note(Event::BatchEnded);
                hands.doing = Doing::Ended;
            }
        }
    }

    /// None: the step has to wait.
    pub(super) fn worker(&self, state: &mut State, worker: usize, step: Move) -> Option<()> {
        let Worker::At(hands) = state.workers[worker] else {
            return None;
        };
        let next = match (step, hands.doing) {
            (Move::Begin, _) => self.begin_batch(state, &hands)?,
            (Move::Commit, Doing::Batch { from, to }) => self.commit_batch(state, &hands, from, to)?,
            (Move::Commit, _) => Some(Doing::Between),
            (Move::Advance, Doing::RowsOnly { to, changed }) => {
                let chunk = chunk_of(state, &hands)?;
                let from = to - BATCH;
                let batch = Batch {
                    chunk,
                    fence: hands.fence,
                    from,
                    to,
                };
                self.advance(state, &batch, changed)
            }
            (Move::Run, _) => run(state, &hands),
            (Move::Record, Doing::Over(failed)) => self.record(state, &hands, failed),
            (Move::Acknowledge | Move::Advance | Move::Record, _) => None,
        };
        state.workers[worker] = match next {
            Some(doing) => Worker::At(Hands { doing, ..hands }),
            // Whatever message there was is acknowledged: it has been answered, or is forgotten.
            None => Worker::Idle,
        };
        Some(())
    }

    fn record(&self, state: &mut State, hands: &Hands, failed: Failed) -> Option<Doing> {
        let (task, fence) = (hands.task, hands.fence);
        let ours = match state.ledger.tasks[task].work {
            Work::Chunk(chunk) => state.ledger.finish_chunk(task, chunk, fence, failed),
            Work::Step(_) | Work::Check => state.ledger.end(task, fence, TaskState::Done),
        };
        if !ours {
            self.met.note(Event::EndRefused);
        }
        (ours && hands.message == Message::Unacknowledged).then_some(Doing::Recorded)
    }

    /// `verifier::reread`. None: there is nothing to record.
    pub(super) fn reread(&self, state: &mut State, chunk: usize) -> Option<()> {
        let row = state.ledger.chunks[chunk];
        let due = row.state == ChunkState::Done
            && row.reread == Reread::Pending
            && row.sweep == state.ledger.newest_sweep();
        if !due {
            return None;
        }
        if row.file != state.table.file && self.guards.stands(Guard::Fingerprint) {
            let is_current = row.sweep as usize == state.ledger.sweeps.len();
            return is_current.then(|| state.ledger.reread_drifted(chunk));
        }
        let right = state.table.range(row.first, row.end).all(|r| r.right);
        state.ledger.chunks[chunk].reread = if right { Reread::Ok } else { Reread::Mismatched };
        Some(())
    }
}

/// A step commits its effect in a transaction that asks for its fence; a check reads the whole table, and the first verdict stands.
/// None: the lease is lost.
fn run(state: &mut State, hands: &Hands) -> Option<Doing> {
    let row = state.ledger.tasks[hands.task];
    match row.work {
        Work::Step(_) => {
            let held =
                row.attempt == hands.fence && matches!(row.state, TaskState::Leased | TaskState::Lapsed);
            if !held {
                return None;
            }
            state.table.mirrored = true;
        }
        Work::Check => {
            let right = state.table.rows.iter().all(|r| r.right);
            state.ledger.verdict.get_or_insert(right);
        }
        Work::Chunk(_) => {}
    }
    Some(Doing::Over(Failed::No))
}
