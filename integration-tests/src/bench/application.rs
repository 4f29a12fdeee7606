//! The application beside a fill: single-row reads and updates by key, in turn, at a fixed rate.
//!
//! Each statement has its time, set before: the n-th is due n/200 s after the start, whatever became of those before it. Its latency counts
//! from then. So a statement that waits behind a stuck one is as slow as its user feels it, and a stall of a second is two
//! hundred slow statements, not one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shared::clock::Clock;
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::database::Role;

use super::order::Kind;
use super::results::Application as Felt;
use super::stats::percentile;
use super::subject::Subject;

/// Statements a second.
pub(super) const RATE: u32 = 200;
/// Connections, as an application's pool has them.
pub(super) const CONNECTIONS: usize = 16;

/// When one was due, and how long after that it was answered.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    due: Duration,
    took: Duration,
    failed: bool,
}

/// It runs until it is stopped.
#[derive(Debug)]
pub(super) struct Application {
    shared: Arc<Shared>,
    clients: JoinSet<sqlx::Result<Vec<Sample>>>,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    begun: Duration,
    next: AtomicU64,
    /// No statement that is due at this time, in microseconds, or later is begun.
    end: AtomicU64,
    rows: u64,
    read: String,
    update: String,
}

impl Application {
    pub(super) async fn start(subject: &Subject<'_>, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let (table, key) = (subject.kind.table(), Kind::key_of(subject.kind, "$1"));
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(subject.database.connect(Role::App).await?);
        }
        let shared = Arc::new(Shared {
            clock: clock.clone(),
            begun: clock.monotonic(),
            next: AtomicU64::new(0),
            end: AtomicU64::new(u64::MAX),
            rows: subject.rows,
            read: format!("SELECT email FROM {table} WHERE id = {key}"),
            update: format!("UPDATE {table} SET visits = visits + 1 WHERE id = {key}"),
        });
        let clients = connections.into_iter().map(|conn| client(conn, shared.clone()));
        Ok(Self {
            clients: clients.collect(),
            shared,
        })
    }

    /// Begins nothing more; returns once everything that was due has been answered. What was due within the window counts.
    pub(super) async fn stop(mut self, window: std::ops::Range<Duration>) -> anyhow::Result<Felt> {
        let now = self.shared.clock.monotonic();
        self.shared
            .end
            .store(u64::try_from(now.as_micros())?, Ordering::Relaxed);
        let mut samples = Vec::new();
        while let Some(client) = self.clients.join_next().await {
            samples.extend(client??);
        }
        Ok(felt(&samples, &window))
    }
}

/// Takes the next statement, waits until it is due, sends it.
async fn client(mut conn: PgConnection, shared: Arc<Shared>) -> sqlx::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut random = fastrand::Rng::new();
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let due = shared.begun + due(number);
        shared
            .clock
            .sleep(due.saturating_sub(shared.clock.monotonic()))
            .await;
        if due.as_micros() >= u128::from(shared.end.load(Ordering::Relaxed)) {
            conn.close().await?;
            return Ok(samples);
        }
        let text = if number.is_multiple_of(2) {
            &shared.read
        } else {
            &shared.update
        };
        // Prepared once a connection, as an application's driver does it.
        let statement = engine::sql::query(text.as_str()).persistent(true);
        let row = random.u64(1..=shared.rows).cast_signed();
        let failed = statement.bind(row).execute(&mut conn).await.is_err();
        let took = shared.clock.monotonic().saturating_sub(due);
        samples.push(Sample { due, took, failed });
    }
}

fn due(number: u64) -> Duration {
    Duration::from_nanos(number * (1_000_000_000 / u64::from(RATE)))
}

fn felt(samples: &[Sample], window: &std::ops::Range<Duration>) -> Felt {
    let within = || samples.iter().filter(|sample| window.contains(&sample.due));
    let mut took: Vec<f64> = within()
        .map(|sample| sample.took.as_secs_f64() * 1000.0)
        .collect();
    took.sort_by(f64::total_cmp);
    let at = |percent| percentile(&took, percent).unwrap_or_default();
    Felt {
        statements: took.len(),
        failed: within().filter(|sample| sample.failed).count(),
        p50_ms: at(50.0),
        p99_ms: at(99.0),
        max_ms: at(100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_whatever_the_answers_take() {
        assert_eq!(due(0), Duration::ZERO);
        assert_eq!(due(u64::from(RATE) * 3600), Duration::from_secs(3600));
    }

    #[test]
    fn latency_counts_from_when_a_statement_was_due_and_within_the_window_only() {
        let sample = |due, took, failed| Sample {
            due: Duration::from_millis(due),
            took: Duration::from_millis(took),
            failed,
        };
        let samples = [
            sample(5, 900, true),
            sample(10, 1, false),
            sample(15, 3, true),
            sample(20, 2, false),
            sample(25, 800, false),
        ];
        let felt = felt(&samples, &(Duration::from_millis(10)..Duration::from_millis(25)));
        assert_eq!((felt.statements, felt.failed), (3, 1));
        assert_eq!((felt.p50_ms, felt.p99_ms, felt.max_ms), (2.0, 3.0, 3.0));
    }
}
