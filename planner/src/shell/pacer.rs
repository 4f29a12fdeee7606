//! The pace of every job, kept fresh beside the rounds: its age is the planner's heartbeat for workers, and a round over many jobs
//! may take longer than a worker waits for one.
//!
//! It is worked out anew each time, from the signals as they are now: a beat that only repeated the last word would keep a `go` alive
//! that the signals no longer allow (invariant 7).
//!
//! Where a rate is limited, the leases on chunks get their shares of it here too ([`crate::budget`]), a few times a second, so that a lease
//! that has just been taken does not wait for its own.
//!
//! Rounds and beats share it under one lock, and a beat reads the jobs while it holds it. So a beat that read a job before a decision
//! about it was committed has written before the round sets the pace of that decision, never after.

mod measure;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use engine::catalog::EngineKind;
use ledger::Target;
use ledger::jobs::Job;
use ledger::pace::{Pace, Signal, StopKind};
use ledger::shares::Holders;
use proto::{JobId, LeaseId, PlanHash};
use shared::clock::{Clock, within};
use shared::service::chain;
use tokio::sync::Mutex;

use super::Error;
use super::tenure::Tenure;
use crate::budget::{self, Limits, Rising};
use crate::decide::Machine;
use crate::pace::{Situation, Step};

/// A pace that does not change is written this often: workers take a planner for dead after five times that.
const BEAT: Duration = Duration::from_secs(1);
/// A no that no signal can change is written this often: there may be hundreds of jobs at rest, and one statement keeps all of them fresh.
const QUIET_BEAT: Duration = Duration::from_secs(30);
/// How often shares are looked at while a rate is limited.
const SHARING: Duration = Duration::from_millis(250);
/// What a lease left is free for the next chunk's lease for so long, before the others grow into it.
const KEPT_FREE: Duration = Duration::from_secs(3);
/// How often the factor of an eased pace moves.
const EASING: Duration = Duration::from_secs(1);
/// A beat that takes longer waits on a socket whose other end is gone.
const LIMIT: Duration = Duration::from_secs(30);

/// Sets paces.
#[derive(Debug)]
pub(super) struct Pacer {
    target: Target,
    clock: Arc<dyn Clock>,
    lease: LeaseId,
    paces: HashMap<JobId, Written>,
    /// The tables of each plan, as signals name them.
    tables: HashMap<PlanHash, Vec<String>>,
    paused: measure::Paused,
    /// The rates of each job that may write now.
    limits: BTreeMap<JobId, Limits>,
    /// Since when leases at work could have more than they have.
    room_since: Option<Duration>,
}

/// The pace of a job as it was written last.
#[derive(Debug)]
struct Written {
    pace: Pace,
    stop: StopKind,
    at: Duration,
    /// When the factor moved last.
    stepped: Duration,
}

/// Beats for as long as it is polled, while the lease is held.
pub(super) async fn beat(pacer: Arc<Mutex<Pacer>>, tenure: Tenure, clock: Arc<dyn Clock>) {
    let mut beaten: Option<Duration> = None;
    loop {
        let mut pause = BEAT;
        if tenure.is_held() {
            let now = clock.monotonic();
            let due = beaten.is_none_or(|at| now.saturating_sub(at) >= BEAT);
            let beating = async {
                let mut pacer = pacer.lock().await;
                if due {
                    pacer.beat().await?;
                }
                pacer.share().await
            };
            match within(&*clock, LIMIT, beating).await {
                Some(Ok(true)) => pause = SHARING,
                Some(Ok(false)) => {}
                Some(Err(error)) => tracing::warn!(error = %chain(&error), "paces could not be kept fresh"),
                None => tracing::warn!("the ledger does not answer; paces are not kept fresh"),
            }
            if due {
                beaten = Some(now);
            }
        }
        clock.sleep(pause).await;
    }
}

