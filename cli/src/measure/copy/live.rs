//! The live table: what its copy has to be like, how large it is, and a sample of its rows. It is only read.

use engine::catalog::TableName;
use engine::postgres::error::Error;
use engine::postgres::{catalog, ident};
use engine::sql;
use serde::Deserialize;
use serde_json::Value;
use sqlx::PgConnection;

use super::{Copy, Failure, run};
use crate::measure::estimate::Whole;

/// Rows in the copy.
const ROWS: u64 = 20_000;
/// Blocks of the live table that are read for them.
const BLOCKS: u64 = 4_000;

/// The live table, looked at.
pub(super) struct Live {
    quoted: String,
    schema: String,
    pub(super) oid: u32,
    pub(super) leaf_oid: u32,
    blocks: u64,
    shape: Shape,
    pub(super) whole: Whole,
}

/// What LIKE does not carry.
#[derive(Deserialize)]
struct Shape {
    unlogged: bool,
    full_identity: bool,
    fillfactor: Option<i32>,
    heap_bytes: u64,
    index_bytes: u64,
    triggers: u64,
    full_page_writes: bool,
    minimal: bool,
}

const SHAPE: &str = "/* sluice:cli.measure_shape */ \
    SELECT pg_catalog.to_jsonb(s) FROM (SELECT c.relpersistence = 'u' AS unlogged, c.relreplident = 'f' AS full_identity, \
        (SELECT o.option_value::int4 FROM pg_catalog.pg_options_to_table(c.reloptions) AS o \
            WHERE o.option_name = 'fillfactor') AS fillfactor, \
        (SELECT sum(pg_catalog.pg_relation_size(l.oid::oid))::int8 FROM unnest($1::int8[]) AS l(oid)) AS heap_bytes, \
        (SELECT sum(pg_catalog.pg_indexes_size(l.oid::oid))::int8 FROM unnest($1::int8[]) AS l(oid)) AS index_bytes, \
        (SELECT count(*) FROM pg_catalog.pg_trigger AS t \
            WHERE t.tgrelid = $2::int8::oid AND NOT t.tgisinternal AND t.tgenabled <> 'D') AS triggers, \
        current_setting('full_page_writes')::bool AS full_page_writes, \
        current_setting('wal_level') = 'minimal' AS minimal \
    FROM pg_catalog.pg_class AS c WHERE c.oid = ($1::int8[])[1]::oid) AS s";

async fn shape(conn: &mut PgConnection, table: &str, leaves: Vec<i64>, root: u32) -> Result<Shape, Error> {
    let doing = format!("read the shape of {table}");
    let answer: Value = sql::scalar(SHAPE)
        .bind(leaves)
        .bind(i64::from(root))
        .fetch_one(conn)
        .await
        .map_err(Error::query(doing.clone()))?;
    serde_json::from_value(answer).map_err(|source| Error::Shape { doing, source })
}

impl Live {
    pub(super) async fn read(conn: &mut PgConnection, table: &TableName) -> Result<Self, Failure> {
        let leaves = catalog::leaves(conn, table).await?;
        let (Some(oid), Some(first)) = (catalog::oid(conn, table).await?, leaves.first()) else {
            return Err(Failure::Unfit("the table is gone, or has no partition yet"));
        };
        let quoted = ident::table(table).map_err(Error::from)?;
        let oids: Vec<i64> = leaves.iter().map(|leaf| i64::from(leaf.oid)).collect();
        let shape = shape(conn, &quoted, oids, oid).await?;
        if shape.minimal {
            return Err(Failure::Unfit(
                "the server's wal_level is minimal: what is written to a new table is not logged there, so a copy tells nothing",
            ));
        }
        let whole = Whole {
            rows: rows(conn, &quoted).await?,
            heap_bytes: shape.heap_bytes,
            index_bytes: shape.index_bytes,
            full_page_writes: shape.full_page_writes && !shape.unlogged,
            triggers: shape.triggers,
        };
        Ok(Self {
            quoted,
            schema: table.schema.clone(),
            oid,
            leaf_oid: first.oid,
            blocks: leaves.iter().map(|leaf| leaf.blocks).sum(),
            shape,
            whole,
        })
    }

