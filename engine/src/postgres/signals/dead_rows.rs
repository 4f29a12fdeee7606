//! Share of dead rows in a table, in percent of all its rows, partitions included: what vacuum has not taken away yet.
//!
//! From the server's statistics (`n_dead_tup`, `n_live_tup`), which are estimates and lag by about a second.

use sqlx::postgres::PgConnection;

use crate::catalog::TableName;
use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};
use crate::sql;

/// The table by its names, because the monitor role may have no business in its schema; and the catalog's own tables alone, because
/// `pg_partition_tree` would wait for whoever has locked a partition.
pub(super) const LEAVES: &str = "\
    WITH RECURSIVE root AS ( \
        SELECT c.oid FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relname = $2), \
    leaves AS ( \
        SELECT oid FROM root \
        UNION SELECT i.inhrelid FROM leaves JOIN pg_catalog.pg_inherits AS i ON i.inhparent = leaves.oid)";

/// Reads it for one table.
///
/// # Errors
/// What the server said.
pub async fn read(conn: &mut PgConnection, table: &TableName) -> Result<Reading, Error> {
    let question = format!(
        "/* sluice:signal.dead_rows */ {LEAVES} \
        SELECT coalesce(100.0 * pg_catalog.sum(s.n_dead_tup) / nullif(pg_catalog.sum(s.n_dead_tup + s.n_live_tup), 0), 0)::float8 \
        FROM pg_catalog.pg_stat_all_tables AS s JOIN leaves ON leaves.oid = s.relid"
    );
    let percent: f64 = sql::scalar(question)
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_one(conn)
        .await
        .map_err(Error::query("count the dead rows"))?;
    Ok(Reading::of(Kind::DeadRows, table.to_string(), percent))
}
