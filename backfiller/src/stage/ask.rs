//! Has this step already happened? The plan brings the question; without one, the ledger's marker answers.

use engine::db::{self, Connection};
use ledger::steps::Marked;
use ledger::tasks::FailureClass;

use super::{Job, NotDone, failed};

/// Whether the statements of a step are still to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GoOn {
    Yes,
    /// Another attempt was first.
    No,
}

pub(super) fn plain(error: ledger::Error) -> sqlx::Error {
    match error {
        ledger::Error::Statement { source, .. } => source,
        other => sqlx::Error::Decode(Box::new(other)),
    }
}

impl Job<'_> {
    /// Asked inside the transaction that would do the step, or in one of its own.
    pub(super) async fn is_done(&self, conn: &mut Connection) -> Result<bool, sqlx::Error> {
        let job = self.in_hand.claim.job;
        match &self.step.done {
            Some(question) => {
                let text = engine::postgres::session::tag(question, "backfiller.step_done", job);
                // A question about something that is not there answers NULL: not done.
                let answer: Option<Option<bool>> = db::scalar(text).fetch_optional(conn).await?;
                Ok(answer.flatten().unwrap_or(false))
            }
            None => ledger::steps::is_marked(conn, job, self.step.id)
                .await
                .map_err(plain),
        }
    }

    /// Whether the lease is still ours, asked inside the transaction.
    pub(super) async fn is_held(&self, conn: &mut Connection) -> Result<bool, sqlx::Error> {
        let claim = &self.in_hand.claim;
        ledger::steps::is_held(conn, claim.task, claim.fence)
            .await
            .map_err(plain)
    }

    /// Writes the marker before anything else is done: a step forward always, so that the way back knows what is ours; a
    /// step back if the marker is what answers. `No` if another attempt was first and the marker is what answers.
    pub(super) async fn mark(&self, conn: &mut Connection) -> Result<GoOn, sqlx::Error> {
        let answers = self.step.done.is_none();
        if !answers && !self.step.phase.is_forward() {
            return Ok(GoOn::Yes);
        }
        match ledger::steps::mark(conn, self.in_hand.claim.job, self.step.id).await {
            Ok(Marked::Before) if answers => Ok(GoOn::No),
            // What was made before was taken away by somebody; the question says that it is needed again.
            Ok(Marked::Now | Marked::Before) => Ok(GoOn::Yes),
            Err(error) => Err(plain(error)),
        }
    }

    /// Why a step that has already happened is not ours: the effect and the marker are committed together, so an effect
    /// without a marker is somebody else's.
    pub(super) async fn not_ours(&self, conn: &mut Connection) -> Result<Option<NotDone>, sqlx::Error> {
        let Some(why) = &self.step.not_ours else {
            return Ok(None);
        };
        let ours = ledger::steps::is_marked(conn, self.in_hand.claim.job, self.step.id)
            .await
            .map_err(plain)?;
        Ok((!ours).then(|| failed(FailureClass::Permanent, why.clone())))
    }

    /// What keeps the step from running, if something does.
    pub(super) async fn refused(&self, conn: &mut Connection) -> Result<Option<NotDone>, sqlx::Error> {
        for refuse in &self.step.refuse_if {
            let holds: Option<bool> = db::scalar(refuse.query.clone())
                .fetch_optional(&mut *conn)
                .await?;
            if holds == Some(true) {
                return Ok(Some(failed(FailureClass::Permanent, refuse.message.clone())));
            }
        }
        Ok(None)
    }

    /// Whether a statement is still to be run.
    pub(super) async fn is_wanted(&self, at: u32, conn: &mut Connection) -> Result<bool, sqlx::Error> {
        for condition in self.step.only_if.iter().filter(|c| c.statement == at) {
            let holds: Option<bool> = db::scalar(condition.query.clone())
                .fetch_optional(&mut *conn)
                .await?;
            if holds != Some(true) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether there is something of this job to take back.
    pub(super) async fn has_something_to_undo(&self) -> Result<bool, ledger::Error> {
        match self.step.undoes {
            Some(forward) => {
                let ledger = &self.site.target.ledger;
                ledger.has_run(self.in_hand.claim.job, forward).await
            }
            None => Ok(true),
        }
    }
}
