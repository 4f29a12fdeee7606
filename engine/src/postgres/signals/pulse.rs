//! A pulse written on the primary and read on a replica: how far behind that replica is, as whoever reads from it would see.
//!
//! The sampler counts beats in `sluice.pulse` and remembers, by its own monotonic clock, when it wrote each. What has not arrived is
//! the lag: no clock of another machine is asked, an idle primary has no lag, and it needs no privilege but to read one row.
//!
//! A URL is a name, so the server behind it is asked who it is each time: a standby, of the same system identifier, on the timeline that
//! the primary writes. A copy of another primary would answer the same questions; what it says about this one is worth nothing, so it is refused.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::replica_lag::History;
use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};
use crate::sql;

/// Who the primary is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// From `pg_control_system()`.
    pub system_identifier: String,
    /// The one that it writes.
    pub timeline: u32,
}

/// Who a replica says that it is, and what has arrived there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// From `pg_control_system()`.
    pub system_identifier: String,
    /// It replays.
    pub in_recovery: bool,
    /// The one that it receives; that of its last checkpoint while it receives nothing.
    pub timeline: Option<u32>,
    /// Of which series, and which; None: none has arrived.
    pub beat: Option<(Uuid, u64)>,
}

/// The beats that were written, and when.
#[derive(Clone, Debug)]
pub struct Pulse {
    series: Uuid,
    beat: u64,
    history: History,
}

const WHO: &str = "/* sluice:signal.pulse_who */ \
    SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), pg_catalog.pg_is_in_recovery(), \
        coalesce((SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver), \
            (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()))::int8";

const BEAT: &str = "/* sluice:signal.pulse_beat */ SELECT series, beat FROM sluice.pulse";

/// Asks a replica. Of one that is not a standby no beat is read: it may have no such table.
///
/// # Errors
/// What the server said.
pub async fn look(conn: &mut PgConnection, primary: &Primary) -> Result<Seen, Error> {
    let mut seen = who(&mut *conn).await?;
    if seen.stranger(primary).is_none() {
        let beat: Option<(Uuid, i64)> = sql::query_as(BEAT)
            .fetch_optional(conn)
            .await
            .map_err(Error::query("read sluice.pulse on the replica"))?;
        seen.beat = beat.map(|(series, beat)| (series, beat.unsigned_abs()));
    }
    Ok(seen)
}

/// Asks a replica who it is, and nothing about beats.
///
/// # Errors
/// What the server said.
pub async fn who(conn: &mut PgConnection) -> Result<Seen, Error> {
    let (system_identifier, in_recovery, timeline): (String, bool, Option<i64>) = sql::query_as(WHO)
        .fetch_one(conn)
        .await
        .map_err(Error::query("ask the replica who it is"))?;
    Ok(Seen {
        system_identifier,
        in_recovery,
        timeline: timeline.and_then(|t| u32::try_from(t).ok()),
        beat: None,
    })
}

impl Seen {
    /// Why this is no replica of that primary; None: it is one.
    #[must_use]
    pub fn stranger(&self, primary: &Primary) -> Option<String> {
        if self.system_identifier != primary.system_identifier {
            return Some(format!(
                "it is a server of another primary: its system identifier is {}, that of the target is {}; mend its url in \
                 [targets.*.throttle.replicas]",
                self.system_identifier, primary.system_identifier
            ));
        }
        if !self.in_recovery {
            return Some("it is no standby (any more): it takes writes itself".to_owned());
        }
        match self.timeline {
            Some(timeline) if timeline == primary.timeline => None,
            Some(timeline) => Some(format!(
                "it follows timeline {timeline}, the primary writes {}: it is not a replica of this primary any more",
                primary.timeline
            )),
            None => Some("its timeline cannot be read; its role needs pg_monitor".to_owned()),
        }
    }
}

impl Pulse {
    /// Begins a series, which nobody has counted in before.
    #[must_use]
    pub fn new(series: Uuid) -> Self {
        Self {
            series,
            beat: 0,
            history: History::default(),
        }
    }

    /// Which series it is.
    #[must_use]
    pub fn series(&self) -> Uuid {
        self.series
    }

    /// The number of the next beat; `now` is monotonic and taken before it is written, so that no lag is understated.
    pub fn next(&mut self, now: Duration) -> u64 {
        self.beat += 1;
        self.history.remember(now, self.beat);
        self.beat
    }

    /// What a replica's answer means; `now` is monotonic and taken before it was asked.
    #[must_use]
    pub fn judge(&self, now: Duration, name: &str, primary: &Primary, seen: &Seen) -> Reading {
        if let Some(why) = seen.stranger(primary) {
            return Reading::problem(Kind::ReplicaLag, name, why);
        }
        let lag = match seen.beat {
            Some((series, beat)) if series == self.series && self.history.covers(beat) => {
                self.history.lag(now, beat)
            }
            Some(_) | None => None,
        };
        match lag {
            Some(lag) => Reading::of(Kind::ReplicaLag, name, lag.as_secs_f64()),
            None => Reading {
                // How far it was behind before the first beat, nobody knows; it is at least this.
                value: self.history.lag(now, 0).map(|lag| lag.as_secs_f64()),
                ..Reading::problem(
                    Kind::ReplicaLag,
                    name,
                    "the first beat has not arrived there yet, so its lag is not known",
                )
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primary() -> Primary {
        Primary {
            system_identifier: "7".to_owned(),
            timeline: 2,
        }
    }

    fn seen(beat: Option<(Uuid, u64)>) -> Seen {
        Seen {
            system_identifier: "7".to_owned(),
            in_recovery: true,
            timeline: Some(2),
            beat,
        }
    }

    #[test]
    fn the_lag_is_the_age_of_the_first_beat_that_has_not_arrived() {
        let us = Uuid::from_u128(1);
        let mut pulse = Pulse::new(us);
        for second in 10..20 {
            pulse.next(Duration::from_secs(second));
        }
        let lag = |beat, now| {
            let reading = pulse.judge(Duration::from_secs(now), "a", &primary(), &seen(beat));
            (reading.value, reading.problem.is_some())
        };
        assert_eq!(lag(Some((us, 10)), 30), (Some(0.0), false), "every beat is there");
        assert_eq!(
            lag(Some((us, 7)), 30),
            (Some(13.0), false),
            "the eighth is from second 17"
        );
        assert_eq!(lag(None, 30), (Some(20.0), true));
        let other = Uuid::from_u128(2);
        assert_eq!(lag(Some((other, 900)), 30), (Some(20.0), true), "another's beat");
    }

    #[test]
    fn whoever_is_no_standby_of_this_primary_is_refused_whatever_it_has() {
        let us = Uuid::from_u128(1);
        let mut pulse = Pulse::new(us);
        pulse.next(Duration::ZERO);
        let check = |seen: Seen, part: &str| {
            let reading = pulse.judge(Duration::from_secs(1), "a", &primary(), &seen);
            let problem = reading.problem.unwrap_or_default();
            assert!(reading.value.is_none() && problem.contains(part), "{problem}");
        };
        let good = || seen(Some((us, 1)));
        check(
            Seen {
                system_identifier: "8".to_owned(),
                ..good()
            },
            "another primary",
        );
        check(
            Seen {
                in_recovery: false,
                ..good()
            },
            "no standby",
        );
        check(
            Seen {
                timeline: Some(1),
                ..good()
            },
            "follows timeline 1",
        );
        check(
            Seen {
                timeline: None,
                ..good()
            },
            "pg_monitor",
        );
    }
}
