//! What to do after a batch that did not go through: pure, by the engine's class of the error.
//!
//! Locks, timeouts and deadlocks shrink the batch and try again; a lost connection tries again as it was (the cursor in the
//! ledger says what was committed); a refused row is narrowed to its block; the rest is told to the planner.

use std::ops::Range;
use std::time::Duration;

use engine::error::Class;
use ledger::tasks::FailureClass;

use super::size::BatchSize;

/// Failures in a row after which a chunk is given back, so that the reason shows in the status.
pub(super) const PATIENCE: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    /// Try again after about this long.
    Again(Duration),
    /// Tell the planner: trying again will not mend it.
    Fail(FailureClass),
    /// Give the chunk back: somebody else, or this worker later.
    GiveBack,
}

/// Setbacks since the last batch that went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Setbacks {
    in_a_row: u32,
}

impl Setbacks {
    /// A batch went through.
    pub(super) fn forget(&mut self) {
        self.in_a_row = 0;
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.in_a_row
    }

    /// A batch over `range` failed with an error of `class`. The range is empty if it did not get that far.
    pub(super) fn meet(&mut self, class: Class, range: &Range<u64>, size: &mut BatchSize) -> Reaction {
        self.in_a_row += 1;
        match class {
            Class::LockTimeout | Class::Deadlock => size.breached(range),
            Class::StatementTimeout => {
                if range.end - range.start <= 1 {
                    size.be_patient();
                }
                size.breached(range);
            }
            Class::Transient | Class::ReadOnly | Class::UnknownOutcome => {}
            Class::Data => {
                self.in_a_row = 0;
                // Without a range it was not a row that was refused.
                return if !range.is_empty() && size.narrow(range) {
                    Reaction::Again(Duration::ZERO)
                } else {
                    Reaction::Fail(FailureClass::Data)
                };
            }
            Class::Permission => return Reaction::Fail(FailureClass::Permission),
            Class::Permanent => return Reaction::Fail(FailureClass::Permanent),
        }
        if self.in_a_row >= PATIENCE {
            return Reaction::GiveBack;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << (self.in_a_row - 1).min(10));
        Reaction::Again(doubled.min(LONGEST_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(class: Class, range: Range<u64>, expected: Reaction, blocks: u64) {
        let mut size = BatchSize::first(false);
        let reaction = Setbacks::default().meet(class, &range, &mut size);
        assert_eq!(
            (reaction, size.blocks(u64::MAX)),
            (expected, blocks),
            "{class:?} over {range:?}"
        );
    }

    #[test]
    fn each_class_has_its_reaction() {
        let again = || Reaction::Again(FIRST_PAUSE);
        check(Class::LockTimeout, 0..16, again(), 8);
        check(Class::Deadlock, 0..16, again(), 8);
        check(Class::StatementTimeout, 0..16, again(), 8);
        check(Class::Transient, 0..16, again(), 16);
        check(Class::ReadOnly, 0..16, again(), 16);
        check(Class::UnknownOutcome, 0..16, again(), 16);
        check(Class::Data, 0..16, Reaction::Again(Duration::ZERO), 8);
        check(Class::Data, 7..8, Reaction::Fail(FailureClass::Data), 1);
        check(
            Class::Permission,
            0..16,
            Reaction::Fail(FailureClass::Permission),
            16,
        );
        check(
            Class::Permanent,
            0..16,
            Reaction::Fail(FailureClass::Permanent),
            16,
        );
    }

    #[test]
    fn a_refused_row_stands_alone_after_halving() {
        let (mut size, mut setbacks) = (BatchSize::first(false), Setbacks::default());
        let (bad, mut at, mut looks) = (11, 0, 0);
        let failed_on = loop {
            let range = at..(at + size.blocks(u64::MAX)).min(16);
            looks += 1;
            if !range.contains(&bad) {
                at = range.end;
                size.committed(&range, Duration::from_millis(1), Duration::from_millis(250));
                continue;
            }
            if setbacks.meet(Class::Data, &range, &mut size) == Reaction::Fail(FailureClass::Data) {
                break range;
            }
        };
        assert_eq!(failed_on, 11..12);
        assert!(looks < 20, "{looks}");
    }

    #[test]
    fn pauses_grow_and_end_in_giving_the_chunk_back() {
        let (mut size, mut setbacks) = (BatchSize::first(false), Setbacks::default());
        let mut pauses = Vec::new();
        while let Reaction::Again(pause) = setbacks.meet(Class::LockTimeout, &(0..1), &mut size) {
            pauses.push(pause);
        }
        assert_eq!(pauses.len() as u32, PATIENCE - 1);
        assert_eq!(pauses[1], FIRST_PAUSE * 2);
        assert_eq!(pauses.last(), Some(&LONGEST_PAUSE));
    }

    #[test]
    fn one_slow_block_gets_more_time() {
        let (mut size, mut setbacks) = (BatchSize::first(true), Setbacks::default());
        setbacks.meet(Class::StatementTimeout, &(5..6), &mut size);
        assert_eq!(size.statement_timeout(), super::super::size::PATIENT_TIMEOUT);
    }
}
