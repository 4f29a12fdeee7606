//! Is the ledger where it says that it is? A restored copy, a clone, a standby and a server after a fail-over answer the same questions
//! with the same rows, and rows say nothing about where they are.
//!
//! The ledger's one row remembers on which server, in which database and on which timeline it was used last; here that is compared with
//! what answers now. It is looked at when a ledger is opened and, by every service, once a second from then on
//! ([`Target::watch_health`](crate::Target::watch_health)); what happens between two looks is caught by the pools
//! ([`engine::postgres::session::Home`]).
//!
//! A physical copy (a snapshot of the disk, a base backup) keeps its system identifier and cannot be told from its original; once
//! it is promoted it looks like a fail-over, which for the copy's own ledger it is.

use engine::catalog::EngineKind;
use engine::db::{self, Connection, Raw};
use engine::postgres::identity::{self, Identity};
use proto::LedgerId;
use uuid::Uuid;

use crate::error::Error;
use crate::migrations;
use crate::open::Ledger;

/// What answers now. A file is where it lies: a copy of it lies elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    /// Of the server; of a file its path, with every link resolved.
    pub system_identifier: String,
    /// Of the database; 0 for a file.
    pub database_oid: i64,
    /// That is being written; 0 for a file, None on a standby.
    pub timeline: Option<i32>,
    /// A new transaction could only read.
    pub read_only: bool,
}

/// What the ledger's row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: LedgerId,
    pub(crate) system_identifier: String,
    pub(crate) database_oid: i64,
    pub(crate) timeline: i32,
    pub(crate) oldest_writer: i32,
}

/// Where a ledger that is at home stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As it was.
    AtHome,
    /// Its server was promoted (or restored to an earlier moment) since it was used last.
    Promoted {
        /// The timeline then.
        was: i32,
        /// And now.
        is: i32,
    },
    /// On a standby, which can be read.
    Standby,
    /// On a primary that takes no writes now.
    ReadOnly,
}

impl Standing {
    /// Only a ledger that is at home, and reconciled, is worked with.
    ///
    /// # Errors
    /// What it is instead.
    pub fn to_work(self) -> Result<(), Error> {
        match self {
            Self::AtHome => Ok(()),
            Self::Promoted { was, is } => Err(Error::Promoted { was, is }),
            Self::Standby => Err(Error::Standby),
            Self::ReadOnly => Err(Error::ReadOnly),
        }
    }
}

/// Asks the database behind a connection who it is. On a server also the identity as the pools compare it.
pub(crate) async fn here(conn: &mut Connection) -> Result<(Here, Option<Identity>), Error> {
    let conn = match conn.raw() {
        Raw::Sqlite(conn) => {
            let place = engine::sqlite::session::place(conn)
                .await
                .map_err(Error::of("ledger.identity"))?;
            let here = Here {
                system_identifier: place,
                database_oid: 0,
                timeline: Some(0),
                read_only: false,
            };
            return Ok((here, None));
        }
        Raw::Postgres(conn) => conn,
    };
    let found = identity::read(conn).await?;
    let here = Here {
        system_identifier: found.system_identifier.clone().map_err(Error::Identity)?,
        database_oid: i64::from(found.database_oid),
        timeline: found.timeline.map(u32::cast_signed),
        read_only: found.read_only,
    };
    Ok((here, Some(found)))
}

/// The ledger's row; None before it was made.
pub(crate) async fn entry(conn: &mut Connection) -> Result<Option<Entry>, Error> {
    let failed = || Error::of("ledger.entry");
    let row = db::query(
        "/* ledger.entry */ SELECT id, system_identifier, database_oid, timeline, oldest_writer FROM sluice.ledger",
    )
    .fetch_optional(conn)
    .await
    .map_err(|error| if engine::error::is_gone(&error) { Error::Absent } else { failed()(error) })?;
    let Some(row) = row else { return Ok(None) };
    let read = || -> Result<Entry, sqlx::Error> {
        Ok(Entry {
            id: LedgerId(row.try_get::<Uuid, _>("id")?),
            system_identifier: row.try_get("system_identifier")?,
            database_oid: row.try_get("database_oid")?,
            timeline: row.try_get("timeline")?,
            oldest_writer: row.try_get("oldest_writer")?,
        })
    };
    read().map(Some).map_err(failed())
}

