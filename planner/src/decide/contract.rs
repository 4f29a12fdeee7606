//! Old goes: an approval, a soft drop that can be taken back, a soak, the drop, and a last watch.

use engine::postgres::triggers::Authority;
use ledger::job::{JobState, Stage};
use ledger::jobs::TableHold;
use ledger::plan::{Phase, StepMode};
use ledger::steps::TaskState;
use ledger::tasks::FailureClass;

use super::soak::{moment, stragglers, until};
use super::{Effect, Facts, Next, OldSide};

impl Next<'_> {
    /// All reads and writes use new. The end of the way for a plan whose mirror has to stay.
    pub(super) fn flipped(&mut self, facts: &Facts) {
        if !self.put_back(facts) || !self.stands(facts) || self.rests_here(facts) {
            return;
        }
        if self.plan.contract.is_some() {
            self.enter(JobState::ContractReady);
            return;
        }
        self.machine.waiting = Some(format!(
            "every read uses the new side, and the triggers keep it right for as long as the job stands: nothing can be dropped, because {}; \
             `sluice rollback` takes the triggers away",
            ledger::plan::MIRROR_STAYS
        ));
    }

    /// Waits for the approval, then hides the old side.
    pub(super) fn contract_ready(&mut self, facts: &Facts) {
        if self.machine.old == OldSide::InPlace && !(self.put_back(facts) && self.stands(facts)) {
            return;
        }
        if self.machine.old == OldSide::InPlace {
            if self.rows_set_aside(facts) || self.flags_differ(facts) {
                return;
            }
            if self.waits_at_gate(Phase::Hide, facts) || self.old_may_be_used(facts) {
                return;
            }
            self.effects.push(Effect::StartStage(Stage::Contract));
            self.machine.old = OldSide::Hidden;
        }
        if self.driven(Phase::Hide, facts) {
            self.machine.soak_from = Some(facts.now);
            self.enter(JobState::SoftDropped);
        }
    }

    /// Some instance may not have heard yet that every write moved; it would meet a hidden column.
    fn old_may_be_used(&mut self, facts: &Facts) -> bool {
        let since = self.machine.flip.as_ref().and_then(|flip| flip.since);
        let (Some(plan), Some(since)) = (&self.plan.flip, since) else {
            return false;
        };
        let Some(who) = stragglers(facts, until(since, plan.cache)) else {
            return false;
        };
        self.machine.waiting = Some(format!(
            "every flag is at 100 %; {who}; then the old side is hidden"
        ));
        true
    }

    /// Old is hidden; it can still come back.
    pub(super) fn soft_dropped(&mut self, facts: &Facts) {
        if self.machine.old != OldSide::Dropping {
            // After a drift these put our functions back.
            if !self.driven(Phase::Hide, facts) || !self.stands(facts) {
                return;
            }
            // A drift took the approval away; the drop needs one.
            if self.waits_at_gate(Phase::Hide, facts) {
                return;
            }
            let (Some(contract), Some(from)) = (&self.plan.contract, self.machine.soak_from) else {
                return;
            };
            let end = until(from, contract.soak);
            if facts.now < end {
                self.machine.waiting = Some(format!(
                    "{} hidden and can come back with `sluice rollback` until {}; then dropped",
                    contract.drops.join(", "),
                    moment(end)
                ));
                return;
            }
            if self.rows_set_aside(facts) || self.flags_differ(facts) {
                return;
            }
            self.machine.old = OldSide::Dropping;
        }
        if self.driven(Phase::Drop, facts) {
            self.effects.push(Effect::EndStage(Stage::Contract));
            self.enter(JobState::Contracted);
            self.machine.soak_from = Some(facts.now);
        } else if self.machine.state == JobState::Held && self.nothing_is_dropped(facts) {
            self.machine.old = OldSide::Hidden;
        }
    }

    /// A drop has failed, and left everything as it was: its own transaction was undone, and no other was issued that could happen
    /// or has happened.
    pub(super) fn nothing_is_dropped(&self, facts: &Facts) -> bool {
        let mut failed = false;
        let untouched = self
            .plan
            .steps_of(Phase::Drop)
            .all(|step| match facts.steps.get(&step.id) {
                None | Some(TaskState::Cancelled) => true,
                Some(TaskState::Failed(failure)) => {
                    failed = true;
                    step.mode != StepMode::Watched && failure.class != FailureClass::Drift
                }
                Some(TaskState::Ready | TaskState::Leased { .. } | TaskState::Done) => false,
            });
        failed && untouched
    }

    pub(super) fn contracted(&mut self) {
        self.effects.push(Effect::StartStage(Stage::Verify));
        self.enter(JobState::Watching);
    }

    /// For a plan that has nothing to drop.
    pub(super) fn begin_watch(&mut self, facts: &Facts) {
        self.machine.soak_from = Some(facts.now);
        self.contracted();
    }

    /// Nothing can go back any more; what the plan has made must still be there, unless a person has said that it may go.
    pub(super) fn watching(&mut self, facts: &Facts) {
        if let Some(why) = facts
            .drift
            .as_ref()
            .filter(|why| self.machine.accepted.as_ref() != Some(*why))
        {
            self.machine.accepted = Some(why.clone());
            self.hold_by_drift(why);
            return;
        }
        let end = self.machine.soak_from.map(|from| until(from, self.plan.watch));
        if let Some(end) = end.filter(|end| facts.now < *end) {
            self.machine.waiting = Some(format!("watched until {}; then done", moment(end)));
            return;
        }
        self.effects.push(Effect::EndStage(Stage::Verify));
        self.effects.push(Effect::HoldTables(TableHold::Release));
        self.enter(JobState::Done);
    }

    /// Our functions are as they were when new became the authority, if it has.
    fn put_back(&mut self, facts: &Facts) -> bool {
        self.machine.authority == Authority::Old || self.leads(facts)
    }
}
