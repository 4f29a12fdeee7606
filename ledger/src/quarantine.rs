//! Rows that the triggers set aside.

use engine::catalog::TableName;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::Row;

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
    /// `error` or `conflict`.
    pub kind: String,
    /// SQLSTATE of the error.
    pub sqlstate: String,
    /// What happened, without row values.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

impl Ledger {
    /// Unresolved entries of a job, by its tag, oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn quarantined(&self, tag: &str, limit: i64) -> Result<Vec<Quarantined>, Error> {
        let rows = sqlx::query(
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
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.quarantine"))
    }

    /// Marks entries as resolved: the row was re-read and is right, or is gone.
    ///
    /// # Errors
    /// What the database says.
    pub async fn resolve_quarantined(&self, ids: &[i64]) -> Result<(), Error> {
        sqlx::query("/* ledger.quarantine_resolve */ UPDATE sluice.quarantine SET resolved_at = now() WHERE id = ANY ($1)")
            .bind(ids)
            .execute(&self.pool)
            .await
            .map_err(Error::of("ledger.quarantine_resolve"))?;
        Ok(())
    }
}
