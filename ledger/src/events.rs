//! The audit trail: who, what, when, why. Append-only.

use engine::db::{self, Connection, Row};
use jiff::Timestamp;
use proto::JobId;
use serde_json::Value;

use crate::error::Error;
use crate::open::Ledger;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who: a role of ours, or a person.
    pub actor: String,
    /// What: `job.state`, `command.applied`, `chunk.failed`, ...
    pub kind: String,
    /// The particulars; never row values.
    pub detail: Value,
}

/// Appends an entry.
///
/// # Errors
/// What the database says.
pub async fn append(
    conn: &mut Connection,
    job: Option<JobId>,
    actor: &str,
    kind: &str,
    detail: &Value,
) -> Result<(), Error> {
    db::query("/* ledger.event_insert */ INSERT INTO sluice.event (job, actor, kind, detail) VALUES ($1, $2, $3, $4)")
        .bind(job.map(|j| j.0))
        .bind(actor)
        .bind(kind)
        .bind(detail)
        .execute(conn)
        .await
        .map_err(Error::of("ledger.event_insert"))?;
    Ok(())
}

impl Ledger {
    /// Appends an entry outside of any other transaction.
    ///
    /// # Errors
    /// What the database says.
    pub async fn audit(
        &self,
        job: Option<JobId>,
        actor: &str,
        kind: &str,
        detail: &Value,
    ) -> Result<(), Error> {
        let mut conn = self
            .pool
            .acquire()
            .await
            .map_err(Error::of("ledger.event_insert"))?;
        append(&mut conn, job, actor, kind, detail).await
    }

    /// The entries of a job, oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn events(&self, job: JobId) -> Result<Vec<Entry>, Error> {
        let rows = db::query(
            "/* ledger.events */ SELECT at, actor, kind, detail FROM sluice.event WHERE job = $1 ORDER BY id LIMIT 10000",
        )
        .bind(job.0)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.events"))?;
        read(&rows).map_err(Error::of("ledger.events"))
    }

    /// The entries of a job that are of these kinds, oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn events_of(&self, job: JobId, kinds: &[&str]) -> Result<Vec<Entry>, Error> {
        let rows = db::query(
            "/* ledger.events_of */
            SELECT at, actor, kind, detail
            FROM sluice.event
            WHERE job = $1
                AND kind = ANY ($2)
            ORDER BY id
            LIMIT 10000",
        )
        .bind(job.0)
        .bind(kinds)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.events_of"))?;
        read(&rows).map_err(Error::of("ledger.events_of"))
    }
}

fn read(rows: &[Row]) -> Result<Vec<Entry>, sqlx::Error> {
    rows.iter()
        .map(|row| {
            let at: jiff_sqlx::Timestamp = row.try_get("at")?;
            Ok(Entry {
                at: at.to_jiff(),
                actor: row.try_get("actor")?,
                kind: row.try_get("kind")?,
                detail: row.try_get("detail")?,
            })
        })
        .collect()
}
