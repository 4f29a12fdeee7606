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
use crate::rest::{Goal, Rest, outcome, words};

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
    to_rest(drive, &follow, Driver::Ours(Box::new(embedded)), goal).await
}

/// Watches a planner elsewhere until the job rests.
///
/// # Errors
/// What the ledger says.
pub async fn watch(drive: &Drive<'_>, goal: Goal) -> Result<Outcome, Error> {
    let (shutdown, _listening) = interruptible(drive.place, &drive.clock)?;
    let plan = Arc::new(drive.ledger.plan(&drive.job.plan_hash).await?);
    let follow = following(drive, plan, &shutdown);
    to_rest(drive, &follow, Driver::Theirs, goal).await
}

async fn to_rest(
    drive: &Drive<'_>,
    follow: &Follow<'_>,
    mut driver: Driver,
    goal: Goal,
) -> Result<Outcome, Error> {
    let mut progress = Progress::new();
    let end = follow.run(&mut driver, &mut progress).await;
    progress.finish();
    stop(driver, drive.place).await;
    let goes_on = follow.until.is_some_and(|until| until < follow.plan.last_state);
    let ways = Ways {
        flag: drive.place.flag(),
        name: &drive.job.name,
        again: "the job goes on when its spec is run again (`sluice run`), or a planner is started",
    };
    let end = end?;
    let outcome = conclude(&end, &ways, goal);
    if goes_on && matches!(end, End::Rest(Rest::Arrived, _)) {
        out::note(&format!(
            "a command does not begin to move reads and writes: {}",
            ways.again
        ));
    }
    Ok(outcome)
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

/// What a person is told to type.
#[derive(Clone, Debug)]
pub(crate) struct Ways<'a> {
    /// How to name the place.
    pub(crate) flag: String,
    /// The job's name.
    pub(crate) name: &'a str,
    /// How to go on after this process was told to stop.
    pub(crate) again: &'static str,
}

/// Says where the job rests, and what that means for who wanted it at `goal`.
pub(crate) fn conclude(end: &End, ways: &Ways<'_>, goal: Goal) -> Outcome {
    match end {
        End::Rest(rest, view) => {
            let outcome = outcome(rest, goal);
            let text = words(rest, &view.job, &ways.flag);
            if outcome == Outcome::Done {
                out::answer(&text);
            } else {
                out::note(&text);
            }
            outcome
        }
        End::Interrupted | End::Left | End::Orphaned => {
            out::note(&broken_off(end, ways));
            Outcome::Waiting
        }
    }
}

/// Why the job is no longer followed although it does not rest.
fn broken_off(end: &End, ways: &Ways<'_>) -> String {
    let Ways { flag, name, again } = ways;
    match end {
        End::Rest(..) => String::new(),
        End::Interrupted => {
            format!("stopped; what was in hand is finished or will be done again, nothing is lost: {again}")
        }
        End::Left => format!(
            "no longer watching; the planner goes on with {name}: `sluice status {name} {flag}` shows it, \
             `sluice pause {name} {flag}` stops its writes"
        ),
        End::Orphaned => format!(
            "the planner that drove {name} is gone, and the job stands where it is: start a planner, or run its spec again (`sluice run`)"
        ),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stops_watching_is_not_told_that_anything_was_stopped() {
        let ways = Ways {
            flag: "--target main".to_owned(),
            name: "track-seconds",
            again: "run the same command again to continue",
        };
        let said = broken_off(&End::Interrupted, &ways);
        assert!(
            said.starts_with("stopped;") && said.ends_with("run the same command again to continue"),
            "{said}"
        );
        let said = broken_off(&End::Left, &ways);
        assert!(
            said.contains("goes on with track-seconds")
                && said.contains("sluice pause track-seconds --target main"),
            "{said}"
        );
        assert!(broken_off(&End::Orphaned, &ways).contains("start a planner"));
    }
}
