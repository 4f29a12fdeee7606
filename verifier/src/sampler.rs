//! Samples the signals into the ledger once a second, while a job is unfinished and the lease `sampler` is ours.
//!
//! It fails closed. What cannot be read becomes a row with a problem; a replica that was there when the job began, or is
//! configured, stays required, so that its absence stops the work; and if nobody samples at all, the rows grow stale,
//! which stops it too. A verifier that takes over in the middle of a job takes the required replicas from the ledger, not from who
//! happens to be connected.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::catalog::EngineKind;
use engine::db::Raw;
use engine::postgres::replica_lag::{Reading, ReplicaLag};
use ledger::pace::{REPLICA_LAG, Signal};
use ledger::role::site::Site;
use proto::LeaseId;
use shared::clock::within;
use shared::service::chain;

const EVERY: Duration = Duration::from_secs(1);
/// A round that takes longer waits on a socket whose other end is gone: its lease has lapsed by then, and its connections are dropped.
const ROUND_LIMIT: Duration = ledger::leases::LEASE.saturating_add(SAMPLE_LIMIT);
/// A sample that takes longer is a reading that could not be made.
const SAMPLE_LIMIT: Duration = Duration::from_secs(2);
/// Name of the lease.
const LEASE_NAME: &str = "sampler";
/// Source of the row that says that nothing at all can be read.
const NOBODY: &str = "primary";

/// What is remembered between two samples of one job's time.
struct Sampling {
    lag: ReplicaLag,
    required: BTreeSet<String>,
    begun: bool,
}

impl Sampling {
    fn begin(required: BTreeSet<String>) -> Self {
        Self {
            lag: ReplicaLag::new(required.iter().cloned().collect()),
            required,
            begun: false,
        }
    }

    /// The rows for a sample that could be made. Who is there at the first one is required from then on.
    fn signals(&mut self, readings: Vec<Reading>) -> Vec<Signal> {
        if !self.begun {
            self.begun = true;
            self.required.extend(readings.iter().map(|r| r.source.clone()));
        }
        worst_per_source(readings)
            .into_iter()
            .map(|reading| {
                let required = self.required.contains(&reading.source);
                signal(reading.source, reading.lag, reading.problem, required)
            })
            .collect()
    }

    /// The rows for one that could not: every required source has the problem; without any, nobody knows whether
    /// there should be one.
    fn problems(&self, why: &str) -> Vec<Signal> {
        let mut sources: Vec<String> = self.required.iter().cloned().collect();
        sources.push(NOBODY.to_owned());
        sources
            .into_iter()
            .map(|source| signal(source, None, Some(why.to_owned()), true))
            .collect()
    }
}

/// Replicas of one name are one signal: a problem of any of them counts, then a lag that is not known, then the largest.
fn worst_per_source(readings: Vec<Reading>) -> Vec<Reading> {
    let mut worst: Vec<Reading> = Vec::new();
    for reading in readings {
        let Some(known) = worst.iter_mut().find(|w| w.source == reading.source) else {
            worst.push(reading);
            continue;
        };
        known.lag = match (known.lag, reading.lag) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (None, _) | (_, None) => None,
        };
        known.problem = known.problem.take().or(reading.problem);
    }
    worst
}

fn signal(source: String, lag: Option<Duration>, problem: Option<String>, required: bool) -> Signal {
    Signal {
        name: REPLICA_LAG.to_owned(),
        source,
        value: lag.map(|lag| lag.as_secs_f64()),
        unit: "seconds".to_owned(),
        problem,
        required,
        age: Duration::ZERO,
    }
}

/// Samples one target until the service stops; `replicas` are those that must be there by configuration.
pub(crate) async fn run(site: Arc<Site>, replicas: Vec<String>) {
    // A file has no replicas, and every reading would take its one write lock.
    if site.target.data.engine() == EngineKind::Sqlite {
        return;
    }
    let lease = LeaseId::random();
    let mut sampling = None;
    let mut tidied = false;
    while !site.is_stopping() {
        let round = round(&site, &replicas, lease, &mut sampling, &mut tidied);
        match within(&*site.clock, ROUND_LIMIT, round).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::warn!(target_name = %site.target.name, error = %chain(&error), "signals could not be written");
            }
            None => {
                tracing::warn!(target_name = %site.target.name, "the ledger does not answer; no signals are written");
            }
        }
        site.rest(EVERY).await;
    }
    let dropping = site.target.ledger.drop_lease(LEASE_NAME, lease);
    if sampling.is_some()
        && let Some(Err(error)) = within(&*site.clock, SAMPLE_LIMIT, dropping).await
    {
        tracing::debug!(error = %chain(&error), "the sampler's lease was left to lapse");
    }
}

