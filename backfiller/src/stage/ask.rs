//! Has this step already happened? The plan brings the question; without one, the ledger's marker answers.

use sqlx::PgConnection;

use super::Job;

impl Job<'_> {
    /// Asked inside the transaction that would do the step, or in one of its own.
    pub(super) async fn is_done(&self, conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let job = self.in_hand.claim.job;
        match &self.step.done {
            Some(question) => {
                let text = engine::postgres::session::tag(question, "backfiller.step_done", job);
                // A question about something that is not there answers NULL: not done.
                let answer: Option<Option<bool>> = engine::sql::scalar(text).fetch_optional(conn).await?;
                Ok(answer.flatten().unwrap_or(false))
            }
            None => match ledger::steps::is_marked(conn, job, self.step.id).await {
                Ok(marked) => Ok(marked),
                Err(ledger::Error::Statement { source, .. }) => Err(source),
                Err(other) => Err(sqlx::Error::Decode(Box::new(other))),
            },
        }
    }

    /// Writes the marker, if the marker is what answers.
    pub(super) async fn mark(&self, conn: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.step.done.is_some() {
            return Ok(());
        }
        match ledger::steps::mark(conn, self.in_hand.claim.job, self.step.id).await {
            Ok(()) => Ok(()),
            Err(ledger::Error::Statement { source, .. }) => Err(source),
            Err(other) => Err(sqlx::Error::Decode(Box::new(other))),
        }
    }
}
