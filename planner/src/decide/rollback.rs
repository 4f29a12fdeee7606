//! The way back, in the only order that loses nothing: what is in hand ends; the old side gets its name back; the flags
//! go to 0 %; the application instances that still follow the old flags are waited for; the triggers go together with what
//! would hurt without them; then, with `--discard`, everything that was added.

use engine::postgres::triggers::Authority;
use ledger::job::JobState;
use ledger::jobs::TableHold;
use ledger::plan::Phase;
use ledger::steps::TaskState;

use super::soak::{stragglers, until};
use super::{Effect, Facts, Next, OldSide, Rollback};

impl Next<'_> {
    /// Begins (or continues after a hold) the way back.
    pub(super) fn begin_rollback(&mut self, discard: bool) {
        let before = self.machine.rollback;
        self.machine.rollback = Some(Rollback {
            discard,
            mirror_removed: before.is_some_and(|r| r.mirror_removed),
            drain: before.map(|r| r.drain).unwrap_or_default(),
        });
        self.machine.round += 1;
        self.effects.push(Effect::CancelOutstanding);
        self.effects.push(Effect::HoldTables(TableHold::Keep));
        self.enter(JobState::RollingBack);
    }

    pub(super) fn rolling_back(&mut self, facts: &Facts) {
        if self.machine.rollback.is_none() || self.others_in_hand(facts) {
            return;
        }
        if self.machine.old == OldSide::Hidden {
            if !self.driven(Phase::Unhide, facts) {
                return;
            }
            self.machine.old = OldSide::InPlace;
        }
        if self.flags_off(facts)
            && let Some(rollback) = &mut self.machine.rollback
        {
            rollback.drain.flags_off = Some(facts.now);
        }
        if !self.drained(facts) {
            return;
        }
        if !self.machine.rollback.is_some_and(|r| r.mirror_removed) {
            if !self.driven(Phase::Rollback, facts) {
                return;
            }
            if let Some(rollback) = &mut self.machine.rollback {
                rollback.mirror_removed = true;
            }
        }
        if self.machine.rollback.is_some_and(|r| r.discard) && !self.driven(Phase::Discard, facts) {
            return;
        }
        // What was in hand when the way back began has been given back since.
        self.effects.push(Effect::CancelOutstanding);
        self.effects.push(Effect::UndoStages);
        self.effects.push(Effect::HoldTables(TableHold::Release));
        self.machine.authority = Authority::Old;
        self.enter(JobState::RolledBack);
    }

    /// What somebody has in hand and is not of the way back ends first.
    fn others_in_hand(&mut self, facts: &Facts) -> bool {
        let own_step_leased = facts.steps.iter().any(|(id, s)| {
            matches!(s, TaskState::Leased { .. })
                && self
                    .plan
                    .steps
                    .iter()
                    .any(|p| p.id == *id && !p.phase.is_forward())
        });
        let waits = facts.leased > 0 && !own_step_leased;
        if waits {
            self.machine.waiting = Some(format!("{} tasks in hand end first", facts.leased));
        }
        waits
    }

    /// No application instance can still follow an old flag: none has written new for as long as one may be cached, and no
    /// transaction from before that is open. The triggers carry over every write until then.
    fn drained(&mut self, facts: &Facts) -> bool {
        let (Some(flip), Some(rollback)) = (&self.plan.flip, &mut self.machine.rollback) else {
            return true;
        };
        let drain = &mut rollback.drain;
        let Some(off) = drain.flags_off.filter(|_| !drain.over) else {
            return true;
        };
        let writes = facts.counted.map(|counted| counted.writes);
        if drain.counted_at.is_none() || writes != drain.counted {
            drain.counted = writes;
            drain.counted_at = Some(facts.counted.map_or(facts.now, |counted| counted.at));
        }
        let last = drain.counted_at.map_or(off, |counted| counted.max(off));
        match stragglers(facts, until(last, flip.cache)) {
            None => {
                drain.over = true;
                true
            }
            Some(who) => {
                self.machine.waiting = Some(format!(
                    "the flags are at 0 %; {who}; writes of the new side are still carried over"
                ));
                false
            }
        }
    }
}
