//! The check of a whole table, and the verdict.
//!
//! The leaves are listed anew, with their size and fingerprint, after every chunk was filled and re-read; each is read from
//! its first block to its end, beyond the sweep's bound too, in short reads, two at a time. How far each leaf is
//! stands in the ledger, advanced by compare-and-set, so a check survives its verifier; two at once only repeat each other.
//!
//! A leaf whose fingerprint changes is read again from its first block: rows may have moved to blocks that were read
//! before. The message is acknowledged once the lease is in the ledger, because a check may take hours.

mod leaf;
pub(crate) mod set_aside;
mod verdict;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::catalog::Leaf;
use engine::relation;
use ledger::checks::CheckLeaf;
use ledger::plan::Fill;
use ledger::role::site::{InHand, Site};
use ledger::tasks::{Failure, FailureClass, Work};
use ledger::{Plan, chunks};
use proto::TaskId;
use proto::message::TaskOutcome;
use shared::bus::Settlement;
use shared::service::chain;

use crate::tell;

const LATER: Duration = Duration::from_secs(5);
/// How often the planner's word is looked at while it is no.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// A check that may not read for longer is given back.
const HELD_TOO_LONG: Duration = Duration::from_secs(60);
/// A table that changes more often than this under its check is not checked to an end.
const MAX_RESTARTS: u32 = 5;

/// What becomes of the message, and the task if it is ours now.
pub(crate) struct Admission {
    pub(crate) settlement: Settlement,
    pub(crate) in_hand: Option<InHand>,
}

/// Why there is no verdict.
#[derive(Debug)]
pub(crate) enum NoVerdict {
    /// The table changed under a read; it is looked at anew.
    Drifted,
    /// Trying again will not mend it.
    Failed(Failure),
    /// Given back, with the reason.
    Returned(String),
    /// Another verifier has it.
    Lost,
}

impl From<ledger::Error> for NoVerdict {
    fn from(error: ledger::Error) -> Self {
        Self::Returned(chain(&error))
    }
}

/// A check with what it needs.
struct Check<'a> {
    site: &'a Site,
    in_hand: &'a InHand,
    plan: Arc<Plan>,
    /// Index of the fill in the plan.
    fill: usize,
    round: u32,
    root_oid: u32,
    /// Of a table without a key: entries of the quarantine that were there before the first row was read.
    seen_before: Vec<i64>,
}

/// Claims.
pub(crate) async fn admit(site: &Site, task: TaskId) -> Admission {
    // A check only reads, and its record is compare-and-set: a predecessor that still runs does no harm.
    match site.claim(task).await {
        Ok(taken) => {
            let (settlement, in_hand) = taken.admit();
            Admission { settlement, in_hand }
        }
        Err(error) => {
            tracing::warn!(%task, error = %chain(&error), "a check could not be claimed; its message comes again");
            Admission {
                settlement: Settlement::RetryAfter(LATER),
                in_hand: None,
            }
        }
    }
}

/// Checks, issues the verdict, and writes what came of it.
pub(crate) async fn run(site: &Site, in_hand: InHand) {
    let claim = in_hand.claim;
    let ledger = &site.target.ledger;
    let (written, what) = match check(site, &in_hand).await {
        Ok(()) => (ledger.finish(claim.task, claim.fence).await, TaskOutcome::Done),
        Err(NoVerdict::Lost) => {
            tracing::info!(task = %claim.task, "the lease on a check was lost; whoever has it now goes on");
            return;
        }
        Err(NoVerdict::Failed(failure)) => {
            tracing::error!(task = %claim.task, job = %claim.job, "check failed: {}", failure.message);
            (
                ledger.fail(claim.task, claim.fence, &failure).await,
                TaskOutcome::Failed,
            )
        }
        Err(NoVerdict::Drifted) => {
            let why = "the table changed while it was checked";
            (
                ledger.give_back(claim.task, claim.fence, LATER, why).await,
                TaskOutcome::Returned,
            )
        }
        Err(NoVerdict::Returned(why)) => {
            tracing::info!(task = %claim.task, job = %claim.job, "check given back: {why}");
            (
                ledger.give_back(claim.task, claim.fence, LATER, &why).await,
                TaskOutcome::Returned,
            )
        }
    };
    match written {
        Ok(true) => tell::planner(site, &site.event(&claim, what)).await,
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(task = %claim.task, error = %chain(&error), "the end of a check could not be recorded; it is looked at again");
        }
    }
}

