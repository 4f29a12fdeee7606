//! Verdicts on a fill: the first one of a round stands.

use engine::db;
use proto::JobId;

use crate::chunks::block;
use crate::error::Error;
use crate::open::Ledger;
use crate::tasks::Claim;

/// What the verifier concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Go on.
    Proceed,
    /// Stop and let a person look.
    Hold,
    /// Take the job back.
    RollBack,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::Hold => "hold",
            Self::RollBack => "roll-back",
        }
    }
}

/// A verdict on one fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Conclusion.
    pub outcome: Outcome,
    /// Rows read.
    pub rows_checked: u64,
    /// Rows found wrong.
    pub rows_mismatched: u64,
    /// Why, for people.
    pub why: String,
}

impl Ledger {
    /// Issues a verdict; the first one of a round stands. A verifier whose lease on the check is another's by now issues none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn issue_verdict(
        &self,
        job: JobId,
        fill: u32,
        round: u32,
        verdict: &Verdict,
        check: &Claim,
    ) -> Result<(), Error> {
        db::query(
            "/* ledger.verdict_insert */
            INSERT INTO sluice.verdict (job, fill, round, outcome, rows_checked, rows_mismatched, why)
            SELECT $1, $2, $3, $4, $5, $6, $7
            WHERE EXISTS (
                SELECT FROM sluice.task WHERE id = $8 AND attempt = $9 AND lease = $10 AND state = 'leased')
            ON CONFLICT (job, fill, round) DO NOTHING",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(round as i32)
        .bind(verdict.outcome.as_str())
        .bind(verdict.rows_checked as i64)
        .bind(verdict.rows_mismatched as i64)
        .bind(&verdict.why)
        .bind(check.task.0)
        .bind(check.fence.attempt)
        .bind(check.fence.lease.0)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.verdict_insert"))?;
        Ok(())
    }

    /// The verdict of a round, if it was issued.
    ///
    /// # Errors
    /// What the database says.
    pub async fn verdict(&self, job: JobId, fill: u32, round: u32) -> Result<Option<Verdict>, Error> {
        let row = db::query(
            "/* ledger.verdict */
            SELECT outcome, rows_checked, rows_mismatched, why
            FROM sluice.verdict
            WHERE job = $1
                AND fill = $2
                AND round = $3",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(round as i32)
        .fetch_optional(&self.pool)
        .await
        .map_err(Error::of("ledger.verdict"))?;
        row.map(|row| {
            let outcome: String = row.try_get("outcome")?;
            Ok(Verdict {
                outcome: match outcome.as_str() {
                    "proceed" => Outcome::Proceed,
                    "roll-back" => Outcome::RollBack,
                    _ => Outcome::Hold,
                },
                rows_checked: block(&row, "rows_checked")?,
                rows_mismatched: block(&row, "rows_mismatched")?,
                why: row.try_get("why")?,
            })
        })
        .transpose()
        .map_err(Error::of("ledger.verdict"))
    }
}
