//! One run of one method.

use std::time::Duration;

use anyhow::Context as _;

use super::application::Application;
use super::ground::{Ground, REPLAYS};
use super::lag::Sampler;
use super::machine;
use super::method::{Done, Method};
use super::results::{Cost, Run};
use super::subject::Subject;
use super::usage::tree;
use crate::database::Role;

/// A replica that is further behind than this is late: what a spec says that says nothing.
pub(super) const LAG_LIMIT: Duration = Duration::from_secs(5);
/// The application runs this long before anything else does, so that its first statements, which find nothing in memory, count for nobody.
const WARM_UP: Duration = Duration::from_secs(1);

/// Runs it over the table as it was, and compares every row at its end.
pub(super) async fn one(
    ground: &Ground,
    subject: &Subject<'_>,
    method: &Method,
    round: u32,
) -> anyhow::Result<Run> {
    subject.restore().await?;
    let load = machine::load();
    let heap_before = subject.heap().await?;
    let application = Application::start(subject, &ground.clock).await?;
    ground.clock.sleep(WARM_UP).await;
    let lag = Sampler::start(ground).await?;
    let (before, begun) = (Reading::of(ground, subject).await?, ground.clock.monotonic());
    let done = method.carry_out(ground, subject).await?;
    let (after, ended) = (Reading::of(ground, subject).await?, ground.clock.monotonic());

    let first = done.filled.map_or(begun, |filled| filled.first_batch);
    ground.replica.caught_up_within(&ground.server, REPLAYS).await?;
    let lag = lag.stop(first, LAG_LIMIT).await?;
    let application = application.stop(first..ended).await?;
    let heap_after = subject.heap().await?;
    let command_seconds = (ended - begun).as_secs_f64();
    let (fill, verified) = seconds(method, &done, command_seconds);
    let mut costs = done.costs;
    costs.extend(after.since(&before));
    let mut run = Run {
        table: subject.kind.table().to_owned(),
        rows: subject.rows,
        method: method.name(),
        round,
        fill_seconds: fill,
        verified_seconds: verified,
        command_seconds,
        wal_bytes_per_row: method
            .fills()
            .then(|| (after.wal - before.wal) as f64 / subject.rows as f64),
        heap_bytes_before: heap_before,
        heap_growth_percent: 100.0 * (heap_after - heap_before) as f64 / heap_before as f64,
        lag,
        application,
        costs,
        load,
        fault: None,
    };
    if let Some(services) = done.services {
        services.dismiss().await?;
    }
    if method.fills() {
        run.fault = subject.fault().await?;
    }
    Ok(run)
}

/// Of ours by its ledger; of others by their command, and nobody has compared a row.
fn seconds(method: &Method, done: &Done, command: f64) -> (Option<f64>, Option<f64>) {
    match &done.filled {
        Some(filled) => (
            Some(filled.fill.as_secs_f64()),
            Some(filled.verified.as_secs_f64()),
        ),
        None => (method.fills().then_some(command), None),
    }
}

/// What only differences are taken of.
#[derive(Debug)]
struct Reading {
    wal: i64,
    primary: f64,
    replica: f64,
}

impl Reading {
    async fn of(ground: &Ground, subject: &Subject<'_>) -> anyhow::Result<Self> {
        let wal = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
        Ok(Self {
            wal: subject.database.value(Role::Monitor, wal).await?,
            primary: tree(ground.server.pid().context("the primary has ended")?),
            replica: tree(ground.replica.pid().context("the replica has ended")?),
        })
    }

    fn since(&self, before: &Self) -> [Cost; 2] {
        let cost = |role: &str, seconds: f64| Cost {
            role: role.to_owned(),
            cpu_seconds: seconds,
            peak_mib: None,
        };
        [
            cost("primary", self.primary - before.primary),
            cost("replica", self.replica - before.replica),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::clerk::Filled;

    #[test]
    fn ours_is_timed_by_its_ledger_and_others_by_their_command() {
        let filled = Filled {
            fill: Duration::from_secs(2),
            verified: Duration::from_secs(3),
            ..Filled::default()
        };
        let ours = Done {
            filled: Some(filled),
            ..Done::default()
        };
        assert_eq!(seconds(&Method::Broker, &ours, 9.0), (Some(2.0), Some(3.0)));
        assert_eq!(seconds(&Method::Update, &Done::default(), 9.0), (Some(9.0), None));
        assert_eq!(
            seconds(&Method::Alone(Duration::ZERO), &Done::default(), 9.0),
            (None, None)
        );
    }
}
