//! How large a history is: who takes part, and how much may go wrong.

/// Sizes of one exhaustive run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) planners: usize,
    pub(super) workers: usize,
    /// Rows of the table at the beginning, one for each batch; two of them are a chunk.
    pub(super) rows: usize,
    /// Chunks that may be in flight on the target.
    pub(super) places: usize,
    /// Faults in one history, of any of the kinds.
    pub(super) faults: u8,
    pub(super) kinds: &'static [Fault],
    /// Writes of the application in one history.
    pub(super) writes: u8,
}

impl Bounds {
    /// One planner, two workers, two chunks of two batches, and a place for each of them, and so many faults of these kinds.
    pub(super) const fn of(faults: u8, kinds: &'static [Fault]) -> Self {
        Self {
            planners: 1,
            workers: 2,
            rows: 4,
            places: 2,
            faults,
            kinds,
            writes: 0,
        }
    }

    /// The application writes once.
    pub(super) const fn with_a_write(self) -> Self {
        Self { writes: 1, ..self }
    }

    /// The budget of the target has room for one chunk, of the two that are open.
    pub(super) const fn with_one_place(self) -> Self {
        Self { places: 1, ..self }
    }

    /// To keep the states few where something else makes them many.
    pub(super) const fn with_one_worker(self) -> Self {
        Self { workers: 1, ..self }
    }

    /// Another planner of the same target; one worker less.
    pub(super) const fn with_a_second_planner(self) -> Self {
        Self {
            planners: 2,
            ..self.with_one_worker()
        }
    }
}

/// What may go wrong. Each kind happens at every step at which it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// `kill -9` of a worker: its transaction is undone, its message comes again, its lease stays until it lapses.
    WorkerCrash,
    /// A worker is stopped or cut off for longer than its lease lasts, and then goes on as if nothing had happened.
    LeaseLapse,
    /// The broker gives a message to somebody else while its worker goes on.
    ConnectionLoss,
    /// A worker gets no answer to COMMIT; the server is still at it.
    Silence,
    /// A worker gives its task back.
    GiveBack,
    /// A message comes once more, also one of long ago.
    Duplicate,
    /// A message that was confirmed is gone.
    Loss,
    /// All messages are gone.
    Wipe,
    /// A message was published and its confirm did not come, so the task is not marked.
    Unconfirmed,
    /// VACUUM FULL: the rows get other places.
    TableRewrite,
    /// `kill -9` of a planner.
    PlannerCrash,
    /// A planner is stopped in whatever it does for longer than its lease lasts, and then goes on.
    PlannerLapse,
}
