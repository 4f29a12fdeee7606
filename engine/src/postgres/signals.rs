//! What pressure a server is under: one file a signal, each with what it reads and why that is the right thing.
//!
//! They only read. Whether a value is too high is the planner's to say; what cannot be read is an error here, and a reading with a problem
//! in the ledger. Ages and rates are by our own monotonic clock wherever two moments are compared.

pub mod active_sessions;
pub mod archive_backlog;
pub mod autovacuums;
pub mod blocked_sessions;
pub mod dead_rows;
pub mod lock_waits;
pub mod pulse;
pub mod query;
pub mod replica_lag;
pub mod requested_checkpoints;
pub mod slot_wal;
pub mod transaction_age;
pub mod wal_rate;

use sqlx::postgres::PgConnection;

use super::activity::may_see_others;
use super::error::Error;
use crate::sql;

/// Where a reading comes from that is about the server as a whole.
pub const PRIMARY: &str = "primary";

/// One number about other sessions.
async fn of_sessions(
    conn: &mut PgConnection,
    doing: &'static str,
    question: &'static str,
) -> Result<f64, Error> {
    may_see_others(conn, doing).await?;
    one(conn, doing, question).await
}

async fn one(conn: &mut PgConnection, doing: &'static str, question: &'static str) -> Result<f64, Error> {
    sql::scalar(question)
        .fetch_one(conn)
        .await
        .map_err(Error::query(doing))
}
