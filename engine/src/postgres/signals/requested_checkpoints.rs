//! Checkpoints within the last ten minutes that were not due by time: the write-ahead log grew faster than `max_wal_size` allows.
//!
//! Each makes the next change of every page write the whole page, so a backfill that causes them writes several times as much. The counter
//! is `pg_stat_checkpointer.num_requested` from PostgreSQL 17 on, `pg_stat_bgwriter.checkpoints_req` before; a manual CHECKPOINT counts too.

use std::collections::VecDeque;
use std::time::Duration;

use sqlx::postgres::PgConnection;

use super::{PRIMARY, one};
use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};
use crate::sql;

/// Over so long they are counted.
const OVER: Duration = Duration::from_secs(600);
const DOING: &str = "count the requested checkpoints";

const HAS_CHECKPOINTER: &str = "/* sluice:signal.checkpointer */ \
    SELECT pg_catalog.to_regclass('pg_catalog.pg_stat_checkpointer') IS NOT NULL";
const FROM_17: &str = "/* sluice:signal.requested_checkpoints */ SELECT num_requested::float8 FROM pg_catalog.pg_stat_checkpointer";
const BEFORE_17: &str = "/* sluice:signal.requested_checkpoints */ SELECT checkpoints_req::float8 FROM pg_catalog.pg_stat_bgwriter";

/// What the counter was, as far back as the window goes.
#[derive(Clone, Debug, Default)]
pub struct RequestedCheckpoints {
    seen: VecDeque<(Duration, f64)>,
}

impl RequestedCheckpoints {
    /// Reads it; `now` is monotonic. What happened before the first look does not count.
    ///
    /// # Errors
    /// What the server said.
    pub async fn read(&mut self, conn: &mut PgConnection, now: Duration) -> Result<Reading, Error> {
        let from_17: bool = sql::scalar(HAS_CHECKPOINTER)
            .fetch_one(&mut *conn)
            .await
            .map_err(Error::query(DOING))?;
        let question = if from_17 { FROM_17 } else { BEFORE_17 };
        let count = one(conn, DOING, question).await?;
        let value = self.observe(now, count);
        Ok(Reading::of(Kind::RequestedCheckpoints, PRIMARY, value))
    }

    /// The pure part of [`Self::read`].
    pub fn observe(&mut self, now: Duration, count: f64) -> f64 {
        // Statistics that were reset begin anew.
        if self.seen.back().is_some_and(|(_, last)| count < *last) {
            self.seen.clear();
        }
        // Only a change is worth a mark; the one before the window says what it began with.
        if self.seen.back().is_none_or(|(_, last)| *last != count) {
            self.seen.push_back((now, count));
        }
        while self.seen.get(1).is_some_and(|(at, _)| *at + OVER <= now) {
            self.seen.pop_front();
        }
        self.seen.front().map_or(0.0, |(_, first)| count - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_the_last_ten_minutes_count_and_a_reset_begins_anew() {
        let mut requested = RequestedCheckpoints::default();
        let mut at = |second, count| requested.observe(Duration::from_secs(second), count);
        assert_eq!(at(0, 40.0), 0.0, "before the first look");
        assert_eq!(at(10, 41.0), 1.0);
        assert_eq!(at(300, 43.0), 3.0);
        assert_eq!(at(611, 43.0), 2.0, "the first one is older than the window");
        assert_eq!(at(905, 43.0), 0.0);
        assert_eq!(at(906, 2.0), 0.0, "reset");
        assert_eq!(at(907, 3.0), 1.0);
    }
}
