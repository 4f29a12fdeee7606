//! Driving a job in this process: for a command that nobody else would carry out, and for `run`.

use std::sync::Arc;
use std::time::Duration;

use ledger::commands::Answer;
use ledger::jobs::Job;
use ledger::{Ledger, Plan};
use proto::CommandId;
use shared::clock::Clock;
use shared::service::{Shutdown, stop_on_signals};
use tokio_util::task::AbortOnDropHandle;

use crate::embedded::{self, Embedded, Roles, Scope};
use crate::error::{Error, Outcome};
use crate::follow::{Driver, End, Follow};
use crate::order::{Work, say};
use crate::out;
use crate::place::{Place, drain_budget};
use crate::progress::Progress;
use crate::rest::{Goal, outcome, words};

const POLL: Duration = Duration::from_millis(50);

/// A job that this process is about to drive.
#[derive(Debug)]
pub struct Drive<'a> {
    /// Where.
    pub place: &'a Place,
    /// Its ledger.
    pub ledger: &'a Ledger,
    /// The job.
    pub job: Job,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Ctrl-C in two steps; the handle keeps listening until it is dropped.
///
/// # Errors
/// If this process may not listen to signals.
pub(crate) fn interruptible(
    place: &Place,
    clock: &Arc<dyn Clock>,
) -> Result<(Shutdown, AbortOnDropHandle<()>), Error> {
    let shutdown = Shutdown::new();
    let listening =
        stop_on_signals(&shutdown, drain_budget(place), clock.clone()).map_err(|error| Error::Process {
            doing: "listening to signals",
            source: error.into(),
        })?;
    Ok((shutdown, listening))
}

/// Carries a command out: answers it, and drives the job until it rests if the command asks for work.
///
/// # Errors
/// What the ledger or a role says.
pub async fn command(drive: &Drive<'_>, id: CommandId, work: Work) -> Result<Outcome, Error> {
    let (shutdown, _listening) = interruptible(drive.place, &drive.clock)?;
    let plan = Arc::new(drive.ledger.plan(&drive.job.plan_hash).await?);
    let target = embedded::connect(drive.place, &drive.clock).await?;
    let scope = Scope {
        roles: if work == Work::Answer {
            Roles::PlannerOnly
        } else {
            Roles::All
        },
        until: work.until(&drive.job),
    };
    let mut embedded = Embedded::start(drive.place, target, scope, drive.clock.clone(), shutdown.clone());
    let answer = answered(drive, id, &mut embedded, &shutdown).await;
    let said = answer.as_ref().ok().and_then(|answer| answer.as_ref()).map(say);
    let (Some(Outcome::Done), Some(goal)) = (said, work.goal()) else {
        embedded.stop(drain_budget(drive.place)).await;
        answer?;
        return Ok(said.unwrap_or_else(unanswered));
    };
    let follow = Follow {
        until: scope.until,
        ..following(drive, plan, &shutdown)
    };
    let mut driver = Driver::Ours(Box::new(embedded));
    let mut progress = Progress::new();
    let end = follow.run(&mut driver, &mut progress).await;
    progress.finish();
    stop(driver, drive.place).await;
    Ok(conclude(&end?, drive.place, goal))
}

fn unanswered() -> Outcome {
    out::note(
        "stopped before the command was answered; it is in the ledger and applied when the job is driven again",
    );
    Outcome::Waiting
}

/// Follows the drive's job to the end of its plan; gates are waited at.
pub(crate) fn following<'a>(drive: &'a Drive<'_>, plan: Arc<Plan>, shutdown: &Shutdown) -> Follow<'a> {
    Follow {
        ledger: drive.ledger,
        job: drive.job.id,
        plan,
        clock: drive.clock.clone(),
        shutdown: shutdown.clone(),
        approver: None,
        until: None,
    }
}

pub(crate) async fn stop(driver: Driver, place: &Place) {
    match driver {
        Driver::Ours(embedded) => embedded.stop(drain_budget(place)).await,
        Driver::Theirs => {}
    }
}

/// Says where the job rests, and what that means for who wanted it at `goal`.
pub(crate) fn conclude(end: &End, place: &Place, goal: Goal) -> Outcome {
    match end {
        End::Rest(rest, view) => {
            let outcome = outcome(rest, goal);
            let text = words(rest, &view.job, &place.flag());
            if outcome == Outcome::Done {
                out::answer(&text);
            } else {
                out::note(&text);
            }
            outcome
        }
        End::Interrupted => {
            out::note(
                "stopped; what was in hand is finished or will be done again, nothing is lost: run the same command again to continue",
            );
            Outcome::Waiting
        }
        End::Orphaned => {
            out::note("the planner that drove this job is gone");
            Outcome::Waiting
        }
    }
}

/// The answer; None after Ctrl-C.
async fn answered(
    drive: &Drive<'_>,
    id: CommandId,
    embedded: &mut Embedded,
    shutdown: &Shutdown,
) -> Result<Option<Answer>, Error> {
    loop {
        if let Some(answer) = drive.ledger.answer(id).await? {
            return Ok(Some(answer));
        }
        tokio::select! {
            biased;
            () = shutdown.stopping.cancelled() => return Ok(None),
            error = embedded.failed() => return Err(error),
            () = drive.clock.sleep(POLL) => {}
        }
    }
}
