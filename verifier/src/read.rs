//! Reading a range of blocks: count, find what is wrong, narrow what cannot be read.
//!
//! Each read is one short transaction, READ COMMITTED and READ ONLY: counts, then (if any row is wrong) the wrong rows, then
//! the fingerprint. The fingerprint comes *last*: from its first statement on the transaction holds a lock that keeps the
//! leaf's file in place, so what it then shows is what was read. Read before, a VACUUM FULL in between would go
//! unnoticed, and rows would be missed.
//!
//! A row is reported only if it is also wrong for the second statement: one that an application write made right in the
//! meantime is no finding. A row for which the expression raises is found by halving the range down to its block, then
//! row by row.

mod clean;
mod rows;
pub(crate) mod sql;

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use engine::catalog::{EngineKind, TableName};
use engine::db::{self, Connection, Pool, Raw, Transaction};
use engine::error::{Class, classify, sqlstate};
use engine::postgres::ident;
use engine::postgres::replayed::{self, Mark, Standing};
use engine::postgres::session::{BatchSettings, set_local};
use engine::relation;
use ledger::Plan;
use ledger::checks::Mismatch;
use ledger::plan::Fill;
use ledger::role::site::Site;
use serde_json::Value;

/// Most wrong rows named by one read of a range.
pub(crate) const NAMED: usize = 100;
/// Blocks of one statement: 4 MiB.
const STEP: u64 = 512;
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// For a single block that is too slow for the ordinary limit.
const PATIENT_TIMEOUT: Duration = Duration::from_secs(30);
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);
/// Failures in a row after which a read is given up for now.
const PATIENCE: u32 = 8;
const PAUSE: Duration = Duration::from_millis(250);

/// What a range is read of.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) site: &'a Site,
    pub(crate) plan: &'a Plan,
    pub(crate) fill: &'a Fill,
    pub(crate) root_oid: u32,
    pub(crate) leaf_oid: u32,
    pub(crate) leaf: &'a TableName,
    pub(crate) fingerprint: &'a str,
    /// Keys in quarantine: those rows are set aside already.
    pub(crate) set_aside: &'a BTreeSet<String>,
    pub(crate) place: Place<'a>,
}

/// Where it is read.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Primary,
    /// A server that proves in each transaction that it is a replica which has replayed the mark.
    Replica {
        pool: &'a Pool,
        mark: &'a Mark,
    },
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// Live rows.
    pub(crate) rows: u64,
    /// Rows whose new value is not what old gives.
    pub(crate) wrong: u64,
    /// Rows for which the expression raises.
    pub(crate) unreadable: u64,
    /// Both, by key; at most [`NAMED`].
    pub(crate) named: Vec<Mismatch>,
}

/// Why a range could not be read.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The leaf is not what it was.
    Drifted,
    /// The database will say no again: a privilege, or SQL that does not fit.
    Refused(String),
    /// Not now, with the reason.
    Failed(String),
}

/// Why one statement failed.
enum Fault {
    Drifted,
    Database(sqlx::Error),
    Other(String),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Reader<'_> {
    /// Reads a whole range, in steps that shrink where it is slow or cannot be read.
    pub(crate) async fn range(&self, range: Range<u64>) -> Result<Found, Stop> {
        let mut found = Found::default();
        let (mut at, mut step, mut in_a_row, mut timeout) = (range.start, STEP, 0, STATEMENT_TIMEOUT);
        while at < range.end {
            let piece = at..self.range_end(&(at..range.end), step).await?;
            let alone = piece.end - piece.start == 1;
            match self.piece(&piece, timeout).await {
                Ok(more) => {
                    found.add(more);
                    at = piece.end;
                    (step, in_a_row, timeout) = ((step * 2).min(STEP), 0, STATEMENT_TIMEOUT);
                    continue;
                }
                Err(Fault::Drifted) => return Err(Stop::Drifted),
                Err(Fault::Other(why)) => return Err(Stop::Failed(why)),
                Err(Fault::Database(error)) => match classify(&error) {
                    Class::Data if alone => {
                        found.add(self.row_by_row(piece.start).await?);
                        at = piece.end;
                        continue;
                    }
                    Class::Data => {
                        step = (piece.end - piece.start) / 2;
                        continue;
                    }
                    Class::StatementTimeout | Class::LockTimeout | Class::Deadlock => {
                        if alone {
                            timeout = PATIENT_TIMEOUT;
                        }
                        step = ((piece.end - piece.start) / 2).max(1);
                    }
                    Class::Transient | Class::ReadOnly | Class::UnknownOutcome => {}
                    Class::Permission | Class::Permanent => return Err(Stop::Refused(self.words(&error))),
                },
            }
            in_a_row += 1;
            if in_a_row >= PATIENCE || self.site.is_stopping() {
                return Err(Stop::Failed(format!("{} attempts in a row failed", in_a_row)));
            }
            self.site.rest(PAUSE * in_a_row).await;
        }
        Ok(found)
    }

    /// How far about `blocks` filled blocks go. Asked where a range may be nearly empty.
    pub(crate) async fn range_end(&self, range: &Range<u64>, blocks: u64) -> Result<u64, Stop> {
        if self.fill.row.is_none() {
            return Ok((range.start + blocks).min(range.end));
        }
        let failed = |error: sqlx::Error| Stop::Failed(self.words(&error));
        let mut conn = self.site.target.data.acquire().await.map_err(failed)?;
        relation::reach(&mut conn, self.leaf, self.fill.row.as_deref(), range, blocks)
            .await
            .map_err(|error| Stop::Failed(shared::service::chain(&error)))
    }

