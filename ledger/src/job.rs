//! The states of a job's life and the six stages, as the ledger spells them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every one, in the order of a job's life.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As the ledger spells it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownName { what: stringify!($name), found: text.to_owned() }),
                }
            }
        }
    };
}

/// A text in the ledger that this build does not know; a newer Sluice wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a {what} that this build knows; the ledger was written by a newer sluice")]
pub struct UnknownName {
    what: &'static str,
    found: String,
}

named! {
    /// Where a job is in its life (DESIGN: "Life of a job").
    JobState {
        /// Taken in, not yet compiled.
        Submitted = "submitted",
        /// Its plan is stored.
        Planned = "planned",
        /// Each statement has its risk; approvals may be awaited.
        Classified = "classified",
        /// Additive DDL and triggers are being put in place.
        Expanding = "expanding",
        /// Triggers are committed on every table; every write is mirrored.
        DualWriting = "dual-writing",
        /// Sweeps run, are checked and repeated until a full pass finds nothing.
        Backfilling = "backfilling",
        /// Every row was re-read and is right.
        Verified = "verified",
        /// Reads move to new in declared steps.
        FlippingReads = "flipping-reads",
        /// Writes move to new in declared steps; new is authoritative.
        FlippingWrites = "flipping-writes",
        /// All reads and writes use new.
        Flipped = "flipped",
        /// Evidence shows no use of old; waits for the approval.
        ContractReady = "contract-ready",
        /// Old is renamed out of sight, reversibly.
        SoftDropped = "soft-dropped",
        /// Old is gone.
        Contracted = "contracted",
        /// The verifier keeps watching for the declared time.
        Watching = "watching",
        /// Finished.
        Done = "done",
        /// Stopped by a command; mirroring goes on.
        Paused = "paused",
        /// Stopped by itself, with the reason; mirroring goes on.
        Held = "held",
        /// On the way back.
        RollingBack = "rolling-back",
        /// Back where it started.
        RolledBack = "rolled-back",
        /// Cannot go on; mirroring goes on until rollback or resume.
        Failed = "failed",
        /// Given up by a person; mirroring goes on until rollback or resume.
        Aborted = "aborted",
    }
}

impl JobState {
    /// The job has ended and frees its tables for another one.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::RolledBack)
    }

    /// The states a job passes through on its way forward, in order.
    #[must_use]
    pub fn is_forward(self) -> bool {
        self <= Self::Done
    }
}

named! {
    /// The six stages.
    Stage {
        /// What will each statement lock?
        Classify = "classify",
        /// Additive DDL and triggers.
        Expand = "expand",
        /// Fill under dual-write.
        Backfill = "backfill",
        /// Reads, then writes, move to new.
        Flip = "flip",
        /// Old goes away.
        Contract = "contract",
        /// Keep watching.
        Verify = "verify",
    }
}

named! {
    /// How far a stage is.
    StageStatus {
        /// Not begun.
        Pending = "pending",
        /// Under way.
        Running = "running",
        /// Its exit condition holds.
        Done = "done",
        /// Taken back by a rollback.
        Undone = "undone",
    }
}
