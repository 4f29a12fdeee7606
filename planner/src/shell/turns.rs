//! Whose turn it is in a round.
//!
//! A round over hundreds of jobs takes many seconds. Somebody who says `pause` must not wait until it has come round to that job: the
//! ledger is asked for commands again and again on the way, and their jobs come next, also those that had their turn already. Between two
//! hearings somebody else has a turn, so that a job whose command cannot be answered holds up nobody.

use std::collections::VecDeque;
use std::time::Duration;

use proto::JobId;

/// How often commands are looked for on the way: well within the two seconds in which a pause must be heard.
const HEARING: Duration = Duration::from_millis(500);

/// The jobs of one round that are still to come.
#[derive(Debug)]
pub(super) struct Turns<J> {
    left: VecDeque<(JobId, J)>,
    heard: Duration,
    /// Of `left`, how many come because somebody said something to them.
    ahead: usize,
    /// Others that had their turn since the last hearing.
    others: usize,
}

impl<J> Turns<J> {
    /// A round that begins now, with a hearing just done: it reads the commands of each job it comes to.
    pub(super) fn of(jobs: impl IntoIterator<Item = (JobId, J)>, now: Duration) -> Self {
        Self {
            left: jobs.into_iter().collect(),
            heard: now,
            ahead: 0,
            others: 0,
        }
    }

    /// Whether the ledger is to be asked for commands before the next turn.
    pub(super) fn must_hear(&self, now: Duration) -> bool {
        self.others > 0 && !self.left.is_empty() && now.saturating_sub(self.heard) >= HEARING
    }

    /// These come next, as they are now.
    pub(super) fn hear(&mut self, commanded: Vec<(JobId, J)>, now: Duration) {
        self.heard = now;
        self.others = 0;
        self.ahead = commanded.len();
        self.left
            .retain(|(id, _)| commanded.iter().all(|(first, _)| first != id));
        for turn in commanded.into_iter().rev() {
            self.left.push_front(turn);
        }
    }

    /// The next one; None: the round is over.
    pub(super) fn next(&mut self) -> Option<(JobId, J)> {
        let turn = self.left.pop_front()?;
        match self.ahead.checked_sub(1) {
            Some(ahead) => self.ahead = ahead,
            None => self.others += 1,
        }
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(n: u128) -> JobId {
        JobId(uuid::Uuid::from_u128(n))
    }

    const START: Duration = Duration::from_secs(7);

    fn turns(n: u128) -> Turns<()> {
        Turns::of((1..=n).map(|n| (job(n), ())), START)
    }

    #[test]
    fn a_job_that_is_spoken_to_comes_next_wherever_it_was() {
        let mut turns = turns(4);
        assert_eq!(turns.next(), Some((job(1), ())));
        assert!(!turns.must_hear(START + HEARING / 2));
        assert!(turns.must_hear(START + HEARING));
        turns.hear(vec![(job(1), ()), (job(4), ())], START + HEARING);
        let rest: Vec<JobId> = std::iter::from_fn(|| turns.next()).map(|(id, ())| id).collect();
        assert_eq!(rest, [job(1), job(4), job(2), job(3)]);
    }

    #[test]
    fn a_command_that_stays_unanswered_keeps_nobody_from_his_turn() {
        let mut turns = turns(3);
        let (mut now, mut had) = (START, Vec::new());
        while let Some((id, ())) = turns.next() {
            had.push(id);
            // Each turn takes longer than the time between two hearings.
            now += 2 * HEARING;
            if turns.must_hear(now) {
                turns.hear(vec![(job(1), ())], now);
            }
            assert!(had.len() < 10, "{had:?}");
        }
        assert_eq!(had.iter().filter(|id| **id != job(1)).count(), 2, "{had:?}");
    }
}
