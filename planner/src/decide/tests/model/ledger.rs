//! The ledger's rows, and its statements as functions on them. Each names the statement it mirrors.

use super::guards::{Guard, Guards};
use super::stored::Stored;

/// Blocks that one batch covers; each such run of blocks holds one row.
pub(super) const BATCH: u64 = 32;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ledger {
    /// `sluice.job`: version and machine.
    pub(super) version: u8,
    pub(super) machine: Stored,
    /// `sluice.lease`, the row `planner`: which planner has it; None: it lapsed.
    pub(super) planner: Option<usize>,
    /// `sluice.task`, in the order of creation.
    pub(super) tasks: Vec<Task>,
    /// `sluice.sweep`: one leaf each.
    pub(super) sweeps: Vec<Sweep>,
    /// `sluice.chunk` with `sluice.chunk_cursor`.
    pub(super) chunks: Vec<Chunk>,
    /// `sluice.verdict` of the only round: every row was right.
    pub(super) verdict: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Task {
    pub(super) work: Work,
    pub(super) state: TaskState,
    /// The fence: counts claims. The lease id adds nothing where an attempt is never issued twice.
    pub(super) attempt: u8,
    /// `published_at IS NOT NULL`.
    pub(super) published: bool,
    /// `admitted_at IS NOT NULL`; of chunks only. Set by `ledger.task_admit`, and kept when a lease lapses.
    pub(super) admitted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Work {
    Step(u32),
    Chunk(usize),
    Check,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TaskState {
    Ready,
    Leased,
    /// `leased`, and `lease_until < clock_timestamp()`.
    Lapsed,
    Done,
    Failed,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sweep {
    pub(super) blocks: u64,
    /// The fingerprint: which storage file the table had.
    pub(super) file: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Chunk {
    pub(super) sweep: u32,
    pub(super) file: u8,
    pub(super) first: u64,
    pub(super) end: u64,
    pub(super) cursor: u64,
    /// The fence in the cursor.
    pub(super) attempt: u8,
    pub(super) seen: u64,
    pub(super) changed: u64,
    pub(super) state: ChunkState,
    pub(super) reread: Reread,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ChunkState {
    Open,
    Done,
    Failed,
    Abandoned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reread {
    Pending,
    Ok,
    Mismatched,
}

/// What a claim found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claimed {
    Ours {
        fence: u8,
    },
    Busy,
    /// The code calls this busy, too.
    NotAdmitted,
    NothingToDo,
}

impl Task {
    /// `kind <> 'chunk' OR admitted_at IS NOT NULL`.
    pub(super) fn may_go_out(&self) -> bool {
        self.admitted || !matches!(self.work, Work::Chunk(_))
    }

    /// A candidate of `ledger.task_admit`.
    pub(super) fn waits_for_admission(&self) -> bool {
        !self.may_go_out() && self.state == TaskState::Ready
    }
}

impl Ledger {
    /// `ledger.task_insert`: nothing if it exists.
    pub(super) fn create(&mut self, work: Work) {
        if !self.tasks.iter().any(|t| t.work == work) {
            self.tasks.push(Task {
                work,
                state: TaskState::Ready,
                attempt: 0,
                published: false,
                admitted: false,
            });
        }
    }

    /// `ledger.task_admit`, but for the lease and the job's state: the older chunks first, until so many are in flight. One that was
    /// given back may not be due yet. Whether any was admitted.
    pub(super) fn admit(&mut self, places: usize, not_due: Option<usize>) -> bool {
        let mut free = places.saturating_sub(self.in_flight());
        let before = free;
        for (number, task) in self.tasks.iter_mut().enumerate() {
            if free > 0 && not_due != Some(number) && task.waits_for_admission() {
                task.admitted = true;
                free -= 1;
            }
        }
        free < before
    }

    /// `ledger.task_in_flight`.
    fn in_flight(&self) -> usize {
        let in_flight = |task: &&Task| {
            task.admitted
                && matches!(
                    task.state,
                    TaskState::Ready | TaskState::Leased | TaskState::Lapsed
                )
        };
        self.tasks.iter().filter(in_flight).count()
    }

    /// `ledger.task_claim`, and `ledger.cursor_fence` in the same transaction.
    pub(super) fn claim(&mut self, task: usize, guards: Guards) -> Claimed {
        let row = &mut self.tasks[task];
        let free = matches!(row.state, TaskState::Ready | TaskState::Lapsed);
        let admitted = row.may_go_out() || !guards.stands(Guard::Admission);
        if !admitted || (!free && guards.stands(Guard::ClaimCondition)) {
            return match row.state {
                TaskState::Ready => Claimed::NotAdmitted,
                TaskState::Leased | TaskState::Lapsed => Claimed::Busy,
                TaskState::Done | TaskState::Failed | TaskState::Cancelled => Claimed::NothingToDo,
            };
        }
        row.state = TaskState::Leased;
        row.attempt += 1;
        let fence = row.attempt;
        if let Work::Chunk(chunk) = row.work {
            self.chunks[chunk].attempt = fence;
        }
        Claimed::Ours { fence }
    }

    /// `ledger.task_end`: whether it was still ours.
    pub(super) fn end(&mut self, task: usize, fence: u8, state: TaskState) -> bool {
        let row = &mut self.tasks[task];
        let ours = row.attempt == fence && matches!(row.state, TaskState::Leased | TaskState::Lapsed);
        if ours {
            row.state = state;
            row.published &= state != TaskState::Ready;
            row.admitted &= state != TaskState::Ready;
        }
        ours
    }

    /// `ledger.chunk_finish`: chunk and task end in one transaction, or nothing does.
    pub(super) fn finish_chunk(&mut self, task: usize, chunk: usize, fence: u8, failed: Failed) -> bool {
        let row = self.chunks[chunk];
        let (chunk_state, task_state, complete) = match failed {
            Failed::No => (ChunkState::Done, TaskState::Done, row.cursor == row.end),
            Failed::Drift => (ChunkState::Failed, TaskState::Failed, true),
        };
        let ours = row.attempt == fence && row.state == ChunkState::Open && complete;
        if !ours || !self.end(task, fence, task_state) {
            return false;
        }
        self.chunks[chunk].state = chunk_state;
        true
    }

    /// `ledger.task_cancel` and `ledger.chunk_abandon`.
    pub(super) fn cancel_outstanding(&mut self) {
        for task in &mut self.tasks {
            let is_step = matches!(task.work, Work::Step(_));
            let free = matches!(task.state, TaskState::Ready | TaskState::Failed);
            if free || (task.state == TaskState::Lapsed && !is_step) {
                task.state = TaskState::Cancelled;
                if let Work::Chunk(chunk) = task.work {
                    self.chunks[chunk].state = match self.chunks[chunk].state {
                        ChunkState::Open | ChunkState::Failed => ChunkState::Abandoned,
                        ended @ (ChunkState::Done | ChunkState::Abandoned) => ended,
                    };
                }
            }
        }
    }

    /// `ledger.chunk_reread_drifted` and `ledger.task_reread_drifted`.
    pub(super) fn reread_drifted(&mut self, chunk: usize) {
        self.chunks[chunk].state = ChunkState::Failed;
        for task in &mut self.tasks {
            if task.work == Work::Chunk(chunk) && task.state == TaskState::Done {
                task.state = TaskState::Failed;
            }
        }
    }

    /// `ledger.task_republish`, at the beginning of a planner's tenure.
    pub(super) fn republish_all(&mut self) {
        for task in &mut self.tasks {
            task.published &= task.state != TaskState::Ready;
        }
    }

    /// `ledger.tasks_leased`.
    pub(super) fn leased(&self) -> u64 {
        let in_hand = |task: &&Task| match task.state {
            TaskState::Leased => true,
            TaskState::Lapsed => matches!(task.work, Work::Step(_)),
            TaskState::Ready | TaskState::Done | TaskState::Failed | TaskState::Cancelled => false,
        };
        self.tasks.iter().filter(in_hand).count() as u64
    }

    /// The chunks of a sweep.
    pub(super) fn chunks_of(&self, sweep: u32) -> impl Iterator<Item = &Chunk> {
        self.chunks.iter().filter(move |c| c.sweep == sweep)
    }

    /// The newest sweep that has chunks.
    pub(super) fn newest_sweep(&self) -> u32 {
        self.chunks.iter().map(|c| c.sweep).max().unwrap_or(0)
    }
}

/// How a chunk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Failed {
    No,
    Drift,
}
