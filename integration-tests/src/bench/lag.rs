//! The replica's lag, by the benchmark's own clock and without writing anything.
//!
//! Every 100 ms the primary is asked how far it has written, then the replica how far it has replayed. The lag is the age of the
//! oldest written position that is not replayed yet: a lower bound, at most one look too small. Sluice measures it in another way,
//! on purpose: its own throttle is not its own judge.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::task::JoinHandle;

use super::ground::Ground;
use super::results::Lag;

const EVERY: Duration = Duration::from_millis(100);

/// Positions of the primary that the replica has not reached, oldest first.
#[derive(Debug, Default)]
struct Ahead(VecDeque<(Duration, i64)>);

impl Ahead {
    fn written(&mut self, at: Duration, position: i64) {
        if self.0.back().is_none_or(|(_, last)| *last < position) {
            self.0.push_back((at, position));
        }
    }

    fn lag(&mut self, now: Duration, replayed: i64) -> Duration {
        while self.0.front().is_some_and(|(_, position)| *position <= replayed) {
            self.0.pop_front();
        }
        self.0
            .front()
            .map_or(Duration::ZERO, |(at, _)| now.saturating_sub(*at))
    }
}

/// Looks until it is stopped.
#[derive(Debug)]
pub(super) struct Sampler {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<sqlx::Result<Vec<(Duration, Duration)>>>,
}

impl Sampler {
    pub(super) async fn start(ground: &Ground) -> anyhow::Result<Self> {
        // Not in the database that is measured: that one comes and goes.
        let mut primary = ground.server.superuser("postgres").await?;
        let mut replica = ground.replica.superuser("postgres").await?;
        let (stop, clock) = (Arc::new(AtomicBool::new(false)), ground.clock.clone());
        let looking = tokio::spawn({
            let stop = stop.clone();
            async move {
                let (mut ahead, mut samples) = (Ahead::default(), Vec::new());
                let mut next = clock.monotonic();
                while !stop.load(Ordering::Relaxed) {
                    let at = clock.monotonic();
                    ahead.written(at, position(&mut primary, WRITTEN).await?);
                    let replayed = position(&mut replica, REPLAYED).await?;
                    let now = clock.monotonic();
                    samples.push((now, ahead.lag(now, replayed)));
                    next += EVERY;
                    clock.sleep(next.saturating_sub(now)).await;
                }
                Ok(samples)
            }
        });
        Ok(Self { stop, looking })
    }

    /// Ends it; what it saw from `since` on.
    pub(super) async fn stop(self, since: Duration, limit: Duration) -> anyhow::Result<Lag> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(seen(&self.looking.await??, since, limit))
    }
}

fn seen(samples: &[(Duration, Duration)], since: Duration, limit: Duration) -> Lag {
    let lags = || samples.iter().filter(|(at, _)| *at >= since).map(|(_, lag)| *lag);
    let (samples, over) = (lags().count(), lags().filter(|lag| *lag > limit).count());
    Lag {
        max_seconds: lags().max().unwrap_or_default().as_secs_f64(),
        over_limit_percent: 100.0 * over as f64 / samples.max(1) as f64,
        samples,
    }
}

const WRITTEN: &str = "SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint";
const REPLAYED: &str = "SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint";

async fn position(conn: &mut PgConnection, question: &'static str) -> sqlx::Result<i64> {
    sqlx::query_scalar(question).fetch_one(conn).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_lag_is_the_age_of_the_oldest_position_that_is_not_replayed() {
        let mut ahead = Ahead::default();
        ahead.written(ms(0), 100);
        assert_eq!(ahead.lag(ms(1), 100), ms(0), "all of it is replayed");
        ahead.written(ms(100), 200);
        ahead.written(ms(200), 300);
        assert_eq!(ahead.lag(ms(201), 150), ms(101));
        assert_eq!(ahead.lag(ms(300), 200), ms(100));
        assert_eq!(ahead.lag(ms(400), 300), ms(0));
    }

    #[test]
    fn a_primary_that_writes_nothing_does_not_let_its_replica_lag() {
        let mut ahead = Ahead::default();
        for at in 0..10 {
            ahead.written(ms(at * 100), 100);
        }
        assert_eq!(ahead.lag(ms(950), 100), ms(0));
        assert_eq!(Ahead::default().lag(ms(9), 0), ms(0));
    }

    #[test]
    fn only_samples_of_the_window_count_and_only_those_above_the_limit() {
        let samples = [
            (ms(0), ms(9000)),
            (ms(100), ms(50)),
            (ms(200), ms(2000)),
            (ms(300), ms(2001)),
            (ms(400), ms(0)),
        ];
        let lag = seen(&samples, ms(100), ms(2000));
        assert_eq!(
            (lag.max_seconds, lag.over_limit_percent, lag.samples),
            (2.001, 25.0, 4)
        );
        assert_eq!(seen(&[], ms(0), ms(1)).samples, 0);
    }
}
