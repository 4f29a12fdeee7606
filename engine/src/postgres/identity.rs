//! Whom are we talking to? A restored copy, a standby or a server after a failover answers the same queries with the same rows.
//!
//! System identifier and database oid tell a clone from the original; the timeline tells a failover, which voids every lease.

use sqlx::postgres::PgConnection;

use super::error::Error;
use crate::sql;

/// The oldest server that Sluice works with.
pub const OLDEST: u32 = 140_000;
/// From here on a range of blocks is read without scanning the whole table.
pub const BLOCK_RANGES: u32 = 140_000;

/// What identifies a server and its database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// From `pg_control_system()`; in decimal. Err with the reason if this role may not ask.
    pub system_identifier: Result<String, String>,
    /// `pg_database.oid` of the current database.
    pub database_oid: u32,
    /// Name of the current database.
    pub database: String,
    /// Timeline being written; None on a standby.
    pub timeline: Option<u32>,
    /// The server is a standby, or was not yet promoted.
    pub in_recovery: bool,
    /// A new transaction could only read: a standby, or a primary that is set to take no writes.
    pub read_only: bool,
    /// `server_version_num`.
    pub server_version: u32,
}

/// Why a server cannot be a target.
#[derive(Debug, thiserror::Error)]
pub enum Unsuitable {
    /// Read-only.
    #[error(
        "the server of database {database:?} is a standby (in recovery) and cannot be written; point the target's url at the primary"
    )]
    Standby {
        /// The database.
        database: String,
    },
    /// Too old.
    #[error(
        "the server is PostgreSQL {found}, Sluice needs 14 or later (it reads ranges of blocks); upgrade the server first"
    )]
    TooOld {
        /// Major version.
        found: u32,
    },
}

impl Identity {
    /// The server can be written, and is one that Sluice knows.
    ///
    /// # Errors
    /// [`Unsuitable`], worded for the operator.
    pub fn suitable(&self) -> Result<(), Unsuitable> {
        if self.server_version < OLDEST {
            return Err(Unsuitable::TooOld {
                found: self.server_version / 10_000,
            });
        }
        if self.in_recovery {
            return Err(Unsuitable::Standby {
                database: self.database.clone(),
            });
        }
        Ok(())
    }

    /// Ranges of `ctid` are read as ranges.
    #[must_use]
    pub fn has_block_ranges(&self) -> bool {
        self.server_version >= BLOCK_RANGES
    }
}

/// Reads the identity of the server behind this connection.
///
/// # Errors
/// What the server said.
pub async fn read(conn: &mut PgConnection) -> Result<Identity, Error> {
    // The WAL file's name begins with the timeline that is being written; the control file would still show the old
    // one for a while after a promotion. On a standby neither function may be called.
    const SQL: &str = "/* sluice:engine.identity */ \
        SELECT d.oid::int8, d.datname::text, pg_is_in_recovery(), \
            current_setting('transaction_read_only')::bool, \
            current_setting('server_version_num')::int, \
            has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE'), \
            CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END \
        FROM pg_catalog.pg_database AS d \
        WHERE d.datname = current_database()";
    let doing = "read the identity of the server";
    let (oid, database, in_recovery, read_only, version, may_ask, timeline): (
        i64,
        String,
        bool,
        bool,
        i32,
        bool,
        Option<String>,
    ) = sql::query_as(SQL)
        .fetch_one(&mut *conn)
        .await
        .map_err(Error::query(doing))?;
    let system_identifier = if may_ask {
        const SYSTEM: &str =
            "/* sluice:engine.system_identifier */ SELECT system_identifier::text FROM pg_control_system()";
        Ok(sql::scalar(SYSTEM)
            .fetch_one(conn)
            .await
            .map_err(Error::query(doing))?)
    } else {
        Err("this role may not execute pg_control_system(); GRANT EXECUTE ON FUNCTION pg_control_system() to it"
            .to_owned())
    };
    Ok(Identity {
        system_identifier,
        database_oid: u32::try_from(oid).unwrap_or_default(),
        database,
        timeline: timeline.and_then(|t| u32::from_str_radix(&t, 16).ok()),
        in_recovery,
        read_only,
        server_version: u32::try_from(version).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(server_version: u32, in_recovery: bool) -> Identity {
        Identity {
            system_identifier: Ok("7".into()),
            database_oid: 5,
            database: "music".into(),
            timeline: Some(1),
            in_recovery,
            read_only: in_recovery,
            server_version,
        }
    }

    #[test]
    fn standbys_and_old_servers_are_refused() {
        assert!(identity(150_018, false).suitable().is_ok());
        assert!(matches!(
            identity(150_018, true).suitable(),
            Err(Unsuitable::Standby { .. })
        ));
        assert!(matches!(
            identity(110_022, false).suitable(),
            Err(Unsuitable::TooOld { found: 11 })
        ));
        assert!(!identity(130_000, false).has_block_ranges());
    }
}
