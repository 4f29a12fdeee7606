//! How far each replica is behind, by one clock.
//!
//! The lag of a replica is the age of the oldest write it has not replayed. Its own clock and `now() - pg_last_xact_replay_timestamp()`
//! do not tell that: clocks differ, and an idle primary looks like a growing lag. So we remember when *we* saw the
//! primary at which position ([`History`]); what a replica has not replayed of that is its lag, by our monotonic clock.
//!
//! It fails closed: a replica that was there at the first sample, or is configured, and is missing, not streaming, or unreadable
//! for lack of `pg_monitor`, is a problem, never a lag of zero. So is one that has not yet replayed the very first
//! position we saw: how far it was behind before that, nobody knows.

mod history;

pub use history::History;

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::postgres::PgConnection;

use crate::postgres::error::Error;
use crate::{signal, sql};

/// What is known about one replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its `application_name`.
    pub source: String,
    /// Age of the oldest write that it has not replayed; zero if it has replayed everything; None if unknown.
    pub lag: Option<Duration>,
    /// Why this reading must stop the work, whatever the lag.
    pub problem: Option<String>,
}

impl From<Reading> for signal::Reading {
    fn from(reading: Reading) -> Self {
        Self {
            kind: signal::Kind::ReplicaLag,
            source: reading.source,
            value: reading.lag.map(|lag| lag.as_secs_f64()),
            problem: reading.problem,
        }
    }
}

/// One row of `pg_stat_replication`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaRow {
    /// `application_name`.
    pub name: String,
    /// `state`; None without pg_monitor.
    pub state: Option<String>,
    /// `replay_lsn` as a number of bytes.
    pub replayed: Option<u64>,
}

/// Samples the lag of every replica of one primary.
#[derive(Clone, Debug)]
pub struct ReplicaLag {
    /// How many replicas of each name there must be.
    expected: BTreeMap<String, usize>,
    history: History,
    /// The first sample fixes who was there.
    begun: bool,
}

impl ReplicaLag {
    /// `required`: `application_name`s that must be there, besides those that are at the first sample.
    #[must_use]
    pub fn new(required: Vec<String>) -> Self {
        let expected = required.into_iter().map(|name| (name, 1)).collect();
        Self {
            expected,
            history: History::default(),
            begun: false,
        }
    }

    /// Reads the primary. `now` is monotonic and taken *before* the call, so that the lag is never understated.
    ///
    /// # Errors
    /// What the server said; on a standby it says that recovery is in progress.
    pub async fn sample(&mut self, conn: &mut PgConnection, now: Duration) -> Result<Vec<Reading>, Error> {
        let doing = "read the positions of the replicas";
        let position: i64 = sql::scalar(POSITION)
            .fetch_one(&mut *conn)
            .await
            .map_err(Error::query(doing))?;
        let rows: Vec<(String, Option<String>, Option<i64>)> = sql::query_as(REPLICAS)
            .fetch_all(conn)
            .await
            .map_err(Error::query(doing))?;
        let rows: Vec<ReplicaRow> = rows
            .into_iter()
            .map(|(name, state, replayed)| ReplicaRow {
                name,
                state,
                replayed: replayed.and_then(|lsn| u64::try_from(lsn).ok()),
            })
            .collect();
        Ok(self.observe(now, u64::try_from(position).unwrap_or_default(), &rows))
    }

    /// The pure part of [`Self::sample`]: at `now` the primary was at `position` and showed these rows.
    pub fn observe(&mut self, now: Duration, position: u64, rows: &[ReplicaRow]) -> Vec<Reading> {
        self.history.remember(now, position);
        let mut present: BTreeMap<&str, Vec<&ReplicaRow>> = BTreeMap::new();
        for row in rows {
            present.entry(&row.name).or_default().push(row);
        }
        if !self.begun {
            self.begun = true;
            for (name, rows) in &present {
                let count = self.expected.entry((*name).to_owned()).or_default();
                *count = (*count).max(rows.len());
            }
        }
        let mut readings: Vec<Reading> = rows.iter().map(|row| self.reading(now, row)).collect();
        for (name, expected) in &self.expected {
            let found = present.get(name.as_str()).map_or(0, Vec::len);
            if found < *expected {
                readings.push(missing(name, found, *expected));
            }
        }
        readings
    }

    fn reading(&self, now: Duration, row: &ReplicaRow) -> Reading {
        let lag = row.replayed.and_then(|replayed| self.history.lag(now, replayed));
        let problem = match (row.state.as_deref(), row.replayed) {
            (None, _) => Some("its state cannot be read; the monitor role needs pg_monitor".to_owned()),
            (Some("streaming"), None) => Some("it does not report what it has replayed".to_owned()),
            (Some("streaming"), Some(replayed)) if !self.history.covers(replayed) => Some(
                "it has not yet replayed the position of the first sample, so its lag is not known"
                    .to_owned(),
            ),
            (Some("streaming"), Some(_)) => None,
            (Some(state), _) => Some(format!("it is not streaming but in state {state:?}")),
        };
        Reading {
            source: row.name.clone(),
            lag,
            problem,
        }
    }
}

fn missing(name: &str, found: usize, expected: usize) -> Reading {
    let problem = if expected == 1 {
        "it is not connected to the primary".to_owned()
    } else {
        format!("only {found} of the {expected} replicas of this name are connected to the primary")
    };
    Reading {
        source: name.to_owned(),
        lag: None,
        problem: Some(problem),
    }
}

/// The position is read in a statement of its own and *before* the replicas': what they have not replayed of it was written by then.
const POSITION: &str =
    "/* sluice:engine.wal_position */ SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8";

/// Physical standbys: base backups, `pg_receivewal` and logical subscribers have no rows to show to an application.
const REPLICAS: &str = "/* sluice:engine.replicas */ \
    SELECT r.application_name, r.state, pg_wal_lsn_diff(r.replay_lsn, '0/0')::int8 \
    FROM pg_catalog.pg_stat_replication AS r \
    WHERE r.state IS DISTINCT FROM 'backup' \
        AND r.application_name <> 'pg_receivewal' \
        AND NOT EXISTS ( \
            SELECT FROM pg_catalog.pg_replication_slots AS s \
            WHERE s.active_pid = r.pid AND s.slot_type = 'logical' \
        ) \
    ORDER BY r.application_name, r.pid";

#[cfg(test)]
mod tests;
