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
mod contract;
mod effect;
mod expand;
mod facts;
mod flip;
mod machine;
mod rollback;
mod soak;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_support;

use engine::postgres::triggers::Authority;
use ledger::job::{JobState, Stage};
use ledger::plan::{Phase, Plan};
use ledger::steps::TaskState;

pub use effect::{ChunkRange, Decision, Effect};
pub use facts::{Counted, Facts, FillFacts, Input, Others};
pub use machine::{
    Drain, FillMachine, FlipMachine, Hold, HoldCause, Machine, OldSide, Progress, Rollback, Sweeping,
};

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
            JobState::FlippingReads => self.flipping_reads(facts),
            JobState::FlippingWrites => self.flipping_writes(facts),
            JobState::Flipped => self.flipped(facts),
            JobState::ContractReady => self.contract_ready(facts),
            JobState::SoftDropped => self.soft_dropped(facts),
            JobState::Contracted => self.contracted(),
            JobState::Watching => self.watching(facts),
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
        if !self.stands(facts) || self.rests_here(facts) {
            return;
        }
        self.begin_flip(facts);
    }

    /// Whether what the job rests on is still there. If not, it is held, or sweeps again.
    fn stands(&mut self, facts: &Facts) -> bool {
        if let Some(why) = &facts.drift {
            self.hold_by_drift(why);
            return false;
        }
        let Some(leaf) = &facts.unchecked else { return true };
        if self.machine.authority == Authority::New {
            let why = format!(
                "{leaf} was attached with rows that nobody filled, and new is the authority, so nothing is derived from old any more; \
                 detach it, or fill its new columns, then `sluice verify`"
            );
            self.hold(HoldCause::Verification, why);
            return false;
        }
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
        false
    }

    /// Nobody asked to go further: the state says so.
    fn rests_here(&mut self, facts: &Facts) -> bool {
        let rests = facts.until == Some(self.machine.state);
        if rests {
            self.machine.waiting = Some(
                "nobody has asked to go on from here: both sides are kept in step until somebody does, or goes back"
                    .to_owned(),
            );
        }
        rests
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

    /// Stops because the tables are not what the plan relies on.
    fn hold_by_drift(&mut self, why: &str) {
        let what_helps = match (self.machine.authority, self.machine.old) {
            _ if self.machine.state == JobState::Watching => {
                "nothing can be put back any more. `sluice resume` takes it as it is and watches anew"
            }
            (Authority::Old, _) => {
                "rows may have been missed. `sluice resume` puts our objects back and sweeps again; `sluice rollback` goes back"
            }
            (Authority::New, OldSide::InPlace) => {
                "the flags stay where they are, and nothing is filled from old, because new is the authority. `sluice resume` puts our objects \
                 back and compares every row; `sluice rollback --accept-loss` goes back without that"
            }
            (Authority::New, OldSide::Hidden | OldSide::Dropping) => {
                "the flags stay where they are. `sluice resume` puts our objects back and begins the soak anew; rows cannot be compared while \
                 old is hidden, so going back needs `sluice rollback --accept-loss`"
            }
        };
        let words = format!("the tables are no longer what the plan relies on: {why}; {what_helps}");
        self.hold(HoldCause::Drift, words);
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

    /// Whether the gate before a phase is closed; the job then says what it waits for.
    fn waits_at_gate(&mut self, before: Phase, facts: &Facts) -> bool {
        let Some(gate) = self.plan.gate_before(before) else {
            return false;
        };
        if facts.approvals.contains(&gate.name) {
            return false;
        }
        self.machine.waiting = Some(format!(
            "gate `{}` waits for an approval: {}; approve with `sluice approve JOB --gate {} --as NAME`",
            gate.name,
            gate.reasons.join("; "),
            gate.name
        ));
        true
    }

    /// Every step of a phase is done; otherwise the job waits, or is held.
    fn driven(&mut self, phase: Phase, facts: &Facts) -> bool {
        match self.drive_steps(phase, facts) {
            Some(StepWait::UnderWay(what)) => self.machine.waiting = Some(what),
            Some(StepWait::Failed(why)) => self.hold(HoldCause::Step, why),
            None => return true,
        }
        false
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
                    let or_back = if phase == Phase::Drop && !self.nothing_is_dropped(facts) {
                        "; there is no way back any more"
                    } else {
                        ", or go back with `sluice rollback`"
                    };
                    return Some(StepWait::Failed(format!(
                        "step {} ({}) failed{state}: {}; mend the cause, then `sluice resume`{or_back}",
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
