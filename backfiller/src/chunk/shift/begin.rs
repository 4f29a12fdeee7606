//! How a shift begins: what it asks the ledger and the server once a chunk.

use std::time::Duration;

use engine::db::{self, Pool, Raw};
use engine::relation;
use ledger::plan::Fill;
use ledger::role::site::{InHand, Site};
use ledger::shares::Share;
use proto::ChunkId;
use tokio_util::sync::CancellationToken;

use super::Shift;
use crate::chunk::breath::Breath;
use crate::chunk::rate::Rate;
use crate::chunk::setbacks::Setbacks;
use crate::chunk::size::BatchSize;
use crate::chunk::watch::Watch;

/// Longest wait for a lock; less where the server looks for deadlocks sooner.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// What is asked of the server once a chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    /// None: the root is gone.
    pub(super) root_oid: Option<u32>,
    pub(super) lock_timeout: Duration,
}

/// Why a chunk could not be begun.
#[derive(Debug, thiserror::Error)]
pub(in crate::chunk) enum BeginError {
    #[error("the ledger could not be read")]
    Ledger(#[from] ledger::Error),
    #[error("the target could not be asked about the table")]
    Database(#[from] sqlx::Error),
    #[error("the table could not be looked up")]
    Engine(#[from] engine::postgres::Error),
    #[error("the plan has no fill {0}")]
    NoSuchFill(u32),
}

impl<'a> Shift<'a> {
    pub(in crate::chunk) async fn begin(
        site: &'a Site,
        in_hand: &'a InHand,
        chunk: ChunkId,
        session: &'a CancellationToken,
    ) -> Result<Self, BeginError> {
        let plan = site.plan_of(in_hand.claim.job).await?;
        let chunk = site.target.ledger.chunk(chunk).await?;
        let fill = plan
            .fills
            .iter()
            .position(|f| f.id == chunk.fill)
            .ok_or(BeginError::NoSuchFill(chunk.fill))?;
        let server = ask_server(&site.target.data, &plan.fills[fill]).await?;
        let now = site.clock.monotonic();
        let mut shift = Self {
            site,
            in_hand,
            session,
            chunk,
            server,
            size: BatchSize::first(true),
            plan,
            fill,
            rate: Rate::new(now),
            share_at: now,
            setbacks: Setbacks::default(),
            breath: Breath::default(),
            watch: None,
            retries: 0,
            gave_way: 0,
            throttled: Duration::ZERO,
            begun: false,
        };
        if shift.fill().row.is_none() {
            let lease = in_hand.claim.fence.lease;
            shift.watch = Some(Watch::begin(&site.target.data, lease, &site.clock));
        }
        let leave = shift.ask_leave().await?;
        if leave.go {
            shift.size = BatchSize::first(leave.share != Share::UNLIMITED);
            shift.take(leave.share);
        }
        Ok(shift)
    }
}

/// One question over the data route, in a transaction because that route may be pooled.
async fn ask_server(pool: &Pool, fill: &Fill) -> Result<Server, BeginError> {
    const SQL: &str = "/* sluice:backfiller.ask */
        SELECT setting::int8 FROM pg_settings WHERE name = 'deadlock_timeout'";
    let mut tx = pool.begin_reading().await?;
    let root_oid = relation::oid(&mut tx, &fill.table).await?;
    let deadlock: Option<i64> = match tx.raw() {
        Raw::Postgres(_) => db::scalar(SQL).persistent(false).fetch_optional(&mut tx).await?,
        Raw::Sqlite(_) => None,
    };
    tx.commit().await?;
    let half = Duration::from_millis(deadlock.unwrap_or(1000).unsigned_abs() / 2);
    Ok(Server {
        root_oid,
        lock_timeout: LOCK_TIMEOUT.min(half).max(Duration::from_millis(1)),
    })
}
