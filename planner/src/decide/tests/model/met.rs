//! What was met on the way. An exhaustive run in which a branch never came up has shown nothing about it.

use std::sync::atomic::{AtomicU32, Ordering};

/// A branch that a fault leads into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    /// A message found its task in somebody's hands.
    Busy,
    /// A message found its chunk without admission.
    NotAdmitted,
    /// A message found its task over.
    NothingToDo,
    /// A task was claimed whose lease had lapsed.
    TakenOver,
    /// The takeover ended the batch of the holder before.
    BatchEnded,
    /// A batch was refused by the fence.
    BatchRefused,
    /// The end of a task was refused by the fence.
    EndRefused,
    /// A COMMIT came through of which its worker had not heard.
    LateCommit,
    /// A batch met a row that was right.
    RightRow,
    /// A batch met another fingerprint than the sweep's.
    Drift,
    /// A chunk was abandoned.
    Abandoned,
    /// A message was published again because it may be lost.
    Republished,
    /// A message was published again because the lease had lapsed.
    Reissued,
    /// A planner's transaction was refused by its first statement, for the lease.
    RefusedAtStart,
    /// A planner's transaction was refused by its last statement.
    RefusedAtEnd,
    /// A planner's transaction was refused for the version.
    StaleVersion,
}

/// A set of them that many threads add to.
#[derive(Debug, Default)]
pub(super) struct Met(AtomicU32);

impl Met {
    pub(super) fn note(&self, event: Event) {
        self.0.fetch_or(1 << event as u8, Ordering::Relaxed);
    }

    pub(super) fn has(&self, event: Event) -> bool {
        self.0.load(Ordering::Relaxed) & (1 << event as u8) != 0
    }
}
