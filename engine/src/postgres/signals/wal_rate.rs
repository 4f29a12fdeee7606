//! Write-ahead log a second, over the whole server and the last few seconds: what replicas, archive and disks have to follow.
//!
//! From the growth of the server's position between two looks, over our own monotonic clock. One look gives no rate.

use std::collections::VecDeque;
use std::time::Duration;

use sqlx::postgres::PgConnection;

use super::{PRIMARY, one};
use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};

/// The rate is an average over about so long: a single second is a matter of one checkpoint's full pages.
const OVER: Duration = Duration::from_secs(5);

const POSITION: &str = "/* sluice:signal.wal_position */ \
    SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::float8";

/// Positions of the last seconds.
#[derive(Clone, Debug, Default)]
pub struct WalRate {
    seen: VecDeque<(Duration, f64)>,
}

impl WalRate {
    /// Reads it; `now` is monotonic. Without a value at the first look.
    ///
    /// # Errors
    /// What the server said.
    pub async fn read(&mut self, conn: &mut PgConnection, now: Duration) -> Result<Reading, Error> {
        let position = one(conn, "read the position of the write-ahead log", POSITION).await?;
        Ok(Reading {
            kind: Kind::WalRate,
            source: PRIMARY.to_owned(),
            value: self.observe(now, position),
            problem: None,
        })
    }

    /// The pure part of [`Self::read`].
    pub fn observe(&mut self, now: Duration, position: f64) -> Option<f64> {
        while self.seen.get(1).is_some_and(|(at, _)| *at + OVER <= now) {
            self.seen.pop_front();
        }
        let rate = self.seen.front().and_then(|(at, before)| {
            let time = now.saturating_sub(*at).as_secs_f64();
            (time > 0.0).then(|| (position - before).max(0.0) / time)
        });
        self.seen.push_back((now, position));
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut rate = WalRate::default();
        let mut at = |second, position| rate.observe(Duration::from_secs(second), position);
        assert_eq!(at(100, 1_000.0), None, "one look gives no rate");
        assert_eq!(at(101, 1_500.0), Some(500.0));
        assert_eq!(at(102, 2_000.0), Some(500.0));
        assert_eq!(at(112, 2_000.0), Some(0.0), "nothing for ten seconds");
        assert_eq!(at(112, 9_000.0), Some(700.0));
    }
}
