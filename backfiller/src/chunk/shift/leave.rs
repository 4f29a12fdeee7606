//! Waiting: for the planner's leave, for the share of the budget, and for a pace in between.

use std::time::Duration;

use ledger::chunks::{Leave, SLOWEST, leave_to_write};
use ledger::shares::Share;
use shared::clock::within;
use shared::service::chain;

use super::{BESIDE, SLICE, Shift};
use crate::chunk::{End, LATER, SOON};
use crate::rest::rest;

/// How often the planner's word is looked at while it is no.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// A chunk that may not be worked for longer is given back.
const HELD_TOO_LONG: Duration = Duration::from_secs(60);
/// Longest rest between two batches of an eased pace: after that, what was said about it is old.
const LONGEST_EASE: Duration = Duration::from_secs(2);
/// How often the share is read anew while a batch waits for it; a lowered one counts as lowered after four times that.
const READ_AGAIN: Duration = Duration::from_secs(1);

impl Shift<'_> {
    /// Waits for leave, then has it counted that the first batch begins. Some: the chunk is to be given back.
    pub(super) async fn begin_to_write(&mut self) -> Option<End> {
        let end = match self.ask_leave().await {
            Ok(leave) => self.wait_for_leave(leave).await,
            Err(error) => Some(End::Returned {
                why: format!("the throttle could not be read: {}", chain(&error)),
                due_in: LATER,
            }),
        };
        if end.is_some() {
            return end;
        }
        let claim = &self.in_hand.claim;
        let counting = self.site.target.ledger.begun(claim.task, claim.fence);
        match within(&*self.site.clock, BESIDE, counting).await {
            Some(Ok(())) => {
                self.begun = true;
                None
            }
            Some(Err(_)) | None => Some(End::Returned {
                why: "the ledger does not answer".to_owned(),
                due_in: LATER,
            }),
        }
    }

    /// Rests after a batch, so that the worker works for that part of the time.
    pub(super) async fn ease(&self, took: Duration, factor: f64) {
        let mut left = took
            .mul_f64((1.0 / factor.clamp(SLOWEST, 1.0) - 1.0).max(0.0))
            .min(LONGEST_EASE);
        while !left.is_zero() && self.should_end().is_none() {
            let slice = left.min(SLICE);
            rest(self.site, self.in_hand, slice).await;
            left -= slice;
        }
    }

    pub(super) fn take(&mut self, share: Share) {
        let now = self.site.clock.monotonic();
        self.rate.set_share(share, now);
        self.share_at = now;
    }

    /// A piece of the wait for the next batch. Some: the chunk is to be given back.
    pub(super) async fn wait_for_budget(&mut self, wait: Duration) -> Option<End> {
        match self.rest_and_read(wait).await {
            Some(leave) => self.wait_for_leave(leave).await,
            None => None,
        }
    }

    /// Waits until what was written is paid for, so that the next chunk does not begin with a clean slate.
    pub(super) async fn pay(&mut self) {
        loop {
            let debt = self.rate.debt(self.site.clock.monotonic());
            if debt.is_zero() || self.should_end().is_some() {
                return;
            }
            // Nothing more is written here, so a no is no reason to stay.
            if self.rest_and_read(debt).await.is_some() {
                return;
            }
        }
    }

    /// Rests for a piece of the wait, and reads the share anew if that is due. Some: the planner says no.
    async fn rest_and_read(&mut self, wait: Duration) -> Option<Leave> {
        rest(self.site, self.in_hand, wait.min(SLICE)).await;
        if self.site.clock.monotonic() - self.share_at < READ_AGAIN {
            return None;
        }
        match self.ask_leave().await {
            Ok(leave) if leave.go => {
                self.take(leave.share);
                None
            }
            Ok(leave) => Some(leave),
            Err(error) => {
                tracing::warn!(error = %chain(&error), "the share of the budget could not be read");
                None
            }
        }
    }

    /// Waits until the planner allows writing. Some: it took too long, or the job does not go on.
    pub(super) async fn wait_for_leave(&mut self, first: Leave) -> Option<End> {
        let began = self.site.clock.monotonic();
        let mut leave = first;
        loop {
            let held = self.site.clock.monotonic() - began;
            let reason = leave
                .reason
                .clone()
                .unwrap_or_else(|| "the planner says no".to_owned());
            let end = if leave.ended {
                Some(End::Returned {
                    why: "the job does not go on".to_owned(),
                    due_in: LATER,
                })
            } else if held >= HELD_TOO_LONG {
                Some(End::Returned {
                    why: format!("held for a minute: {reason}"),
                    due_in: SOON,
                })
            } else {
                self.should_end()
            };
            if leave.go && !leave.ended || end.is_some() {
                self.throttled += held;
                return end;
            }
            rest(self.site, self.in_hand, LOOK_AGAIN).await;
            match self.ask_leave().await {
                Ok(next) => leave = next,
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "the throttle could not be read; nothing is written");
                }
            }
        }
    }

    /// A question that is not answered is a no: nothing is written on an old word.
    pub(super) async fn ask_leave(&self) -> Result<Leave, ledger::Error> {
        within(&*self.site.clock, BESIDE, self.leave())
            .await
            .unwrap_or_else(|| Ok(unanswered()))
    }

    async fn leave(&self) -> Result<Leave, ledger::Error> {
        let pool = self.site.target.ledger.pool();
        let mut conn = pool.acquire().await.map_err(ledger::Error::of("ledger.leave"))?;
        let claim = &self.in_hand.claim;
        leave_to_write(&mut conn, claim.job, claim.task, claim.fence.lease).await
    }
}

fn unanswered() -> Leave {
    Leave {
        go: false,
        reason: Some("the ledger does not answer".to_owned()),
        ended: false,
        factor: 1.0,
        share: Share::NONE,
    }
}
