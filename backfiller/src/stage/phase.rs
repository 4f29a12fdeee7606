//! Whether a step's phase still goes with the state of its job.
//!
//! A task that was given back while the job turned around would otherwise be done in the wrong direction: a NOT NULL
//! set after the triggers are gone.

use ledger::JobState;
use ledger::plan::Phase;

pub(super) fn belongs(phase: Phase, state: JobState) -> bool {
    match phase {
        Phase::Unhide | Phase::Rollback | Phase::Discard => state == JobState::RollingBack,
        // A step in hand may end while the job is paused; what has not begun is not handed out then.
        Phase::Expand | Phase::Finish | Phase::Lead | Phase::Hide | Phase::Drop => {
            state.is_forward() && state != JobState::Done
                || matches!(state, JobState::Paused | JobState::Held)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_added_on_the_way_back_and_nothing_removed_on_the_way_forward() {
        for (phase, state, expected) in [
            (Phase::Expand, JobState::Expanding, true),
            (Phase::Finish, JobState::Backfilling, true),
            (Phase::Finish, JobState::RollingBack, false),
            (Phase::Expand, JobState::RolledBack, false),
            (Phase::Expand, JobState::Aborted, false),
            (Phase::Expand, JobState::Done, false),
            (Phase::Rollback, JobState::RollingBack, true),
            (Phase::Discard, JobState::Backfilling, false),
            (Phase::Discard, JobState::Paused, false),
            (Phase::Hide, JobState::ContractReady, true),
            (Phase::Drop, JobState::RollingBack, false),
            (Phase::Unhide, JobState::SoftDropped, false),
        ] {
            assert_eq!(belongs(phase, state), expected, "{phase:?} in {state}");
        }
    }
}
