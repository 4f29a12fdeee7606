//! A log of every change of a table's rows, as a careful application keeps one.
//!
//! An AFTER trigger, so it sees what was really written and changes nothing. It costs what a row
//! trigger costs: not for tests that measure. Where it is told the two sides of a migration it keeps what
//! Sluice found in them and what it left, so that a row that was right and was rewritten shows.

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
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        -- Old and new side, of Sluice's writes only: there are few sessions of it, and many of the application.
        found jsonb,
        made jsonb
    );
    CREATE OR REPLACE FUNCTION audit.log_row_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
        before jsonb;
        after jsonb := to_jsonb(coalesce(NEW, OLD));
        has_sides boolean := TG_NARGS = 3 AND current_setting('application_name') LIKE 'sluice%';
    BEGIN
        IF has_sides THEN
            before := to_jsonb(OLD);
        END IF;
        INSERT INTO audit.row_change (relation, row_key, operation, found, made)
        VALUES (TG_TABLE_NAME, after ->> TG_ARGV[0], TG_OP,
            CASE WHEN has_sides THEN jsonb_build_object(TG_ARGV[1], before -> TG_ARGV[1], TG_ARGV[2], before -> TG_ARGV[2]) END,
            CASE WHEN has_sides THEN jsonb_build_object(TG_ARGV[1], after -> TG_ARGV[1], TG_ARGV[2], after -> TG_ARGV[2]) END);
        RETURN NULL;
    END $$;";

/// The columns of a migration, by name.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// What is computed from.
    pub old: &'a str,
    /// What is computed; it need not exist yet.
    pub new: &'a str,
}

/// Logs every change of `table` (both names as SQL) from now on, under the value of its key column.
///
/// # Errors
/// The server refuses.
pub async fn audit(database: &Database<'_>, table: &str, key: &str) -> anyhow::Result<()> {
    log_changes(database, table, &[key]).await
}

/// The same, with what Sluice finds and leaves in the two sides; see [`rewritten_though_right`].
///
/// # Errors
/// As [`audit`].
pub async fn audit_sides(
    database: &Database<'_>,
    table: &str,
    key: &str,
    sides: Sides<'_>,
) -> anyhow::Result<()> {
    log_changes(database, table, &[key, sides.old, sides.new]).await
}

async fn log_changes(database: &Database<'_>, table: &str, columns: &[&str]) -> anyhow::Result<()> {
    let quoted = |column: &&str| format!("'{}'", column.trim_matches('"').replace('\'', "''"));
    let columns: Vec<String> = columns.iter().map(quoted).collect();
    let trigger = format!(
        "CREATE TRIGGER audit_row_change AFTER INSERT OR UPDATE OR DELETE ON {table}
         FOR EACH ROW EXECUTE FUNCTION audit.log_row_change({})",
        columns.join(", ")
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

/// Rows that Sluice rewrote although they were right, by the same condition as [`super::mismatched`]. Always 0 where the
/// table was audited without its sides.
///
/// # Errors
/// The server refuses, or a side is gone.
pub async fn rewritten_though_right(conn: &mut PgConnection, table: &str, wrong: &str) -> sqlx::Result<i64> {
    count_sides(conn, table, "found", &format!("({wrong}) IS FALSE")).await
}

/// Rows that Sluice wrote and left wrong.
///
/// # Errors
/// As [`rewritten_though_right`].
pub async fn left_wrong(conn: &mut PgConnection, table: &str, wrong: &str) -> sqlx::Result<i64> {
    count_sides(conn, table, "made", &format!("({wrong}) IS NOT FALSE")).await
}

async fn count_sides(
    conn: &mut PgConnection,
    table: &str,
    image: &str,
    condition: &str,
) -> sqlx::Result<i64> {
    engine::sql::scalar(format!(
        "SELECT count(*) FROM audit.row_change AS change
         CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, change.{image}) AS {table}
         WHERE change.relation = '{}' AND change.application_name LIKE 'sluice%' AND change.{image} IS NOT NULL
            AND {condition}",
        table.trim_matches('"').replace('\'', "''")
    ))
    .fetch_one(conn)
    .await
}

/// Keys that Sluice wrote more than once without anybody giving them to a new row in between: a fill that took hold writes each
/// row once at most.
///
/// # Errors
/// As [`rows_logged`].
pub async fn rewritten_twice(conn: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    // One pass: the log has no index and no statistics, so a join over it may take minutes.
    let twice = "
        SELECT concat_ws(' ', relation, row_key, count(*)::text) FROM audit.row_change
        GROUP BY relation, row_key
        HAVING count(*) > 1 AND bool_and(application_name LIKE 'sluice%')
        ORDER BY relation, row_key";
    sqlx::query_scalar(twice).fetch_all(conn).await
}