/// Compares the two.
pub(crate) fn judge(engine: EngineKind, entry: &Entry, here: &Here) -> Result<Standing, Error> {
    if entry.system_identifier != here.system_identifier {
        return Err(match engine {
            EngineKind::Postgresql => Error::Clone {
                why: format!(
                    "system identifier {}, here {}",
                    entry.system_identifier, here.system_identifier
                ),
            },
            EngineKind::Sqlite => Error::Moved {
                was: entry.system_identifier.clone(),
                is: here.system_identifier.clone(),
            },
        });
    }
    if entry.database_oid != here.database_oid {
        return Err(Error::Clone {
            why: format!("database oid {}, here {}", entry.database_oid, here.database_oid),
        });
    }
    Ok(match here.timeline {
        None => Standing::Standby,
        Some(_) if here.read_only => Standing::ReadOnly,
        Some(is) if is != entry.timeline => Standing::Promoted {
            was: entry.timeline,
            is,
        },
        Some(_) => Standing::AtHome,
    })
}

/// Whether this build may write a ledger. A newer one is no obstacle: its migrations only added, and it says which is the oldest
/// build that may still write.
pub(crate) fn writable(oldest_writer: i32) -> Result<(), Error> {
    if oldest_writer > migrations::FORMAT {
        return Err(Error::TooNew {
            found: oldest_writer,
            known: migrations::FORMAT,
        });
    }
    Ok(())
}

impl Ledger {
    /// Looks whether this is still the ledger that was opened, where it was opened.
    ///
    /// # Errors
    /// What it is instead, for which [`Error::is_elsewhere`] holds; and what the database says.
    pub async fn look(&self) -> Result<(), Error> {
        let mut conn = self.pool.acquire().await.map_err(Error::of("ledger.connect"))?;
        let entry = entry(&mut conn).await?.ok_or(Error::Absent)?;
        let (here, _) = here(&mut conn).await?;
        writable(entry.oldest_writer)?;
        judge(self.pool.engine(), &entry, &here)?.to_work()?;
        if entry.id != self.id() {
            return Err(Error::Replaced {
                was: self.id(),
                is: entry.id,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            id: LedgerId::random(),
            system_identifier: "7".to_owned(),
            database_oid: 5,
            timeline: 1,
            oldest_writer: 1,
        }
    }

    fn here() -> Here {
        Here {
            system_identifier: "7".to_owned(),
            database_oid: 5,
            timeline: Some(1),
            read_only: false,
        }
    }

    #[test]
    fn a_ledger_works_only_where_it_was_used_last() {
        let judged = |here: Here| judge(EngineKind::Postgresql, &entry(), &here);
        assert_eq!(judged(here()).unwrap(), Standing::AtHome);
        for (is, expected) in [
            (Some(2), Standing::Promoted { was: 1, is: 2 }),
            (None, Standing::Standby),
        ] {
            let standing = judged(Here {
                timeline: is,
                ..here()
            })
            .unwrap();
            assert_eq!(standing, expected);
            assert!(standing.to_work().is_err());
        }
        let read_only = judged(Here {
            read_only: true,
            ..here()
        });
        assert_eq!(read_only.unwrap(), Standing::ReadOnly);
        let other = Here {
            system_identifier: "8".to_owned(),
            ..here()
        };
        assert!(matches!(judged(other.clone()), Err(Error::Clone { .. })));
        assert!(matches!(
            judge(EngineKind::Sqlite, &entry(), &other),
            Err(Error::Moved { .. })
        ));
        let database = Here {
            database_oid: 6,
            ..here()
        };
        assert!(matches!(judged(database), Err(Error::Clone { .. })));
    }

    #[test]
    fn an_older_build_writes_a_newer_ledger_unless_that_says_no() {
        assert!(writable(1).is_ok() && writable(migrations::FORMAT).is_ok());
        let refused = writable(migrations::FORMAT + 1).unwrap_err().to_string();
        assert!(refused.contains("upgrade sluice"), "{refused}");
    }
}
