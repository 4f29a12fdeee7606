//! One moment of the whole: the ledger, the table, the broker, and what each process has in its hands.

use std::collections::BTreeSet;

use super::ledger::{BATCH, Failed, Ledger, TaskState};
use super::stored::Draft;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    pub(super) table: Table,
    /// How many messages of each task wait in the broker. A bag: nothing is in order.
    pub(super) broker: Vec<u8>,
    pub(super) planners: Vec<Planner>,
    /// Sorted, because the ledger does not tell one worker from another: half of the states go.
    pub(super) workers: Vec<Worker>,
    /// A COMMIT of which its worker does not know any more whether it came through.
    pub(super) under_way: Option<Batch>,
    /// Faults that may still happen.
    pub(super) faults: u8,
    /// Writes of the application that may still happen.
    pub(super) writes: u8,
    /// What actions did that no action may do.
    pub(super) breaches: BTreeSet<Breach>,
}

/// The user's table: row `i` lies in blocks `i * BATCH` to `(i + 1) * BATCH`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    /// The triggers are committed.
    pub(super) mirrored: bool,
    /// Counts the storage files it had.
    pub(super) file: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Row {
    /// New is what `up` makes of old.
    pub(super) right: bool,
    /// How often a batch wrote it.
    pub(super) rewrites: u64,
}

/// A planner, as far as it believes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Planner {
    /// Just started, or it knows that it lost the lease.
    Waiting,
    /// Makes rounds.
    Active,
    /// Has decided; its transaction has not begun.
    Decided(Draft),
    /// The first statement of its transaction went through: it holds the job's row.
    Applying(Draft),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Worker {
    Idle,
    At(Hands),
}

/// What a worker has in its hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Hands {
    pub(super) task: usize,
    pub(super) fence: u8,
    pub(super) message: Message,
    pub(super) doing: Doing,
    /// Its lease has lapsed. It does not know.
    pub(super) lapsed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Message {
    /// The broker gives it to somebody else if the worker goes away.
    Unacknowledged,
    /// Acknowledged, or delivered to somebody else since.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Doing {
    /// Claimed; between two batches; a step or a check that has not run.
    Between,
    /// In a batch's transaction, which is open on the server.
    Batch { from: u64, to: u64 },
    /// In a transaction that somebody who took over has ended.
    Ended,
    /// Without [`Guard::OneTransaction`](super::guards::Guard): the rows are committed, the cursor is not.
    RowsOnly { to: u64, changed: u64 },
    /// The work is done, or cannot be done; its end is not in the ledger.
    Over(Failed),
    /// Its end is in the ledger.
    Recorded,
}

/// A batch's transaction on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Batch {
    pub(super) chunk: usize,
    pub(super) fence: u8,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// What no action may do, whatever came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Breach {
    /// A batch wrote a row that was right.
    RightRowRewritten,
    /// A batch went in under a fence that is not the cursor's.
    ForeignBatch,
    /// A cursor went back.
    CursorBack,
    /// A decision was committed without the planner's lease.
    Unleased,
    /// A decision was committed that was made on an older version of the job.
    Stale,
}

impl Table {
    pub(super) fn blocks(&self) -> u64 {
        self.rows.len() as u64 * BATCH
    }

    /// The rows in a range of blocks.
    pub(super) fn range(&self, from: u64, to: u64) -> impl Iterator<Item = &Row> {
        self.rows[Self::row_at(from)..Self::row_at(to)].iter()
    }

    /// The same, to be written.
    pub(super) fn range_mut(&mut self, from: u64, to: u64) -> impl Iterator<Item = &mut Row> {
        self.rows[Self::row_at(from)..Self::row_at(to)].iter_mut()
    }

    fn row_at(block: u64) -> usize {
        usize::try_from(block / BATCH).expect("a table of the model is small")
    }
}

impl State {
    pub(super) fn hands(&self) -> impl Iterator<Item = &Hands> {
        self.workers.iter().filter_map(|worker| match worker {
            Worker::Idle => None,
            Worker::At(hands) => Some(hands),
        })
    }

    /// Whether a process is alive that holds the current lease of a task.
    pub(super) fn has_live_holder(&self, task: usize) -> bool {
        let row = &self.ledger.tasks[task];
        row.state == TaskState::Leased
            && self
                .hands()
                .any(|h| h.task == task && h.fence == row.attempt && h.doing != Doing::Recorded)
    }

    pub(super) fn breached(&mut self, breach: Breach) {
        self.breaches.insert(breach);
    }
}
