//! The message kinds. Bodies carry ids; the data stays in the ledger.

use serde::{Deserialize, Serialize};

use crate::ids::{ChunkId, JobId, MessageId, TaskId};

/// What a message says. `kind` selects the variant, `body` holds its fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", content = "body")]
pub enum Message {
    /// Asks the planner to take a job; the envelope's id is the idempotency key.
    #[serde(rename = "job.submit")]
    JobSubmit(JobSubmit),
    /// The planner's answer to [`Message::JobSubmit`], sent to the submitter's reply queue.
    #[serde(rename = "job.reply")]
    JobReply(JobReply),
    /// A job has moved, or waits for something else now; for whoever follows it from outside.
    #[serde(rename = "job.event")]
    JobEvent(JobEvent),
    /// Asks a backfiller to run one step of a stage (DDL, triggers).
    #[serde(rename = "stage.task")]
    StageTask(StageTask),
    /// Asks a backfiller to work one chunk.
    #[serde(rename = "chunk.task")]
    ChunkTask(ChunkTask),
    /// Asks a verifier to check a whole table.
    #[serde(rename = "check.task")]
    CheckTask(StageTask),
    /// Something happened to a task; the ledger says what is true now.
    #[serde(rename = "task.event")]
    TaskEvent(TaskEvent),
    /// Look at the ledger now instead of at the next tick (a command was written, a job came in).
    #[serde(rename = "control.wake")]
    Wake(Wake),
}

/// Body of `job.submit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JobSubmit {
    /// Name of the target, as the planner's configuration knows it.
    pub target: String,
    /// The spec, as JSON with the same keys as the TOML.
    pub spec: serde_json::Value,
    /// Who submits; recorded as unauthenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_by: Option<String>,
}

/// Body of `job.reply`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum JobReply {
    /// The job exists now (or existed already: same id, same job, same reply).
    Accepted {
        /// The job.
        job: JobId,
        /// The id of the `job.submit` that this answers; absent from planners that did not say so yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        submission: Option<MessageId>,
    },
    /// The job was refused before anything was touched.
    Refused {
        /// Each fault, as the command line would show it.
        errors: Vec<String>,
        /// As for an accepted one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        submission: Option<MessageId>,
    },
}

/// Body of `job.event`. The envelope says which job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JobEvent {
    /// The spec's name.
    pub name: String,
    /// The state it is in now, as `sluice status` spells it. A newer version may know more of them.
    pub state: String,
    /// What it waits for, or why it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Body of `stage.task` and `check.task`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StageTask {
    /// The ledger row that says what to do.
    pub task: TaskId,
}

/// Body of `chunk.task`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChunkTask {
    /// The ledger row of the task.
    pub task: TaskId,
    /// The range to work.
    pub chunk: ChunkId,
}

/// Body of `task.event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TaskEvent {
    /// The task.
    pub task: TaskId,
    /// The chunk, if it was a chunk task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<ChunkId>,
    /// What happened.
    pub what: TaskOutcome,
}

/// What happened to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TaskOutcome {
    /// Committed.
    Done,
    /// Given up for a reason that the ledger holds.
    Failed,
    /// Given back unfinished (throttled for long, or the worker is draining); to be issued again.
    Returned,
}

/// Body of `control.wake`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Wake {
    /// Why, for logs.
    pub reason: String,
}

impl Message {
    /// The `kind` as it stands on the wire.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::JobSubmit(_) => "job.submit",
            Self::JobReply(_) => "job.reply",
            Self::JobEvent(_) => "job.event",
            Self::StageTask(_) => "stage.task",
            Self::ChunkTask(_) => "chunk.task",
            Self::CheckTask(_) => "check.task",
            Self::TaskEvent(_) => "task.event",
            Self::Wake(_) => "control.wake",
        }
    }
}
