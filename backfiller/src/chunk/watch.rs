//! A batch that keeps a session of the application waiting gives way: it is canceled, and comes again smaller.
//!
//! A batch holds the rows that it has changed until it commits, and whoever wants one of them waits. So beside the batches of a chunk somebody
//! looks, over another connection, whether a session has waited for [`PATIENCE`], and cancels the statement that it waits for. Short
//! batches are over before anybody looks, so they cost nothing.
//!
//! The cancellation may reach the batch before its answer reaches us. Whoever finds a batch canceled therefore asks with
//! [`Watch::gave_way`], which waits for a look that is under way.

use std::sync::Arc;
use std::time::Duration;

use engine::db::{Pool, Raw};
use engine::postgres::session::give_way;
use ledger::chunks::batch_mark;
use proto::LeaseId;
use shared::clock::{Clock, within};
use shared::service::chain;
use tokio::sync::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a session may wait for a batch.
const PATIENCE: Duration = Duration::from_millis(150);
/// How often somebody looks, and how old a batch is before anybody does.
const LOOK: Duration = Duration::from_millis(100);
/// A look that takes longer is given up.
const LIMIT: Duration = Duration::from_secs(2);

/// See the module. Dropping it ends the watch.
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    _over: DropGuard,
}

#[derive(Default)]
struct Seen {
    /// When the batch began that is under way.
    since: Option<Duration>,
    /// It was canceled.
    gave_way: bool,
}

impl Watch {
    /// Watches the batches of a lease.
    pub(super) fn begin(pool: &Pool, lease: LeaseId, clock: &Arc<dyn Clock>) -> Self {
        let over = CancellationToken::new();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let watching = watch(pool.clone(), batch_mark(lease), clock.clone(), seen.clone());
        let ended = over.clone();
        tokio::spawn(async move {
            let _ = ended.run_until_cancelled(watching).await;
        });
        Self {
            seen,
            _over: over.drop_guard(),
        }
    }

    /// A batch begins.
    pub(super) async fn batch_begins(&self, now: Duration) {
        *self.seen.lock().await = Seen {
            since: Some(now),
            gave_way: false,
        };
    }

    /// It is over. Whether it was canceled because a session waited for it.
    pub(super) async fn gave_way(&self) -> bool {
        let mut seen = self.seen.lock().await;
        seen.since = None;
        seen.gave_way
    }
}

async fn watch(pool: Pool, mark: String, clock: Arc<dyn Clock>, seen: Arc<Mutex<Seen>>) {
    loop {
        clock.sleep(LOOK).await;
        let mut seen = seen.lock().await;
        let now = clock.monotonic();
        if seen.since.is_none_or(|since| now.saturating_sub(since) < LOOK) {
            continue;
        }
        match within(&*clock, LIMIT, look(&pool, &mark)).await {
            Some(Ok(canceled)) => seen.gave_way |= canceled,
            Some(Err(error)) => {
                tracing::debug!(error = %error, "it could not be seen whether a session waits for a batch");
            }
            None => tracing::debug!("the database does not say whether a session waits for a batch"),
        }
    }
}

async fn look(pool: &Pool, mark: &str) -> Result<bool, String> {
    let mut tx = pool.begin().await.map_err(|e| chain(&e))?;
    let canceled = match tx.raw() {
        Raw::Postgres(conn) => give_way(conn, mark, PATIENCE).await.map_err(|e| chain(&e))?,
        Raw::Sqlite(_) => false,
    };
    tx.rollback().await.map_err(|e| chain(&e))?;
    Ok(canceled)
}
