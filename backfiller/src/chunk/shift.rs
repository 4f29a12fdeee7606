//! A worker's time with one chunk: batch after batch until the cursor stands at the end.
//!
//! A pause takes hold within two seconds. The planner's word is read inside each batch's transaction, before any row is
//! touched; after that the batch has at most one wait for the leaf's lock (under `deadlock_timeout / 2`, half a second at most)
//! and one updating statement (1.5 s at most, its waits for row locks included), and batches aim at a fraction of that. A planner
//! that falls silent counts as a no after five seconds. The exception is a single block that
//! has proven slower than 1.5 s alone: it gets 30 s, because otherwise it could never be filled.
//!
//! While it waits for leave the worker holds nothing but its lease; after a minute it gives that back too.

mod begin;
mod leave;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use engine::error::Class;
use engine::relation::ROWIDS_A_BLOCK;
use ledger::Plan;
use ledger::chunks::Chunk;
use ledger::plan::Fill;
use ledger::role::site::{InHand, Site};
use ledger::tasks::{Failure, FailureClass};
use shared::clock::within;
use tokio_util::sync::CancellationToken;

use self::begin::Server;
use super::batch::{Batch, Fault, Ground, Order};
use super::breath::Breath;
use super::rate::{Rate, Spent};
use super::setbacks::{Reaction, Setbacks};
use super::size::{BatchSize, MAX_BLOCKS};
use super::watch::Watch;
use super::{End, LATER, SOON, culprit};
use crate::rest::{jittered, rest};

/// What a batch may take beside its updating statement: getting a connection (10 s at most), waiting for the leaf's lock, the small
/// statements, the commit. One that takes longer waits on a socket whose other end is gone.
const BESIDE: Duration = Duration::from_secs(15);
/// Longest rest in one piece, so that a lost lease or connection is noticed.
const SLICE: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Shift<'a> {
    site: &'a Site,
    in_hand: &'a InHand,
    session: &'a CancellationToken,
    plan: Arc<Plan>,
    /// Index of the chunk's fill in the plan.
    fill: usize,
    chunk: Chunk,
    server: Server,
    size: BatchSize,
    rate: Rate,
    /// When the share was read last.
    share_at: Duration,
    setbacks: Setbacks,
    breath: Breath,
    /// None on SQLite: there is one writer.
    watch: Option<Watch>,
    retries: u32,
    gave_way: u32,
    throttled: Duration,
    /// That it begins to write is counted.
    begun: bool,
}

