//! One batch: one short transaction that changes rows and advances the cursor together.
//!
//! The order matters. Hold the cursor (where does this batch begin, and is the chunk still ours?), ask leave (does the
//! planner allow writing?), lock the leaf, and only *then*, in a following statement, read the fingerprint: a VACUUM FULL that
//! committed while we waited for the lock is visible to it, and none can begin after it. Checked before the lock, the update
//! would go by block numbers of a file that is gone. Then update, advance the cursor under the fence, commit.
//!
//! The update makes its own predicate false, so a row that is met twice (its new version lands ahead of the cursor) is
//! changed once. A row that is right is never rewritten.

use std::ops::Range;
use std::time::Duration;

use engine::db::{Connection, Pool, Raw};
use engine::error::{Class, classify, classify_commit, is_gone, sqlstate};
use engine::postgres::ident::{self, IdentError};
use engine::postgres::session::{BatchSettings, set_local};
use engine::postgres::{triggers, wal};
use engine::{relation, sqlite};
use ledger::chunks::{self, Chunk, Leave, Progress, batch_mark};
use ledger::plan::{Fill, Plan};
use ledger::role::crash;
use ledger::shares::Share;
use ledger::tasks::Fence;
use proto::TaskId;
use shared::clock::Clock;

use crate::words::words;

/// What stays the same for all batches of a chunk.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    pub(super) plan: &'a Plan,
    pub(super) fill: &'a Fill,
    pub(super) chunk: &'a Chunk,
    pub(super) fence: Fence,
    pub(super) root_oid: u32,
    pub(super) lock_timeout: Duration,
    pub(super) clock: &'a dyn Clock,
}

/// What differs from batch to batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// Most blocks to take.
    pub(super) blocks: u64,
    pub(super) statement_timeout: Duration,
    /// What happened since the last commit, to be counted with this one.
    pub(super) retries: u32,
    pub(super) gave_way: u32,
    pub(super) throttled: Duration,
}

/// How a batch ended.
#[derive(Debug)]
pub(super) enum Batch {
    /// Rows and cursor are committed.
    Committed {
        range: Range<u64>,
        seen: u64,
        changed: u64,
        /// By how many bytes the server's write-ahead log grew meanwhile; 0 where the share does not limit it.
        wal_bytes: u64,
        share: Share,
        /// Part of its speed at which the worker may go on.
        factor: f64,
        /// From the moment in which the transaction had begun: on SQLite that is how long it held the write lock.
        held: Duration,
    },
    /// The cursor stands at the chunk's end.
    Complete,
    /// The planner says no, or says nothing.
    NotNow(Leave),
    /// Another attempt owns the chunk.
    Lost,
    /// The table is not what the sweep began with.
    Drifted(String),
    /// It was canceled because a session of the application waited for it; nothing of it happened.
    GaveWay(Range<u64>),
    /// The database said no; nothing of it happened, unless the class says that this is not known.
    Failed(Fault),
}

/// Why a batch failed, without row values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) class: Class,
    pub(super) sqlstate: Option<String>,
    /// The constraint that refused, or the message where it cannot hold row values.
    pub(super) words: String,
    /// The blocks it was about; empty if it did not get that far.
    pub(super) range: Range<u64>,
}

