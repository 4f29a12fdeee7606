//! Signals in, pace out: what the verifier samples and what the planner then allows each job.

use engine::db::{self, Connection};
use std::time::Duration;

use jiff::Timestamp;
use proto::{JobId, LeaseId};

use crate::error::Error;
use crate::open::Ledger;

pub use engine::signal::Kind;

/// A reading of one signal from one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Which: a name of [`Kind`], or [`SAMPLER`].
    pub name: String,
    /// From where: a replica, a slot, a table, or `primary`.
    pub source: String,
    /// The reading, in `unit`; None with a problem: unreadable, so stop.
    pub value: Option<f64>,
    /// Such as `seconds`.
    pub unit: String,
    /// Why there is no value.
    pub problem: Option<String>,
    /// Work stops without it.
    pub required: bool,
    /// How old the reading is: by the database's clock where it was read from the ledger, by the reader's monotonic clock where
    /// it is written.
    pub age: Duration,
}

/// What the planner allows a job now.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// Work may be done.
    pub go: bool,
    /// Which signal stops it, its value and its limit; or who paused it.
    pub reason: Option<String>,
    /// Chunks in flight.
    pub max_parallel: u32,
    /// What each lease may write a second if its worker knows no shares (format 1 of the ledger).
    pub rows_per_second: Option<u64>,
    /// A rate of the job or of its target is limited: each lease needs a share of its own.
    pub shared: bool,
    /// Which signal stops it.
    pub signal: Option<String>,
    /// Part of its speed at which it works, above 0 and at most 1.
    pub factor: f64,
    /// Which signal eased it last, with its value and how low it must get; None at full speed.
    pub eased_by: Option<String>,
}

impl Pace {
    /// Full speed within a number of chunks.
    #[must_use]
    pub fn full(max_parallel: u32) -> Self {
        Self {
            go: true,
            reason: None,
            max_parallel,
            rows_per_second: None,
            shared: false,
            signal: None,
            factor: 1.0,
            eased_by: None,
        }
    }
}

/// For how long signals have stopped a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// In all, up to now.
    pub total: Duration,
    /// Since when one stops it now, by the database's clock.
    pub since: Option<Timestamp>,
}

/// Name of the signal that says how far behind a replica is, in seconds.
pub const REPLICA_LAG: &str = Kind::ReplicaLag.as_str();

/// Name of the signal that says that somebody samples at all; written with every batch of readings,
/// an empty one too. Without it a dead verifier beside a database without replicas would look like "all is well".
pub const SAMPLER: &str = "sampler";

impl Ledger {
    /// Writes readings, as old as they are, if `sampler` still holds the sampler's lease: one that slept may not pass off what
    /// it read before as fresh, nor overwrite what the one that took over has read. False: it does not, and nothing was written.
    ///
    /// # Errors
    /// What the database says.
    pub async fn write_signals(&self, signals: &[Signal], sampler: LeaseId) -> Result<bool, Error> {
        let alive = Signal {
            name: SAMPLER.to_owned(),
            source: "verifier".to_owned(),
            value: Some(0.0),
            unit: "seconds".to_owned(),
            problem: None,
            required: true,
            // As old as what it stands for.
            age: signals.iter().map(|s| s.age).max().unwrap_or_default(),
        };
        // One transaction for all of them: on SQLite each would take the one write lock for itself.
        let mut tx = self
            .pool
            .begin()
            .await
            .map_err(Error::of("ledger.signal_write"))?;
        for signal in signals.iter().chain([&alive]) {
            let done = db::query(
                "/* ledger.signal_write */
                INSERT INTO sluice.signal AS s (name, source, value, unit, problem, required, sampled_at)
                SELECT $1, $2, $3, $4, $5, $6, clock_timestamp() - $7 * interval '1 second'
                WHERE EXISTS (
                    SELECT FROM sluice.lease WHERE name = 'sampler' AND lease = $8 AND until > clock_timestamp())
                ON CONFLICT (name, source) DO UPDATE
                SET value = excluded.value,
                    unit = excluded.unit,
                    problem = excluded.problem,
                    required = excluded.required,
                    sampled_at = excluded.sampled_at",
            )
            .bind(&signal.name)
            .bind(&signal.source)
            .bind(signal.value)
            .bind(&signal.unit)
            .bind(&signal.problem)
            .bind(signal.required)
            .bind(signal.age.as_secs_f64())
            .bind(sampler.0)
            .execute(&mut tx)
            .await
            .map_err(Error::of("ledger.signal_write"))?;
            if done.rows_affected() == 0 {
                tx.rollback().await.map_err(Error::of("ledger.signal_write"))?;
                return Ok(false);
            }
        }
        tx.commit().await.map_err(Error::of("ledger.signal_write"))?;
        Ok(true)
    }

