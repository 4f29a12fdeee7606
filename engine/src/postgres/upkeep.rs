//! VACUUM and ANALYZE of a table that is being filled: space that the fill frees is used again by the rows it writes next.
//!
//! VACUUM never shortens the table here (`TRUNCATE false`): that needs the table for itself for a moment, and the fill is about to use the
//! space. It skips a table that somebody has locked, and whoever runs it ends it as soon as it stands in somebody's way.

use std::time::Duration;

use sqlx::postgres::PgConnection;

use super::error::Error;
use super::ident;
use crate::catalog::TableName;
use crate::sql;

/// What the statistics say about one table without partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Rows, by the larger of the two estimates that the server has.
    pub live: u64,
    /// Row versions that are no longer seen and take up space. The server counts them with a delay of about a second.
    pub dead: u64,
    /// This role may VACUUM and ANALYZE it.
    pub permitted: bool,
    /// Some VACUUM is at work on it.
    pub busy: bool,
}

/// How gently VACUUM works: it rests `delay` whenever what it has done costs `limit`, as the server's `vacuum_cost_*` count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// `vacuum_cost_delay`, 0 to 100 ms.
    pub delay: Duration,
    /// `vacuum_cost_limit`, 1 to 10,000.
    pub limit: u32,
}

/// What the statistics say about a table; None: it is gone.
///
/// # Errors
/// What the server said.
pub async fn condition(conn: &mut PgConnection, oid: u32) -> Result<Option<Condition>, Error> {
    // MAINTAIN is a privilege from version 17 on; before that, owning the table or the database.
    const SQL: &str = "/* sluice:engine.table_condition */
        SELECT greatest(c.reltuples::pg_catalog.int8, s.n_live_tup, 0),
            coalesce(s.n_dead_tup, 0),
            pg_catalog.pg_has_role(c.relowner, 'USAGE')
                OR pg_catalog.pg_has_role(d.datdba, 'USAGE')
                OR CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 170000
                    THEN pg_catalog.has_table_privilege(c.oid, 'MAINTAIN') ELSE false END,
            EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum AS p WHERE p.relid = c.oid)
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database()
        LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = c.oid
        WHERE c.oid = $1::pg_catalog.int8::pg_catalog.oid";
    let row: Option<(i64, i64, bool, bool)> = sql::query_as(SQL)
        .bind(i64::from(oid))
        .fetch_optional(conn)
        .await
        .map_err(Error::query("read the statistics of a table"))?;
    Ok(row.map(|(live, dead, permitted, busy)| Condition {
        live: live.unsigned_abs(),
        dead: dead.unsigned_abs(),
        permitted,
        busy,
    }))
}

/// VACUUMs one table without partitions, on a connection whose settings nobody else uses afterwards.
///
/// # Errors
/// What the server said; [`super::error::Class::StatementTimeout`] where somebody cancelled it.
pub async fn vacuum(conn: &mut PgConnection, table: &TableName, cost: Cost) -> Result<(), Error> {
    let doing = "vacuum a table";
    let settings = format!(
        "SET statement_timeout = 0; SET max_parallel_maintenance_workers = 0; SET vacuum_cost_delay = '{}ms'; SET vacuum_cost_limit = {}",
        cost.delay.as_millis().min(100),
        cost.limit.clamp(1, 10_000)
    );
    sql::execute_script(&mut *conn, settings)
        .await
        .map_err(Error::query(doing))?;
    let text = format!(
        "/* sluice:engine.vacuum */ VACUUM (SKIP_LOCKED true, TRUNCATE false) {}",
        ident::table(table)?
    );
    sql::execute_script(conn, text)
        .await
        .map_err(Error::query(doing))?;
    Ok(())
}

/// Counts what the planner of queries must know of these columns; a partitioned table's leaves are each counted too.
///
/// # Errors
/// What the server said.
pub async fn analyze(conn: &mut PgConnection, table: &TableName, columns: &[String]) -> Result<(), Error> {
    let columns: Vec<String> = columns
        .iter()
        .map(|column| ident::quote(column))
        .collect::<Result<_, _>>()?;
    let text = format!(
        "/* sluice:engine.analyze */ ANALYZE (SKIP_LOCKED true) {} ({})",
        ident::table(table)?,
        columns.join(", ")
    );
    sql::execute_script(conn, text)
        .await
        .map_err(Error::query("analyze a table"))?;
    Ok(())
}

/// Whether a session waits for a lock that this backend has.
///
/// # Errors
/// What the server said.
pub async fn is_in_the_way(conn: &mut PgConnection, pid: i32) -> Result<bool, Error> {
    const SQL: &str = "/* sluice:engine.in_the_way */
        SELECT EXISTS (SELECT FROM pg_catalog.pg_locks AS w
            WHERE NOT w.granted AND $1 = ANY (pg_catalog.pg_blocking_pids(w.pid)))";
    sql::scalar(SQL)
        .bind(pid)
        .fetch_one(conn)
        .await
        .map_err(Error::query("look for sessions that are waiting"))
}

/// Cancels what a backend is doing; its session goes on.
///
/// # Errors
/// What the server said.
pub async fn cancel(conn: &mut PgConnection, pid: i32) -> Result<bool, Error> {
    sql::scalar("/* sluice:engine.cancel */ SELECT pg_catalog.pg_cancel_backend($1)")
        .bind(pid)
        .fetch_one(conn)
        .await
        .map_err(Error::query("cancel a statement"))
}
