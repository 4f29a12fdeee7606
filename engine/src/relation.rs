//! What is asked of a live table whatever the engine: is it there, which leaves hold its rows, is it still as it was.
//!
//! A *block* is where a row lies: on PostgreSQL a page of the leaf's file, on SQLite a run of [`ROWIDS_A_BLOCK`] rowids. Work is cut into
//! ranges of blocks. On SQLite they may be nearly empty (rowids given by the application have gaps of any size), so whoever works through a range
//! asks [`reach`] how far a number of *filled* blocks goes, instead of counting on.

use std::ops::Range;

use sqlx::sqlite::SqliteConnection;

use crate::catalog::{Leaf, TableName};
use crate::db::{Connection, Raw};
use crate::postgres;
use crate::postgres::error::Error;
use crate::postgres::fingerprint::Fingerprint;
use crate::sqlite;

/// How many rowids make a block on SQLite: about the rows of a page of 8 KiB.
pub const ROWIDS_A_BLOCK: u64 = 64;
/// A table of a file has no oid that outlives a VACUUM; its name says which it is.
const ONLY_LEAF: u32 = 1;

/// The table's oid, or None if there is no such relation.
///
/// # Errors
/// What the database said, or a name that cannot be quoted.
pub async fn oid(conn: &mut Connection, table: &TableName) -> Result<Option<u32>, Error> {
    match conn.raw() {
        Raw::Postgres(conn) => postgres::catalog::oid(conn, table).await,
        Raw::Sqlite(conn) => {
            let found = sqlite::catalog::column_types(conn, table).await?;
            Ok(found.map(|_| ONLY_LEAF))
        }
    }
}

/// The columns of a table with their types, in order; None if it is gone.
///
/// # Errors
/// What the database said.
pub async fn column_types(
    conn: &mut Connection,
    table: &TableName,
) -> Result<Option<Vec<(String, String)>>, Error> {
    match conn.raw() {
        Raw::Postgres(conn) => postgres::catalog::column_types(conn, table).await,
        Raw::Sqlite(conn) => sqlite::catalog::column_types(conn, table).await,
    }
}

/// The tables that hold a root's rows now, with their sizes; `row` is the column by which SQLite finds a row. Empty if the table is gone.
///
/// # Errors
/// What the database said, or a name that cannot be quoted.
pub async fn leaves(conn: &mut Connection, table: &TableName, row: Option<&str>) -> Result<Vec<Leaf>, Error> {
    match conn.raw() {
        Raw::Postgres(conn) => postgres::catalog::leaves(conn, table).await,
        Raw::Sqlite(conn) => {
            if sqlite::catalog::column_types(conn, table).await?.is_none() {
                return Ok(Vec::new());
            }
            Ok(vec![Leaf {
                oid: ONLY_LEAF,
                name: table.clone(),
                blocks: filled(conn, table, row.unwrap_or("rowid")).await?,
            }])
        }
    }
}

/// Blocks of a leaf now; None if it is gone.
///
/// # Errors
/// What the database said.
pub async fn blocks(conn: &mut Connection, leaf: &Leaf, row: Option<&str>) -> Result<Option<u64>, Error> {
    match conn.raw() {
        Raw::Postgres(conn) => postgres::catalog::leaf_blocks(conn, leaf.oid).await,
        Raw::Sqlite(conn) => filled(conn, &leaf.name, row.unwrap_or("rowid")).await.map(Some),
    }
}

async fn filled(conn: &mut SqliteConnection, table: &TableName, row: &str) -> Result<u64, Error> {
    let quoted = sqlite::ident::table(table)?;
    let positions = sqlite::ranges::bound(conn, &quoted, row).await?;
    Ok(positions.div_ceil(ROWIDS_A_BLOCK))
}

/// The fingerprint of a leaf of a root; None if either is gone.
///
/// # Errors
/// What the database said.
pub async fn fingerprint(
    conn: &mut Connection,
    root_oid: u32,
    leaf_oid: u32,
    leaf: &TableName,
) -> Result<Option<Fingerprint>, Error> {
    match conn.raw() {
        Raw::Postgres(conn) => postgres::fingerprint::leaf(conn, root_oid, leaf_oid).await,
        Raw::Sqlite(conn) => sqlite::fingerprint::of(conn, leaf).await,
    }
}

/// How far from `range.start` about `blocks` filled blocks go, within the range.
///
/// # Errors
/// What the database said, or a name that cannot be quoted.
pub async fn reach(
    conn: &mut Connection,
    leaf: &TableName,
    row: Option<&str>,
    range: &Range<u64>,
    blocks: u64,
) -> Result<u64, Error> {
    let wanted = range.start.saturating_add(blocks.max(1)).min(range.end);
    let Raw::Sqlite(conn) = conn.raw() else {
        return Ok(wanted);
    };
    let quoted = sqlite::ident::table(leaf)?;
    let rows = blocks.max(1).saturating_mul(ROWIDS_A_BLOCK);
    let positions = positions(range);
    let end = sqlite::ranges::end_of_batch(conn, &quoted, row.unwrap_or("rowid"), positions, rows).await?;
    Ok(end.div_ceil(ROWIDS_A_BLOCK).clamp(range.start + 1, range.end))
}

/// SQL for "this row lies in these blocks". `row` is the column by which SQLite finds a row; without one it is the place in a file of
/// PostgreSQL.
#[must_use]
pub fn within(alias: &str, row: Option<&str>, range: &Range<u64>) -> String {
    match row {
        None => format!(
            "{alias}.ctid >= '({},0)'::tid AND {alias}.ctid < '({},0)'::tid",
            range.start, range.end
        ),
        Some(row) => sqlite::ranges::within(&format!("{alias}.{row}"), &positions(range)),
    }
}

fn positions(range: &Range<u64>) -> Range<u64> {
    range.start.saturating_mul(ROWIDS_A_BLOCK)..range.end.saturating_mul(ROWIDS_A_BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_page_here_and_a_run_of_rowids_there() {
        assert_eq!(
            within("\"t\"", None, &(3..9)),
            "\"t\".ctid >= '(3,0)'::tid AND \"t\".ctid < '(9,0)'::tid"
        );
        assert_eq!(
            within("\"t\"", Some("rowid"), &(1..3)),
            "\"t\".rowid >= 64 AND \"t\".rowid < 192"
        );
    }
}
