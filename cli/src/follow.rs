//! Follows a job until it rests, while roles in this process or elsewhere drive it.
//!
//! The ledger is asked, not the roles: what is shown is what is committed. A database that is away for a while is
//! waited for, because the job itself survives it.

use std::sync::Arc;
use std::time::Duration;

use ledger::commands::Command;
use ledger::leases::LEASE;
use ledger::{JobState, Ledger, Plan};
use proto::JobId;
use shared::clock::Clock;
use shared::service::Shutdown;

use crate::embedded::Embedded;
use crate::error::{Error, chain};
use crate::progress::Progress;
use crate::rest::{Rest, rest};
use crate::view::View;

/// Between two looks.
const POLL: Duration = Duration::from_millis(250);
/// Between two looks after the ledger could not be read.
const AWAY: Duration = Duration::from_secs(1);
/// A ledger that cannot be read for this long ends the following (the job itself goes on when it is back).
const PATIENCE: Duration = Duration::from_secs(60);

/// What is followed, and how.
#[derive(Debug)]
pub struct Follow<'a> {
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The job.
    pub job: JobId,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Cancelled by Ctrl-C.
    pub shutdown: Shutdown,
    /// In whose name gates are approved (`--yes`); None: they are waited at.
    pub approver: Option<String>,
    /// Where the job is to stay; None: at the end of its plan.
    pub until: Option<JobState>,
}

/// How the following ended.
#[derive(Debug)]
pub enum End {
    /// The job rests.
    Rest(Rest, Box<View>),
    /// Ctrl-C, while this process drove it.
    Interrupted,
    /// Ctrl-C, while a planner elsewhere drove it, which goes on.
    Left,
    /// The planner elsewhere that drove the job is gone.
    Orphaned,
}

/// Who drives the job.
#[derive(Debug)]
pub enum Driver {
    /// This process.
    Ours(Box<Embedded>),
    /// A planner elsewhere, by name.
    Theirs,
}

impl Follow<'_> {
    /// Follows until the job rests, Ctrl-C, or the driver is gone.
    ///
    /// # Errors
    /// If a role in this process ends, or the ledger stays away.
    pub async fn run(&self, driver: &mut Driver, progress: &mut Progress) -> Result<End, Error> {
        let mut away_since: Option<Duration> = None;
        let mut unled_since: Option<Duration> = None;
        loop {
            let pause = match self.look(progress).await {
                Ok(Some(end)) => return Ok(end),
                Ok(None) => {
                    away_since = None;
                    POLL
                }
                Err(error) if error.is_transient() => {
                    let now = self.clock.monotonic();
                    let since = *away_since.get_or_insert(now);
                    if now.saturating_sub(since) > PATIENCE {
                        return Err(error.into());
                    }
                    progress.note(&format!(
                        "the ledger cannot be read, trying again: {}",
                        chain(&error)
                    ));
                    AWAY
                }
                Err(error) => return Err(error.into()),
            };
            if matches!(driver, Driver::Theirs)
                && away_since.is_none()
                && self.is_orphaned(&mut unled_since).await?
            {
                // It may have gone because the job had come to rest.
                return Ok(self.look(progress).await?.unwrap_or(End::Orphaned));
            }
            tokio::select! {
                biased;
                () = self.shutdown.stopping.cancelled() => return Ok(match driver {
                    Driver::Ours(_) => End::Interrupted,
                    Driver::Theirs => End::Left,
                }),
                error = failed(driver) => return Err(error),
                () = self.clock.sleep(pause) => {}
            }
        }
    }

    /// Whether the job's planner is gone. One that lost its server for a moment has lost its lease too, and is given the time to take it
    /// again.
    async fn is_orphaned(&self, unled_since: &mut Option<Duration>) -> Result<bool, ledger::Error> {
        let now = self.clock.monotonic();
        match self.ledger.lease_holder("planner").await {
            Ok(None) => {
                let since = *unled_since.get_or_insert(now);
                Ok(now.saturating_sub(since) >= LEASE)
            }
            Ok(Some(_)) => {
                *unled_since = None;
                Ok(false)
            }
            // The next look tells it.
            Err(error) if error.is_transient() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn look(&self, progress: &mut Progress) -> Result<Option<End>, ledger::Error> {
        let view = View::read(self.ledger, self.job, &self.plan).await?;
        progress.show(&view, self.clock.monotonic());
        if view.pending > 0 {
            return Ok(None);
        }
        let Some(resting) = rest(&view.job, &self.plan, &view.approved, self.until) else {
            return Ok(None);
        };
        if let (Rest::AtGate(gate), Some(approver)) = (&resting, &self.approver) {
            // Its reasons come first: who reads along may still stop what cannot be undone.
            progress.note(&format!(
                "gate `{}` is approved by {approver}: {}",
                gate.name,
                gate.reasons.join("; ")
            ));
            let command = Command::Approve {
                gate: Some(gate.name.clone()),
            };
            self.ledger.command(self.job, &command, approver).await?;
            return Ok(None);
        }
        Ok(Some(End::Rest(resting, Box::new(view))))
    }
}

async fn failed(driver: &mut Driver) -> Error {
    match driver {
        Driver::Ours(embedded) => embedded.failed().await,
        Driver::Theirs => std::future::pending().await,
    }
}