    /// One short transaction over one range.
    async fn piece(&self, range: &Range<u64>, timeout: Duration) -> Result<Found, Fault> {
        let mut tx = self.begin(timeout).await?;
        let leaf = self.leaf_sql()?;
        let counted = db::query(sql::count(self.fill, &leaf, range))
            .fetch_one(&mut tx)
            .await;
        let counted = self.or_gone(counted)?;
        let (rows, wrong): (i64, i64) = (counted.try_get(0)?, counted.try_get(1)?);
        let mut found = Found {
            rows: rows.unsigned_abs(),
            ..Found::default()
        };
        if wrong > 0 {
            let named = self.wrong_rows(&mut tx, &leaf, range).await?;
            let listed = named.len();
            found.named = named
                .into_iter()
                .filter(|m| !self.set_aside.contains(&m.key.to_string()))
                .collect();
            let left_out = (listed - found.named.len()) as u64;
            // A full list says nothing about the rest: then the count of the first statement stands.
            found.wrong = if listed < NAMED {
                found.named.len() as u64
            } else {
                wrong.unsigned_abs() - left_out
            };
        }
        self.same_file(&mut tx).await?;
        tx.rollback().await?;
        Ok(found)
    }

    async fn begin(&self, statement_timeout: Duration) -> Result<Transaction, Fault> {
        let pool = match self.place {
            Place::Primary => &self.site.target.data,
            Place::Replica { pool, .. } => pool,
        };
        let mut tx = pool.begin_reading().await?;
        let Raw::Postgres(conn) = tx.raw() else {
            return Ok(tx);
        };
        let settings = BatchSettings {
            statement_timeout,
            lock_timeout: LOCK_TIMEOUT,
            idle_timeout: STATEMENT_TIMEOUT,
            search_path: self.plan.search_path.clone(),
        };
        set_local(conn, &settings).await.map_err(of_engine)?;
        if let Place::Replica { mark, .. } = self.place {
            match replayed::look(conn, mark).await.map_err(of_engine)? {
                Standing::Arrived => {}
                Standing::NotYet => return Err(Fault::Other("it went back behind the chunk".to_owned())),
                Standing::Stranger(why) => return Err(Fault::Other(why)),
            }
        }
        Ok(tx)
    }

    async fn wrong_rows(
        &self,
        conn: &mut Connection,
        leaf: &str,
        range: &Range<u64>,
    ) -> Result<Vec<Mismatch>, Fault> {
        let text = sql::wrong_rows(self.fill, leaf, range, NAMED).map_err(|e| Fault::Other(e.to_string()))?;
        let rows = db::query(text).fetch_all(conn).await?;
        rows.iter()
            .map(|row| {
                let block: i64 = row.try_get(1)?;
                Ok(self.mismatch(row.try_get(0)?, block.unsigned_abs(), row.try_get(2)?))
            })
            .collect()
    }

    fn mismatch(&self, key: Value, block: u64, detail: Value) -> Mismatch {
        Mismatch {
            leaf_oid: self.leaf_oid,
            leaf: self.leaf.clone(),
            key,
            block,
            detail,
        }
    }

    async fn same_file(&self, conn: &mut Connection) -> Result<(), Fault> {
        let now = relation::fingerprint(conn, self.root_oid, self.leaf_oid, self.leaf)
            .await
            .map_err(of_engine)?;
        if now.is_some_and(|now| now.0 == self.fingerprint) {
            Ok(())
        } else {
            Err(Fault::Drifted)
        }
    }

    fn leaf_sql(&self) -> Result<String, Fault> {
        let quoted = match self.plan.engine {
            EngineKind::Postgresql => ident::table(self.leaf),
            EngineKind::Sqlite => engine::sqlite::ident::table(self.leaf),
        };
        quoted.map_err(|e| Fault::Other(e.to_string()))
    }

    /// A leaf that is gone has drifted, too.
    fn or_gone<T>(&self, answer: Result<T, sqlx::Error>) -> Result<T, Fault> {
        answer.map_err(|error| {
            if engine::error::is_gone(&error) {
                Fault::Drifted
            } else {
                Fault::Database(error)
            }
        })
    }

    fn words(&self, error: &sqlx::Error) -> String {
        let state = sqlstate(error).unwrap_or_else(|| "none".to_owned());
        let message = error
            .as_database_error()
            .map_or_else(|| error.to_string(), |e| e.message().to_owned());
        format!(
            "{}.{} cannot be read (SQLSTATE {state}): {message}",
            self.leaf.schema, self.leaf.name
        )
    }
}

impl Found {
    fn add(&mut self, more: Self) {
        self.rows += more.rows;
        self.wrong += more.wrong;
        self.unreadable += more.unreadable;
        let room = NAMED.saturating_sub(self.named.len());
        self.named.extend(more.named.into_iter().take(room));
    }
}

fn of_engine(error: engine::postgres::Error) -> Fault {
    match error {
        engine::postgres::Error::Query { source, .. } => Fault::Database(source),
        other @ (engine::postgres::Error::Shape { .. }
        | engine::postgres::Error::Blind { .. }
        | engine::postgres::Error::Ident(_)) => Fault::Other(other.to_string()),
    }
}
