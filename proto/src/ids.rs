//! Typed ids. A `JobId` cannot be handed in where a `ChunkId` is asked for.
//!
//! Ids that must be recognised when an action is repeated are deterministic (UUID v5 over the parts
//! that make it the same action); ids that are born once are v7, so that they sort by time; lease
//! ids are v4, because a fence must not be guessable from a counter that a fail-over can lose.
//! This module is the one home of random ids; `clippy.toml` bans making them elsewhere.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Namespace of every deterministic id of Sluice (random, fixed for ever).
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_1f52_8a3e_4c57_9d34_52b1_a7de_0c11);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    };
}

uuid_id!(
    /// One run of a plan against one target.
    JobId
);
uuid_id!(
    /// A row of the ledger's `task` table: a stage step, a chunk or a check that somebody should do.
    TaskId
);
uuid_id!(
    /// A range of a table.
    ChunkId
);
uuid_id!(
    /// A command, as a row of the ledger.
    CommandId
);
uuid_id!(
    /// The random half of a fence; the other half is the attempt number.
    LeaseId
);
uuid_id!(
    /// Identity of one ledger: a restored copy carries the same, on another system identifier.
    LedgerId
);
uuid_id!(
    /// Identity of a message; the same for every retry of the same send.
    MessageId
);

impl JobId {
    /// A new job id, sorted by time of birth.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is the home of random ids")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The job that a submission with this message id makes: the same id, the same job.
    #[must_use]
    pub fn of_submission(id: MessageId) -> Self {
        Self(derived("job", &[id.0.as_bytes()]))
    }
}

impl Default for JobId {
    fn default() -> Self {
        Self::new()
    }
}

impl CommandId {
    /// A new command id, sorted by time of birth.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is the home of random ids")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for CommandId {
    fn default() -> Self {
        Self::new()
    }
}

impl LeaseId {
    /// A fresh, unguessable lease id.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is the home of random ids")]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl LedgerId {
    /// Identity for a ledger that is being created.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is the home of random ids")]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl MessageId {
    /// A message that is sent once and never needs to be recognised.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is the home of random ids")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The message that asks for attempt `attempt` of `task`: published twice, it has one id.
    #[must_use]
    pub fn of_task(task: TaskId, attempt: u32) -> Self {
        Self(derived("message", &[task.0.as_bytes(), &attempt.to_be_bytes()]))
    }
}

impl Default for MessageId {
    fn default() -> Self {
        Self::new()
    }
}

impl TaskId {
    /// The task for step `step` of `stage` in round `round` of a job (a rollback after a rollback is a new round).
    #[must_use]
    pub fn of_step(job: JobId, stage: &str, step: u32, round: u32) -> Self {
        Self(derived(
            "step",
            &[
                job.0.as_bytes(),
                stage.as_bytes(),
                &step.to_be_bytes(),
                &round.to_be_bytes(),
            ],
        ))
    }

    /// The task that works `chunk`.
    #[must_use]
    pub fn of_chunk(chunk: ChunkId) -> Self {
        Self(derived("chunk-task", &[chunk.0.as_bytes()]))
    }
}

impl ChunkId {
    /// Chunk number `seq` of sweep `sweep` over fill `fill` of a job.
    #[must_use]
    pub fn of(job: JobId, fill: u32, sweep: u32, seq: u64) -> Self {
        Self(derived(
            "chunk",
            &[
                job.0.as_bytes(),
                &fill.to_be_bytes(),
                &sweep.to_be_bytes(),
                &seq.to_be_bytes(),
            ],
        ))
    }
}

/// UUID v5 over a kind and parts, each part with its length so that parts cannot run together.
fn derived(kind: &str, parts: &[&[u8]]) -> Uuid {
    let mut bytes = Vec::with_capacity(64);
    for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    Uuid::new_v5(&NAMESPACE, &bytes)
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// Name of a target in the configuration; `[a-z0-9_-]`, it becomes part of queue names.
    TargetName
);
impl TargetName {
    /// Whether it matches `[a-z0-9_-]{1,40}`: safe inside a queue name and an environment variable.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let safe = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        (1..=40).contains(&self.0.len()) && self.0.bytes().all(safe)
    }
}

text_id!(
    /// SHA-256 of a plan's canonical JSON, 64 lower-case hexadecimal digits.
    PlanHash
);
text_id!(
    /// A worker process and slot, as operators see it in `status` and `pg_stat_activity`.
    WorkerName
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_chunk_has_the_same_id_and_its_neighbours_do_not() {
        let job = JobId::new();
        assert_eq!(ChunkId::of(job, 0, 1, 7), ChunkId::of(job, 0, 1, 7));
        assert_ne!(ChunkId::of(job, 0, 1, 7), ChunkId::of(job, 0, 1, 8));
        assert_ne!(ChunkId::of(job, 0, 1, 7), ChunkId::of(job, 1, 0, 7));
    }

    #[test]
    fn parts_of_a_derived_id_cannot_run_together() {
        assert_ne!(derived("a", &[b"bc"]), derived("ab", &[b"c"]));
        assert_ne!(derived("a", &[b"b", b"c"]), derived("a", &[b"bc", b""]));
    }

    /// Computed once by another implementation of UUID v5. A job that is half done when Sluice is
    /// upgraded is recognised by these ids: a change here makes work be done under a second name.
    #[test]
    fn a_deterministic_id_never_changes_between_releases() {
        let job: JobId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let submission: MessageId = "0193a2b4-0000-7000-8000-000000000001".parse().unwrap();
        let chunk = ChunkId::of(job, 0, 1, 7);
        let step = TaskId::of_step(job, "expand", 2, 1);
        let ids = [
            chunk.to_string(),
            TaskId::of_chunk(chunk).to_string(),
            step.to_string(),
            MessageId::of_task(step, 3).to_string(),
            JobId::of_submission(submission).to_string(),
        ];
        let expected = [
            "9a545c1f-d588-5383-8de3-f725d442cace",
            "9f6104ac-bd47-5571-b97f-6f3f59410eff",
            "f7297194-2b07-551f-a444-63f84b749e1a",
            "eb68915f-7fee-5dae-9a4b-e248d55bc1a1",
            "2613a921-f478-5ba1-bb90-f3f5260feb9f",
        ];
        assert_eq!(ids, expected);
    }

    #[test]
    fn a_target_name_is_refused_unless_it_is_safe_inside_a_queue_name() {
        for good in ["a", "main", "orders_eu-1", "x".repeat(40).as_str()] {
            assert!(TargetName::from(good).is_valid(), "{good:?}");
        }
        for bad in ["", "Main", "a.b", "a b", "a#", "\u{e9}", "x".repeat(41).as_str()] {
            assert!(!TargetName::from(bad).is_valid(), "{bad:?}");
        }
    }
}
