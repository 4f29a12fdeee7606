//! Runs the script on one session, and looks.
//!
//! A statement that stands alone is put into a transaction of its own, so that its locks are still there to be seen; the server commits
//! it by itself otherwise, so nothing else changes. One that is refused there (SQLSTATE 25001, or 2D000 for what commits by
//! itself) runs again outside, between [`super::gate`]s. Where the script has opened a transaction, what is new since the statement before is its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::gate::Gates;
use super::state::{self, Before, State, Transaction};
use super::statement::{self, Kind};
use super::{Error, Lock, Observed, Outcome, Statement, scratch};
use crate::postgres::error::{message, sqlstate};
use crate::postgres::{self};
use crate::sql;

/// Between two looks at a statement that runs outside a transaction.
const PAUSE: Duration = Duration::from_millis(2);
/// No statement needs longer on tables without rows, unless it waits for what never comes. The script can set its own.
const PATIENCE: &str = "60s";
/// The first major version whose sessions send their counters when asked to.
const SENDS_COUNTERS: i32 = 15;

/// Statements on rows: an index wherever one can serve, so that a scan is one on the live table too.
const PREFER_INDEX: &str = "SET enable_seqscan = off; SET enable_indexscan = on; SET enable_bitmapscan = on; \
    SET enable_indexonlyscan = off";
/// All others: what reads a whole table reads the table, and is counted as such.
const PREFER_TABLE: &str = "SET enable_seqscan = on; SET enable_indexscan = off; SET enable_bitmapscan = off; \
    SET enable_indexonlyscan = off";

/// Runs the statements in a database; with the session's time zone.
pub(super) async fn run(
    options: &PgConnectOptions,
    settings: &[(String, String)],
    statements: &[Statement<'_>],
) -> Result<(Vec<Observed>, String), Error> {
    let mut session = Session::begin(options, settings).await?;
    let mut seen = Vec::with_capacity(statements.len());
    for statement in statements {
        seen.push(session.observe(*statement).await?);
    }
    let timezone = session.timezone.clone();
    session.watched.close().await.ok();
    session.watcher.close().await.ok();
    Ok((seen, timezone))
}

/// The session that runs the script, and the one that looks.
struct Session<'a> {
    options: &'a PgConnectOptions,
    watched: PgConnection,
    pid: i32,
    version: i32,
    timezone: String,
    watcher: PgConnection,
    before: Before,
}

impl<'a> Session<'a> {
    async fn begin(options: &'a PgConnectOptions, settings: &[(String, String)]) -> Result<Self, Error> {
        const WHO: &str = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('server_version_num')::int4 / 10000, \
            pg_catalog.current_setting('TimeZone')";
        let doing = || postgres::Error::query("begin the session of the script");
        let mut watched = scratch::connect(options, "scratch").await?;
        let patience = ("statement_timeout".to_owned(), PATIENCE.to_owned());
        let compiled = ("jit".to_owned(), "off".to_owned());
        for (name, value) in settings.iter().chain([&patience, &compiled]) {
            sql::query("SELECT pg_catalog.set_config($1, $2, false)")
                .bind(name)
                .bind(value)
                .execute(&mut watched)
                .await
                .map_err(doing())?;
        }
        let (pid, version, timezone) = sql::query_as(WHO)
            .fetch_one(&mut watched)
            .await
            .map_err(doing())?;
        let mut watcher = scratch::connect(options, "scratch").await?;
        let before = state::relations(&mut watcher).await?.into_keys().collect();
        Ok(Self {
            options,
            watched,
            pid,
            version,
            timezone,
            watcher,
            before,
        })
    }

