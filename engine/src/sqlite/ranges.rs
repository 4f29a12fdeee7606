//! Positions of rows, by which work is cut into chunks and batches.
//!
//! SQLite has no blocks that could be addressed, but nearly every table has a rowid, by which it is stored: a range of rowids is a range of
//! the file. A *position* is a rowid counted from 0: position `p > 0` is the row with rowid `p`, and position 0 holds every row with
//! a rowid of 0 or less. Those are rare, but legal, and they are one batch: [`rows_at_zero`] lets the planner refuse a table with many.
//!
//! What breaks it: a VACUUM of a table without an INTEGER PRIMARY KEY gives its rows new rowids (the fingerprint sees that), and a table WITHOUT
//! ROWID has no rowid at all. There a single INTEGER primary key serves, for which [`bound`] refuses values that are no numbers: those
//! sort after every number, so no range would hold them.

use std::ops::Range;

use sqlx::sqlite::SqliteConnection;

use super::definition::Definition;
use super::ident;
use super::text;
use crate::catalog::{Table, TableKind};
use crate::postgres::error::Error;

/// Rows of position 0 that [`rows_at_zero`] counts at most.
pub const COUNTED_AT_ZERO: u64 = 10_001;

/// SQL for the column by which rows have positions, usable after `NEW.` too: `rowid` or another name of it that no column hides, or the quoted key of
/// a table without rowids. None if there is no such column.
#[must_use]
pub fn row_column(table: &Table) -> Option<String> {
    if table.kind != TableKind::Ordinary {
        return None;
    }
    row_column_of(&Definition::parse(table.definition.as_deref()?).ok()?)
}

/// Like [`row_column`], from the table's text.
#[must_use]
pub fn row_column_of(definition: &Definition<'_>) -> Option<String> {
    if definition.without_rowid {
        return integer_key(definition);
    }
    // Unquoted: where a quoted name means nothing, SQLite reads it as a string.
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|alias| definition.column(alias).is_none())
        .map(str::to_owned)
}

fn integer_key(definition: &Definition<'_>) -> Option<String> {
    let key = definition.primary_key();
    let [key] = key.as_slice() else {
        return None;
    };
    let column = definition.column(key)?;
    let type_name = &definition.text[column.type_span.clone()];
    let is_integer = ["INTEGER", "INT"]
        .iter()
        .any(|t| type_name.eq_ignore_ascii_case(t));
    is_integer.then(|| ident::quote(&column.name).ok()).flatten()
}

/// How many positions there are: one more than the highest in use; 0 if the table is empty.
///
/// # Errors
/// What SQLite said, or a key that is not a number.
pub async fn bound(conn: &mut SqliteConnection, table_sql: &str, row_sql: &str) -> Result<u64, Error> {
    let doing = || format!("find the last row of {table_sql}");
    // Not max(): asked for twice, it would read the whole table.
    let last: Option<(String, i64)> = text::query_as(format!(
        "/* sluice:engine.ranges_bound */ SELECT typeof({row_sql}), CAST({row_sql} AS INTEGER) FROM {table_sql} \
         ORDER BY {row_sql} DESC LIMIT 1"
    ))
    .fetch_optional(conn)
    .await
    .map_err(Error::query(doing()))?;
    match last {
        None => Ok(0),
        Some((kind, row)) if kind == "integer" || (kind == "real" && row < i64::MAX) => Ok(after(row)),
        Some((kind, _)) => {
            let why = format!(
                "a key of the type {kind} is beyond every number; store integers only, or declare the table STRICT"
            );
            Err(Error::query(doing())(sqlx::Error::Decode(why.into())))
        }
    }
}

/// The position after that of a row.
fn after(row: i64) -> u64 {
    u64::try_from(row).unwrap_or_default() + 1
}

/// SQL for "the row's position is in the range". `row` may be qualified: `NEW.rowid`.
#[must_use]
pub fn within(row: &str, range: &Range<u64>) -> String {
    let Ok(start) = i64::try_from(range.start) else {
        return "0 = 1".to_owned();
    };
    if range.is_empty() {
        return "0 = 1".to_owned();
    }
    // No row is beyond the largest integer, so an end there is no limit.
    let below = i64::try_from(range.end).ok().map(|end| format!("{row} < {end}"));
    // From 0 on there is no lower limit: position 0 holds what is below as well.
    let from = (start > 0).then(|| format!("{row} >= {start}"));
    match (from, below) {
        (Some(from), Some(below)) => format!("{from} AND {below}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => format!("{row} IS NOT NULL"),
    }
}

/// The position after the `rows`-th row at or after `range.start`; `range.end` if the range has fewer. Position 0 is never cut,
/// so a batch that begins there may hold more rows. 0 counts as 1: a batch goes forward.
///
/// # Errors
/// What SQLite said.
pub async fn end_of_batch(
    conn: &mut SqliteConnection,
    table_sql: &str,
    row_sql: &str,
    range: Range<u64>,
    rows: u64,
) -> Result<u64, Error> {
    let skipped = i64::try_from(rows.saturating_sub(1)).unwrap_or(i64::MAX);
    let last: Option<i64> = text::scalar(format!(
        "/* sluice:engine.ranges_end_of_batch */ SELECT CAST({row_sql} AS INTEGER) FROM {table_sql} \
         WHERE {} ORDER BY {row_sql} LIMIT 1 OFFSET ?1",
        within(row_sql, &range)
    ))
    .bind(skipped)
    .fetch_optional(conn)
    .await
    .map_err(Error::query(format!("find the end of a batch in {table_sql}")))?;
    Ok(last.map_or(range.end, |row| after(row).min(range.end)))
}

/// How many rows position 0 holds; counted up to [`COUNTED_AT_ZERO`].
///
/// # Errors
/// What SQLite said.
pub async fn rows_at_zero(conn: &mut SqliteConnection, table_sql: &str, row_sql: &str) -> Result<u64, Error> {
    let rows: i64 = text::scalar(format!(
        "/* sluice:engine.ranges_rows_at_zero */ SELECT count(*) FROM (SELECT 1 FROM {table_sql} WHERE {} LIMIT {COUNTED_AT_ZERO})",
        within(row_sql, &(0..1))
    ))
    .fetch_one(conn)
    .await
    .map_err(Error::query(format!("count the rows of {table_sql} below 1")))?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

#[cfg(test)]
mod tests;
