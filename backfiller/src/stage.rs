//! A stage task: one step of the plan, DDL on a session of the owner role.
//!
//! The message is acknowledged as soon as the lease is in the ledger; from then on the lease, not the message,
//! stands for the work. Before a step is repeated the backend that ran it is proven gone: two CREATE INDEX
//! CONCURRENTLY of one name, or a trigger installed after its rollback, would be the price.
//!
//! The order that makes the proof hold: a worker records its backend under the fence, *then* renews, and only if that was granted
//! runs anything. A successor reads the recorded backend, ends it, *then* claims. Whatever the interleaving,
//! either the renewal is refused or the backend was on record and is ended.

mod ask;
mod phase;
mod rebuild;
mod session;
mod short;
mod watched;

use std::time::Duration;

use engine::error::Class;
use ledger::plan::{Phase, Plan, Step, StepMode};
use ledger::role::site::{InHand, Site, Taken};
use ledger::tasks::{Failure, FailureClass, Work};
use proto::message::TaskOutcome;
use proto::{Envelope, TaskId};
use shared::bus::Settlement;
use shared::service::chain;

use crate::takeover::{self, Predecessor};
use crate::words::words;

/// A message whose ledger cannot be reached comes again after this.
const LATER: Duration = Duration::from_secs(5);

/// What becomes of the message, and the task if it is ours now.
pub(crate) struct Admission {
    pub(crate) settlement: Settlement,
    pub(crate) in_hand: Option<InHand>,
}

/// Why a step is not done.
#[derive(Debug)]
enum NotDone {
    /// Trying again will not mend it.
    Failed(Failure),
    /// Given back, with the reason.
    Returned(String),
    /// Another attempt owns the task.
    Lost,
}

/// A step with what its run needs.
struct Job<'a> {
    site: &'a Site,
    in_hand: &'a InHand,
    plan: &'a Plan,
    step: &'a Step,
    phase: Phase,
}

/// Ends the predecessor and claims.
pub(crate) async fn admit(site: &Site, task: TaskId) -> Admission {
    match claim(site, task).await {
        Ok(taken) => {
            let (settlement, in_hand) = taken.admit();
            Admission { settlement, in_hand }
        }
        Err(error) => {
            tracing::warn!(%task, error = %chain(&error), "a stage task could not be claimed; its message comes again");
            Admission {
                settlement: Settlement::RetryAfter(LATER),
                in_hand: None,
            }
        }
    }
}

async fn claim(site: &Site, task: TaskId) -> Result<Taken, takeover::Error> {
    let ledger = &site.target.ledger;
    let lapsed = ledger.lapsed_lease(task).await?;
    if lapsed.is_some() && takeover::end_step(site, task).await? == Predecessor::StillThere {
        tracing::warn!(%task, "the backend of the last attempt cannot be ended; the step is not repeated until it is gone");
        return Ok(Taken::Nothing);
    }
    let in_hand = match site.claim(task).await? {
        Taken::InHand(in_hand) => in_hand,
        other => return Ok(other),
    };
    let claim = in_hand.claim;
    if claim.took_over.is_some() && claim.took_over != lapsed {
        // Somebody had it for a moment in between, and nobody has looked at *that* backend.
        ledger
            .give_back(
                task,
                claim.fence,
                Duration::ZERO,
                "another worker had it in between",
            )
            .await?;
        return Ok(Taken::Nothing);
    }
    Ok(Taken::InHand(in_hand))
}

/// Runs the step and writes what came of it. The event to tell, if the task was still ours at the end.
pub(crate) async fn run(site: &Site, in_hand: InHand) -> Option<Envelope> {
    let claim = in_hand.claim;
    let done = execute(site, &in_hand).await;
    let ledger = &site.target.ledger;
    let (written, what) = match &done {
        Ok(()) => (ledger.finish(claim.task, claim.fence).await, TaskOutcome::Done),
        Err(NotDone::Lost) => {
            tracing::info!(task = %claim.task, "the lease on a step was lost; whoever has it now looks at what is there");
            return None;
        }
        Err(NotDone::Failed(failure)) => {
            tracing::error!(task = %claim.task, job = %claim.job, sqlstate = failure.sqlstate.as_deref(), "step failed: {}", failure.message);
            (
                ledger.fail(claim.task, claim.fence, failure).await,
                TaskOutcome::Failed,
            )
        }
        Err(NotDone::Returned(why)) => {
            tracing::warn!(task = %claim.task, job = %claim.job, "step given back: {why}");
            (
                ledger.give_back(claim.task, claim.fence, LATER, why).await,
                TaskOutcome::Returned,
            )
        }
    };
    match written {
        Ok(true) => Some(site.event(&claim, what)),
        Ok(false) => None,
        Err(error) => {
            tracing::warn!(task = %claim.task, error = %chain(&error), "the end of a step could not be recorded; it is looked at again");
            None
        }
    }
}

