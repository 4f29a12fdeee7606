//! The roles at work on the demonstration's database, and the way a job is driven there: as `sluice run` does it.

use std::sync::Arc;

use ledger::commands::Command;
use ledger::jobs::Job;
use ledger::{JobState, Target};
use planner::spec::Spec;
use planner::submit;
use proto::JobId;

use super::ground::Ground;
use super::{ACTOR, Demo, Halt};
use crate::drive::{self, Drive, following};
use crate::embedded::{self, Embedded, Roles, Scope};
use crate::error::Error;
use crate::follow::{Driver, End, Follow};
use crate::progress::Progress;
use crate::report::{self, Report};
use crate::rest::{Rest, words};

/// A database with its roles.
pub(super) struct Scene<'a> {
    pub(super) demo: &'a Demo,
    pub(super) ground: &'a Ground,
    target: Target,
    driver: Driver,
}

impl<'a> Scene<'a> {
    /// Makes the ledger and starts every role.
    pub(super) async fn open(demo: &'a Demo, ground: &'a Ground) -> Result<Self, Error> {
        let target = embedded::connect(&demo.place, &demo.clock).await?;
        let scope = Scope {
            roles: Roles::All,
            until: None,
        };
        let embedded = Embedded::start(
            &demo.place,
            target.clone(),
            scope,
            demo.clock.clone(),
            demo.shutdown.clone(),
        );
        Ok(Self {
            demo,
            ground,
            target,
            driver: Driver::Ours(Box::new(embedded)),
        })
    }

    /// Lets what is in hand end, and the roles with it.
    pub(super) async fn close(self) {
        drive::stop(self.driver, &self.demo.place).await;
        self.target.ledger.pool().close().await;
    }

    /// Compiles a spec and takes its job in.
    pub(super) async fn submit(&self, spec: &str) -> Result<Job, Error> {
        let spec = Spec::from_toml(spec, "demo.toml").map_err(Error::Spec)?;
        let mut conn = self.ground.connection().await?;
        let plan = submit::prepare(&mut conn, &spec, &self.demo.place.acknowledged())
            .await
            .map_err(Error::Spec)?;
        let id = JobId::new();
        submit::take(&self.target, id, &plan, ACTOR).await?;
        Ok(self.target.ledger.job(id).await?)
    }

    /// Follows a job until it rests, or is where the caller wants to look at it.
    pub(super) async fn follow(
        &mut self,
        job: &Job,
        until: Option<JobState>,
        progress: &mut Progress,
    ) -> Result<Rest, Halt> {
        let drive = Drive {
            place: &self.demo.place,
            ledger: &self.target.ledger,
            job: job.clone(),
            clock: self.demo.clock.clone(),
        };
        let plan = Arc::new(drive.ledger.plan(&job.plan_hash).await?);
        let follow = Follow {
            until,
            ..following(&drive, plan, &self.demo.shutdown)
        };
        match follow.run(&mut self.driver, progress).await? {
            End::Rest(rest, view) => match rest {
                Rest::Arrived | Rest::AtGate(_) | Rest::RolledBack => Ok(rest),
                Rest::Paused | Rest::FlagsStay | Rest::Held | Rest::Failed | Rest::Aborted => {
                    Err(Error::Refused(words(&rest, &view.job, &self.demo.place.flag())).into())
                }
            },
            // The last two are of a planner elsewhere, which cannot know this ledger yet.
            End::Interrupted | End::Left | End::Orphaned => Err(Halt::Interrupted),
        }
    }

    /// Says something in the demonstration's name; whoever follows the job sees what comes of it.
    pub(super) async fn command(&self, job: &Job, command: &Command) -> Result<(), Halt> {
        self.target.ledger.command(job.id, command, ACTOR).await?;
        Ok(())
    }

    /// The report of a job, as `sluice report` gives it.
    pub(super) async fn report(&self, job: &Job) -> Result<Report, Halt> {
        let ledger = &self.target.ledger;
        let job = ledger.job(job.id).await?;
        Ok(report::report(&report::read(ledger, job).await?))
    }
}
