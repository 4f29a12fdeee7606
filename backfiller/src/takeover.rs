//! Ending what a vanished predecessor left running, before its task is claimed.
//!
//! A worker that was stopped in mid-batch may still hold row locks and the cursor's lock on a server that knows
//! nothing of its fate. Batches are found by the mark in their SQL text, because behind a pooler nobody
//! knows the backend's id beforehand; steps by the backend that their worker recorded.

use std::time::Duration;

use engine::catalog::EngineKind;
use engine::db::{self, Pool, Raw};
use engine::postgres::session::{self, Backend, Terminated};
use ledger::chunks::batch_mark;
use ledger::role::site::Site;
use proto::{LeaseId, TaskId};

const POLL: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(10);

/// What became of the predecessor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Predecessor {
    /// Nothing of it runs on the server.
    Gone,
    /// It was told to go and is still there.
    StillThere,
}

/// Why it could not be found out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The ledger.
    #[error("the ledger could not be asked about the predecessor")]
    Ledger(#[from] ledger::Error),
    /// The database.
    #[error("the predecessor's backend could not be looked for")]
    Database(#[source] sqlx::Error),
    /// The engine.
    #[error("the predecessor's backend could not be ended")]
    Engine(#[from] engine::postgres::Error),
}

/// Ends the transactions of a lapsed lease on a chunk. Seen and ended as the same role that began them, over the same
/// route, so that it needs no privilege of its own.
///
/// Each look is a transaction of its own: the server shows one unchanging `pg_stat_activity` within a transaction.
///
/// A file has no backends: a batch that is still open there holds the write lock, for which the claim waits, and the fence refuses its
/// commit after that.
pub(crate) async fn end_batches(site: &Site, lease: LeaseId) -> Result<Predecessor, Error> {
    if site.target.data.engine() == EngineKind::Sqlite {
        return Ok(Predecessor::Gone);
    }
    let began = site.clock.monotonic();
    loop {
        let found = terminate_marked(&site.target.data, &batch_mark(lease))
            .await
            .map_err(Error::Database)?;
        if found == 0 {
            return Ok(Predecessor::Gone);
        }
        if site.clock.monotonic() - began > LIMIT {
            return Ok(Predecessor::StillThere);
        }
        site.clock.sleep(POLL).await;
    }
}

async fn terminate_marked(pool: &Pool, mark: &str) -> Result<usize, sqlx::Error> {
    // An idle session is in no transaction: it holds nothing, and behind a pooler it may serve somebody else next.
    const SQL: &str = "/* sluice:backfiller.takeover */
        SELECT pg_terminate_backend(pid)
        FROM pg_stat_activity
        WHERE strpos(query, $1) > 0
            AND state <> 'idle'
            AND usename = current_user
            AND datname = current_database()
            AND pid <> pg_backend_pid()";
    let mut tx = pool.begin().await?;
    let asked: Vec<bool> = db::scalar(SQL)
        .bind(mark)
        .persistent(false)
        .fetch_all(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(asked.len())
}

/// Proves that the backend which last ran a step is gone, or ends it.
pub(crate) async fn end_step(site: &Site, task: TaskId) -> Result<Predecessor, Error> {
    let Some((pid, started)) = site.target.ledger.recorded_backend(task).await? else {
        return Ok(Predecessor::Gone);
    };
    let mut conn = site.target.owner.acquire().await.map_err(Error::Database)?;
    let Raw::Postgres(conn) = conn.raw() else {
        return Ok(Predecessor::Gone);
    };
    let ended = session::terminate_backend(conn, &Backend { pid, started }, LIMIT).await?;
    Ok(match ended {
        Terminated::Gone => Predecessor::Gone,
        Terminated::StillThere | Terminated::NotPermitted => Predecessor::StillThere,
    })
}
