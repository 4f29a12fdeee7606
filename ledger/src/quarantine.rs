//! Rows that the triggers set aside.

use engine::catalog::TableName;
use engine::db::{self, Row};
use jiff::Timestamp;
use proto::JobId;
use serde_json::Value;

use crate::error::Error;
use crate::open::Ledger;

/// One row that a trigger could not compute, or where both sides were written and disagreed.
#[derive(Clone, Debug, PartialEq)]
pub struct Quarantined {
    /// Identity of the entry.
    pub id: i64,
    /// The table (or leaf) it is in.
    pub table: TableName,
    /// Key columns and values.
    pub key: Value,
    /// The new column concerned.
    pub column: String,
    /// `error` (the new value cannot be computed), `conflict` (both sides were written and disagreed), `lost` (a write of
    /// the new side could not be carried back while old was the authority; the row is right, by what is left) or `closed` (the
    /// old side cannot hold what was written while new was the authority: for this row the way back is closed).
    pub kind: String,
    /// SQLSTATE of the error.
    pub sqlstate: String,
    /// What happened, without row values.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// Whose entries keep a fill from going on.
#[derive(Clone, Copy, Debug)]
pub struct Blocking<'a> {
    /// The job; entries from before it are of an earlier one with the same plan.
    pub job: JobId,
    /// Its tag.
    pub tag: &'a str,
    /// The root table.
    pub table: &'a TableName,
    /// The new columns.
    pub columns: &'a [String],
}

impl Ledger {
    /// Unresolved entries of a job, by its tag, oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn quarantined(&self, tag: &str, limit: i64) -> Result<Vec<Quarantined>, Error> {
        let rows = db::query(
            "/* ledger.quarantine */
            SELECT id, table_schema, table_name, row_key, new_column, kind, sqlstate, message, at
            FROM sluice.quarantine
            WHERE job_tag = $1
                AND resolved_at IS NULL
            ORDER BY id
            LIMIT $2",
        )
        .bind(tag)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.quarantine"))?;
        read(&rows).map_err(Error::of("ledger.quarantine"))
    }

    /// Unresolved entries that keep a fill from going on, oldest first: rows whose new value cannot be computed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn blocking(&self, of: Blocking<'_>, limit: i64) -> Result<Vec<Quarantined>, Error> {
        let rows = db::query(
            "/* ledger.quarantine_blocking */
            SELECT q.id, q.table_schema, q.table_name, q.row_key, q.new_column, q.kind, q.sqlstate, q.message, q.at
            FROM sluice.quarantine q
            JOIN sluice.job j ON j.id = $1
            WHERE q.job_tag = $2
                AND q.table_schema = $3
                AND q.table_name = $4
                AND q.new_column = ANY ($5)
                AND q.kind = 'error'
                AND q.resolved_at IS NULL
                AND q.at >= j.created_at
            ORDER BY q.id
            LIMIT $6",
        )
        .bind(of.job.0)
        .bind(of.tag)
        .bind(&of.table.schema)
        .bind(&of.table.name)
        .bind(of.columns)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.quarantine_blocking"))?;
        read(&rows).map_err(Error::of("ledger.quarantine_blocking"))
    }

    /// How many rows of this job are set aside with a kind (see [`Quarantined::kind`]).
    ///
    /// # Errors
    /// What the database says.
    pub async fn unresolved(&self, job: JobId, tag: &str, kind: &str) -> Result<u64, Error> {
        let count: i64 = db::scalar(
            "/* ledger.quarantine_unresolved */
            SELECT count(*)
            FROM sluice.quarantine q
            JOIN sluice.job j ON j.id = $1
            WHERE q.job_tag = $2
                AND q.kind = $3
                AND q.resolved_at IS NULL
                AND q.at >= j.created_at",
        )
        .bind(job.0)
        .bind(tag)
        .bind(kind)
        .fetch_one(&self.pool)
        .await
        .map_err(Error::of("ledger.quarantine_unresolved"))?;
        Ok(count.unsigned_abs())
    }

    /// Rows for which the way back is closed, of this job.
    ///
    /// # Errors
    /// What the database says.
    pub async fn closed(&self, job: JobId, tag: &str) -> Result<u64, Error> {
        self.unresolved(job, tag, "closed").await
    }

    /// Resolves what an earlier job with the same plan left. An open entry keeps a row from being entered again, so this
    /// comes before a check reads: what is bad still is found by reading, what goes bad later is entered anew.
    ///
    /// # Errors
    /// What the database says.
    pub async fn resolve_stale_quarantine(&self, job: JobId, tag: &str) -> Result<(), Error> {
        db::query(
            "/* ledger.quarantine_resolve_stale */
            UPDATE sluice.quarantine
            SET resolved_at = now()
            WHERE job_tag = $2
                AND kind = 'error'
                AND resolved_at IS NULL
                AND at < (SELECT created_at FROM sluice.job WHERE id = $1)",
        )
        .bind(job.0)
        .bind(tag)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.quarantine_resolve_stale"))?;
        Ok(())
    }

    /// Marks entries as resolved: the row was re-read and is right, or is gone.
    ///
    /// # Errors
    /// What the database says.
    pub async fn resolve_quarantined(&self, ids: &[i64]) -> Result<(), Error> {
        db::query("/* ledger.quarantine_resolve */ UPDATE sluice.quarantine SET resolved_at = now() WHERE id = ANY ($1)")
            .bind(ids)
            .execute(&self.pool)
            .await
            .map_err(Error::of("ledger.quarantine_resolve"))?;
        Ok(())
    }
}

fn read(rows: &[Row]) -> Result<Vec<Quarantined>, sqlx::Error> {
    rows.iter()
        .map(|row| {
            let at: jiff_sqlx::Timestamp = row.try_get("at")?;
            Ok(Quarantined {
                id: row.try_get("id")?,
                table: TableName {
                    schema: row.try_get("table_schema")?,
                    name: row.try_get("table_name")?,
                },
                key: row.try_get("row_key")?,
                column: row.try_get("new_column")?,
                kind: row.try_get("kind")?,
                sqlstate: row.try_get("sqlstate")?,
                message: row.try_get("message")?,
                at: at.to_jiff(),
            })
        })
        .collect()
}