pub(super) fn of_target(target: &Target) -> Limits {
    Limits {
        rows: target.budget.max_rows_per_second,
        wal_bytes: target.budget.max_wal_bytes_per_second,
    }
}

impl Pacer {
    pub(super) fn new(target: &Target, clock: &Arc<dyn Clock>, lease: LeaseId) -> Self {
        Self {
            target: target.clone(),
            clock: clock.clone(),
            lease,
            paces: HashMap::new(),
            tables: HashMap::new(),
            paused: measure::Paused::default(),
            limits: BTreeMap::new(),
            room_since: None,
        }
    }

    /// Sets the pace of a job whose machine has just been looked at, with so many tasks in somebody's hands.
    pub(super) async fn set(&mut self, job: &Job, machine: &Machine, leased: u64) -> Result<(), Error> {
        let signals = self.signals().await?;
        self.write(job, machine, (signals.as_deref(), leased)).await
    }

    /// Forgets all but these.
    pub(super) fn keep(&mut self, jobs: &[Job]) {
        self.paces.retain(|id, _| jobs.iter().any(|j| j.id == *id));
        self.limits.retain(|id, _| jobs.iter().any(|j| j.id == *id));
        self.tables
            .retain(|hash, _| jobs.iter().any(|j| j.plan_hash == *hash));
    }

    /// Gives each lease on a chunk its share. Whether there is anything to share.
    async fn share(&mut self) -> Result<bool, Error> {
        let target = of_target(&self.target);
        if !target.any() && !self.limits.values().any(|l| l.any()) {
            return Ok(false);
        }
        let ledger = &self.target.ledger;
        let Holders { holders, left_over } = ledger.share_holders().await.map_err(self.ledger_error())?;
        if left_over {
            ledger.forget_shares().await.map_err(self.ledger_error())?;
        }
        let all = budget::shares(target, &self.limits, &holders, Rising::All);
        let new = budget::shares(target, &self.limits, &holders, Rising::New);
        let now = self.clock.monotonic();
        let room = all.iter().zip(&new).any(|(a, n)| budget::differs(*a, *n));
        let since = *self.room_since.get_or_insert(now);
        if !room {
            self.room_since = None;
        }
        let grown = room && now.saturating_sub(since) >= KEPT_FREE;
        for (holder, share) in holders.iter().zip(if grown { all } else { new }) {
            // A row of nothing says what no row says.
            if budget::differs(holder.granted, share) {
                ledger
                    .grant_share(holder, share, self.lease)
                    .await
                    .map_err(self.ledger_error())?;
            }
        }
        Ok(true)
    }

    async fn beat(&mut self) -> Result<(), Error> {
        let jobs = self
            .target
            .ledger
            .unfinished_jobs()
            .await
            .map_err(self.ledger_error())?;
        let signals = self.signals().await?;
        // Two questions, however many jobs there are.
        let leased = self.target.ledger.leased_by_job().await;
        let leased = leased.map_err(self.ledger_error())?;
        for job in &jobs {
            // One that cannot be read is told in the round.
            if let Ok(machine) = serde_json::from_value(job.machine.clone()) {
                let leased = leased.get(&job.id).copied().unwrap_or(0);
                self.write(job, &machine, (signals.as_deref(), leased)).await?;
            }
        }
        if self.paces.values().any(|written| !written.pace.go) {
            let kept = self.target.ledger.keep_nos(self.lease).await;
            kept.map_err(self.ledger_error())?;
        }
        Ok(())
    }

    /// None: this engine has no signals.
    async fn signals(&self) -> Result<Option<Vec<Signal>>, Error> {
        Ok(match self.target.data.engine() {
            EngineKind::Postgresql => Some(self.target.ledger.signals().await.map_err(self.ledger_error())?),
            EngineKind::Sqlite => None,
        })
    }