    /// Makes a table like it with a sample of its rows.
    pub(super) async fn copied(&self, conn: &mut PgConnection, name: &str) -> Result<Copy, Failure> {
        let name = TableName {
            schema: self.schema.clone(),
            name: name.to_owned(),
        };
        let quoted = ident::table(&name).map_err(Error::from)?;
        let live = &self.quoted;
        for statement in self.making(&quoted) {
            run(conn, &statement, || format!("make a copy of {live}")).await?;
        }
        let Some(oid) = catalog::oid(conn, &name).await? else {
            return Err(Failure::Unfit("the copy is gone"));
        };
        let columns = written_columns(conn, oid).await?;
        let list: Result<Vec<String>, _> = columns.iter().map(|name| ident::quote(name)).collect();
        let list = list.map_err(Error::from)?.join(", ");
        let percent = percent(self.whole.rows, self.blocks);
        let insert = format!(
            "/* sluice:cli.measure_sample */ INSERT INTO {quoted} ({list}) \
             SELECT {list} FROM {live} TABLESAMPLE SYSTEM ({percent}) LIMIT {ROWS}"
        );
        let copied = run(conn, &insert, || format!("copy rows of {live}")).await?;
        if copied == 0 {
            return Err(Failure::Unfit("the sample of the table has no rows"));
        }
        Ok(Copy {
            name,
            quoted,
            oid,
            columns,
        })
    }

    fn making(&self, copy: &str) -> Vec<String> {
        let unlogged = if self.shape.unlogged { "UNLOGGED " } else { "" };
        let with = self
            .shape
            .fillfactor
            .map_or_else(String::new, |percent| format!(" WITH (fillfactor = {percent})"));
        let live = &self.quoted;
        let mut statements = vec![format!(
            "CREATE {unlogged}TABLE {copy} (LIKE {live} INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STORAGE \
             INCLUDING COMPRESSION INCLUDING INDEXES){with}"
        )];
        if self.shape.full_identity {
            statements.push(format!("ALTER TABLE {copy} REPLICA IDENTITY FULL"));
        }
        statements
    }
}

/// How much of the table is sampled: enough for [`ROWS`], and no more than [`BLOCKS`].
fn percent(rows: u64, blocks: u64) -> f64 {
    let share = |part: u64, of: u64| 100.0 * part as f64 / of.max(1) as f64;
    share(ROWS, rows).min(share(BLOCKS, blocks)).min(100.0)
}

/// The server's own estimate, which knows the size of the files now.
async fn rows(conn: &mut PgConnection, table: &str) -> Result<u64, Failure> {
    let question = format!("/* sluice:cli.measure_rows */ EXPLAIN (FORMAT JSON) SELECT FROM {table}");
    let answer: Value = sql::scalar(question)
        .fetch_one(conn)
        .await
        .map_err(Error::query(format!("ask how many rows {table} has")))?;
    let rows = answer.pointer("/0/Plan/Plan Rows").and_then(Value::as_f64);
    Ok(rows.unwrap_or_default().max(0.0) as u64)
}

async fn written_columns(conn: &mut PgConnection, table: u32) -> Result<Vec<String>, Error> {
    const SQL: &str = "/* sluice:cli.measure_columns */ \
        SELECT attname::text FROM pg_catalog.pg_attribute \
        WHERE attrelid = $1::int8::oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum";
    sql::scalar(SQL)
        .bind(i64::from(table))
        .fetch_all(conn)
        .await
        .map_err(Error::query("read the columns of the copy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_bounded_by_rows_and_by_blocks() {
        let check = |rows, blocks, expected: f64| {
            let percent = percent(rows, blocks);
            assert!(
                (percent - expected).abs() < 1e-9,
                "{rows} rows, {blocks} blocks: {percent}"
            );
        };
        check(0, 0, 100.0);
        check(5_000, 50, 100.0);
        check(2_000_000, 20_000, 1.0);
        check(2_000, 400_000, 1.0);
    }
}
