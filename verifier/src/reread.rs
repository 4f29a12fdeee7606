//! Re-reading each chunk after it was filled: a second pair of eyes, soon, while the finding is still cheap to mend.
//!
//! An event makes it happen at once; a poll every second finds what no event told. The poll takes a chunk only when
//! it has seen it twice, so that of several verifiers the one that got the event reads it. Two reading the same chunk
//! cost time and nothing else: the first record stands.
//!
//! A chunk whose table has changed since cannot be read: it is recorded as drifted, the planner begins a new sweep, and
//! that one's chunks are read instead. One that we may not read is recorded as unreadable, so that the job says so.
//!
//! Where the operator names a replica, a chunk is read there first ([`replica`]). That it is right is then recorded; whatever else comes of
//! it, the chunk is read on the primary, as if nothing had been asked.

mod replica;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::catalog::TableName;
use ledger::checks::{Counted, Reread};
use ledger::chunks::Chunk;
use ledger::role::site::Site;
use proto::message::{TaskEvent, TaskOutcome};
use proto::{ChunkId, TaskId};
use shared::clock::within;
use shared::service::chain;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::check::set_aside;
use crate::read::{Found, Place, Reader, Stop};
use crate::tell;

use self::replica::Replica;

const POLL: Duration = Duration::from_secs(1);
/// Chunks one poll looks at.
const LISTED: i64 = 200;
/// Chunks read at a time.
const AT_ONCE: usize = 2;
/// A chunk that could not be read is looked at again after this.
const REST: Duration = Duration::from_secs(10);

/// A chunk whose re-reading takes longer hangs on a socket whose other end is gone; each statement of it is bounded by the server.
const LOOK_LIMIT: Duration = Duration::from_secs(600);
/// Likewise a question to the ledger.
const ASK_LIMIT: Duration = Duration::from_secs(30);

/// What becomes of a chunk that was looked at.
enum Looked {
    /// Recorded, by us or by somebody else.
    Over,
    /// To be left alone for a while.
    NotNow,
}

/// Chunks and how far they are in our hands.
#[derive(Default)]
struct Desk {
    waiting: Vec<Chunk>,
    in_hand: BTreeSet<ChunkId>,
    seen_before: BTreeSet<ChunkId>,
    resting: BTreeMap<ChunkId, Duration>,
}

impl Desk {
    /// Of what a poll lists, those that it had listed before and nobody here has taken.
    fn poll(&mut self, listed: Vec<Chunk>, now: Duration) {
        self.resting.retain(|_, until| *until > now);
        let ids: BTreeSet<ChunkId> = listed.iter().map(|c| c.id).collect();
        let before = std::mem::replace(&mut self.seen_before, ids);
        for chunk in listed {
            if before.contains(&chunk.id) {
                self.take(chunk);
            }
        }
    }

    fn take(&mut self, chunk: Chunk) {
        let known = self.in_hand.contains(&chunk.id)
            || self.resting.contains_key(&chunk.id)
            || self.waiting.iter().any(|w| w.id == chunk.id);
        if !known {
            self.waiting.push(chunk);
        }
    }

    /// The oldest one.
    fn next(&mut self) -> Option<Chunk> {
        if self.in_hand.len() >= AT_ONCE || self.waiting.is_empty() {
            return None;
        }
        let chunk = self.waiting.remove(0);
        self.in_hand.insert(chunk.id);
        Some(chunk)
    }

    fn looked(&mut self, chunk: ChunkId, looked: &Looked, now: Duration) {
        self.in_hand.remove(&chunk);
        if matches!(looked, Looked::NotNow) {
            self.resting.insert(chunk, now + REST);
        }
    }
}

