//! Tasks: work that somebody should do, its lease and its outcome.
//!
//! A row comes before its message. A message that finds its task not claimable (done, cancelled, or
//! leased by somebody who is alive) is acknowledged and forgotten: the row is the fact.
//!
//! Leases use the database's clock. The fence is (attempt, lease id): the attempt alone could be issued twice after an
//! asynchronous fail-over.
//!
//! `issue` makes, cancels and revives the rows; `admit` says which chunks may be in flight; `outstanding` says whose message is due; `claim` takes one and keeps it;
//! `finish` ends it or gives it back.

mod admit;
mod claim;
mod finish;
mod issue;
mod outstanding;

use std::time::Duration;

use proto::{ChunkId, JobId, LeaseId, TaskId};
use serde::{Deserialize, Serialize};

use crate::plan::Phase;

pub(crate) use finish::end_in;
pub use issue::{cancel_ready, create, requeue_failed};
pub use outstanding::{Outstanding, REPUBLISH_AFTER};

/// How long a lease lasts without renewal. The holder renews every third of it and stops a margin early.
pub const LEASE: Duration = Duration::from_secs(15);

/// So many leases in a row may lapse without progress; then the task fails. A worker that is killed now and then, and one that is
/// cut off, lets a lease lapse too: it takes bad luck, or a task that ends its workers, to do so on the same task again and again.
pub const MOST_LAPSES: i32 = 5;

/// What a task asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Step of the plan with this id.
    Step {
        /// Phase of the step.
        phase: Phase,
        /// Number of the step within the plan.
        step: u32,
    },
    /// A chunk.
    Chunk {
        /// Fill the chunk belongs to.
        fill: u32,
        /// The chunk.
        chunk: ChunkId,
    },
    /// The whole-table check of a fill.
    Check {
        /// Fill.
        fill: u32,
        /// Round of the check; a new round is a new task.
        round: u32,
    },
}

/// A claimed task: what to do, and the fence under which to do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The task.
    pub task: TaskId,
    /// The job.
    pub job: JobId,
    /// What to do.
    pub work: Work,
    /// The fence.
    pub fence: Fence,
    /// An earlier attempt left its lease to lapse: its backend may still be at work and must be ended first.
    pub took_over: Option<LeaseId>,
}

/// What a holder must show to change anything in the name of its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Counts claims of this task from 1.
    pub attempt: i32,
    /// Random.
    pub lease: LeaseId,
}

/// Why a claim got nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed<T> {
    /// It is ours now.
    Ours(T),
    /// Done, failed, cancelled, or never existed: forget the message.
    NothingToDo,
    /// Somebody holds it, or it is not due or not admitted yet; the planner will issue it again if need be.
    Busy,
    /// It has failed for good, because it ended everybody who worked on it: park the message with this reason.
    SetAside(String),
}

/// Why a task failed, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure, which decides what the planner does.
    pub class: FailureClass,
    /// SQLSTATE, if the database said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// What was attempted and what happened; no row values.
    pub message: String,
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// A row cannot be migrated (the expression raised, a constraint refused).
    Data,
    /// The table is not what the plan or the sweep relied on.
    Drift,
    /// The role may not.
    Permission,
    /// Anything else that trying again will not mend.
    Permanent,
}
