//! What the core answers: the machine as it is now, and what the shell has to do.

use ledger::chunks::ChunkKind;
use ledger::commands::Answer;
use ledger::job::Stage;
use ledger::jobs::TableHold;
use ledger::plan::Phase;
use proto::CommandId;

use super::Machine;

/// What the shell has to do, all in the transaction that stores the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A stage begins.
    StartStage(Stage),
    /// A stage's exit condition holds.
    EndStage(Stage),
    /// Every stage that had begun was taken back.
    UndoStages,
    /// Make the task of a step, in the machine's round.
    IssueStep {
        /// Phase.
        phase: Phase,
        /// Step.
        step: u32,
    },
    /// List the leaves with bound and fingerprint, in a new snapshot, and record them.
    BeginSweep {
        /// Fill.
        fill: u32,
        /// Sweep number.
        sweep: u32,
    },
    /// Turn the unresolved mismatches into chunks.
    BeginRepair {
        /// Fill.
        fill: u32,
        /// Sweep number.
        sweep: u32,
    },
    /// Make chunks.
    IssueChunks(Vec<ChunkRange>),
    /// Make the task of a whole-table check.
    IssueCheck {
        /// Fill.
        fill: u32,
        /// Round.
        round: u32,
    },
    /// Failed tasks become ready again.
    RequeueFailed,
    /// What nobody holds is cancelled.
    CancelOutstanding,
    /// What was found wrong is to be looked at anew.
    ForgetFindings,
    /// Record an approval.
    Approve {
        /// Gate.
        gate: String,
        /// Who.
        actor: String,
    },
    /// Take an approval back: what was approved is not what there is now.
    VoidApproval {
        /// Gate.
        gate: String,
    },
    /// Answer a command.
    Answer(CommandId, Answer),
    /// A flag gets a percentage.
    SetFlag {
        /// Its name.
        flag: String,
        /// How many percent use the new side.
        percentage: u8,
    },
    /// Keep or free the tables.
    HoldTables(TableHold),
    /// Tell the audit trail.
    Audit {
        /// Who.
        actor: String,
        /// What.
        kind: &'static str,
        /// Particulars.
        detail: serde_json::Value,
    },
}

/// A chunk to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkRange {
    /// Fill.
    pub fill: u32,
    /// Sweep.
    pub sweep: u32,
    /// Number within the sweep.
    pub seq: u64,
    /// Why.
    pub kind: ChunkKind,
    /// Index of the leaf within the sweep.
    pub leaf: u32,
    /// First block.
    pub first_block: u64,
    /// Block after the last.
    pub end_block: u64,
}

/// The core's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The new machine.
    pub machine: Machine,
    /// What to do.
    pub effects: Vec<Effect>,
}
