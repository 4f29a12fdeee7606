//! What a pool does with a connection: what it sets when it has made one, and what it asks when one is given back.

use std::time::Duration;

use sqlx::Connection as _;
use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::PgConnection;

use crate::sql;

/// How long a connection that is given back may take to say that it is well.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// For so long its last word is believed.
const FRESH: Duration = Duration::from_secs(1);

/// Whether a connection that is given back can be used again.
///
/// Whoever waits for a statement no longer than a limit drops it half-way, and the pool asks such a connection to come to rest
/// before it keeps it. It asks without a limit of its own: on a socket whose peer is gone without a word it would wait for ever, with
/// the connection's place in the pool. An error here closes it on the spot.
///
/// One that can only read (SQLSTATE 25006) leads to a standby, or to a primary that is being taken out of service. It would stay so
/// after a fail-over, while a new one may reach the new primary.
pub(super) async fn is_well(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    read_only(conn).await.map(|read_only| !read_only)
}

/// Whether a connection that was kept can be handed out. One that has just said that it is well is not asked again: a planner of hundreds
/// of jobs asks thousands of short questions in a row, and would ask each twice.
pub(super) async fn still_there(
    conn: &mut PgConnection,
    kept_for: PoolConnectionMetadata,
) -> Result<bool, sqlx::Error> {
    if kept_for.idle_for >= FRESH {
        conn.ping().await?;
    }
    Ok(true)
}

/// [`is_well`] for a pool that is meant to lead to a standby.
pub(super) async fn answers(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    read_only(conn).await.map(|_| true)
}

async fn read_only(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let asking = sql::ask_simply(conn, READ_ONLY);
    match tokio::time::timeout(RELEASE_TIMEOUT, asking).await {
        Ok(answered) => answered.map(|read_only| read_only != "off"),
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// What the next transaction would be: on while the server is in recovery.
const READ_ONLY: &str = "/* sluice:session.is_well */ SHOW transaction_read_only";

/// Lets the server notice within half a minute that this process is gone, and drop its locks; one that is stopped in the middle of a
/// transaction loses them sooner.
///
/// A lock is not waited for without end unless a statement's own settings say so: reading a table's definition or size waits
/// for whoever has it in ACCESS EXCLUSIVE mode, and a planner that stands there drives no job and answers nobody.
///
/// What is decided over a direct connection has effects outside of the database: flags that applications follow, approvals, answers to
/// whoever submitted a job, DDL. So its commits wait at least for the server's own disk, and for a synchronous standby if there is one,
/// also where the database or the role is set to do without. What waits for more already (`remote_apply`) is left alone. Batches go by the other
/// route and keep the server's setting: their rows and their cursor are lost together or not at all.
pub(super) async fn begin_session(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    let text = "/* sluice:session.begin */ SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; \
        SET tcp_keepalives_count = 4; SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = '10s'; \
        SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')";
    sql::execute_script(conn, text).await.map(|_| ())
}
