//! VACUUM beside a fill, ANALYZE after it: [`crate::upkeep`] says when, this does it.
//!
//! One VACUUM at a time on a target, on a connection of its own, by the owner role. It is a courtesy, and nothing waits for it: it ends as
//! soon as the job may not write any more, the planner's lease is lost, or some session waits for a lock that it has.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use engine::catalog::{EngineKind, Leaf};
use engine::db::Raw;
use engine::postgres::session::backend;
use engine::postgres::{catalog, upkeep as server};
use ledger::jobs::Job;
use ledger::{JobState, Plan, Target};
use proto::{JobId, PlanHash};
use shared::clock::{Clock, within};
use shared::service::{Shutdown, chain};

use super::tenure::Tenure;
use crate::budget::Limits;
use crate::decide::Machine;
use crate::upkeep::{self, AT_DEAD_PERCENT};

/// Between two looks at the tables that are being filled.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks whether a running VACUUM may go on.
const WATCH: Duration = Duration::from_millis(250);
/// A table whose VACUUM stood in somebody's way is left alone for this long.
const REST: Duration = Duration::from_secs(30);
/// A question that takes longer waits on a socket whose other end is gone.
const LIMIT: Duration = Duration::from_secs(30);
/// Longest ANALYZE: it reads a sample of fixed size, whatever the table's.
const ANALYZE_LIMIT: Duration = Duration::from_secs(600);

/// Looks after the tables of one target.
pub(super) struct Upkeep {
    target: Target,
    clock: Arc<dyn Clock>,
    tenure: Tenure,
    shutdown: Shutdown,
    plans: HashMap<PlanHash, Arc<Plan>>,
    /// Dead rows that the last VACUUM of a leaf left.
    left: BTreeMap<u32, u64>,
    /// Leaves that are left alone until then.
    resting: BTreeMap<u32, Duration>,
    /// Leaves of which it was told that they cannot be vacuumed.
    told: BTreeSet<u32>,
    analyzed: BTreeSet<JobId>,
}

