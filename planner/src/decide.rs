//! The pure core: `decide(plan, machine, input) -> (machine, effects)`.
//!
//! No clock, no I/O, no randomness. The shell reads the ledger into [`Facts`], asks, and carries the
//! effects out in one transaction under the job's version. Every decision is made from facts that are
//! rows, never from the content of a message, so a lost, doubled or late event changes nothing.
//!
//! One call takes at most one step of a job's life; the shell calls again until nothing changes.
//! What would break it: a decision that depends on something other than its arguments, or an effect
//! that is not idempotent under "the transaction was rolled back, decide again".

mod backfill;
mod commands;
mod expand;
mod rollback;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_support;

use std::collections::{BTreeMap, BTreeSet};

use ledger::checks::Verdict;
use ledger::chunks::{ChunkKind, SweepFacts};
use ledger::commands::{Answer, Pending};
use ledger::job::{JobState, Stage};
use ledger::jobs::TableHold;
use ledger::plan::{Budget, Phase, Plan};
use ledger::steps::TaskState;
use ledger::sweeps::SweepLeaf;
use proto::CommandId;
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
    /// The way back, once it was asked for.
    #[serde(default)]
    pub rollback: Option<Rollback>,
    /// The budget as tuned.
    pub budget: Budget,
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
}

/// What the ledger and the catalog say now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Gates that are open for this very plan and target.
    pub approvals: BTreeSet<String>,
    /// Tasks of the plan's steps in the current round; absent ones were never issued.
    pub steps: BTreeMap<u32, TaskState>,
    /// Tasks in somebody's hands.
    pub leased: u64,
    /// One entry a fill of the plan.
    pub fills: Vec<FillFacts>,
    /// What of the plan's assumptions does not hold, once the triggers are in place.
    pub drift: Option<String>,
    /// A leaf with rows that the last whole-table check did not read: a partition attached since.
    pub unchecked: Option<String>,
}

/// Facts about one fill.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FillFacts {
    /// Leaves of the current sweep, with their bounds.
    pub leaves: Vec<SweepLeaf>,
    /// Its chunks.
    pub sweep: SweepFacts,
    /// Verdict of the current check round.
    pub verdict: Option<Verdict>,
    /// The check's task.
    pub check: Option<TaskState>,
}

/// What the core is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Here is how things are: what next?
    Look(Facts),
    /// Somebody wants something.
    Command(Pending, Facts),
}

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
    /// Answer a command.
    Answer(CommandId, Answer),
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

    /// Rows may be written in this state.
    #[must_use]
    pub fn writes_rows(&self) -> bool {
        self.state == JobState::Backfilling
    }
}

/// The one entry: see the module's documentation.
#[must_use]
pub fn decide(plan: &Plan, machine: &Machine, input: Input) -> Decision {
    let mut next = Next {
        plan,
        machine: machine.clone(),
        effects: Vec::new(),
    };
    match input {
        Input::Look(facts) => next.look(&facts),
        Input::Command(pending, facts) => next.command(&pending, &facts),
    }
    if next.machine.state != machine.state {
        next.audit_state(machine.state);
    }
    Decision {
        machine: next.machine,
        effects: next.effects,
    }
}

/// A decision in the making.
struct Next<'a> {
    plan: &'a Plan,
    machine: Machine,
    effects: Vec<Effect>,
}