    /// Every signal with its age.
    ///
    /// # Errors
    /// What the database says.
    pub async fn signals(&self) -> Result<Vec<Signal>, Error> {
        let rows = db::query(
            "/* ledger.signals */
            SELECT name, source, value, unit, problem, required,
                extract(epoch FROM clock_timestamp() - sampled_at)::double precision AS age
            FROM sluice.signal
            ORDER BY name, source",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.signals"))?;
        rows.iter()
            .map(|row| {
                let age: f64 = row.try_get("age")?;
                Ok(Signal {
                    name: row.try_get("name")?,
                    source: row.try_get("source")?,
                    value: row.try_get("value")?,
                    unit: row.try_get("unit")?,
                    problem: row.try_get("problem")?,
                    required: row.try_get("required")?,
                    // From the future: the clock was set back since, and nobody knows how old it is.
                    age: Duration::from_secs_f64(age.abs()),
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.signals"))
    }

    /// Keeps every no fresh, in one statement however many jobs are at rest. A no is one however old, so nothing can go wrong by it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn keep_nos(&self, planner: LeaseId) -> Result<(), Error> {
        db::query(
            "/* ledger.pace_keep */
            UPDATE sluice.throttle
            SET beat_at = clock_timestamp()
            WHERE NOT go
                AND job IN (SELECT id FROM sluice.job WHERE ended_at IS NULL)
                AND EXISTS (
                    SELECT FROM sluice.lease WHERE name = 'planner' AND lease = $1 AND until > clock_timestamp())",
        )
        .bind(planner.0)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.pace_keep"))?;
        Ok(())
    }

    /// The pace of a job as it stands, with the time it was stopped by signals so far.
    ///
    /// # Errors
    /// What the database says.
    pub async fn pace(&self, job: JobId) -> Result<Option<(Pace, Stopped)>, Error> {
        let row = db::query(
            "/* ledger.pace */
            SELECT go, reason, max_parallel, rows_per_second, shared, signal, factor, eased_by, stopped_at,
                stopped_ms + CAST(coalesce(extract(epoch FROM clock_timestamp() - stopped_at) * 1000, 0) AS bigint) AS stopped_ms
            FROM sluice.throttle
            WHERE job = $1",
        )
        .bind(job.0)
        .fetch_optional(&self.pool)
        .await
        .map_err(Error::of("ledger.pace"))?;
        row.map(|row| {
            let total: i64 = row.try_get("stopped_ms")?;
            let since: Option<jiff_sqlx::Timestamp> = row.try_get("stopped_at")?;
            Ok((
                Pace {
                    go: row.try_get("go")?,
                    reason: row.try_get("reason")?,
                    max_parallel: row.try_get::<i32, _>("max_parallel")?.unsigned_abs(),
                    rows_per_second: row
                        .try_get::<Option<i64>, _>("rows_per_second")?
                        .map(i64::unsigned_abs),
                    shared: row.try_get("shared")?,
                    signal: row.try_get("signal")?,
                    factor: row.try_get("factor")?,
                    eased_by: row.try_get("eased_by")?,
                },
                Stopped {
                    total: Duration::from_millis(total.unsigned_abs()),
                    since: since.map(|at| at.to_jiff()),
                },
            ))
        })
        .transpose()
        .map_err(Error::of("ledger.pace"))
    }
}

/// Why a job is not writing: only what a signal stops counts as throttled time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopKind {
    /// A signal is over its limit, stale or unreadable.
    Signal,
    /// A person or the job's own state.
    Other,
}

/// Writes the pace of a job, if `planner` still holds the planner's lease: one that slept may not say `go` for the one that
/// took over. Called at every tick: its age is the planner's heartbeat for workers.
///
/// # Errors
/// What the database says.
pub async fn set(
    conn: &mut Connection,
    job: JobId,
    pace: &Pace,
    stop: StopKind,
    planner: LeaseId,
) -> Result<(), Error> {
    db::query(
        "/* ledger.pace_set */
        INSERT INTO sluice.throttle AS t (
            job, go, reason, max_parallel, rows_per_second, shared, signal, factor, eased_by, stopped_at)
        SELECT $1, $2, $3, $4, $5, $8, $9, $10, $11, CASE WHEN $6 THEN clock_timestamp() END
        WHERE EXISTS (
            SELECT FROM sluice.lease WHERE name = 'planner' AND lease = $7 AND until > clock_timestamp())
        ON CONFLICT (job) DO UPDATE
        SET go = excluded.go,
            reason = excluded.reason,
            max_parallel = excluded.max_parallel,
            rows_per_second = excluded.rows_per_second,
            shared = excluded.shared,
            signal = excluded.signal,
            factor = excluded.factor,
            eased_by = excluded.eased_by,
            beat_at = clock_timestamp(),
            stopped_ms = t.stopped_ms + CASE
                WHEN t.stopped_at IS NOT NULL AND NOT $6
                THEN CAST(extract(epoch FROM clock_timestamp() - t.stopped_at) * 1000 AS bigint)
                ELSE 0 END,
            stopped_at = CASE WHEN $6 THEN coalesce(t.stopped_at, clock_timestamp()) END",
    )
    .bind(job.0)
    .bind(pace.go)
    .bind(&pace.reason)
    .bind(pace.max_parallel as i32)
    .bind(pace.rows_per_second.map(|r| r as i64))
    .bind(!pace.go && stop == StopKind::Signal)
    .bind(planner.0)
    .bind(pace.shared)
    .bind(&pace.signal)
    .bind(pace.factor)
    .bind(&pace.eased_by)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.pace_set"))?;
    Ok(())
}
