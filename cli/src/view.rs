//! One look at a job while it is followed: what the rest rule and the progress line need, in few short reads.

use std::sync::Arc;
use std::time::Duration;

use ledger::jobs::Job;
use ledger::pace::Pace;
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
    pub pace: Option<(Pace, Duration)>,
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
        let counts = ledger.counts(&job).await?;
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
        (self.job.state == JobState::Backfilling && !pace.go)
            .then(|| pace.reason.as_deref().unwrap_or("no reason is recorded"))
    }
}
