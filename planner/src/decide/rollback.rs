//! The way back: what is in hand ends first, then the triggers go together with what would hurt
//! without them, then, with `--discard`, everything that was added.

use ledger::job::JobState;
use ledger::jobs::TableHold;
use ledger::plan::Phase;

use super::{Effect, Facts, HoldCause, Next, Rollback, StepWait};

impl Next<'_> {
    /// Begins (or continues after a hold) the way back.
    pub(super) fn begin_rollback(&mut self, discard: bool) {
        let mirror_removed = self.machine.rollback.is_some_and(|r| r.mirror_removed);
        self.machine.rollback = Some(Rollback {
            discard,
            mirror_removed,
        });
        self.machine.round += 1;
        self.effects.push(Effect::CancelOutstanding);
        self.effects.push(Effect::HoldTables(TableHold::Keep));
        self.enter(JobState::RollingBack);
    }

    pub(super) fn rolling_back(&mut self, facts: &Facts) {
        let Some(rollback) = self.machine.rollback else {
            return;
        };
        let own_step_leased = facts.steps.iter().any(|(id, s)| {
            matches!(s, ledger::steps::TaskState::Leased { .. })
                && self
                    .plan
                    .steps
                    .iter()
                    .any(|p| p.id == *id && matches!(p.phase, Phase::Rollback | Phase::Discard))
        });
        if facts.leased > 0 && !own_step_leased {
            self.machine.waiting = Some(format!("{} tasks in hand end first", facts.leased));
            return;
        }
        if !rollback.mirror_removed {
            match self.drive_steps(Phase::Rollback, facts) {
                Some(StepWait::UnderWay(what)) => {
                    self.machine.waiting = Some(what);
                    return;
                }
                Some(StepWait::Failed(why)) => {
                    self.hold(HoldCause::Step, why);
                    return;
                }
                None => {
                    self.machine.rollback = Some(Rollback {
                        mirror_removed: true,
                        ..rollback
                    });
                }
            }
        }
        if rollback.discard {
            match self.drive_steps(Phase::Discard, facts) {
                Some(StepWait::UnderWay(what)) => {
                    self.machine.waiting = Some(what);
                    return;
                }
                Some(StepWait::Failed(why)) => {
                    self.hold(HoldCause::Step, why);
                    return;
                }
                None => {}
            }
        }
        self.effects.push(Effect::UndoStages);
        self.effects.push(Effect::HoldTables(TableHold::Release));
        self.enter(JobState::RolledBack);
    }
}
