//! What the planner remembers of a job between two ticks, and nothing else does.

use engine::postgres::triggers::Authority;
use jiff::Timestamp;
use ledger::job::JobState;
use ledger::plan::{Budget, Plan};
use serde::{Deserialize, Serialize};

/// Everything the planner remembers of a job between two ticks; stored in `sluice.job.machine`.
/// Its size does not depend on the table's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Where the job is in its life.
    pub state: JobState,
    /// Where `resume` leads, while paused, held, failed or aborted.
    #[serde(default)]
    pub resume_to: Option<JobState>,
    /// Why it is held.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// What it waits for in a state that goes forward (a gate), in words.
    #[serde(default)]
    pub waiting: Option<String>,
    /// Each fill of the plan.
    pub fills: Vec<FillMachine>,
    /// Counts how often steps were begun anew; part of their task ids.
    #[serde(default)]
    pub round: u32,
    /// Round of the whole-table check.
    #[serde(default)]
    pub check_round: u32,
    /// How far reads and writes have moved, once the flip has begun.
    #[serde(default)]
    pub flip: Option<FlipMachine>,
    /// Which side is the truth.
    pub authority: Authority,
    /// How far the old side is on its way out.
    #[serde(default)]
    pub old: OldSide,
    /// Our objects were put back while new was the authority: every row is to be compared before the job goes on.
    #[serde(default)]
    pub compare: bool,
    /// Our objects were away while old was hidden, where rows cannot be compared: going back may lose writes.
    #[serde(default)]
    pub unsure: bool,
    /// When the soak began that the job is in (after the soft drop, after the drop).
    #[serde(default)]
    pub soak_from: Option<Timestamp>,
    /// What was found missing while the job watched; a person who resumes takes it as it is.
    #[serde(default)]
    pub accepted: Option<String>,
    /// The way back, once it was asked for.
    #[serde(default)]
    pub rollback: Option<Rollback>,
    /// The budget as tuned.
    pub budget: Budget,
}

/// How far reads and writes have moved. A number of steps taken; none: the flag is at 0 %.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlipMachine {
    /// Steps of the flag for reads.
    pub reads: usize,
    /// Steps of the flag for writes.
    pub writes: usize,
    /// When the last step was taken, forward or back.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Who said that the flags stay where they are, if somebody did.
    #[serde(default)]
    pub held_by: Option<String>,
    /// Somebody wants the next step before the soak is over.
    #[serde(default)]
    pub hurry: bool,
}

/// How far the old side is on its way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OldSide {
    /// Under its own name.
    #[default]
    InPlace,
    /// A step that hides it was issued; it may be hidden.
    Hidden,
    /// A step that drops it was issued: there is no way back, unless it fails and is known to have dropped nothing.
    Dropping,
}

/// Why a job is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What kind of reason: decides what `resume` does.
    pub cause: HoldCause,
    /// In words, with what to do.
    pub why: String,
}

/// What kind of reason holds a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldCause {
    /// A step failed.
    Step,
    /// A chunk failed on data.
    Data,
    /// The tables are not what the plan relied on.
    Drift,
    /// Rows were found wrong; sticks until `verify` or `repair` (invariant 5).
    Verification,
}

/// How far one fill is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillMachine {
    /// Current sweep; 0 before the first.
    pub sweep: u32,
    /// What the current sweep is.
    pub repair: Sweeping,
    /// Number of the next chunk.
    pub next_seq: u64,
    /// Index of the leaf the next chunk is cut from.
    pub leaf: u32,
    /// Block it begins at.
    pub next_block: u64,
    /// Blocks a chunk gets; adapts to measured time.
    pub chunk_blocks: u64,
    /// How often the table changed under a sweep.
    pub drifts: u32,
    /// The current sweep is over, every chunk of it re-read and right.
    pub swept: Progress,
}

/// What a sweep covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sweeping {
    /// Every block up to the bound.
    Whole,
    /// Only the blocks in which rows were found wrong; its chunks exist from the beginning.
    Repair,
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Under way.
    Open,
    /// Over.
    Done,
    /// The table changed; what is in hand ends, then a new sweep begins.
    Drifted,
}

/// The way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// Added objects go too.
    pub discard: bool,
    /// The triggers are gone (so a second rollback only discards).
    #[serde(default)]
    pub mirror_removed: bool,
    /// What is waited for between the flags and the triggers.
    #[serde(default)]
    pub drain: Drain,
}

/// Application instances may go on with a flag's old value: how long the triggers wait for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// When the flags went to 0 %, if they had ever been on.
    #[serde(default)]
    pub flags_off: Option<Timestamp>,
    /// Writes of the new side that the triggers had counted at the last look.
    #[serde(default)]
    pub counted: Option<i64>,
    /// When that number was first seen.
    #[serde(default)]
    pub counted_at: Option<Timestamp>,
    /// Nobody is waited for any more: the triggers, and the counter with them, may be gone.
    #[serde(default)]
    pub over: bool,
}

/// Blocks of the first chunk of a fill: 8 MiB, about a second of work.
const FIRST_CHUNK_BLOCKS: u64 = 1024;

impl Machine {
    /// The machine of a job that was just taken in.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            state: JobState::Submitted,
            resume_to: None,
            hold: None,
            waiting: None,
            fills: plan
                .fills
                .iter()
                .map(|_| FillMachine {
                    sweep: 0,
                    repair: Sweeping::Whole,
                    next_seq: 0,
                    leaf: 0,
                    next_block: 0,
                    chunk_blocks: FIRST_CHUNK_BLOCKS,
                    drifts: 0,
                    swept: Progress::Open,
                })
                .collect(),
            round: 0,
            check_round: 1,
            flip: None,
            authority: Authority::Old,
            old: OldSide::InPlace,
            compare: false,
            unsure: false,
            soak_from: None,
            accepted: None,
            rollback: None,
            budget: plan.budget.clone(),
        }
    }

    /// Why nothing is happening, in words; None while something is.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.hold
            .as_ref()
            .map(|h| h.why.clone())
            .or_else(|| self.waiting.clone())
    }

    /// The two sides may be out of step, and nobody has compared them since: going back may lose writes.
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        let held = self
            .hold
            .as_ref()
            .is_some_and(|h| matches!(h.cause, HoldCause::Drift | HoldCause::Verification));
        self.authority == Authority::New && (self.unsure || self.compare || held)
    }

    /// Rows may be written in this state.
    #[must_use]
    pub fn writes_rows(&self) -> bool {
        self.state == JobState::Backfilling
    }
}
