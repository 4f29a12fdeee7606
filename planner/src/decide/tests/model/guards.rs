//! What keeps the protocol safe, each part removable, so that a test can show what it is good for.

/// A condition of the real code. The model asks [`Guards::stands`] where the code has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// `attempt = $2 AND lease = $3` in `ledger::cursor::hold` and `ledger::chunks::advance`.
    Fence,
    /// `FOR NO KEY UPDATE` in `ledger::cursor::hold`: a batch keeps its cursor locked to its end.
    CursorLock,
    /// Rows and cursor commit together (`backfiller::chunk::batch`).
    OneTransaction,
    /// `AND (wrong)` in the update of a batch.
    Predicate,
    /// The comparison of fingerprints in a batch, after the leaf's lock.
    Fingerprint,
    /// `ready`, or `leased` and lapsed: the condition in `ledger.task_claim`.
    ClaimCondition,
    /// `kind <> 'chunk' OR admitted_at IS NOT NULL` in `ledger.task_claim`.
    Admission,
    /// `version = $2` in `ledger.job_change`.
    Version,
    /// The planner's lease in `ledger.job_change`, asked at the beginning of the transaction.
    LeaseAtStart,
    /// `ledger::jobs::require_planner`, the last statement of the transaction.
    LeaseAtEnd,
    /// In `ledger.task_to_publish`: `ready`, and marked as published long ago.
    Republish,
    /// In `ledger.task_to_publish`: `leased` and lapsed.
    ReissueLapsed,
    /// A chunk's message is acknowledged after its end is in the ledger (`backfiller::conclude`).
    AcknowledgeLast,
    /// The bound of a sweep is read after the triggers are committed (`decide::expand::dual_writing`).
    BoundAfterTriggers,
    /// The trigger makes every row right that the application writes.
    Mirror,
}

/// All of them, but for some.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guards(&'static [Guard]);

impl Guards {
    /// As in the code.
    pub(super) const ALL: Self = Self(&[]);

    /// With some removed.
    pub(super) const fn without(removed: &'static [Guard]) -> Self {
        Self(removed)
    }

    pub(super) fn stands(self, guard: Guard) -> bool {
        !self.0.contains(&guard)
    }
}
