//! A log of every change of a table's rows, as a careful application keeps one.
//!
//! An AFTER trigger, so it sees what was really written and changes nothing. It costs what a row
//! trigger costs: not for tests that measure.

use anyhow::Context;
use sqlx::PgConnection;

use crate::database::Database;

const LOG: &str = "
    CREATE SCHEMA IF NOT EXISTS audit;
    CREATE TABLE IF NOT EXISTS audit.row_change (
        relation text NOT NULL,
        row_key text,
        operation text NOT NULL,
        transaction_id bigint NOT NULL DEFAULT txid_current(),
        application_name text NOT NULL DEFAULT current_setting('application_name'),
        at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE OR REPLACE FUNCTION audit.log_row_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        INSERT INTO audit.row_change (relation, row_key, operation)
        VALUES (TG_TABLE_NAME, to_jsonb(coalesce(NEW, OLD)) ->> TG_ARGV[0], TG_OP);
        RETURN NULL;
    END $$;";

/// Logs every change of `table` (both names as SQL) from now on, under the value of its key column.
///
/// # Errors
/// The server refuses.
pub async fn audit(database: &Database<'_>, table: &str, key: &str) -> anyhow::Result<()> {
    let trigger = format!(
        "CREATE TRIGGER audit_row_change AFTER INSERT OR UPDATE OR DELETE ON {table}
         FOR EACH ROW EXECUTE FUNCTION audit.log_row_change('{}')",
        key.trim_matches('"').replace('\'', "''")
    );
    let mut conn = database.superuser().await?;
    let done = engine::sql::execute_script(&mut conn, format!("{LOG}{trigger}")).await;
    done.map(drop).with_context(|| format!("cannot audit {table}"))
}

/// How many changes were logged for sessions whose application name is like `pattern`.
///
/// # Errors
/// The server refuses, or nothing is audited.
pub async fn rows_logged(conn: &mut PgConnection, pattern: &str) -> sqlx::Result<i64> {
    let count = "SELECT count(*) FROM audit.row_change WHERE application_name LIKE $1";
    sqlx::query_scalar(count).bind(pattern).fetch_one(conn).await
}

/// How many changes were logged for Sluice's own sessions.
///
/// # Errors
/// As [`rows_logged`].
pub async fn rows_logged_for_sluice(conn: &mut PgConnection) -> sqlx::Result<i64> {
    rows_logged(conn, "sluice%").await
}