impl Ground<'_> {
    /// Runs one batch.
    pub(super) async fn batch(&self, pool: &Pool, order: Order) -> Batch {
        let mut range = 0..0;
        match self.transact(pool, order, &mut range).await {
            Ok(batch) => batch,
            Err(stop) => stop.into_batch(range),
        }
    }

    async fn transact(&self, pool: &Pool, order: Order, range: &mut Range<u64>) -> Result<Batch, Stop> {
        let mut tx = pool.begin().await.map_err(Stop::Database)?;
        let since = self.clock.monotonic();
        let begun = self.begin(&mut tx, order).await?;
        let leave = match begun {
            Begun::Not(batch) => {
                tx.rollback().await.map_err(Stop::Database)?;
                return Ok(batch);
            }
            Begun::At(cursor, leave) => {
                *range = cursor..self.reach(&mut tx, cursor, order.blocks).await?;
                leave
            }
        };
        if let Some(drift) = self.lock_and_look(&mut tx).await? {
            tx.rollback().await.map_err(Stop::Database)?;
            return Ok(Batch::Drifted(drift));
        }
        let before = self.log_position(&mut tx, leave.share).await?;
        let (seen, changed) = self.update(&mut tx, range).await?;
        let progress = Progress {
            cursor_block: range.end,
            rows_seen: seen,
            rows_changed: changed,
            retries: order.retries,
            gave_way: order.gave_way,
            throttled: order.throttled,
            took: self.clock.monotonic().saturating_sub(since),
        };
        chunks::advance(&mut tx, self.chunk.id, self.fence, progress)
            .await
            .map_err(Stop::Ledger)?;
        let after = self.log_position(&mut tx, leave.share).await?;
        crash::point("batch.before_commit");
        tx.commit().await.map_err(Stop::Commit)?;
        crash::point("batch.after_commit");
        Ok(Batch::Committed {
            range: range.clone(),
            seen,
            changed,
            wal_bytes: after.saturating_sub(before),
            share: leave.share,
            factor: leave.factor,
            held: self.clock.monotonic().saturating_sub(since),
        })
    }

    /// Settings, cursor, leave.
    async fn begin(&self, conn: &mut Connection, order: Order) -> Result<Begun, Stop> {
        let settings = BatchSettings {
            statement_timeout: order.statement_timeout,
            lock_timeout: self.lock_timeout,
            idle_timeout: IDLE_TIMEOUT,
            search_path: self.plan.search_path.clone(),
        };
        if let Raw::Postgres(conn) = conn.raw() {
            set_local(conn, &settings).await.map_err(Stop::Engine)?;
        }
        let cursor = ledger::cursor::hold(conn, self.chunk.id, self.fence)
            .await
            .map_err(Stop::Ledger)?;
        if cursor >= self.chunk.end_block {
            return Ok(Begun::Not(Batch::Complete));
        }
        let leave = chunks::leave_to_write(conn, self.chunk.job, self.task(), self.fence.lease)
            .await
            .map_err(Stop::Ledger)?;
        Ok(if leave.go && !leave.ended {
            Begun::At(cursor, leave)
        } else {
            Begun::Not(Batch::NotNow(leave))
        })
    }

    fn task(&self) -> TaskId {
        TaskId::of_chunk(self.chunk.id)
    }

    /// 0 where nobody limits it.
    async fn log_position(&self, conn: &mut Connection, share: Share) -> Result<u64, Stop> {
        match conn.raw() {
            Raw::Postgres(conn) if share.wal_bytes_per_second.is_finite() => {
                wal::insert_position(conn).await.map_err(Stop::Database)
            }
            Raw::Postgres(_) | Raw::Sqlite(_) => Ok(0),
        }
    }

    /// Block after the last one of this batch.
    async fn reach(&self, conn: &mut Connection, cursor: u64, blocks: u64) -> Result<u64, Stop> {
        let left = cursor..self.chunk.end_block;
        let row = self.fill.row.as_deref();
        relation::reach(conn, &self.chunk.leaf, row, &left, blocks)
            .await
            .map_err(Stop::Engine)
    }

    /// Lock first, look second. Says what has drifted, if something has. On SQLite the transaction has held the write lock since it
    /// began.
    async fn lock_and_look(&self, conn: &mut Connection) -> Result<Option<String>, Stop> {
        let leaf = self.leaf()?;
        let lock = format!(
            "/* {} */ LOCK TABLE ONLY {leaf} IN ROW EXCLUSIVE MODE",
            batch_mark(self.fence.lease)
        );
        let locked = match conn.raw() {
            Raw::Postgres(conn) => engine::sql::execute_script(conn, lock).await.map(|_| ()),
            Raw::Sqlite(_) => Ok(()),
        };
        if let Err(error) = locked {
            // It was renamed, moved, detached and dropped.
            if is_gone(&error) {
                return Ok(Some(format!("{leaf} is no longer there")));
            }
            return Err(Stop::Database(error));
        }
        let found = relation::fingerprint(conn, self.root_oid, self.chunk.leaf_oid, &self.chunk.leaf)
            .await
            .map_err(Stop::Engine)?;
        // Only now: nothing that could write beside us can be made before we end.
        if let Raw::Postgres(conn) = conn.raw() {
            triggers::declare_alone(conn, self.root_oid, self.chunk.leaf_oid)
                .await
                .map_err(Stop::Engine)?;
        }
        Ok(match found {
            Some(found) if found.0 == self.chunk.fingerprint => None,
            Some(_) => Some(format!(
                "{leaf} has changed since the sweep began (its fingerprint differs)"
            )),
            None => Some(format!("{leaf} is no longer there")),
        })
    }

    /// Rows in the range, and how many of them were changed.
    async fn update(&self, conn: &mut Connection, range: &Range<u64>) -> Result<(u64, u64), Stop> {
        let leaf = self.leaf()?;
        let conn = match conn.raw() {
            Raw::Postgres(conn) => conn,
            Raw::Sqlite(conn) => return self.update_file(conn, &leaf, range).await,
        };
        let text = self.fill.batch_sql(&leaf, range, &self.mark());
        let (seen, changed): (i64, i64) = engine::sql::query_as(text)
            .fetch_one(conn)
            .await
            .map_err(Stop::Database)?;
        Ok((seen.unsigned_abs(), changed.unsigned_abs()))
    }

    /// Two statements, because SQLite has no updating part of a query; nobody else writes in between.
    async fn update_file(
        &self,
        conn: &mut sqlx::SqliteConnection,
        leaf: &str,
        range: &Range<u64>,
    ) -> Result<(u64, u64), Stop> {
        let (from, within) = (self.fill.only(leaf), self.fill.within(range));
        let count = format!("/* {} */ SELECT count(*) FROM {from} WHERE {within}", self.mark());
        let seen: i64 = sqlite::text::scalar(count)
            .fetch_one(&mut *conn)
            .await
            .map_err(Stop::Database)?;
        let Fill { set, wrong, .. } = self.fill;
        let update = format!(
            "/* {} */ UPDATE {from} SET {set} WHERE {within} AND ({wrong})",
            self.mark()
        );
        let changed = sqlite::text::query(update)
            .execute(conn)
            .await
            .map_err(Stop::Database)?;
        Ok((seen.unsigned_abs(), changed.rows_affected()))
    }

    fn leaf(&self) -> Result<String, Stop> {
        let quoted = match self.fill.row {
            None => ident::table(&self.chunk.leaf),
            Some(_) => sqlite::ident::table(&self.chunk.leaf),
        };
        quoted.map_err(Stop::Ident)
    }

    fn mark(&self) -> String {
        format!("{} chunk={}", batch_mark(self.fence.lease), self.chunk.id)
    }

    /// Counts time and retries that no batch could carry, before a chunk is given back.
    pub(super) async fn account(&self, pool: &Pool, order: Order) -> Result<(), ledger::Error> {
        let failed = || ledger::Error::of("ledger.cursor_advance");
        let mut tx = pool.begin().await.map_err(failed())?;
        let cursor_block = ledger::cursor::hold(&mut tx, self.chunk.id, self.fence).await?;
        let progress = Progress {
            cursor_block,
            retries: order.retries,
            gave_way: order.gave_way,
            throttled: order.throttled,
            ..Progress::default()
        };
        chunks::advance(&mut tx, self.chunk.id, self.fence, progress).await?;
        tx.commit().await.map_err(failed())
    }
}

