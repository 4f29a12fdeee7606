//! Has a replica replayed what the primary had written at a moment? Only then what is read there is what the primary had, or newer.
//!
//! A [`Mark`] is taken on the primary: who it is, and up to where its log reaches. [`look`] asks the server of a connection whether it is a
//! replica of that primary (proven as for the pulse, see [`super::signals::pulse`]) and has replayed the mark. The position is that of the
//! *insertion*: a commit that does not wait for the disk is visible before it is flushed, and would lie beyond a flushed position.
//!
//! A statement that begins after [`look`] said [`Standing::Arrived`] sees every commit that was visible when the mark was taken: a standby
//! makes a commit visible before it counts its record as replayed. A URL is a name that may lead elsewhere the next time, so this is asked in the
//! very transaction that reads.

use sqlx::postgres::PgConnection;

use super::error::Error;
use super::identity;
use super::signals::pulse::{Primary, Seen, who};
use crate::sql;

/// A primary at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    primary: Primary,
    database_oid: u32,
    position: u64,
}

/// How a server stands to a [`Mark`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A replica that has it.
    Arrived,
    /// A replica that does not have it yet.
    NotYet,
    /// No replica of that primary, or another database of it; with the reason.
    Stranger(String),
}

/// Takes a mark; Err(reason) in the answer if this server cannot be told from others, or is a standby itself.
///
/// # Errors
/// What the server said.
pub async fn mark(conn: &mut PgConnection) -> Result<Result<Mark, String>, Error> {
    let identity = identity::read(&mut *conn).await?;
    let (Some(timeline), false) = (identity.timeline, identity.in_recovery) else {
        return Ok(Err("the target's server is a standby".to_owned()));
    };
    let system_identifier = match identity.system_identifier {
        Ok(system_identifier) => system_identifier,
        Err(why) => return Ok(Err(why)),
    };
    let position: i64 = sql::scalar(INSERTED)
        .fetch_one(conn)
        .await
        .map_err(Error::query("read the position of the primary"))?;
    Ok(Ok(Mark {
        primary: Primary {
            system_identifier,
            timeline,
        },
        database_oid: identity.database_oid,
        position: position.unsigned_abs(),
    }))
}

/// Asks the server of a connection.
///
/// # Errors
/// What the server said.
pub async fn look(conn: &mut PgConnection, mark: &Mark) -> Result<Standing, Error> {
    let seen = who(&mut *conn).await?;
    let (database_oid, replayed): (i64, Option<i64>) = sql::query_as(REPLAYED)
        .fetch_one(conn)
        .await
        .map_err(Error::query("ask the replica what it has replayed"))?;
    Ok(mark.judge(&seen, database_oid, replayed))
}

impl Mark {
    fn judge(&self, seen: &Seen, database_oid: i64, replayed: Option<i64>) -> Standing {
        if let Some(why) = seen.stranger(&self.primary) {
            return Standing::Stranger(why);
        }
        if database_oid != i64::from(self.database_oid) {
            let why = "its URL leads to another database than that of the target".to_owned();
            return Standing::Stranger(why);
        }
        match replayed {
            Some(replayed) if replayed.unsigned_abs() >= self.position => Standing::Arrived,
            Some(_) | None => Standing::NotYet,
        }
    }
}

const INSERTED: &str =
    "/* sluice:engine.inserted */ SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8";

const REPLAYED: &str = "/* sluice:engine.replayed */ \
    SELECT (SELECT d.oid::int8 FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()), \
        pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::int8";

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark {
            primary: Primary {
                system_identifier: "7".to_owned(),
                timeline: 2,
            },
            database_oid: 5,
            position: 100,
        }
    }

    fn seen() -> Seen {
        Seen {
            system_identifier: "7".to_owned(),
            in_recovery: true,
            timeline: Some(2),
            beat: None,
        }
    }

    #[test]
    fn a_mark_has_arrived_where_its_last_byte_is_replayed() {
        for (replayed, expected) in [
            (None, Standing::NotYet),
            (Some(99), Standing::NotYet),
            (Some(100), Standing::Arrived),
            (Some(101), Standing::Arrived),
        ] {
            assert_eq!(mark().judge(&seen(), 5, replayed), expected, "{replayed:?}");
        }
    }

    #[test]
    fn a_stranger_is_one_however_far_it_is() {
        let check =
            |seen: Seen, database_oid: i64, part: &str| match mark().judge(&seen, database_oid, Some(900)) {
                Standing::Stranger(why) => assert!(why.contains(part), "{why}"),
                other @ (Standing::Arrived | Standing::NotYet) => panic!("{other:?}, expected {part}"),
            };
        let other = |system_identifier: &str| system_identifier.to_owned();
        check(
            Seen {
                system_identifier: other("8"),
                ..seen()
            },
            5,
            "another primary",
        );
        check(
            Seen {
                in_recovery: false,
                ..seen()
            },
            5,
            "no standby",
        );
        check(
            Seen {
                timeline: Some(1),
                ..seen()
            },
            5,
            "follows timeline 1",
        );
        check(seen(), 6, "another database");
    }
}