/// Why something could not be done; it is tried again.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the ledger could not be read")]
    Ledger(#[from] ledger::Error),
    #[error("no connection as the owner")]
    Connection(#[from] sqlx::Error),
    #[error("the server refused")]
    Engine(#[from] engine::postgres::Error),
}

impl Upkeep {
    pub(super) fn new(target: &Target, clock: &Arc<dyn Clock>, tenure: Tenure, shutdown: Shutdown) -> Self {
        Self {
            target: target.clone(),
            clock: clock.clone(),
            tenure,
            shutdown,
            plans: HashMap::new(),
            left: BTreeMap::new(),
            resting: BTreeMap::new(),
            told: BTreeSet::new(),
            analyzed: BTreeSet::new(),
        }
    }

    /// For as long as it is polled, while the lease is held. A file has neither command's need: its fill frees nothing.
    pub(super) async fn run(mut self) {
        if self.target.data.engine() == EngineKind::Sqlite {
            return;
        }
        while !self.shutdown.stopping.is_cancelled() {
            tokio::select! {
                () = self.clock.sleep(EVERY) => {}
                () = self.shutdown.stopping.cancelled() => return,
            }
            if !self.tenure.is_held() {
                continue;
            }
            if let Err(error) = self.round().await {
                tracing::debug!(target = %self.target.name, error = %chain(&error), "tables could not be looked after; trying again");
            }
        }
    }

    async fn round(&mut self) -> Result<(), Error> {
        let jobs = self.asked(self.target.ledger.unfinished_jobs()).await?;
        self.plans
            .retain(|hash, _| jobs.iter().any(|j| j.plan_hash == *hash));
        self.analyzed.retain(|id| jobs.iter().any(|j| j.id == *id));
        for job in jobs {
            match job.state {
                JobState::Backfilling => self.vacuum(&job).await?,
                JobState::Verified if !self.analyzed.contains(&job.id) => {
                    self.analyze(&job).await?;
                    self.analyzed.insert(job.id);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Each leaf of the job that is due.
    async fn vacuum(&mut self, job: &Job) -> Result<(), Error> {
        let percent = self
            .target
            .budget
            .vacuum_at_dead_percent
            .unwrap_or(AT_DEAD_PERCENT);
        if percent == 0 || !self.may_write(job.id).await? {
            return Ok(());
        }
        let plan = self.plan(job).await?;
        for fill in &plan.fills {
            for leaf in self.leaves(&fill.table).await? {
                let Some(found) = self.condition(leaf.oid).await? else {
                    continue;
                };
                if !found.permitted && self.told.insert(leaf.oid) {
                    tracing::warn!(table = %leaf.name.name, "the owner role may not VACUUM this table; it grows while it is filled");
                }
                let rests = self
                    .resting
                    .get(&leaf.oid)
                    .is_some_and(|until| *until > self.clock.monotonic());
                let left = self.left.get(&leaf.oid).copied().unwrap_or_default();
                if !rests && upkeep::is_due(found, percent, left) {
                    self.one(job, &leaf, found.dead).await?;
                }
            }
        }
        Ok(())
    }

    async fn one(&mut self, job: &Job, leaf: &Leaf, dead: u64) -> Result<(), Error> {
        let begun = self.clock.monotonic();
        // Of its own, and closed afterwards: it has settings that nobody else should inherit.
        let mut conn = self.target.owner.detached().await?;
        let Raw::Postgres(raw) = conn.raw() else {
            return Ok(());
        };
        let pid = backend(raw).await?.pid;
        let working = server::vacuum(raw, &leaf.name, self.cost(job));
        let ended = {
            tokio::pin!(working);
            loop {
                tokio::select! {
                    ended = &mut working => break Ok(ended),
                    () = self.clock.sleep(WATCH) => {
                        if let Some(why) = self.why_stop(job.id, pid).await {
                            self.cancel(pid).await;
                            // What was cancelled answers at once; a silent socket is dropped with the connection.
                            let _ = within(&*self.clock, LIMIT, &mut working).await;
                            break Err(why);
                        }
                    }
                }
            }
        };
        let took = self.clock.monotonic().saturating_sub(begun);
        match ended {
            Ok(done) => {
                done?;
                let left = self.condition(leaf.oid).await?.map_or(0, |c| c.dead);
                // What died meanwhile is among them, and is not what could not be removed; that only makes the next one come later.
                self.left.insert(leaf.oid, left.min(dead));
                metrics::counter!("sluice_vacuums_total", "target" => self.target.name.to_string(), "outcome" => "done").increment(1);
                tracing::info!(job = %job.id, table = %leaf.name.name, dead, left, took = ?took, "vacuumed");
            }
            Err(why) => {
                self.resting.insert(leaf.oid, self.clock.monotonic() + REST);
                metrics::counter!("sluice_vacuums_total", "target" => self.target.name.to_string(), "outcome" => "gave_way").increment(1);
                tracing::info!(job = %job.id, table = %leaf.name.name, took = ?took, "a vacuum gave way: {why}");
            }
        }
        Ok(())
    }

    /// Why a running VACUUM should end. What cannot be asked is a reason.
    async fn why_stop(&self, job: JobId, pid: i32) -> Option<&'static str> {
        if self.shutdown.stopping.is_cancelled() || !self.tenure.is_held() {
            return Some("this planner stops, or another one is active");
        }
        if !self.may_write(job).await.unwrap_or(false) {
            return Some("the job may not write now");
        }
        let asking = async {
            let mut conn = self.target.owner.acquire().await?;
            match conn.raw() {
                Raw::Postgres(conn) => Ok(server::is_in_the_way(conn, pid).await?),
                Raw::Sqlite(_) => Ok::<_, Error>(false),
            }
        };
        match within(&*self.clock, LIMIT, asking).await {
            Some(Ok(false)) => None,
            Some(Ok(true)) => Some("a session waited for it"),
            Some(Err(_)) | None => Some("nobody could tell whether a session waits for it"),
        }
    }

    async fn cancel(&self, pid: i32) {
        let cancelling = async {
            let mut conn = self.target.owner.acquire().await?;
            if let Raw::Postgres(conn) = conn.raw() {
                server::cancel(conn, pid).await?;
            }
            Ok::<_, Error>(())
        };
        if !matches!(within(&*self.clock, LIMIT, cancelling).await, Some(Ok(()))) {
            tracing::warn!(target = %self.target.name, pid, "a vacuum could not be cancelled");
        }
    }

    /// The new columns of the job's tables.
    async fn analyze(&mut self, job: &Job) -> Result<(), Error> {
        let plan = self.plan(job).await?;
        for fill in &plan.fills {
            let mut conn = self.target.owner.acquire().await?;
            let Raw::Postgres(raw) = conn.raw() else {
                return Ok(());
            };
            let columns: Vec<String> = fill.columns.iter().map(|c| c.column.clone()).collect();
            let working = server::analyze(raw, &fill.table, &columns);
            match within(&*self.clock, ANALYZE_LIMIT, working).await {
                Some(Ok(())) => tracing::info!(job = %job.id, table = %fill.table.name, "analyzed"),
                Some(Err(error)) => {
                    tracing::warn!(job = %job.id, table = %fill.table.name, error = %chain(&error), "the new columns could not be analyzed; autovacuum will");
                }
                None => {
                    tracing::warn!(job = %job.id, table = %fill.table.name, "no answer to ANALYZE; autovacuum will do it");
                }
            }
        }
        Ok(())
    }

    async fn may_write(&self, job: JobId) -> Result<bool, Error> {
        let pace = self.asked(self.target.ledger.pace(job)).await?;
        let state = self.asked(self.target.ledger.job(job)).await?.state;
        Ok(state == JobState::Backfilling && pace.is_some_and(|(pace, _)| pace.go))
    }

    async fn leaves(&self, table: &engine::catalog::TableName) -> Result<Vec<Leaf>, Error> {
        let mut conn = self.target.owner.acquire().await?;
        match conn.raw() {
            Raw::Postgres(conn) => Ok(catalog::leaves(conn, table).await?),
            Raw::Sqlite(_) => Ok(Vec::new()),
        }
    }

    async fn condition(&self, leaf: u32) -> Result<Option<server::Condition>, Error> {
        let mut conn = self.target.owner.acquire().await?;
        match conn.raw() {
            Raw::Postgres(conn) => Ok(server::condition(conn, leaf).await?),
            Raw::Sqlite(_) => Ok(None),
        }
    }

    fn cost(&self, job: &Job) -> server::Cost {
        let machine: Option<Machine> = serde_json::from_value(job.machine.clone()).ok();
        let of_job = machine.map_or_else(Limits::default, |m| crate::pace::limits(&m.budget));
        upkeep::cost(of_job, super::pacer::of_target(&self.target))
    }

    async fn plan(&mut self, job: &Job) -> Result<Arc<Plan>, Error> {
        if let Some(plan) = self.plans.get(&job.plan_hash) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(self.asked(self.target.ledger.plan(&job.plan_hash)).await?);
        self.plans.insert(job.plan_hash.clone(), plan.clone());
        Ok(plan)
    }

    async fn asked<T>(&self, asking: impl Future<Output = Result<T, ledger::Error>>) -> Result<T, Error> {
        match within(&*self.clock, LIMIT, asking).await {
            Some(answer) => Ok(answer?),
            None => Err(Error::Connection(sqlx::Error::PoolTimedOut)),
        }
    }
}
