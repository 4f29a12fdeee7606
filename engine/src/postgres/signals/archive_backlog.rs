//! Files of write-ahead log that are full and not archived yet: an archive that cannot follow fills the primary's disk.
//!
//! Counted as the server itself does, by the `.ready` files in `archive_status`. Where nothing is archived there is no backlog.

use sqlx::postgres::PgConnection;

use super::{PRIMARY, one};
use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};
use crate::sql;

const DOING: &str = "count the files that wait for the archive";

const MAY_LIST: &str = "/* sluice:signal.archive_may_list */ \
    SELECT pg_catalog.has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE')";

/// By itself, because a statement is checked as a whole, whichever branch of it runs.
const ARCHIVES: &str =
    "/* sluice:signal.archives */ SELECT pg_catalog.current_setting('archive_mode') <> 'off'";

const BACKLOG: &str = "/* sluice:signal.archive_backlog */ \
    SELECT pg_catalog.count(*)::float8 FROM pg_catalog.pg_ls_archive_statusdir() AS f WHERE f.name LIKE '%.ready'";

/// Reads it (monitor role).
///
/// # Errors
/// What the server said; a role that may not list the folder is an error, never "none".
pub async fn read(conn: &mut PgConnection) -> Result<Reading, Error> {
    let archives: bool = sql::scalar(ARCHIVES)
        .fetch_one(&mut *conn)
        .await
        .map_err(Error::query(DOING))?;
    if !archives {
        return Ok(Reading::of(Kind::ArchiveBacklog, PRIMARY, 0.0));
    }
    let may_list: bool = sql::scalar(MAY_LIST)
        .fetch_one(&mut *conn)
        .await
        .map_err(Error::query(DOING))?;
    if !may_list {
        return Err(Error::Blind {
            doing: DOING,
            need: "the monitor role may not list archive_status; GRANT pg_monitor TO it",
        });
    }
    let value = one(conn, DOING, BACKLOG).await?;
    Ok(Reading::of(Kind::ArchiveBacklog, PRIMARY, value))
}
