//! One hash of everything a plan relies on in a table, cheap enough to read in every batch.
//!
//! Work on a table whose world has changed is worse than no work: block numbers of another storage file, a disabled
//! trigger. The batch takes its lock *first* and reads the fingerprint in a *following* statement: a
//! VACUUM FULL that committed while we waited for the lock is then visible, and none can begin after.
//!
//! What shows: columns (name, order, type, collation, NOT NULL, generated), row triggers with their state, definition and function body,
//! row security, replica identity, the storage file, the names, and the parents.
//! What does not: statistics, VACUUM, ANALYZE, grants, comments, defaults, indexes, foreign keys from elsewhere, and other leaves of
//! the root: a table that gets a partition every hour would never be swept to an end. Whoever ends a sweep or a check lists the
//! leaves anew.
//! It compares ids and stored forms, never deparsed text: that would depend on the session's search path.

use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;

use super::error::Error;
use crate::sql;

/// SHA-256 in hexadecimal; equal if nothing a plan relies on has changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// The query: `$1` the root's oid, `$2` the leaf's, both `int8`; one row with one text, or no row if either table is gone.
pub const SQL: &str = include_str!("fingerprint.sql");

/// The fingerprint of one leaf of a root (of a table that is not partitioned: twice the same oid).
/// None if either table is gone.
///
/// # Errors
/// What the server said.
pub async fn leaf(
    conn: &mut PgConnection,
    root_oid: u32,
    leaf_oid: u32,
) -> Result<Option<Fingerprint>, Error> {
    let hash: Option<String> = sql::scalar(SQL)
        .bind(i64::from(root_oid))
        .bind(i64::from(leaf_oid))
        .fetch_optional(conn)
        .await
        .map_err(Error::query(format!("read the fingerprint of table {leaf_oid}")))?;
    Ok(hash.map(Fingerprint))
}
