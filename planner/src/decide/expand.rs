//! From `classified` to the first sweep: the gate, the additive steps, the triggers.

use ledger::job::{JobState, Stage};
use ledger::plan::Phase;

use super::{Effect, Facts, Next};

impl Next<'_> {
    pub(super) fn classified(&mut self, facts: &Facts) {
        if self.waits_at_gate(Phase::Expand, facts) {
            return;
        }
        self.effects.push(Effect::EndStage(Stage::Classify));
        self.effects.push(Effect::StartStage(Stage::Expand));
        self.enter(JobState::Expanding);
    }

    pub(super) fn expanding(&mut self, facts: &Facts) {
        if self.driven(Phase::Expand, facts) {
            self.enter(JobState::DualWriting);
        }
    }

    /// The triggers are committed; the bound is read now, in a new snapshot (PITFALLS 23).
    pub(super) fn dual_writing(&mut self, facts: &Facts) {
        if let Some(why) = &facts.drift {
            self.hold_by_drift(why);
            return;
        }
        // A job that drifted comes through here again: then both stages were recorded already.
        self.effects.push(Effect::EndStage(Stage::Expand));
        self.effects.push(Effect::StartStage(Stage::Backfill));
        self.enter(JobState::Backfilling);
        self.begin_sweeps();
    }
}