/// Re-reads chunks of one target until the service stops.
pub(crate) async fn run(site: Arc<Site>, mut hints: mpsc::Receiver<ChunkId>) {
    let replica = Arc::new(Replica::of(&site.target));
    let mut desk = Desk::default();
    let mut reading = JoinSet::new();
    let mut poll_at = site.clock.monotonic();
    while !site.is_stopping() {
        while let Some(chunk) = desk.next() {
            let (site, replica) = (site.clone(), replica.clone());
            reading.spawn(async move {
                let looking = look(&site, replica.as_ref().as_ref(), &chunk);
                let looked = within(&*site.clock, LOOK_LIMIT, looking).await;
                (chunk.id, looked.unwrap_or(Looked::NotNow))
            });
        }
        let until_poll = poll_at.saturating_sub(site.clock.monotonic());
        tokio::select! {
            Some(ended) = reading.join_next() => match ended {
                Ok((chunk, looked)) => desk.looked(chunk, &looked, site.clock.monotonic()),
                // Which one it was is not known; none must be kept from being looked at again.
                Err(panic) => {
                    tracing::error!(error = %panic, "re-reading a chunk panicked");
                    desk.in_hand.clear();
                }
            },
            Some(hint) = hints.recv() => match within(&*site.clock, ASK_LIMIT, site.target.ledger.chunk(hint)).await {
                Some(Ok(chunk)) => desk.take(chunk),
                Some(Err(error)) => tracing::debug!(chunk = %hint, error = %chain(&error), "a hint led nowhere; the poll goes on"),
                None => tracing::warn!(chunk = %hint, "the ledger does not answer; the poll goes on"),
            },
            () = site.rest(until_poll) => {
                match within(&*site.clock, ASK_LIMIT, site.target.ledger.unverified_chunks(LISTED)).await {
                    Some(Ok(listed)) => desk.poll(listed, site.clock.monotonic()),
                    Some(Err(error)) => tracing::warn!(error = %chain(&error), "chunks to be re-read could not be listed"),
                    None => tracing::warn!("the ledger does not answer; chunks to be re-read could not be listed"),
                }
                poll_at = site.clock.monotonic() + POLL;
            }
        }
    }
}

/// Re-reads one chunk and records what was found.
async fn look(site: &Site, replica: Option<&Replica>, chunk: &Chunk) -> Looked {
    let found = match reread(site, replica, chunk).await {
        Ok(found) => found,
        Err(Stop::Drifted) => return drifted(site, chunk).await,
        Err(Stop::Refused(why)) => return refused(site, chunk, &why).await,
        Err(Stop::Failed(why)) => {
            tracing::warn!(chunk = %chunk.id, "a chunk could not be re-read: {why}; it is tried again");
            return Looked::NotNow;
        }
    };
    let result = match (found.unreadable, found.wrong) {
        (0, 0) => Reread::Ok,
        (0, _) => Reread::Mismatched,
        (_, _) => Reread::Unreadable,
    };
    if result != Reread::Ok {
        tracing::error!(
            job = %chunk.job, chunk = %chunk.id, rows = found.rows, wrong = found.wrong, unreadable = found.unreadable,
            "rows of {}.{} are wrong after they were filled", chunk.leaf.schema, chunk.leaf.name
        );
        note(site, chunk, &found).await;
    }
    record(site, chunk, result, &found).await
}

async fn record(site: &Site, chunk: &Chunk, result: Reread, found: &Found) -> Looked {
    let counted = Counted {
        checked: found.rows,
        mismatched: found.wrong + found.unreadable,
    };
    let recorded = site
        .target
        .ledger
        .record_reread(chunk, result, counted, &found.named)
        .await;
    told(site, chunk, recorded).await
}

/// The table is not what the sweep began with: only a new sweep helps.
async fn drifted(site: &Site, chunk: &Chunk) -> Looked {
    let why = format!(
        "{}.{} has changed since the chunk was filled (its fingerprint differs)",
        chunk.leaf.schema, chunk.leaf.name
    );
    tracing::info!(chunk = %chunk.id, table = %chunk.leaf.name, "{why}; it is not re-read");
    let recorded = site
        .target
        .ledger
        .reread_drifted(chunk, site.worker.as_str(), &why)
        .await;
    told(site, chunk, recorded).await
}

/// We may not read it: waiting does not help, a person does.
async fn refused(site: &Site, chunk: &Chunk, why: &str) -> Looked {
    tracing::error!(job = %chunk.job, chunk = %chunk.id, "a chunk may not be re-read: {why}");
    let looked = record(site, chunk, Reread::Unreadable, &Found::default()).await;
    if matches!(looked, Looked::Over) {
        let detail = serde_json::json!({ "chunk": chunk.id, "why": why });
        audit(site, chunk, "chunk.unreadable", &detail).await;
    }
    looked
}

async fn told(site: &Site, chunk: &Chunk, recorded: Result<bool, ledger::Error>) -> Looked {
    match recorded {
        Ok(true) => {
            let event = TaskEvent {
                task: TaskId::of_chunk(chunk.id),
                chunk: Some(chunk.id),
                what: TaskOutcome::Done,
            };
            tell::planner(site, &site.event_of(chunk.job, event)).await;
            Looked::Over
        }
        Ok(false) => Looked::Over,
        Err(error) => {
            tracing::warn!(chunk = %chunk.id, error = %chain(&error), "what a re-read found could not be recorded; it is read again");
            Looked::NotNow
        }
    }
}