async fn check(site: &Site, in_hand: &InHand) -> Result<(), NoVerdict> {
    let claim = in_hand.claim;
    let Work::Check { fill, round } = claim.work else {
        return Err(failed(
            FailureClass::Permanent,
            "a check queue holds a task that is no check".to_owned(),
        ));
    };
    if site
        .target
        .ledger
        .verdict(claim.job, fill, round)
        .await?
        .is_some()
    {
        return Ok(());
    }
    let authority = site.target.ledger.job(claim.job).await?.authority;
    let plan = Arc::new(site.plan_of(claim.job).await?.judged_under(authority));
    let Some(index) = plan.fills.iter().position(|f| f.id == fill) else {
        return Err(failed(
            FailureClass::Permanent,
            format!("the plan has no fill {fill}"),
        ));
    };
    let table = &plan.fills[index].table;
    let Some(root_oid) = root_oid(site, &plan.fills[index]).await? else {
        let message = format!("{}.{} is no longer there", table.schema, table.name);
        return Err(failed(FailureClass::Drift, message));
    };
    tracing::info!(job = %claim.job, table = %table.name, round, "checking the whole table");
    ledger::role::crash::point("check.begun");
    site.target
        .ledger
        .resolve_stale_quarantine(claim.job, &plan.tag)
        .await?;
    let mut check = Check {
        site,
        in_hand,
        plan: plan.clone(),
        fill: index,
        round,
        root_oid,
        seen_before: Vec::new(),
    };
    check.look_into_quarantine().await?;
    let leaves = check.read_all().await?;
    check.conclude(&leaves).await
}