async fn round(
    site: &Site,
    replicas: &[String],
    lease: LeaseId,
    sampling: &mut Option<Sampling>,
    tidied: &mut bool,
) -> Result<(), ledger::Error> {
    let ledger = &site.target.ledger;
    if ledger.unfinished_jobs().await?.is_empty() {
        *sampling = None;
        if !*tidied && ledger.hold_lease(LEASE_NAME, site.worker.as_str(), lease).await? {
            tidy(site, replicas, lease).await?;
            *tidied = true;
            ledger.drop_lease(LEASE_NAME, lease).await?;
        }
        return Ok(());
    }
    *tidied = false;
    if !ledger.hold_lease(LEASE_NAME, site.worker.as_str(), lease).await? {
        *sampling = None;
        return Ok(());
    }
    let sampling = match sampling {
        Some(sampling) => sampling,
        None => sampling.insert(Sampling::begin(required(site, replicas).await?)),
    };
    // Before the reading, so that neither a lag nor an age is ever understated.
    let read_at = site.clock.monotonic();
    let mut signals = match sample(site, &mut sampling.lag, read_at).await {
        Ok(readings) => {
            let mut signals = sampling.signals(readings);
            signals.push(signal(NOBODY.to_owned(), Some(Duration::ZERO), None, false));
            signals
        }
        Err(why) => {
            tracing::warn!(target_name = %site.target.name, "replica lag cannot be read: {why}");
            sampling.problems(&why)
        }
    };
    let age = site.clock.monotonic().saturating_sub(read_at);
    for signal in &mut signals {
        signal.age = age;
    }
    if !ledger.write_signals(&signals, lease).await? {
        tracing::debug!(target_name = %site.target.name, "the sampler's lease is another's; nothing was written");
    }
    Ok(())
}

async fn sample(site: &Site, lag: &mut ReplicaLag, now: Duration) -> Result<Vec<Reading>, String> {
    let reading = async {
        let mut conn = site.target.monitor.acquire().await.map_err(|e| chain(&e))?;
        match conn.raw() {
            Raw::Postgres(conn) => lag.sample(conn, now).await.map_err(|e| chain(&e)),
            Raw::Sqlite(_) => Ok(Vec::new()),
        }
    };
    within(&*site.clock, SAMPLE_LIMIT, reading)
        .await
        .unwrap_or_else(|| Err(format!("no answer within {} s", SAMPLE_LIMIT.as_secs())))
}

/// Who must be there: the configured ones, and those that an earlier sampler of this job found.
async fn required(site: &Site, replicas: &[String]) -> Result<BTreeSet<String>, ledger::Error> {
    let known = site.target.ledger.signals().await?;
    let known = known
        .into_iter()
        .filter(|s| s.name == REPLICA_LAG && s.required && s.source != NOBODY);
    Ok(known.map(|s| s.source).chain(replicas.iter().cloned()).collect())
}

/// Between jobs: whoever was required by the last one is no longer, unless it is configured.
async fn tidy(site: &Site, replicas: &[String], lease: LeaseId) -> Result<(), ledger::Error> {
    let ledger = &site.target.ledger;
    let left: Vec<Signal> = ledger
        .signals()
        .await?
        .into_iter()
        .filter(|s| s.name == REPLICA_LAG && s.required && !replicas.contains(&s.source))
        .map(|s| Signal { required: false, ..s })
        .collect();
    if left.is_empty() {
        Ok(())
    } else {
        ledger.write_signals(&left, lease).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(source: &str) -> Reading {
        Reading {
            source: source.to_owned(),
            lag: Some(Duration::from_millis(250)),
            problem: None,
        }
    }

    fn rows(signals: &[Signal]) -> Vec<(&str, Option<f64>, bool)> {
        signals
            .iter()
            .map(|s| (s.source.as_str(), s.value, s.required))
            .collect()
    }

    #[test]
    fn who_is_there_at_the_first_sample_is_required_and_who_comes_later_is_not() {
        let mut sampling = Sampling::begin(BTreeSet::from(["configured".to_owned()]));
        let first = sampling.signals(vec![reading("configured"), reading("a")]);
        assert_eq!(
            rows(&first),
            [("configured", Some(0.25), true), ("a", Some(0.25), true)]
        );
        let later = sampling.signals(vec![reading("a"), reading("backup")]);
        assert_eq!(
            rows(&later),
            [("a", Some(0.25), true), ("backup", Some(0.25), false)]
        );
    }

    #[test]
    fn of_two_replicas_with_one_name_the_worse_one_counts() {
        let slow = Reading {
            lag: Some(Duration::from_secs(40)),
            ..reading("a")
        };
        let gone = Reading {
            lag: None,
            problem: Some("gone".to_owned()),
            ..reading("a")
        };
        for (readings, lag, problem) in [
            (vec![slow.clone(), reading("a")], Some(40.0), None),
            (vec![reading("a"), slow.clone()], Some(40.0), None),
            (vec![gone.clone(), slow.clone()], None, Some("gone")),
            (vec![slow, gone], None, Some("gone")),
        ] {
            let signals = Sampling::begin(BTreeSet::new()).signals(readings);
            assert_eq!(rows(&signals), [("a", lag, true)]);
            assert_eq!(signals[0].problem.as_deref(), problem);
        }
    }

    #[test]
    fn what_cannot_be_read_stops_the_work_even_if_no_replica_is_known() {
        let mut sampling = Sampling::begin(BTreeSet::new());
        assert_eq!(rows(&sampling.problems("no")), [(NOBODY, None, true)]);
        sampling.signals(vec![reading("a")]);
        assert_eq!(
            rows(&sampling.problems("no")),
            [("a", None, true), (NOBODY, None, true)]
        );
    }
}
