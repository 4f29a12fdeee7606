//! When a job of ours began to write, when it had written everything, and when it was verified: from its ledger.
//!
//! The ledger dates the end of each chunk and of each stage, not the first batch. So it is asked ten times a second how many rows are
//! changed, on one connection, and the last look that saw none is the beginning: a tenth of a second early at most, to our disadvantage.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use shared::clock::Clock;
use sqlx::{PgConnection, Row as _};
use tokio::task::JoinHandle;

use super::ground::Ground;
use crate::database::Database;

const EVERY: Duration = Duration::from_millis(100);

/// What became of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Filled {
    /// When the first batch began, by our clock.
    pub(super) first_batch: Duration,
    /// From the first batch to the end of the last chunk.
    pub(super) fill: Duration,
    /// From the first batch until every row was compared.
    pub(super) verified: Duration,
}

/// What the last look saw.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Our clock and the database's, at the last look before any row was changed.
    begun: Option<(Duration, f64)>,
    state: String,
    reason: String,
}

/// It looks until it is dropped.
#[derive(Debug)]
pub(super) struct Clerk {
    seen: Arc<Mutex<Seen>>,
    looking: JoinHandle<()>,
    clock: Arc<dyn Clock>,
}

impl Drop for Clerk {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

impl Clerk {
    pub(super) async fn start(ground: &Ground, database: &Database<'_>) -> anyhow::Result<Self> {
        let mut conn = database.superuser().await?;
        let (seen, clock) = (Arc::new(Mutex::new(Seen::default())), ground.clock.clone());
        let looking = tokio::spawn({
            let (seen, clock) = (seen.clone(), clock.clone());
            async move {
                loop {
                    // Before there is a ledger there is nothing to read, and nothing was written.
                    let _ = look(&mut conn, &seen, &*clock).await;
                    clock.sleep(EVERY).await;
                }
            }
        });
        Ok(Self { seen, looking, clock })
    }

    fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the job is verified.
    pub(super) async fn verified(&self, patience: Duration) -> anyhow::Result<()> {
        const BEFORE: [&str; 7] = [
            "",
            "submitted",
            "planned",
            "classified",
            "expanding",
            "dual-writing",
            "backfilling",
        ];
        const STOPPED: [&str; 4] = ["held", "paused", "failed", "aborted"];
        let begun = self.clock.monotonic();
        loop {
            let Seen { state, reason, .. } = self.seen();
            match state.as_str() {
                stopped if STOPPED.contains(&stopped) => bail!("the job is {stopped}: {reason}"),
                before if BEFORE.contains(&before) => {}
                _ => return Ok(()),
            }
            if self.clock.monotonic().saturating_sub(begun) > patience {
                bail!("the job is still {state}: {reason}");
            }
            self.clock.sleep(EVERY).await;
        }
    }

    /// What the ledger says about the job, once it is verified.
    pub(super) async fn filled(&self, database: &Database<'_>) -> anyhow::Result<Filled> {
        let (first_batch, begun) = self
            .seen()
            .begun
            .context("no look saw the job before its first batch")?;
        let mut conn = database.superuser().await?;
        let row = sqlx::query(ENDS).fetch_one(&mut conn).await?;
        let at = |column: &str| -> anyhow::Result<Duration> {
            let at: Option<f64> = row.try_get(column)?;
            let at = at.with_context(|| format!("{column} has not come"))?;
            Ok(Duration::try_from_secs_f64(at - begun)?)
        };
        Ok(Filled {
            first_batch,
            fill: at("filled")?,
            verified: at("verified")?,
        })
    }
}

async fn look(conn: &mut PgConnection, seen: &Mutex<Seen>, clock: &dyn Clock) -> sqlx::Result<()> {
    let now = clock.monotonic();
    let row = sqlx::query(LOOK).fetch_one(conn).await?;
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if row.try_get::<i64, _>("changed")? == 0 {
        seen.begun = Some((now, row.try_get("now")?));
    }
    seen.state = row.try_get("state")?;
    seen.reason = row.try_get("reason")?;
    Ok(())
}

const LOOK: &str =
    "SELECT (SELECT coalesce(sum(rows_changed), 0)::bigint FROM sluice.chunk_cursor) AS changed,
        extract(epoch FROM clock_timestamp())::float8 AS now,
        coalesce((SELECT state FROM sluice.job), '') AS state,
        coalesce((SELECT reason FROM sluice.job), '') AS reason";
const ENDS: &str = "SELECT (SELECT extract(epoch FROM max(done_at))::float8 FROM sluice.chunk) AS filled,
        (SELECT extract(epoch FROM ended_at)::float8 FROM sluice.stage WHERE name = 'backfill') AS verified";
