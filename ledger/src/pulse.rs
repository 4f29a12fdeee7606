//! What the sampling verifier writes so that replicas can be measured, and what it reads of our own work.

use std::time::Duration;

use engine::db;
use proto::{JobId, LeaseId};
use uuid::Uuid;

use crate::error::Error;
use crate::open::Ledger;

impl Ledger {
    /// Writes a beat of a series for the replicas to show, if `sampler` still holds the sampler's lease. False: it does not.
    ///
    /// # Errors
    /// What the database says.
    pub async fn write_pulse(&self, sampler: LeaseId, series: Uuid, beat: u64) -> Result<bool, Error> {
        let done = db::query(
            "/* ledger.pulse */
            INSERT INTO sluice.pulse (id, series, beat)
            SELECT 1, $2, $3
            WHERE EXISTS (
                SELECT FROM sluice.lease WHERE name = 'sampler' AND lease = $1 AND until > clock_timestamp())
            ON CONFLICT (id) DO UPDATE
            SET series = excluded.series,
                beat = excluded.beat",
        )
        .bind(sampler.0)
        .bind(series)
        .bind(beat as i64)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.pulse"))?;
        Ok(done.rows_affected() == 1)
    }

    /// The longest last batch of each fill of a job, among the chunks that made progress within the last ten seconds; nothing where none did.
    ///
    /// # Errors
    /// What the database says.
    pub async fn batch_times(&self, job: JobId) -> Result<Vec<(u32, Duration)>, Error> {
        let rows = db::query(
            "/* ledger.batch_times */
            SELECT c.fill, max(k.batch_ms) AS batch_ms
            FROM sluice.chunk_cursor k
            JOIN sluice.chunk c ON c.id = k.chunk
            WHERE c.job = $1
                AND c.state = 'open'
                AND k.batch_ms IS NOT NULL
                AND k.updated_at > clock_timestamp() - interval '10 seconds'
            GROUP BY c.fill",
        )
        .bind(job.0)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.batch_times"))?;
        rows.iter()
            .map(|row| {
                let fill: i32 = row.try_get("fill")?;
                let took: i64 = row.try_get("batch_ms")?;
                Ok((fill.unsigned_abs(), Duration::from_millis(took.unsigned_abs())))
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.batch_times"))
    }

    /// How long ago any batch of a job made progress, by the database's clock; None: none has.
    ///
    /// # Errors
    /// What the database says.
    pub async fn idle(&self, job: JobId) -> Result<Option<Duration>, Error> {
        let age: Option<f64> = db::scalar(
            "/* ledger.idle */
            SELECT extract(epoch FROM clock_timestamp() - max(k.updated_at))::double precision
            FROM sluice.chunk_cursor k
            JOIN sluice.chunk c ON c.id = k.chunk
            WHERE c.job = $1",
        )
        .bind(job.0)
        .fetch_one(&self.pool)
        .await
        .map_err(Error::of("ledger.idle"))?;
        Ok(age.map(|age| Duration::from_secs_f64(age.max(0.0))))
    }
}
