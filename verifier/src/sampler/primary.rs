//! What the primary says about itself, as the monitor role.
//!
//! The lag of its replicas decides whether there is a sample at all; of the others each stands for itself, so that one that this role may
//! not read is a problem of the jobs that limit it, and of no other.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::db::Raw;
use engine::postgres::Error;
use engine::postgres::signals::replica_lag::ReplicaLag;
use engine::postgres::signals::requested_checkpoints::RequestedCheckpoints;
use engine::postgres::signals::wal_rate::WalRate;
use engine::postgres::signals::{
    PRIMARY, active_sessions, archive_backlog, blocked_sessions, lock_waits, slot_wal, transaction_age,
};
use engine::signal::{Kind, Reading};
use ledger::role::site::Site;
use shared::clock::within;
use shared::service::chain;
use sqlx::postgres::PgConnection;

use super::SAMPLE_LIMIT;

/// What is remembered between two samples.
pub(super) struct Primary {
    lag: ReplicaLag,
    wal_rate: WalRate,
    checkpoints: RequestedCheckpoints,
}

impl Primary {
    pub(super) fn begin(required: &BTreeSet<String>) -> Self {
        Self {
            lag: ReplicaLag::new(required.iter().cloned().collect()),
            wal_rate: WalRate::default(),
            checkpoints: RequestedCheckpoints::default(),
        }
    }
}

/// The lags, and the other signals. `now` is monotonic and from before.
pub(super) async fn sample(
    memory: &mut Primary,
    site: &Site,
    now: Duration,
) -> Result<(Vec<Reading>, Vec<Reading>), String> {
    let reading = async {
        let mut conn = site.target.monitor.acquire().await.map_err(|e| chain(&e))?;
        let Raw::Postgres(conn) = conn.raw() else {
            return Ok((Vec::new(), Vec::new()));
        };
        let lags = memory.lag.sample(conn, now).await.map_err(|e| chain(&e))?;
        let lags = lags.into_iter().map(Reading::from).collect();
        Ok((lags, others(memory, conn, now).await))
    };
    within(&*site.clock, SAMPLE_LIMIT, reading)
        .await
        .unwrap_or_else(|| Err(format!("no answer within {} s", SAMPLE_LIMIT.as_secs())))
}

async fn others(memory: &mut Primary, conn: &mut PgConnection, now: Duration) -> Vec<Reading> {
    let mut all = vec![
        or_problem(Kind::BlockedSessions, blocked_sessions::read(conn).await),
        or_problem(Kind::ArchiveBacklog, archive_backlog::read(conn).await),
        or_problem(Kind::WalRate, memory.wal_rate.read(conn, now).await),
        or_problem(Kind::LockWaits, lock_waits::read(conn).await),
        or_problem(Kind::ActiveSessions, active_sessions::read(conn).await),
        or_problem(Kind::TransactionAge, transaction_age::read(conn).await),
        or_problem(
            Kind::RequestedCheckpoints,
            memory.checkpoints.read(conn, now).await,
        ),
    ];
    match slot_wal::read(conn).await {
        Ok(slots) => all.extend(slots),
        Err(error) => all.push(Reading::problem(Kind::SlotWal, PRIMARY, chain(&error))),
    }
    all
}

fn or_problem(kind: Kind, read: Result<Reading, Error>) -> Reading {
    read.unwrap_or_else(|error| Reading::problem(kind, PRIMARY, chain(&error)))
}
