//! Giving a command: a row in the ledger, a wake-up call, and the planner's answer.
//!
//! The row comes first and is enough; the broker may be dead. Where only this command line plans (embedded), nobody
//! would answer between two runs: then this process becomes the planner until the command is answered and, if it
//! asks for work, the job rests.

use std::sync::Arc;
use std::time::Duration;

use ledger::commands::{Answer, Command};
use ledger::jobs::Job;
use ledger::{JobState, Ledger};
use planner::decide::Machine;
use proto::CommandId;
use shared::clock::{Clock, SystemClock};

use crate::actor::ActorArgs;
use crate::drive::{self, Drive};
use crate::error::{Error, Outcome};
use crate::place::{Mode, Place, PlaceArgs};
use crate::rest::Goal;
use crate::{out, wake};

/// How long a planner's answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// What every command about one job takes.
#[derive(Clone, clap::Args)]
pub struct OrderArgs {
    /// The job: its name, its id, or an unambiguous beginning of the id.
    #[arg(value_name = "JOB")]
    pub job: String,
    /// Who commands.
    #[command(flatten)]
    pub actor: ActorArgs,
    /// Only record the command: do not carry it out in this process where no planner runs, and do not wait for its end.
    #[arg(long)]
    pub no_drive: bool,
    /// Which database.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// What a command is about to become.
struct Order<'a> {
    place: &'a Place,
    ledger: Ledger,
    job: Job,
    clock: Arc<dyn Clock>,
}

/// What this process does if it has to carry the command out itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Only answer it.
    Answer,
    /// Answer it, then drive the job until it rests.
    Until(Goal),
    /// Answer it, then drive the job until its rows were checked and it is where it was: a check begins no flip.
    Recheck,
}

impl Work {
    /// Who wanted the job to be where.
    pub(crate) fn goal(self) -> Option<Goal> {
        match self {
            Self::Answer => None,
            Self::Until(goal) => Some(goal),
            Self::Recheck => Some(Goal::Forward),
        }
    }

    /// The state beyond which this process drives no job for it. Whoever says something about a job whose rows are still being filled, or that
    /// came to rest at `verified` or `flipped` (`sluice run --until`), has not said that its reads and writes may move: `sluice run` says that.
    /// Also, a command is refused or applied by the same planner that could take the next step.
    pub(crate) fn until(self, job: &Job) -> Option<JobState> {
        let machine = serde_json::from_value::<Machine>(job.machine.clone()).ok();
        let was = machine.as_ref().and_then(|m| m.resume_to).unwrap_or(job.state);
        let flips = machine.is_some_and(|m| m.flip.is_some());
        match self {
            Self::Until(Goal::Back) => None,
            Self::Until(Goal::Forward) if flips || (was.is_forward() && was > JobState::Verified) => None,
            Self::Answer | Self::Recheck if was == JobState::Flipped => Some(JobState::Flipped),
            Self::Recheck if flips => None,
            Self::Answer | Self::Recheck | Self::Until(Goal::Forward) => Some(JobState::Verified),
        }
    }
}

/// Gives a command and waits for what comes of it.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn give(args: &OrderArgs, command: &Command, work: Work) -> Result<Outcome, Error> {
    let actor = args.actor.actor()?;
    let place = args.place.place()?;
    let ledger = place.ledger().await?;
    let job = ledger.find_job(&args.job).await?;
    let id = ledger.command(job.id, command, &actor).await?;
    wake::wake(&place, &ledger, &job, &format!("{} by {actor}", command.name())).await;
    let order = Order {
        place: &place,
        ledger,
        job,
        clock: SystemClock::shared(),
    };
    let alone = place.mode == Mode::Embedded && !args.no_drive;
    match order.answered(id, alone).await? {
        Reply::Answered(answer) => match say(&answer) {
            // A script that goes on after a rollback relies on it: exit code 0 says that the job is back, whoever brought it there.
            Outcome::Done if work == Work::Until(Goal::Back) && !args.no_drive => {
                drive::watch(&order.driven(), Goal::Back).await
            }
            outcome => Ok(outcome),
        },
        Reply::NobodyPlans => order.drive(id, work).await,
        Reply::Silence => {
            out::note(&format!(
                "recorded: no planner has answered within {} s; the command is in the ledger and will be applied when one runs \
                 (`sluice status {}` shows it); start one, or give the command with --database-url and without --no-drive to have it done here",
                PATIENCE.as_secs(),
                order.job.name
            ));
            Ok(Outcome::Waiting)
        }
    }
}

enum Reply {
    Answered(Answer),
    /// No planner is active and this process may be it.
    NobodyPlans,
    Silence,
}

impl Order<'_> {
    async fn answered(&self, id: CommandId, alone: bool) -> Result<Reply, Error> {
        let begun = self.clock.monotonic();
        loop {
            if let Some(answer) = self.ledger.answer(id).await? {
                return Ok(Reply::Answered(answer));
            }
            if alone && self.ledger.lease_holder("planner").await?.is_none() {
                return Ok(Reply::NobodyPlans);
            }
            if self.clock.monotonic().saturating_sub(begun) > PATIENCE {
                return Ok(Reply::Silence);
            }
            self.clock.sleep(POLL).await;
        }
    }

    async fn drive(&self, id: CommandId, work: Work) -> Result<Outcome, Error> {
        drive::command(&self.driven(), id, work).await
    }

    fn driven(&self) -> Drive<'_> {
        Drive {
            place: self.place,
            ledger: &self.ledger,
            job: self.job.clone(),
            clock: self.clock.clone(),
        }
    }
}

/// Prints an answer.
pub(crate) fn say(answer: &Answer) -> Outcome {
    match answer {
        Answer::Applied(text) => {
            out::answer(text);
            Outcome::Done
        }
        Answer::Refused(text) => {
            out::note(&format!("refused: {text}"));
            Outcome::Refused
        }
    }
}

#[cfg(test)]
mod tests {
    use planner::decide::FlipMachine;

    use super::*;
    use crate::example;

    #[test]
    fn nothing_but_a_run_begins_a_flip() {
        for state in [JobState::Verified, JobState::Held, JobState::Backfilling] {
            let job = example::job(state);
            for work in [Work::Answer, Work::Recheck, Work::Until(Goal::Forward)] {
                assert_eq!(work.until(&job), Some(JobState::Verified), "{work:?} {state}");
            }
            assert_eq!(Work::Until(Goal::Back).until(&job), None);
        }
        for state in [JobState::ContractReady, JobState::SoftDropped] {
            assert_eq!(Work::Until(Goal::Forward).until(&example::job(state)), None);
        }
    }

    #[test]
    fn a_check_in_mid_flip_leads_back_into_it() {
        let flipping = |state| Job {
            machine: serde_json::to_value(Machine {
                flip: Some(FlipMachine::default()),
                ..example::machine(state)
            })
            .unwrap(),
            ..example::job(state)
        };
        assert_eq!(Work::Recheck.until(&flipping(JobState::FlippingWrites)), None);
        for work in [Work::Answer, Work::Recheck] {
            assert_eq!(work.until(&flipping(JobState::Flipped)), Some(JobState::Flipped));
        }
    }
}
