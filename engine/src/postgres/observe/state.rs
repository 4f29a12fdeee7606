//! What the watching session sees of the watched one, and what the watched one sees of its own uncommitted work.
//!
//! Locks are read from outside: the reader's own locks would be among them otherwise, and a transaction that failed can ask nothing.
//! Names are those of the committed catalog, so of the time before the statement. Storage files and counters of scans are
//! read inside, where uncommitted changes show. All of it over the simple protocol: a `DISCARD ALL` of the script takes
//! prepared statements away.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::{Lock, RelationKind};
use crate::postgres::Error;
use crate::sql;

/// Relations that were there before the script: nobody waits for what the script itself has made.
pub(super) type Before = BTreeSet<i64>;

/// The storage file of a relation, and how often it was read from end to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Storage {
    file: i64,
    scans: i64,
}

/// Storage by relation.
pub(super) type State = BTreeMap<i64, Storage>;

const RELATIONS: &str = include_str!("state/relations.sql");
const LOCKS: &str = include_str!("state/locks.sql");
const INSIDE: &str = include_str!("state/inside.sql");
const OUTSIDE: &str = include_str!("state/outside.sql");

/// Whether a transaction is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transaction {
    /// None.
    None,
    /// One that goes on.
    Open,
    /// One that can only be rolled back.
    Failed,
    /// There is no such session any more.
    Gone,
}

/// Of the session with this process id. A statement that failed is answered before its transaction is cleaned up: that is waited for.
pub(super) async fn transaction(watcher: &mut PgConnection, pid: i32) -> Result<Transaction, Error> {
    const SQL: &str = "/* sluice:engine.observe_transaction */ \
        SELECT state FROM pg_catalog.pg_stat_activity WHERE pid = $1";
    loop {
        let state: Option<Option<String>> = sql::scalar(SQL)
            .bind(pid)
            .fetch_optional(&mut *watcher)
            .await
            .map_err(Error::query("look at the observed session"))?;
        return Ok(match state.flatten().as_deref() {
            None => Transaction::Gone,
            Some("idle") => Transaction::None,
            Some("idle in transaction") => Transaction::Open,
            Some("idle in transaction (aborted)") => Transaction::Failed,
            Some(_) => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            }
        });
    }
}

/// Every relation of users, by name.
pub(super) async fn relations(watcher: &mut PgConnection) -> Result<BTreeMap<i64, String>, Error> {
    let rows = sql::query(RELATIONS)
        .fetch_all(watcher)
        .await
        .map_err(Error::query("list the relations of the scratch database"))?;
    let named = |row: &PgRow| Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?));
    rows.iter()
        .map(named)
        .collect::<Result<_, _>>()
        .map_err(Error::query("read the relations of the scratch database"))
}

/// The locks of a session on relations that were there before, also those that it waits for; each mode once.
pub(super) async fn locks(
    watcher: &mut PgConnection,
    pid: i32,
    before: &Before,
) -> Result<BTreeSet<Lock>, Error> {
    let doing = "read the locks of the observed session";
    let rows = sql::query(LOCKS)
        .bind(pid)
        .fetch_all(watcher)
        .await
        .map_err(Error::query(doing))?;
    let mut found = BTreeSet::new();
    for row in &rows {
        let (oid, lock) = lock(row).map_err(Error::query(doing))?;
        if before.contains(&oid) {
            found.insert(lock);
        }
    }
    Ok(found)
}

fn lock(row: &PgRow) -> Result<(i64, Lock), sqlx::Error> {
    let kind: String = row.try_get(2)?;
    let lock = Lock {
        relation: row.try_get(1)?,
        kind: match kind.as_str() {
            "r" | "p" | "f" => RelationKind::Table,
            "m" => RelationKind::MaterializedView,
            "v" => RelationKind::View,
            "i" | "I" => RelationKind::Index,
            "S" => RelationKind::Sequence,
            _ => RelationKind::Other,
        },
        mode: row.try_get(3)?,
    };
    Ok((row.try_get(0)?, lock))
}

/// As the watched session itself sees it, in its transaction.
pub(super) async fn inside(watched: &mut PgConnection) -> Result<State, Error> {
    let rows = sql::fetch_simply(watched, INSIDE)
        .await
        .map_err(Error::query("look at the storage of the scratch database"))?;
    state(&rows)
}

/// As everybody sees it once the statement is done. The counters are those that were sent: see [`super::session`].
pub(super) async fn outside(watcher: &mut PgConnection) -> Result<State, Error> {
    let rows = sql::fetch_simply(watcher, OUTSIDE)
        .await
        .map_err(Error::query("look at the storage of the scratch database"))?;
    state(&rows)
}

fn state(rows: &[PgRow]) -> Result<State, Error> {
    let read = |row: &PgRow| {
        let storage = Storage {
            file: row.try_get(1)?,
            scans: row.try_get(2)?,
        };
        Ok::<_, sqlx::Error>((row.try_get(0)?, storage))
    };
    rows.iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(Error::query("read the storage of the scratch database"))
}

/// What differs between two states, by name: rewritten, scanned.
pub(super) fn difference(
    names: &BTreeMap<i64, String>,
    before: &Before,
    (first, then): (&State, &State),
) -> (Vec<String>, Vec<String>) {
    let (mut rewritten, mut scanned) = (BTreeSet::new(), BTreeSet::new());
    for (oid, storage) in then {
        let (Some(earlier), Some(name), true) = (first.get(oid), names.get(oid), before.contains(oid)) else {
            continue;
        };
        if storage.file != earlier.file {
            rewritten.insert(name.clone());
        }
        if storage.scans > earlier.scans {
            scanned.insert(name.clone());
        }
    }
    (rewritten.into_iter().collect(), scanned.into_iter().collect())
}