async fn execute(site: &Site, in_hand: &InHand) -> Result<(), NotDone> {
    let claim = in_hand.claim;
    let Work::Step { phase, step } = claim.work else {
        return Err(failed(
            FailureClass::Permanent,
            "a stage queue holds a task that is no step".to_owned(),
        ));
    };
    let plan = site.plan_of(claim.job).await.map_err(|e| unread(&e))?;
    let Some(step) = plan.steps.iter().find(|s| s.id == step) else {
        return Err(failed(
            FailureClass::Permanent,
            format!("the plan has no step {step}"),
        ));
    };
    let job = Job {
        site,
        in_hand,
        plan: &plan,
        step,
        phase,
    };
    job.still_wanted().await?;
    tracing::info!(job = %claim.job, step = step.id, phase = phase.as_str(), "{}", step.title);
    if !job.has_something_to_undo().await.map_err(|e| unread(&e))? {
        tracing::info!(job = %claim.job, step = step.id, "{}: skipped, this job never made it", step.title);
        return Ok(());
    }
    match step.mode {
        StepMode::Short | StepMode::Rebuild => short::run(&job).await,
        StepMode::Watched => watched::run(&job).await,
    }
}

impl Job<'_> {
    /// Whether nothing more may be begun for this step.
    fn should_end(&self) -> Option<NotDone> {
        if !self.in_hand.lease.is_ours() {
            Some(NotDone::Lost)
        } else if self.site.is_stopping() {
            Some(NotDone::Returned("the worker is draining".to_owned()))
        } else {
            None
        }
    }

    /// Whether the job still goes the way this step belongs to: it may have turned around since the step was begun.
    async fn still_wanted(&self) -> Result<(), NotDone> {
        let job = self.site.target.ledger.job(self.in_hand.claim.job).await;
        let state = job.map_err(|e| unread(&e))?.state;
        if phase::belongs(self.phase, state) {
            return Ok(());
        }
        Err(NotDone::Returned(format!(
            "the job is {state}; a step of phase {} waits",
            self.phase.as_str()
        )))
    }

    /// Says in the log and in the audit trail that a step is tried again; there not each time, it may go on for minutes.
    async fn note_retry(&self, attempt: u32, error: &sqlx::Error) {
        let claim = &self.in_hand.claim;
        let why = words(engine::error::classify(error), error);
        tracing::warn!(job = %claim.job, step = self.step.id, attempt, "{}: {why}; trying again", self.step.title);
        if attempt.is_power_of_two() {
            let detail = serde_json::json!({ "step": self.step.id, "title": self.step.title, "attempt": attempt, "why": why });
            let ledger = &self.site.target.ledger;
            if let Err(error) = ledger
                .audit(
                    Some(claim.job),
                    self.site.worker.as_str(),
                    "step.retried",
                    &detail,
                )
                .await
            {
                tracing::debug!(error = %chain(&error), "a retry was not noted in the audit trail");
            }
        }
    }

    /// The failure of this step for a database error that trying again will not mend.
    fn failure(&self, class: Class, error: &sqlx::Error) -> NotDone {
        let kind = match class {
            Class::Data => FailureClass::Data,
            Class::Permission => FailureClass::Permission,
            Class::Transient
            | Class::LockTimeout
            | Class::StatementTimeout
            | Class::Deadlock
            | Class::ReadOnly
            | Class::UnknownOutcome
            | Class::Permanent => FailureClass::Permanent,
        };
        NotDone::Failed(Failure {
            class: kind,
            sqlstate: engine::error::sqlstate(error),
            message: format!("{}: {}", self.step.title, words(class, error)),
        })
    }
}

fn unread(error: &ledger::Error) -> NotDone {
    NotDone::Returned(format!("the ledger could not be read: {}", chain(error)))
}

fn failed(class: FailureClass, message: String) -> NotDone {
    NotDone::Failed(Failure {
        class,
        sqlstate: None,
        message,
    })
}