async fn reread(site: &Site, replica: Option<&Replica>, chunk: &Chunk) -> Result<Found, Stop> {
    let failed = |error: ledger::Error| Stop::Failed(chain(&error));
    let plan = site.plan_of(chunk.job).await.map_err(failed)?;
    let Some(fill) = plan.fills.iter().find(|f| f.id == chunk.fill) else {
        return Err(Stop::Failed(format!("the plan has no fill {}", chunk.fill)));
    };
    let set_aside = set_aside::keys(site, chunk.job, &plan, fill)
        .await
        .map_err(failed)?;
    let root_oid = root_oid(site, &fill.table)
        .await
        .map_err(|e| Stop::Failed(chain(&e)))?
        .ok_or(Stop::Drifted)?;
    let reader = Reader {
        site,
        plan: &plan,
        fill,
        root_oid,
        leaf_oid: chunk.leaf_oid,
        leaf: &chunk.leaf,
        fingerprint: &chunk.fingerprint,
        set_aside: &set_aside,
        place: Place::Primary,
    };
    let range = chunk.first_block..chunk.end_block;
    if let Some(replica) = replica
        && let Some(found) = replica.clean(&reader, &range).await
    {
        return Ok(found);
    }
    reader.range(range).await
}

/// In a transaction because the data route may be pooled.
pub(crate) async fn root_oid(site: &Site, root: &TableName) -> Result<Option<u32>, engine::postgres::Error> {
    let failed = || engine::postgres::Error::query("look the table up");
    let mut tx = site.target.data.begin_reading().await.map_err(failed())?;
    let oid = engine::relation::oid(&mut tx, root).await?;
    tx.commit().await.map_err(failed())?;
    Ok(oid)
}

async fn note(site: &Site, chunk: &Chunk, found: &Found) {
    let detail = serde_json::json!({
        "chunk": chunk.id,
        "table": format!("{}.{}", chunk.leaf.schema, chunk.leaf.name),
        "rows": found.rows,
        "wrong": found.wrong,
        "unreadable": found.unreadable,
    });
    audit(site, chunk, "chunk.mismatched", &detail).await;
}

async fn audit(site: &Site, chunk: &Chunk, kind: &str, detail: &serde_json::Value) {
    let audited = site
        .target
        .ledger
        .audit(Some(chunk.job), site.worker.as_str(), kind, detail)
        .await;
    if let Err(error) = audited {
        tracing::debug!(error = %chain(&error), "a finding was not noted in the audit trail");
    }
}

#[cfg(test)]
mod tests {
    use proto::JobId;

    use super::*;

    fn chunk(seq: u64) -> Chunk {
        let job = JobId(uuid::Uuid::nil());
        Chunk {
            id: ChunkId::of(job, 0, 1, seq),
            job,
            fill: 0,
            sweep: 1,
            leaf_oid: 1,
            leaf: TableName {
                schema: "s".into(),
                name: "t".into(),
            },
            fingerprint: String::new(),
            first_block: 0,
            end_block: 1,
            cursor_block: 1,
        }
    }

    #[test]
    fn a_poll_takes_a_chunk_only_the_second_time_and_once() {
        let mut desk = Desk::default();
        desk.poll(vec![chunk(1)], Duration::ZERO);
        assert!(desk.next().is_none());
        desk.poll(vec![chunk(1), chunk(2)], Duration::from_secs(1));
        assert_eq!(desk.next().map(|c| c.id), Some(chunk(1).id));
        desk.poll(vec![chunk(1)], Duration::from_secs(2));
        assert!(desk.next().is_none(), "it is in hand");
    }

    #[test]
    fn a_chunk_that_could_not_be_read_rests_before_it_is_read_again() {
        let mut desk = Desk::default();
        desk.take(chunk(1));
        let taken = desk.next().unwrap();
        desk.looked(taken.id, &Looked::NotNow, Duration::ZERO);
        for (second, expected) in [(1, false), (2, false), (11, true)] {
            desk.poll(vec![chunk(1)], Duration::from_secs(second));
            assert_eq!(desk.next().is_some(), expected, "after {second} s");
        }
    }

    #[test]
    fn only_a_few_chunks_are_read_at_a_time() {
        let mut desk = Desk::default();
        (0..5).for_each(|seq| desk.take(chunk(seq)));
        assert_eq!(std::iter::from_fn(|| desk.next()).count(), AT_ONCE);
    }
}