impl Check<'_> {
    fn fill(&self) -> &Fill {
        &self.plan.fills[self.fill]
    }

    /// Without a key no row of the quarantine can be looked at again; the check itself answers for those rows, if it
    /// reads all of them after they were entered. A check that goes on where another verifier left off does not.
    async fn look_into_quarantine(&mut self) -> Result<(), NoVerdict> {
        if !set_aside::key_columns(&self.plan, self.fill()).is_empty() {
            return Ok(());
        }
        let (job, fill) = (self.in_hand.claim.job, self.fill().id);
        let known = self
            .site
            .target
            .ledger
            .check_leaves(job, fill, self.round)
            .await?;
        if known.iter().all(|leaf| leaf.cursor_block == 0 && !leaf.ended) {
            let entries = set_aside::entries(self.site, job, &self.plan, self.fill()).await?;
            self.seen_before = entries.iter().map(|e| e.id).collect();
        }
        Ok(())
    }

    /// Reads every leaf to its end, beginning anew where one changed.
    async fn read_all(&self) -> Result<BTreeSet<u32>, NoVerdict> {
        let mut restarts = 0;
        loop {
            let listed = self.list().await?;
            let mut changed = false;
            for leaf in self.outstanding(&listed).await? {
                match self.read_leaf(&leaf).await {
                    Ok(()) => {}
                    Err(NoVerdict::Drifted) => changed = true,
                    Err(other) => return Err(other),
                }
            }
            // Looked at once more: a partition may have come, a file may have changed after its leaf was read.
            let again = self.list().await?;
            if !changed && again.iter().map(|l| &l.1).eq(listed.iter().map(|l| &l.1)) {
                return Ok(listed.iter().map(|(leaf, _)| leaf.oid).collect());
            }
            // A leaf that has come is read as well; only what was read already and changed is a restart.
            let known = |oid: u32| listed.iter().any(|(leaf, _)| leaf.oid == oid);
            let same = again.iter().filter(|(leaf, _)| known(leaf.oid)).eq(listed.iter());
            if changed || !same {
                restarts += 1;
            }
            if restarts > MAX_RESTARTS {
                let table = &self.fill().table;
                let message = format!(
                    "{}.{} changed {MAX_RESTARTS} times while it was checked (its fingerprint differs each time); \
                     find out what changes it, then check again",
                    table.schema, table.name
                );
                return Err(failed(FailureClass::Drift, message));
            }
            tracing::warn!(job = %self.in_hand.claim.job, table = %self.fill().table.name, "the table changed while it was checked; what changed is read again");
        }
    }

    /// The leaves as they are now, in the order of their oids, each with its fingerprint.
    async fn list(&self) -> Result<Vec<(Leaf, String)>, NoVerdict> {
        let returned = |e: sqlx::Error| NoVerdict::Returned(format!("the leaves could not be listed: {e}"));
        let engine = |e: engine::postgres::Error| {
            NoVerdict::Returned(format!("the leaves could not be listed: {}", chain(&e)))
        };
        let mut tx = self.site.target.data.begin_reading().await.map_err(returned)?;
        let mut listed = Vec::new();
        let fill = self.fill();
        for leaf in relation::leaves(&mut tx, &fill.table, fill.row.as_deref())
            .await
            .map_err(engine)?
        {
            // Dropped since it was listed: the fingerprints of the others show it, and the list is made again.
            if let Some(found) = relation::fingerprint(&mut tx, self.root_oid, leaf.oid, &leaf.name)
                .await
                .map_err(engine)?
            {
                listed.push((leaf, found.0));
            }
        }
        tx.rollback().await.map_err(returned)?;
        listed.sort_by_key(|(leaf, _)| leaf.oid);
        Ok(listed)
    }

    /// What is to be read, with the rows of the ledger made to fit what is there.
    async fn outstanding(&self, listed: &[(Leaf, String)]) -> Result<Vec<CheckLeaf>, NoVerdict> {
        let (ledger, job, fill) = (&self.site.target.ledger, self.in_hand.claim.job, self.fill().id);
        ledger.begin_check(job, fill, self.round, listed).await?;
        for leaf in listed {
            ledger.restart_check(job, fill, self.round, leaf).await?;
        }
        let known = ledger.check_leaves(job, fill, self.round).await?;
        Ok(known
            .into_iter()
            .filter(|k| !k.ended && listed.iter().any(|(l, _)| l.oid == k.oid))
            .collect())
    }

    /// Waits until reading is allowed.
    async fn may_read(&self) -> Result<(), NoVerdict> {
        let began = self.site.clock.monotonic();
        loop {
            if !self.in_hand.lease.is_ours() {
                return Err(NoVerdict::Lost);
            }
            if self.site.is_stopping() {
                return Err(NoVerdict::Returned("the verifier is draining".to_owned()));
            }
            let pool = self.site.target.ledger.pool();
            let mut conn = pool.acquire().await.map_err(ledger::Error::of("ledger.leave"))?;
            let leave = chunks::leave(&mut conn, self.in_hand.claim.job).await?;
            drop(conn);
            if leave.ended {
                return Err(NoVerdict::Returned("the job does not go on".to_owned()));
            }
            if leave.go {
                return Ok(());
            }
            if self.site.clock.monotonic() - began >= HELD_TOO_LONG {
                let reason = leave.reason.unwrap_or_else(|| "the planner says no".to_owned());
                return Err(NoVerdict::Returned(format!("held for a minute: {reason}")));
            }
            self.site.rest(LOOK_AGAIN).await;
        }
    }

    /// Adds up, looks into the quarantine, and says what it means.
    async fn conclude(&self, leaves: &BTreeSet<u32>) -> Result<(), NoVerdict> {
        let (ledger, job, fill) = (&self.site.target.ledger, self.in_hand.claim.job, self.fill());
        let known = ledger.check_leaves(job, fill.id, self.round).await?;
        let read = || known.iter().filter(|k| leaves.contains(&k.oid));
        let first = ledger
            .mismatches(job, 1000)
            .await?
            .into_iter()
            .find(|(of, _)| *of == fill.id);
        let rows_mismatched = read().map(|k| k.rows_mismatched).sum();
        if rows_mismatched == 0 && !self.seen_before.is_empty() {
            ledger.resolve_quarantined(&self.seen_before).await?;
        }
        let facts = verdict::Facts {
            table: fill.table.clone(),
            rows_checked: read().map(|k| k.rows_checked).sum(),
            rows_mismatched,
            first: first.map(|(_, m)| m),
            quarantined: set_aside::unresolved(self.site, job, &self.plan, fill).await?,
            naming: if set_aside::key_columns(&self.plan, fill).is_empty() {
                verdict::Naming::None
            } else {
                verdict::Naming::Key
            },
        };
        if !self.in_hand.lease.is_ours() {
            return Err(NoVerdict::Lost);
        }
        let verdict = facts.verdict();
        tracing::info!(
            %job, table = %fill.table.name, rows = verdict.rows_checked, mismatched = verdict.rows_mismatched,
            "verdict {:?}: {}", verdict.outcome, verdict.why
        );
        let claim = &self.in_hand.claim;
        ledger
            .issue_verdict(job, fill.id, self.round, &verdict, claim)
            .await?;
        Ok(())
    }
}

async fn root_oid(site: &Site, fill: &Fill) -> Result<Option<u32>, NoVerdict> {
    crate::reread::root_oid(site, &fill.table)
        .await
        .map_err(|e| NoVerdict::Returned(format!("the table could not be looked up: {}", chain(&e))))
}

fn failed(class: FailureClass, message: String) -> NoVerdict {
    NoVerdict::Failed(Failure {
        class,
        sqlstate: None,
        message,
    })
}
