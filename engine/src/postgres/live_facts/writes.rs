//! How many rows of a table are written in a second.
//!
//! Two answers, of which the larger counts: the mean since the statistics were last reset, where that is known (from 15 on it
//! often is not: nothing resets them), and what was counted between two looks just now. The first knows the busy hours that are not now, the second
//! today's load on statistics that are years old. A session sends its counts at most once a second, so a window below that may see nothing of
//! a busy table.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::postgres::PgConnection;

use super::{LIMITS, begin, end};
use crate::postgres::Error;
use crate::sql;

const WRITES: &str = include_str!("writes.sql");

/// One look.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// The server's time, in seconds.
    at: f64,
    /// Seconds since the counts began, if that is known.
    counted_for: Option<f64>,
    /// Rows written since, by relation.
    rows: BTreeMap<i64, i64>,
}

/// Looks. In a transaction of its own: within one, the second look would show the first's numbers.
pub(super) async fn sample(conn: &mut PgConnection, leaves: &[i64]) -> Result<Sample, Error> {
    begin(&mut *conn, LIMITS).await?;
    let rows = sql::query_as(WRITES).bind(leaves).fetch_all(&mut *conn).await;
    end(conn).await?;
    let rows: Vec<(i64, i64, f64, Option<f64>)> =
        rows.map_err(Error::query("count the writes to the tables"))?;
    Ok(Sample {
        at: rows.first().map_or(0.0, |row| row.2),
        counted_for: rows.first().and_then(|row| row.3),
        rows: rows.into_iter().map(|row| (row.0, row.1)).collect(),
    })
}

/// Looks again after a while; not at all if that is no time.
pub(super) async fn after(
    conn: &mut PgConnection,
    leaves: &[i64],
    window: Duration,
) -> Result<Option<Sample>, Error> {
    if window.is_zero() || leaves.is_empty() {
        return Ok(None);
    }
    tokio::time::sleep(window).await;
    sample(conn, leaves).await.map(Some)
}

/// Rows of these relations written in a second, as far as two looks tell.
pub(super) fn rate(leaves: &[i64], (first, then): (&Sample, Option<&Sample>)) -> Option<f64> {
    let written = |sample: &Sample| {
        leaves
            .iter()
            .filter_map(|leaf| sample.rows.get(leaf))
            .sum::<i64>()
    };
    let long = first
        .counted_for
        .filter(|seconds| *seconds >= 1.0)
        .map(|seconds| per_second(written(first), seconds));
    let now = then
        .map(|then| (written(then) - written(first), then.at - first.at))
        .filter(|(rows, seconds)| *rows >= 0 && *seconds > 0.0)
        .map(|(rows, seconds)| per_second(rows, seconds));
    match (long, now) {
        (Some(long), Some(now)) => Some(long.max(now)),
        (long, now) => long.or(now),
    }
}

fn per_second(rows: i64, seconds: f64) -> f64 {
    rows as f64 / seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: f64, counted_for: Option<f64>, rows: i64) -> Sample {
        Sample {
            at,
            counted_for,
            rows: BTreeMap::from([(1, rows), (2, 1_000_000)]),
        }
    }

    #[test]
    fn the_larger_of_the_long_mean_and_the_last_moment_counts() {
        let quiet_now = rate(
            &[1],
            (
                &sample(10.0, Some(100.0), 1_000),
                Some(&sample(12.0, None, 1_002)),
            ),
        );
        assert_eq!(quiet_now, Some(10.0));
        let busy_now = rate(
            &[1],
            (
                &sample(10.0, Some(100.0), 1_000),
                Some(&sample(12.0, None, 1_200)),
            ),
        );
        assert_eq!(busy_now, Some(100.0));
    }

    #[test]
    fn what_is_not_known_is_not_zero() {
        assert_eq!(rate(&[1], (&sample(10.0, None, 1_000), None)), None);
        // Reset in between.
        let reset = rate(&[1], (&sample(10.0, None, 1_000), Some(&sample(12.0, None, 3))));
        assert_eq!(reset, None);
    }
}
