//! Samples the signals into the ledger once a second, while a job is unfinished and the lease `sampler` is ours.
//!
//! It fails closed. What cannot be read becomes a row with a problem; a replica that was there when the job began, or is
//! configured, stays required, so that its absence stops the work; and if nobody samples at all, the rows grow stale,
//! which stops it too. A verifier that takes over in the middle of a job takes the required replicas from the ledger, not from who
//! happens to be connected.
//!
//! Everything is read side by side, each within a limit, so that what does not answer delays nothing else for long: `primary` reads the
//! server, `work` what our own jobs do to their tables, `replicas` each replica that is configured by URL, `checks` the HTTP checks.
//! `required` is what is remembered of replicas.

mod checks;
mod primary;
mod replicas;
mod required;
mod work;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::catalog::EngineKind;
use engine::signal::{Kind, Reading};
use ledger::pace::{REPLICA_LAG, Signal};
use ledger::role::site::Site;
use proto::LeaseId;
use shared::clock::within;
use shared::service::chain;

use self::checks::Checks;
use self::primary::Primary;
use self::replicas::Replicas;
use self::required::{NOBODY, Required, signal};

/// From the beginning of one round to that of the next, unless it takes longer.
const EVERY: Duration = Duration::from_secs(1);
/// The shortest rest between two rounds.
const LEAST_REST: Duration = Duration::from_millis(100);
/// A round that takes longer waits on a socket whose other end is gone: its lease has lapsed by then, and its connections are dropped.
const ROUND_LIMIT: Duration = ledger::leases::LEASE.saturating_add(SAMPLE_LIMIT);
/// A sample that takes longer is a reading that could not be made. Two rounds of that length are shorter than the age at which the planner
/// takes a reading for stale, so that its reason, and not its age, is what stops the work.
const SAMPLE_LIMIT: Duration = Duration::from_secs(2);
/// Name of the lease.
const LEASE_NAME: &str = "sampler";

/// What is remembered between two samples of one job's time.
struct Sampling {
    required: Required,
    primary: Primary,
    replicas: Replicas,
    checks: Checks,
}

impl Sampling {
    fn begin(site: &Arc<Site>, required: BTreeSet<String>, lease: LeaseId) -> Self {
        Self {
            primary: Primary::begin(&required),
            required: Required::begin(required),
            replicas: Replicas::begin(site, lease),
            checks: Checks::begin(&site.target.throttle),
        }
    }

    /// Reads everything, and says it as rows.
    async fn sample(&mut self, site: &Site, now: Duration) -> Vec<Signal> {
        let (primary, work, replicas, checks) = tokio::join!(
            primary::sample(&mut self.primary, site, now),
            work::sample(site),
            self.replicas.sample(site, now),
            self.checks.sample(site),
        );
        let mut beside: Vec<Reading> = work;
        beside.extend(checks);
        match primary {
            Ok((lags, others)) => {
                beside.extend(others);
                let lags = lags.into_iter().chain(replicas).collect();
                let mut signals = self.required.signals(lags);
                signals.push(signal(Reading::of(Kind::ReplicaLag, NOBODY, 0.0), false));
                signals.extend(beside.into_iter().map(|reading| signal(reading, false)));
                signals
            }
            Err(why) => {
                tracing::warn!(target_name = %site.target.name, "the signals of the primary cannot be read: {why}");
                let mut signals = self.required.problems(&why);
                signals.extend(beside.into_iter().map(|reading| signal(reading, false)));
                signals
            }
        }
    }
}

/// Samples one target until the service stops; `replicas` are those that must be there by configuration.
pub(crate) async fn run(site: Arc<Site>, replicas: Vec<String>) {
    // A file has no server, and every reading would take its one write lock.
    if site.target.data.engine() == EngineKind::Sqlite {
        return;
    }
    let lease = LeaseId::random();
    let mut sampling = None;
    let mut tidied = false;
    while !site.is_stopping() {
        let begun = site.clock.monotonic();
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
        let took = site.clock.monotonic().saturating_sub(begun);
        site.rest(EVERY.saturating_sub(took).max(LEAST_REST)).await;
    }
    let dropping = site.target.ledger.drop_lease(LEASE_NAME, lease);
    if sampling.is_some()
        && let Some(Err(error)) = within(&*site.clock, SAMPLE_LIMIT, dropping).await
    {
        tracing::debug!(error = %chain(&error), "the sampler's lease was left to lapse");
    }
}

async fn round(
    site: &Arc<Site>,
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
        None => sampling.insert(Sampling::begin(site, required(site, replicas).await?, lease)),
    };
    // Before the reading, so that neither a lag nor an age is ever understated.
    let read_at = site.clock.monotonic();
    let mut signals = sampling.sample(site, read_at).await;
    let age = site.clock.monotonic().saturating_sub(read_at);
    for signal in &mut signals {
        signal.age = age;
    }
    if !ledger.write_signals(&signals, lease).await? {
        tracing::debug!(target_name = %site.target.name, "the sampler's lease is another's; nothing was written");
    }
    Ok(())
}

/// Who must be there: the configured ones, and those that an earlier sampler of this job found. Whoever is configured by URL is asked
/// itself, wherever it streams from.
async fn required(site: &Site, replicas: &[String]) -> Result<BTreeSet<String>, ledger::Error> {
    let known = site.target.ledger.signals().await?;
    let by_url = &site.target.throttle.replicas;
    let known = known.into_iter().filter(|s| {
        s.name == REPLICA_LAG && s.required && s.source != NOBODY && !by_url.contains_key(&s.source)
    });
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