impl Shift<'_> {
    /// Works until the chunk is done, cannot be done, or is to be given back.
    pub(super) async fn work(&mut self) -> End {
        loop {
            if let Some(end) = self.should_end() {
                return self.leave_with(end).await;
            }
            let now = self.site.clock.monotonic();
            let wait = self.rate.wait(self.order().blocks, now);
            if !wait.is_zero() {
                if let Some(end) = self.wait_for_budget(wait).await {
                    return self.leave_with(end).await;
                }
                continue;
            }
            if !self.begun {
                if let Some(end) = self.begin_to_write().await {
                    return self.leave_with(end).await;
                }
                continue;
            }
            let batch = self.batch().await;
            let took = self.site.clock.monotonic() - now;
            if let Some(end) = self.after(batch, took).await {
                return self.leave_with(end).await;
            }
        }
    }

    fn fill(&self) -> &Fill {
        &self.plan.fills[self.fill]
    }

    fn should_end(&self) -> Option<End> {
        if !self.in_hand.lease.is_ours() {
            Some(End::Lost)
        } else if self.site.is_stopping() {
            Some(End::Returned {
                why: "the worker is draining".to_owned(),
                due_in: Duration::ZERO,
            })
        } else if self.session.is_cancelled() {
            Some(End::Returned {
                why: "the worker lost its connection to the broker".to_owned(),
                due_in: SOON,
            })
        } else {
            None
        }
    }

    async fn batch(&self) -> Batch {
        let Some(ground) = self.ground() else {
            return Batch::Drifted("the table is no longer there".to_owned());
        };
        let order = self.order();
        let working = ground.batch(&self.site.target.data, order);
        if self.fill().row.is_some() {
            // A file answers; what it waits for is its write lock.
            return working.await;
        }
        if let Some(watch) = &self.watch {
            watch.batch_begins(self.site.clock.monotonic()).await;
        }
        let limit = order.statement_timeout + BESIDE;
        let batch = within(&*self.site.clock, limit, working)
            .await
            .unwrap_or_else(|| Batch::Failed(silence(limit)));
        let gave_way = match &self.watch {
            Some(watch) => watch.gave_way().await,
            None => false,
        };
        match batch {
            Batch::Failed(fault) if gave_way && fault.class == Class::StatementTimeout => {
                Batch::GaveWay(fault.range)
            }
            batch => batch,
        }
    }

    /// None: the root table is gone.
    fn ground(&self) -> Option<Ground<'_>> {
        Some(Ground {
            plan: &self.plan,
            fill: &self.plan.fills[self.fill],
            chunk: &self.chunk,
            fence: self.in_hand.claim.fence,
            root_oid: self.server.root_oid?,
            lock_timeout: self.server.lock_timeout,
            clock: &*self.site.clock,
        })
    }

    fn order(&self) -> Order {
        Order {
            blocks: self.size.blocks(self.rate.cap_blocks().min(MAX_BLOCKS)),
            statement_timeout: self.size.statement_timeout(),
            retries: self.retries,
            gave_way: self.gave_way,
            throttled: self.throttled,
        }
    }

    /// What a batch means for the next one. Some: there is no next one.
    async fn after(&mut self, batch: Batch, took: Duration) -> Option<End> {
        match batch {
            Batch::Committed {
                range,
                seen,
                changed,
                wal_bytes,
                share,
                factor,
                held,
            } => {
                let took = if self.fill().row.is_some() { held } else { took };
                let now = self.site.clock.monotonic();
                let ended = range.end >= self.chunk.end_block;
                self.take(share);
                let range = filled(self.fill(), range, seen);
                let blocks = range.end - range.start;
                self.rate.spend(
                    Spent {
                        blocks,
                        seen,
                        changed,
                        wal_bytes,
                    },
                    now,
                );
                self.size.committed(&range, took, self.plan.budget.target_batch);
                self.setbacks.forget();
                (self.retries, self.gave_way, self.throttled) = (0, 0, Duration::ZERO);
                metrics::counter!("sluice_batches_total").increment(1);
                metrics::counter!("sluice_rows_changed_total").increment(changed);
                self.ease(took, factor).await;
                if ended {
                    self.pay().await;
                    return Some(End::Finished);
                }
                self.breathe(took).await;
                None
            }
            Batch::Complete => Some(End::Finished),
            Batch::NotNow(leave) => self.wait_for_leave(leave).await,
            Batch::Lost => Some(End::Lost),
            Batch::Drifted(message) => Some(End::Failed(Failure {
                class: FailureClass::Drift,
                sqlstate: None,
                message,
            })),
            Batch::GaveWay(range) => {
                self.gave_way += 1;
                metrics::counter!("sluice_batches_gave_way_total").increment(1);
                self.meet(Fault {
                    // What a session waited for is smaller next time, as if we had waited for it.
                    class: Class::LockTimeout,
                    sqlstate: None,
                    words: "a session of the application waited for the batch, which gave way".to_owned(),
                    range,
                })
                .await
            }
            Batch::Failed(fault) => self.meet(fault).await,
        }
    }

    /// On SQLite: leaves the write lock to others before the next batch.
    async fn breathe(&mut self, took: Duration) {
        if self.fill().row.is_none() {
            return;
        }
        let pause = self.breath.after(took);
        rest(self.site, self.in_hand, pause).await;
    }

    async fn meet(&mut self, fault: Fault) -> Option<End> {
        self.retries += 1;
        metrics::counter!("sluice_batches_retried_total").increment(1);
        let reaction = self.setbacks.meet(fault.class, &fault.range, &mut self.size);
        let where_ = place(&self.chunk, &fault.range);
        match reaction {
            Reaction::Again(pause) => {
                tracing::warn!(
                    job = %self.chunk.job, chunk = %self.chunk.id, sqlstate = fault.sqlstate.as_deref(),
                    in_a_row = self.setbacks.count(), "{where_}: {}; trying again", fault.words
                );
                if !pause.is_zero() {
                    rest(self.site, self.in_hand, jittered(pause)).await;
                }
                None
            }
            Reaction::Fail(class) => {
                let rows = self
                    .culprit(class, &fault.range)
                    .await
                    .map_or_else(String::new, |rows| format!(", {rows}"));
                Some(End::Failed(Failure {
                    class,
                    sqlstate: fault.sqlstate,
                    message: format!("{where_}{rows}: {}", fault.words),
                }))
            }
            Reaction::GiveBack => Some(End::Returned {
                why: format!(
                    "{where_}: {} attempts in a row failed, last with SQLSTATE {}: {}",
                    self.setbacks.count(),
                    fault.sqlstate.as_deref().unwrap_or("none"),
                    fault.words
                ),
                due_in: LATER,
            }),
        }
    }

    /// Which rows of the last refused block it was.
    async fn culprit(&self, class: FailureClass, range: &Range<u64>) -> Option<String> {
        if class != FailureClass::Data || range.is_empty() {
            return None;
        }
        let fill = &self.plan.fills[self.fill];
        let looking = culprit::keys(&self.site.target.data, &self.plan, fill, &self.chunk, range.start);
        within(&*self.site.clock, BESIDE, looking).await.flatten()
    }

    /// Counts what no batch could carry any more.
    async fn leave_with(&self, end: End) -> End {
        let counted = !matches!(end, End::Lost) && (self.retries > 0 || !self.throttled.is_zero());
        if counted && let Some(ground) = self.ground() {
            let counting = ground.account(&self.site.target.data, self.order());
            if !matches!(within(&*self.site.clock, BESIDE, counting).await, Some(Ok(()))) {
                tracing::debug!(chunk = %self.chunk.id, "retries and waiting time of a chunk were not counted");
            }
        }
        end
    }
}

/// A batch that was not answered: it may have been committed, which the cursor says.
fn silence(limit: Duration) -> Fault {
    Fault {
        class: Class::UnknownOutcome,
        sqlstate: None,
        words: format!("no answer from the database within {} s", limit.as_secs()),
        range: 0..0,
    }
}

/// The range of a batch, by the blocks that its rows would fill: what sizes and rates are measured in. On PostgreSQL a range is what it is.
fn filled(fill: &Fill, range: Range<u64>, rows: u64) -> Range<u64> {
    match fill.row {
        None => range,
        Some(_) => range.start..range.start + rows.div_ceil(ROWIDS_A_BLOCK).max(1),
    }
}

fn place(chunk: &Chunk, range: &Range<u64>) -> String {
    let leaf = format!("{}.{}", chunk.leaf.schema, chunk.leaf.name);
    match range.end - range.start {
        0 => leaf,
        1 => format!("{leaf}, block {}", range.start),
        _ => format!("{leaf}, blocks {} to {}", range.start, range.end - 1),
    }
}
