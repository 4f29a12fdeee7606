//! What a backfill loads its server with, looked at several times a second from outside: chunks in flight, shares granted, rows written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::ensure;
use shared::clock::SystemClock;
use sqlx::Row as _;
use tokio::task::JoinHandle;

use crate::database::Database;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(100);
/// The shortest window that is judged.
const WINDOW: Duration = Duration::from_secs(3);

/// One look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// When, since the first one.
    pub at: Duration,
    /// Chunks that somebody holds.
    pub leased: i64,
    /// Sum of all shares, rows a second.
    pub shares: f64,
    /// Rows changed so far, over all jobs.
    pub rows: i64,
}

/// A gauge that is looked at until it is stopped.
#[derive(Debug)]
pub struct Gauge {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<anyhow::Result<Vec<Look>>>,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Seen(pub Vec<Look>);

impl Gauge {
    /// Begins to look.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn start(database: &Database<'_>) -> anyhow::Result<Self> {
        let mut conn = database.superuser().await?;
        let stop = Arc::new(AtomicBool::new(false));
        let looking = tokio::spawn({
            let stop = stop.clone();
            async move {
                let mut looks = Vec::new();
                let clock = SystemClock::shared();
                let begun = clock.monotonic();
                while !stop.load(Ordering::Relaxed) {
                    let row = sqlx::query(
                        "SELECT (SELECT count(*) FROM sluice.task
                                WHERE kind = 'chunk' AND state = 'leased' AND lease_until > clock_timestamp()) AS leased,
                            (SELECT coalesce(sum(s.rows_per_second), 0) FROM sluice.share s JOIN sluice.task t ON t.id = s.task
                                AND t.lease = s.lease AND t.state = 'leased' AND t.lease_until > clock_timestamp()) AS shares,
                            (SELECT coalesce(sum(rows_changed), 0)::bigint FROM sluice.chunk_cursor) AS rows",
                    )
                    .fetch_one(&mut conn)
                    .await?;
                    looks.push(Look {
                        at: clock.monotonic() - begun,
                        leased: row.try_get("leased")?,
                        shares: row.try_get("shares")?,
                        rows: row.try_get("rows")?,
                    });
                    tokio::time::sleep(EVERY).await;
                }
                Ok(looks)
            }
        });
        Ok(Self { stop, looking })
    }

    /// Ends it.
    ///
    /// # Errors
    /// A look failed.
    pub async fn stop(self) -> anyhow::Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(Seen(self.looking.await??))
    }
}

impl Seen {
    /// The most chunks that were in hand at a look.
    #[must_use]
    pub fn most_leased(&self) -> i64 {
        self.0.iter().map(|l| l.leased).max().unwrap_or_default()
    }

    /// The largest sum of shares.
    #[must_use]
    pub fn largest_shares(&self) -> f64 {
        self.0.iter().map(|l| l.shares).fold(0.0, f64::max)
    }

    /// Rows a second in the fullest window of at least three seconds.
    #[must_use]
    pub fn fullest_window(&self) -> f64 {
        let mut fullest: f64 = 0.0;
        for (i, first) in self.0.iter().enumerate() {
            let last = self.0[i..].iter().find(|l| l.at - first.at >= WINDOW);
            if let Some(last) = last {
                fullest = fullest.max((last.rows - first.rows) as f64 / (last.at - first.at).as_secs_f64());
            }
        }
        fullest
    }

    /// The load lay within the budget at every look: chunks in flight, shares, and rows a second over every window. Half a second's worth
    /// may be saved up, and a batch whose cost nobody knows yet (one block for each chunk in flight) is paid for after it.
    ///
    /// # Errors
    /// Says what was too much.
    pub fn ensure_within(&self, chunks: i64, rows_per_second: f64, rows_a_block: f64) -> anyhow::Result<()> {
        let leased = self.most_leased();
        ensure!(
            leased <= chunks,
            "{leased} chunks in hand at a time, the budget says {chunks}"
        );
        let shares = self.largest_shares();
        ensure!(
            shares <= rows_per_second * (1.0 + 1e-9),
            "shares of {shares} rows a second, the budget says {rows_per_second}"
        );
        for (i, first) in self.0.iter().enumerate() {
            for last in self.0[i..].iter().filter(|l| l.at - first.at >= WINDOW) {
                // A look takes time itself, during which rows are committed.
                let time = (last.at - first.at + EVERY * 2).as_secs_f64();
                let rows = (last.rows - first.rows) as f64;
                let allowed = rows_per_second * (time + 0.5) + chunks as f64 * rows_a_block;
                ensure!(
                    rows <= allowed,
                    "{rows} rows within {time:.1} s from {:?}, the budget allows {allowed:.0}",
                    first.at
                );
            }
        }
        Ok(())
    }
}
