//! Home: the one database, on the one history, that the pools of a target may lead to.
//!
//! A URL is a name. What it leads to may be another server from one connection to the next: a standby that was promoted, a clone, a
//! restored copy. All of them answer the same questions with the same rows. So each fresh connection is asked where it leads before a pool
//! hands it out, and one that leads elsewhere is never handed out: no statement reaches another database than the one whose ledger
//! was read when the target was opened. A connection does not change its server while it lives (behind a pooler it may, which is why a holder of such a
//! route asks now and then, with [`Home::check`]).
//!
//! The timeline belongs to it. After a fail-over the rows may be older than what a process remembers: a decision that was made of rows
//! which the new primary never got must not be written there. Its transaction would have to begin on a fresh connection, and gets none.
//!
//! A home is left for good. Whoever holds a target hears of it ([`Home::left`]), drops everything it knows of that target and opens it anew.

use std::sync::{Arc, OnceLock};

use sqlx::postgres::PgConnection;
use tokio::sync::watch;

use crate::postgres::error::{Class, classify};
use crate::postgres::identity::Identity;
use crate::sql;

/// See the module. Clones share it; until it is settled, everywhere is home.
#[derive(Clone, Debug)]
pub struct Home(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    place: OnceLock<Place>,
    left: watch::Sender<Option<String>>,
}

impl Default for Home {
    fn default() -> Self {
        Self(Arc::new(Inner {
            place: OnceLock::new(),
            left: watch::Sender::new(None),
        }))
    }
}

/// What tells one database from another, as far as a role may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// None: this role may not execute `pg_control_system()`.
    system_identifier: Option<String>,
    database_oid: u32,
    /// None: a standby, whose history is not its own.
    timeline: Option<u32>,
}

impl Place {
    /// What is different over there, for people.
    fn differs(&self, there: &Self) -> Option<String> {
        if let (Some(ours), Some(theirs)) = (&self.system_identifier, &there.system_identifier)
            && ours != theirs
        {
            return Some(format!(
                "another database server answers: system identifier {theirs}, not {ours}"
            ));
        }
        if self.database_oid != there.database_oid {
            return Some(format!(
                "another database answers: oid {}, not {}",
                there.database_oid, self.database_oid
            ));
        }
        match (self.timeline, there.timeline) {
            (Some(ours), Some(theirs)) if ours != theirs => Some(format!(
                "the server is on timeline {theirs}, it was on {ours}: a standby was promoted, or a backup restored"
            )),
            (Some(_), None) => Some("a standby answers (it is in recovery)".to_owned()),
            (Some(_) | None, Some(_)) | (None, None) => None,
        }
    }
}

impl Home {
    /// It is where this identity was read. The first call decides.
    pub fn settle(&self, identity: &Identity) {
        // A second one would let a process go on with what it knows of the first.
        let _ = self.0.place.set(Place {
            system_identifier: identity.system_identifier.clone().ok(),
            database_oid: identity.database_oid,
            timeline: identity.timeline,
        });
    }

    /// Returns once a connection led elsewhere, with what was found there.
    pub async fn left(&self) -> String {
        let mut left = self.0.left.subscribe();
        loop {
            if let Some(why) = left.borrow_and_update().clone() {
                return why;
            }
            if left.changed().await.is_err() {
                // The sender lives in `self`.
                return std::future::pending().await;
            }
        }
    }

    /// Asks a connection where it leads: one question, which needs no session behind a pooler.
    ///
    /// # Errors
    /// What the server said, or that it leads elsewhere; then the home is left.
    pub async fn check(&self, conn: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Some(home) = self.0.place.get() else {
            return Ok(());
        };
        let there = ask(conn).await?;
        let Some(why) = home.differs(&there) else {
            return Ok(());
        };
        self.0.left.send_if_modified(|left| {
            let first = left.is_none();
            left.get_or_insert_with(|| why.clone());
            first
        });
        Err(sqlx::Error::Configuration(why.into()))
    }
}

/// Timeline: see [`crate::postgres::identity::read`].
const WHERE: &str = "/* sluice:session.home */ SELECT concat_ws(' ', \
    (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()), \
    coalesce(CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END, '-'), \
    (SELECT system_identifier FROM pg_control_system()))";

/// For a role that may not execute `pg_control_system()`: the rest.
const WHERE_AS_FAR_AS_SEEN: &str = "/* sluice:session.home */ SELECT concat_ws(' ', \
    (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()), \
    coalesce(CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END, '-'))";

async fn ask(conn: &mut PgConnection) -> Result<Place, sqlx::Error> {
    let answer = match sql::ask_simply(conn, WHERE).await {
        Err(error) if classify(&error) == Class::Permission => {
            sql::ask_simply(conn, WHERE_AS_FAR_AS_SEEN).await?
        }
        answer => answer?,
    };
    read(&answer).ok_or_else(|| sqlx::Error::Protocol(format!("where it leads is answered by {answer:?}")))
}

fn read(answer: &str) -> Option<Place> {
    let mut words = answer.split(' ');
    let database_oid = words.next()?.parse().ok()?;
    let timeline = match words.next()? {
        "-" => None,
        hexadecimal => Some(u32::from_str_radix(hexadecimal, 16).ok()?),
    };
    Some(Place {
        system_identifier: words.next().map(str::to_owned),
        database_oid,
        timeline,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_server_database_or_history_is_not_home() {
        let home = read("16384 00000001 7391").unwrap();
        for (there, expected) in [
            ("16384 00000001 7391", None),
            ("16384 00000001 7392", Some("another database server")),
            ("16385 00000001 7391", Some("another database answers: oid 16385")),
            ("16384 0000000A 7391", Some("timeline 10, it was on 1")),
            ("16384 - 7391", Some("a standby")),
            // What a role cannot see says nothing.
            ("16384 00000001", None),
            ("16384 00000002", Some("timeline 2")),
        ] {
            let found = home.differs(&read(there).unwrap());
            match expected {
                None => assert_eq!(found, None, "{there}"),
                Some(words) => assert!(
                    found.as_ref().is_some_and(|f| f.contains(words)),
                    "{there}: {found:?}"
                ),
            }
        }
        assert_eq!(read("x"), None);
    }
}