impl Next<'_> {
    fn look(&mut self, facts: &Facts) {
        match self.machine.state {
            JobState::Submitted => self.enter(JobState::Planned),
            JobState::Planned => {
                self.effects.push(Effect::StartStage(Stage::Classify));
                self.enter(JobState::Classified);
            }
            JobState::Classified => self.classified(facts),
            JobState::Expanding => self.expanding(facts),
            JobState::DualWriting => self.dual_writing(facts),
            JobState::Backfilling => self.backfilling(facts),
            JobState::Verified => self.verified(facts),
            JobState::RollingBack => self.rolling_back(facts),
            // Plans of this build end at `verified`: a job found beyond was taken there by a newer sluice,
            // which also knows how to drive it.
            JobState::FlippingReads
            | JobState::FlippingWrites
            | JobState::Flipped
            | JobState::ContractReady
            | JobState::SoftDropped
            | JobState::Contracted
            | JobState::Watching => self.driven_by_a_newer_build(),
            // At rest until somebody says something.
            JobState::Done
            | JobState::Paused
            | JobState::Held
            | JobState::RolledBack
            | JobState::Failed
            | JobState::Aborted => {}
        }
    }

    fn verified(&mut self, facts: &Facts) {
        if let Some(why) = &facts.drift {
            self.hold(HoldCause::Drift, drift_words(why));
        } else if let Some(leaf) = &facts.unchecked {
            let detail = serde_json::json!({ "leaf": leaf });
            self.effects.push(Effect::Audit {
                actor: "planner".to_owned(),
                kind: "sweep.new_leaf",
                detail,
            });
            self.machine.check_round += 1;
            self.effects.push(Effect::StartStage(Stage::Backfill));
            self.enter(JobState::Backfilling);
            self.begin_sweeps();
        }
    }

    fn driven_by_a_newer_build(&mut self) {
        self.machine.waiting = Some(format!(
            "state {} is driven by a newer sluice than this planner; upgrade it",
            self.machine.state
        ));
    }

    fn enter(&mut self, state: JobState) {
        self.machine.state = state;
        self.machine.waiting = None;
        self.machine.hold = None;
        self.machine.resume_to = None;
    }

    /// Stops by itself; mirroring goes on.
    fn hold(&mut self, cause: HoldCause, why: String) {
        let from = self.machine.state;
        self.machine.state = JobState::Held;
        self.machine.waiting = None;
        self.machine.resume_to = Some(from);
        self.machine.hold = Some(Hold { cause, why });
    }

    fn audit_state(&mut self, from: JobState) {
        let detail = serde_json::json!({
            "from": from.as_str(),
            "to": self.machine.state.as_str(),
            "reason": self.machine.reason(),
        });
        self.effects.push(Effect::Audit {
            actor: "planner".to_owned(),
            kind: "job.state",
            detail,
        });
    }

    /// The first step of a phase that is not done: issued, awaited, or the reason to hold. None: the phase is over.
    fn drive_steps(&mut self, phase: Phase, facts: &Facts) -> Option<StepWait> {
        for step in self.plan.steps_of(phase) {
            match facts.steps.get(&step.id) {
                Some(TaskState::Done) => {}
                None | Some(TaskState::Cancelled) => {
                    self.effects.push(Effect::IssueStep { phase, step: step.id });
                    return Some(StepWait::UnderWay(format!("step {}: {}", step.id, step.title)));
                }
                Some(TaskState::Ready | TaskState::Leased { .. }) => {
                    return Some(StepWait::UnderWay(format!("step {}: {}", step.id, step.title)));
                }
                Some(TaskState::Failed(failure)) => {
                    let state = failure
                        .sqlstate
                        .as_deref()
                        .map(|s| format!(" (SQLSTATE {s})"))
                        .unwrap_or_default();
                    return Some(StepWait::Failed(format!(
                        "step {} ({}) failed{state}: {}; mend the cause, then `sluice resume`, or go back with `sluice rollback`",
                        step.id, step.title, failure.message
                    )));
                }
            }
        }
        None
    }
}

/// What a phase waits for.
enum StepWait {
    /// A worker is on it, or will be.
    UnderWay(String),
    /// It failed, with the reason.
    Failed(String),
}

fn drift_words(why: &str) -> String {
    format!(
        "the tables are no longer what the plan relies on: {why}; rows may have been missed. \
         `sluice resume` puts our objects back and sweeps again; `sluice rollback` goes back"
    )
}
