//! One look at a job while it is followed: what the rest rule and the progress line need, in few short reads.

use std::sync::Arc;

use ledger::jobs::Job;
use ledger::pace::{Pace, Stopped};
use ledger::status::Counts;
use ledger::{JobState, Ledger, Plan};
use proto::JobId;

/// A job as it stands.
#[derive(Clone, Debug)]
pub struct View {
    /// The job.
    pub job: Job,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// Gates that are open.
    pub approved: Vec<String>,
    /// Commands that wait for the planner.
    pub pending: usize,
    /// Counts.
    pub counts: Counts,
    /// What the planner allows, and for how long signals stopped it.
    pub pace: Option<(Pace, Stopped)>,
}

impl View {
    /// Reads it.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn read(ledger: &Ledger, id: JobId, plan: &Arc<Plan>) -> Result<Self, ledger::Error> {
        // Commands first: one that is applied between the two reads is then seen in the job, never the other way round.
        let pending = ledger.pending_commands(id).await?.len();
        let job = ledger.job(id).await?;
        let approved = ledger
            .approvals(id)
            .await?
            .into_iter()
            .map(|(gate, _)| gate)
            .collect();
        let counts = crate::filled::by_rows(ledger, plan, ledger.counts(&job).await?).await;
        let pace = ledger.pace(id).await?;
        Ok(Self {
            job,
            plan: plan.clone(),
            approved,
            pending,
            counts,
            pace,
        })
    }

    /// What a signal holds up, if one does.
    #[must_use]
    pub fn throttled_by(&self) -> Option<&str> {
        let (pace, _) = self.pace.as_ref()?;
        is_throttled(&self.job, pace).then(|| pace.reason.as_deref().unwrap_or("no reason is recorded"))
    }
}

/// Whether a signal stops the fill. The planner writes what a job may do after it has moved the job, so for a moment the row
/// still says what held before the fill began: the step that was under way then is no throttle.
#[must_use]
pub fn is_throttled(job: &Job, pace: &Pace) -> bool {
    let from_before = |why: &str| why.starts_with("step ") || why.starts_with("the job is ");
    job.state == JobState::Backfilling && !pace.go && !pace.reason.as_deref().is_some_and(from_before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn what_held_before_the_fill_began_is_no_throttle() {
        let check = |state: JobState, why: &str| {
            let pace = Pace {
                go: false,
                reason: Some(why.to_owned()),
                ..Pace::full(1)
            };
            is_throttled(&example::job(state), &pace)
        };
        assert!(check(
            JobState::Backfilling,
            "replica_lag of b is 9.0 s, limit 2.0 s"
        ));
        assert!(check(
            JobState::Backfilling,
            "no verifier has sampled any signal yet; start one"
        ));
        assert!(!check(
            JobState::Backfilling,
            "step 1: mirror every write of track to seconds"
        ));
        assert!(!check(JobState::Backfilling, "the job is dual-writing"));
        assert!(!check(JobState::Paused, "replica_lag of b is 9.0 s, limit 2.0 s"));
    }
}
