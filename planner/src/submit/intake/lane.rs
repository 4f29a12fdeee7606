//! Turns at one target: so many submissions at a time, and of a target that does not answer one now and then.
//!
//! A database that is silent keeps whoever asks it for a whole time limit. Once that has happened, one submission at a time finds out
//! whether it has come back, and the others do not wait for that: they are put aside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::AT_ONCE;

/// The turns at one target. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    turns: Arc<Semaphore>,
    silent: Arc<AtomicBool>,
}

/// Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    lane: Lane,
    _permit: OwnedSemaphorePermit,
}

impl Lane {
    pub(super) fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            silent: Arc::default(),
        }
    }

    /// Waits for a turn. None: the target did not answer the last one, and somebody else is finding out whether it does again.
    pub(super) async fn turn(&self) -> Option<Turn> {
        let alone = || self.turns.clone().try_acquire_many_owned(AT_ONCE as u32).ok();
        let permit = if self.silent() {
            alone()?
        } else {
            let permit = self.turns.clone().acquire_owned().await.ok()?;
            if self.silent() {
                return None;
            }
            permit
        };
        Some(Turn {
            lane: self.clone(),
            _permit: permit,
        })
    }

    fn silent(&self) -> bool {
        self.silent.load(Ordering::Acquire)
    }
}

impl Turn {
    /// What came of it: the target said something, or nothing that helps.
    pub(super) fn answered(&self, answered: Answered) {
        let silent = answered == Answered::No;
        self.lane.silent.store(silent, Ordering::Release);
    }
}

/// Whether a target has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_a_silent_target_one_finds_out_and_the_others_do_not_wait() {
        let lane = Lane::new();
        let turn = lane.turn().await.unwrap();
        turn.answered(Answered::No);
        assert!(lane.turn().await.is_none(), "somebody is still at it");
        drop(turn);
        let probe = lane.turn().await.unwrap();
        assert!(lane.turn().await.is_none(), "one is enough");
        probe.answered(Answered::Yes);
        drop(probe);
        let mut turns = Vec::new();
        for _ in 0..AT_ONCE {
            turns.push(lane.turn().await.unwrap());
        }
    }
}