    async fn observe(&mut self, statement: Statement<'_>) -> Result<Observed, Error> {
        let kind = statement::kind(statement.text);
        if let Kind::Outside(reason) = kind {
            return Ok(Observed::not_run(reason));
        }
        match state::transaction(&mut self.watcher, self.pid).await? {
            Transaction::Gone => Ok(Observed::not_run("the session was ended by an earlier statement")),
            Transaction::Open if kind != Kind::Control => {
                let seen = self.within(statement, kind).await?;
                Ok(seen.settled(statement))
            }
            Transaction::None if kind != Kind::Control && !statement::needs_transaction(statement.text) => {
                let seen = self.alone(statement, kind).await?;
                Ok(seen.settled(statement))
            }
            Transaction::Open | Transaction::Failed | Transaction::None => {
                let ran = execute(&mut self.watched, statement, kind).await;
                Ok(Observed::ended(ran))
            }
        }
    }

    /// In the transaction that the script has opened.
    async fn within(&mut self, statement: Statement<'_>, kind: Kind) -> Result<Observed, Error> {
        let held = self.locks().await?;
        self.prefer(kind).await?;
        let names = state::relations(&mut self.watcher).await?;
        let first = state::inside(&mut self.watched).await?;
        let ran = execute(&mut self.watched, statement, kind).await;
        let mut seen = self.seen(ran, &names, &first).await?;
        seen.locks.retain(|lock| !held.contains(lock));
        seen.held = held.into_iter().collect();
        Ok(seen)
    }

    /// In a transaction of its own, or in none if the server wants it so.
    async fn alone(&mut self, statement: Statement<'_>, kind: Kind) -> Result<Observed, Error> {
        self.prefer(kind).await?;
        let names = state::relations(&mut self.watcher).await?;
        self.own("BEGIN").await?;
        let first = state::inside(&mut self.watched).await?;
        let ran = execute(&mut self.watched, statement, kind).await;
        let refused = ran.as_ref().is_err_and(wants_no_transaction);
        if ran.is_err() {
            let seen = Observed::ended(ran);
            // The connection may be gone: then the next statement finds that.
            sql::execute_script(&mut self.watched, "ROLLBACK").await.ok();
            return if refused {
                self.outside(statement, kind, &names).await
            } else {
                Ok(seen)
            };
        }
        let mut seen = self.seen(ran, &names, &first).await?;
        if let Err(error) = sql::execute_script(&mut self.watched, "COMMIT").await {
            seen.outcome = outcome(Err(error));
        }
        Ok(seen)
    }

    /// Outside any transaction, between gates.
    async fn outside(
        &mut self,
        statement: Statement<'_>,
        kind: Kind,
        names: &BTreeMap<i64, String>,
    ) -> Result<Observed, Error> {
        let first = self.counted().await?;
        let words = statement::words(statement.text);
        let mut gates = Gates::raise(self.options, &mut self.watcher, &words).await?;
        let mut locks = BTreeSet::new();
        let ran = {
            let run = execute(&mut self.watched, statement, kind);
            tokio::pin!(run);
            loop {
                tokio::select! {
                    ran = &mut run => break ran,
                    () = tokio::time::sleep(PAUSE) => {
                        locks.extend(state::locks(&mut self.watcher, self.pid, &self.before).await?);
                        gates.step(&mut self.watcher, self.pid).await?;
                    }
                }
            }
        };
        gates.lower().await;
        let mut seen = Observed::ended(ran);
        seen.transactional = Some(false);
        seen.locks = locks.into_iter().collect();
        if state::transaction(&mut self.watcher, self.pid).await? != Transaction::Gone {
            let then = self.counted().await?;
            (seen.rewritten, seen.scanned) = state::difference(names, &self.before, (&first, &then));
        }
        Ok(seen)
    }

    /// What a statement that was run in a transaction has done, while that is open.
    async fn seen(
        &mut self,
        ran: Result<(), sqlx::Error>,
        names: &BTreeMap<i64, String>,
        first: &State,
    ) -> Result<Observed, Error> {
        let failed = ran.is_err();
        let refused = ran.as_ref().is_err_and(wants_no_transaction);
        let mut seen = Observed::ended(ran);
        seen.transactional = if refused {
            Some(false)
        } else {
            (!failed).then_some(true)
        };
        if failed {
            return Ok(seen);
        }
        seen.locks = self.locks().await?.into_iter().collect();
        let then = state::inside(&mut self.watched).await?;
        (seen.rewritten, seen.scanned) = state::difference(names, &self.before, (first, &then));
        Ok(seen)
    }

