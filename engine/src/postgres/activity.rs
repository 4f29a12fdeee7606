//! What other sessions of this database are doing, as far as the way back must wait for it.

use sqlx::postgres::PgConnection;

use super::error::Error;
use crate::sql;

/// Sessions in a transaction, but for our own (they carry `sluice` in their `application_name`) and maintenance that cannot write for
/// an application. Prepared transactions count from when they were prepared: they began before that.
const OLDEST: &str = "\
    SELECT min(began) FROM ( \
        SELECT a.xact_start AS began FROM pg_catalog.pg_stat_activity AS a \
        WHERE a.datname = pg_catalog.current_database() AND a.backend_type = 'client backend' \
            AND a.pid <> pg_catalog.pg_backend_pid() AND a.application_name NOT LIKE 'sluice%' \
        UNION ALL \
        SELECT p.prepared FROM pg_catalog.pg_prepared_xacts AS p WHERE p.database = pg_catalog.current_database()) AS open";

/// Sessions that hide what they do: they may have a transaction open.
const HIDDEN: &str = "\
    SELECT pg_catalog.count(*) > 0 FROM pg_catalog.pg_stat_activity AS a \
    WHERE a.datname = pg_catalog.current_database() AND a.backend_type = 'client backend' AND a.state = 'disabled'";

/// A role that may not see other sessions would find none.
const MAY_SEE: &str = "SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')";

/// Whether this role sees what other sessions do (the monitor role does).
///
/// # Errors
/// [`Error::Blind`] if it does not: never "there is nothing"; and what the server said.
pub(super) async fn may_see_others(conn: &mut PgConnection, doing: &'static str) -> Result<(), Error> {
    let may_see: bool = sql::scalar(MAY_SEE)
        .fetch_one(conn)
        .await
        .map_err(Error::query(doing))?;
    if may_see {
        return Ok(());
    }
    Err(Error::Blind {
        doing,
        need: "the monitor role may not see other sessions; GRANT pg_monitor TO it",
    })
}

/// When the oldest open transaction of somebody else began (monitor role). None: there is none.
///
/// # Errors
/// What the server said; a role that may not see other sessions is an error, never "none".
pub async fn oldest_transaction(conn: &mut PgConnection) -> Result<Option<jiff::Timestamp>, Error> {
    let doing = "look for open transactions";
    may_see_others(conn, doing).await?;
    let hidden: bool = sql::scalar(HIDDEN)
        .fetch_one(&mut *conn)
        .await
        .map_err(Error::query(doing))?;
    if hidden {
        return Err(Error::Blind {
            doing,
            need: "a session has track_activities off; end it, or wait until it is gone",
        });
    }
    let oldest: Option<jiff_sqlx::Timestamp> = sql::scalar(OLDEST)
        .fetch_one(conn)
        .await
        .map_err(Error::query(doing))?;
    Ok(oldest.map(|at| at.to_jiff()))
}