    async fn write(
        &mut self,
        job: &Job,
        machine: &Machine,
        (signals, leased): (Option<&[Signal]>, u64),
    ) -> Result<(), Error> {
        let target = of_target(&self.target);
        let leased = if machine.writes_rows() { leased } else { 0 };
        let tables = self.tables_of(job).await?;
        let now = self.clock.monotonic();
        let before = self.paces.get(&job.id);
        let due = before.is_none_or(|b| now.saturating_sub(b.stepped) >= EASING);
        let (pace, stop) = crate::pace::pace(&Situation {
            machine,
            tables: &tables,
            target,
            throttle: &self.target.throttle,
            signals,
            leased,
            now: self.clock.now(),
            before: before.map(|b| &b.pace),
            step: if due { Step::Due } else { Step::Hold },
        });
        let stepped = before.filter(|_| !due).map_or(now, |b| b.stepped);
        if let Some(before) = before.filter(|b| b.stop == StopKind::Signal) {
            let passed = now.saturating_sub(before.at);
            self.paused.count(before.pace.signal.as_deref(), passed);
        }
        if pace.go {
            self.limits.insert(job.id, crate::pace::limits(&machine.budget));
        } else {
            self.limits.remove(&job.id);
        }
        let now = self.clock.monotonic();
        let at_rest = !pace.go && stop == StopKind::Other;
        let every = if at_rest { QUIET_BEAT } else { BEAT };
        if before.is_some_and(|b| b.pace == pace && b.stop == stop && now.saturating_sub(b.at) < every) {
            return Ok(());
        }
        let mut conn = self
            .target
            .ledger
            .pool()
            .acquire()
            .await
            .map_err(ledger::Error::of("planner.pace"))
            .map_err(self.ledger_error())?;
        ledger::pace::set(&mut conn, job.id, &pace, stop, self.lease)
            .await
            .map_err(self.ledger_error())?;
        self.log_pace(job.id, &pace, stop);
        metrics::gauge!("sluice_job_go", "job" => job.name.clone()).set(f64::from(u8::from(pace.go)));
        metrics::gauge!("sluice_job_factor", "job" => job.name.clone()).set(pace.factor);
        let rules = crate::pace::rules(&machine.budget, &tables, &self.target.throttle);
        measure::tell(&self.target.name, &job.name, &rules, signals.unwrap_or_default());
        let written = Written {
            pace,
            stop,
            at: now,
            stepped,
        };
        self.paces.insert(job.id, written);
        Ok(())
    }

    /// The tables of a job, as signals name them.
    async fn tables_of(&mut self, job: &Job) -> Result<Vec<String>, Error> {
        if let Some(tables) = self.tables.get(&job.plan_hash) {
            return Ok(tables.clone());
        }
        let plan = self.target.ledger.plan(&job.plan_hash).await;
        let plan = plan.map_err(self.ledger_error())?;
        let tables: Vec<String> = plan.fills.iter().map(|fill| fill.table.to_string()).collect();
        self.tables.insert(job.plan_hash.clone(), tables.clone());
        Ok(tables)
    }

    fn log_pace(&self, job: JobId, pace: &Pace, stop: StopKind) {
        let before = self.paces.get(&job).map(|b| &b.pace);
        if stop != StopKind::Signal {
            return;
        }
        let changed = before.is_none_or(|b| b.go != pace.go || b.signal != pace.signal);
        match &pace.reason {
            Some(reason) if changed => tracing::warn!(%job, %reason, "throttled"),
            None if changed => tracing::info!(%job, "not throttled"),
            Some(_) | None => {}
        }
        let was_eased = before.is_some_and(|b| b.eased_by.is_some());
        match &pace.eased_by {
            Some(reason) if !was_eased => tracing::info!(%job, %reason, factor = pace.factor, "eased"),
            None if was_eased => tracing::info!(%job, "at full speed"),
            Some(_) | None => {}
        }
    }

    fn ledger_error(&self) -> impl FnOnce(ledger::Error) -> Error + use<> {
        let target = self.target.name.to_string();
        move |source| Error::Ledger { target, source }
    }
}