    async fn locks(&mut self) -> Result<BTreeSet<Lock>, Error> {
        Ok(state::locks(&mut self.watcher, self.pid, &self.before).await?)
    }

    /// Storage and counters as everybody sees them, once the session has sent its counters.
    async fn counted(&mut self) -> Result<State, Error> {
        if self.version >= SENDS_COUNTERS {
            self.own("SELECT pg_catalog.pg_stat_force_next_flush()").await?;
            return Ok(state::outside(&mut self.watcher).await?);
        }
        // They are sent at most every half second, when the session has nothing to do: wait until nothing more comes.
        let mut last = state::outside(&mut self.watcher).await?;
        loop {
            tokio::time::sleep(Duration::from_millis(700)).await;
            self.own("SELECT").await?;
            let next = state::outside(&mut self.watcher).await?;
            if next == last {
                return Ok(next);
            }
            last = next;
        }
    }

    async fn prefer(&mut self, kind: Kind) -> Result<(), Error> {
        self.own(if kind == Kind::Rows {
            PREFER_INDEX
        } else {
            PREFER_TABLE
        })
        .await
    }

    /// A statement of ours on the script's session.
    async fn own(&mut self, text: &'static str) -> Result<(), Error> {
        sql::execute_script(&mut self.watched, text)
            .await
            .map_err(postgres::Error::query(format!("run {text:?} beside the script")))?;
        Ok(())
    }
}

impl Observed {
    fn ended(ran: Result<(), sqlx::Error>) -> Self {
        Self {
            outcome: outcome(ran),
            transactional: None,
            locks: Vec::new(),
            held: Vec::new(),
            rewritten: Vec::new(),
            scanned: Vec::new(),
        }
    }

    /// What is rewritten is read from end to end, also by those that copy blocks and count no scan; a file that the statement itself has
    /// filled is read to build its indexes, and that is none.
    fn settled(mut self, statement: Statement<'_>) -> Self {
        if statement::replaces_rows(statement.text) {
            self.scanned.retain(|relation| !self.rewritten.contains(relation));
        } else {
            let read = self.scanned.iter().chain(&self.rewritten).cloned();
            self.scanned = read.collect::<BTreeSet<_>>().into_iter().collect();
        }
        self
    }

    fn not_run(reason: &str) -> Self {
        Self {
            outcome: Outcome::NotRun(reason.to_owned()),
            ..Self::ended(Ok(()))
        }
    }
}

fn outcome(ran: Result<(), sqlx::Error>) -> Outcome {
    match ran {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Failed {
            sqlstate: sqlstate(&error).unwrap_or_default(),
            message: message(&error),
        },
    }
}

fn wants_no_transaction(error: &sqlx::Error) -> bool {
    matches!(sqlstate(error).as_deref(), Some("25001" | "2D000"))
}

async fn execute(conn: &mut PgConnection, statement: Statement<'_>, kind: Kind) -> Result<(), sqlx::Error> {
    match kind {
        Kind::CopyIn => {
            let mut rows = conn.copy_in_raw(statement.text).await?;
            rows.send(statement.copy_data.unwrap_or_default().as_bytes())
                .await?;
            rows.finish().await.map(|_| ())
        }
        Kind::CopyOut => {
            let mut rows = conn.copy_out_raw(statement.text).await?;
            while rows.try_next().await?.is_some() {}
            Ok(())
        }
        Kind::Control | Kind::Rows | Kind::Definition => {
            sql::execute_script(conn, statement.text).await.map(|_| ())
        }
        Kind::Outside(_) => Ok(()),
    }
}