/// A worker that is stopped in mid-batch loses its locks after this, long before its lease lapses.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

enum Begun {
    At(u64, Leave),
    Not(Batch),
}

enum Stop {
    Database(sqlx::Error),
    Commit(sqlx::Error),
    Engine(engine::postgres::Error),
    Ledger(ledger::Error),
    Ident(IdentError),
}

impl Stop {
    fn into_batch(self, range: Range<u64>) -> Batch {
        let (class, source) = match &self {
            Self::Ledger(ledger::Error::LeaseLost { .. }) => return Batch::Lost,
            Self::Commit(error) => (classify_commit(error), Some(error)),
            Self::Database(error) | Self::Ledger(ledger::Error::Statement { source: error, .. }) => {
                (classify(error), Some(error))
            }
            Self::Engine(error) => match error {
                engine::postgres::Error::Query { source, .. } => (error.class(), Some(source)),
                engine::postgres::Error::Shape { .. }
                | engine::postgres::Error::Blind { .. }
                | engine::postgres::Error::Ident(_) => (error.class(), None),
            },
            Self::Ledger(_) | Self::Ident(_) => (Class::Permanent, None),
        };
        let sqlstate = source.and_then(sqlstate);
        let words = match source {
            Some(error) => words(class, error),
            None => self.to_string(),
        };
        Batch::Failed(Fault {
            class,
            sqlstate,
            words,
            range,
        })
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Database(error) | Self::Commit(error) => error.fmt(f),
            Self::Engine(error) => error.fmt(f),
            Self::Ledger(error) => error.fmt(f),
            Self::Ident(error) => error.fmt(f),
        }
    }
}
