//! From `classified` to the first sweep: the gate, the additive steps, the triggers.

use ledger::job::{JobState, Stage};
use ledger::plan::Phase;

use super::{Effect, Facts, HoldCause, Next, StepWait};

impl Next<'_> {
    pub(super) fn classified(&mut self, facts: &Facts) {
        if let Some(gate) = self.plan.gate_before(Phase::Expand)
            && !facts.approvals.contains(&gate.name)
        {
            self.machine.waiting = Some(format!(
                "gate `{}` waits for an approval: {}; approve with `sluice approve JOB --gate {} --as NAME`",
                gate.name,
                gate.reasons.join("; "),
                gate.name
            ));
            return;
        }
        self.effects.push(Effect::EndStage(Stage::Classify));
        self.effects.push(Effect::StartStage(Stage::Expand));
        self.enter(JobState::Expanding);
    }

    pub(super) fn expanding(&mut self, facts: &Facts) {
        match self.drive_steps(Phase::Expand, facts) {
            Some(StepWait::UnderWay(what)) => self.machine.waiting = Some(what),
            Some(StepWait::Failed(why)) => self.hold(HoldCause::Step, why),
            None => self.enter(JobState::DualWriting),
        }
    }

    /// The triggers are committed; the bound is read now, in a new snapshot (PITFALLS 23).
    pub(super) fn dual_writing(&mut self, facts: &Facts) {
        if let Some(why) = &facts.drift {
            self.hold(HoldCause::Drift, super::drift_words(why));
            return;
        }
        // A job that drifted comes through here again: then both stages were recorded already.
        self.effects.push(Effect::EndStage(Stage::Expand));
        self.effects.push(Effect::StartStage(Stage::Backfill));
        self.enter(JobState::Backfilling);
        self.begin_sweeps();
    }
}
