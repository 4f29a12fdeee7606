//! A chunk task: end the predecessor, claim, work batch by batch, write what came of it.
//!
//! The message is acknowledged only after the chunk's end is in the ledger and its event is published. Whatever
//! goes wrong before that, the row says who owns the chunk and how far it is, so a message that comes again finds
//! its task not claimable (forget it) or lapsed (take it over).

mod batch;
mod breath;
mod culprit;
mod rate;
mod setbacks;
mod shift;
mod size;
mod watch;

use std::time::Duration;

use ledger::role::site::{Site, Taken};
use ledger::tasks::{Claim, Failure, FailureClass};
use proto::TaskId;
use proto::message::{ChunkTask, TaskOutcome};
use shared::clock::within;
use shared::service::chain;
use tokio_util::sync::CancellationToken;

use crate::conclude::Handled;
use crate::takeover::{self, Predecessor};

/// How a worker's time with a chunk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// Every batch is committed.
    Finished,
    /// Trying again will not mend it.
    Failed(Failure),
    /// Given back unfinished, with the reason.
    Returned { why: String, due_in: Duration },
    /// Another attempt owns it; nothing may be written in its name.
    Lost,
}

/// When a task that was given back without anybody's fault may be taken again.
const SOON: Duration = Duration::from_millis(500);
/// A message whose ledger cannot be reached comes again after this.
const LATER: Duration = Duration::from_secs(5);

/// Longest wait for an answer of the ledger at the beginning and the end of a chunk; the socket may be one that says nothing.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// Works one chunk.
///
/// No await of it outlasts the lease. What waits on a socket whose peer is gone is dropped then, and with it the connection; the
/// transaction that hangs on it cannot commit any more, because whoever takes the chunk over ends it, or moves the fence.
pub(crate) async fn run(site: &Site, task: ChunkTask, session: &CancellationToken) -> Handled {
    let claiming = within(&*site.clock, ANSWERS_WITHIN, claim(site, task.task));
    let in_hand = match claiming.await {
        Some(Ok(Taken::InHand(in_hand))) => in_hand,
        Some(Ok(Taken::Nothing)) => return Handled::forget(),
        Some(Ok(Taken::SetAside(why))) => return Handled::park(why),
        None => {
            tracing::warn!(task = %task.task, "the ledger does not answer; the message of a chunk comes again");
            return Handled::later(LATER);
        }
        Some(Err(error)) => {
            tracing::warn!(task = %task.task, error = %chain(&error), "a chunk could not be claimed; its message comes again");
            return Handled::later(LATER);
        }
    };
    tracing::debug!(chunk = %task.chunk, attempt = in_hand.claim.fence.attempt, "chunk claimed");
    let working = async {
        let beginning = shift::Shift::begin(site, &in_hand, task.chunk, session);
        match within(&*site.clock, ANSWERS_WITHIN, beginning).await {
            Some(Ok(mut shift)) => shift.work().await,
            Some(Err(error)) => End::Returned {
                why: format!("the chunk could not be begun: {}", chain(&error)),
                due_in: LATER,
            },
            None => End::Returned {
                why: "the chunk could not be begun: no answer from the database".to_owned(),
                due_in: LATER,
            },
        }
    };
    let end = tokio::select! {
        biased;
        end = working => end,
        () = in_hand.lease.lost().cancelled() => End::Lost,
    };
    let recording = within(&*site.clock, ANSWERS_WITHIN, record(site, &in_hand.claim, end));
    let handled = recording.await.unwrap_or_else(|| {
        tracing::warn!(task = %task.task, "the ledger does not answer; the end of a chunk is not recorded");
        Handled::forget()
    });
    if session.is_cancelled() {
        // The connection the message came by is gone: it is somebody else's message now.
        return Handled {
            settlement: None,
            ..handled
        };
    }
    handled
}

async fn claim(site: &Site, task: TaskId) -> Result<Taken, takeover::Error> {
    if let Some(lapsed) = site.target.ledger.lapsed_lease(task).await?
        && takeover::end_batches(site, lapsed).await? == Predecessor::StillThere
    {
        // The fence keeps the two apart; it only means waiting for the old one's locks.
        tracing::warn!(%task, lease = %lapsed, "the backend of a lapsed lease was told to end and is still there");
    }
    Ok(site.claim(task).await?)
}

/// Writes the end into the ledger and says what to tell.
async fn record(site: &Site, claim: &Claim, end: End) -> Handled {
    let ledger = &site.target.ledger;
    let (written, what) = match &end {
        End::Lost => {
            tracing::info!(task = %claim.task, "the lease on a chunk was lost; whoever has it now goes on from its cursor");
            return Handled::forget();
        }
        End::Finished => (ledger.finish_chunk(claim, None).await, TaskOutcome::Done),
        End::Failed(failure) => {
            match failure.class {
                // The planner copes with it: it begins a new sweep.
                FailureClass::Drift => {
                    tracing::warn!(task = %claim.task, job = %claim.job, "chunk failed: {}", failure.message);
                }
                FailureClass::Data | FailureClass::Permission | FailureClass::Permanent => {
                    tracing::error!(task = %claim.task, job = %claim.job, sqlstate = failure.sqlstate.as_deref(), "chunk failed: {}", failure.message);
                }
            }
            (
                ledger.finish_chunk(claim, Some(failure)).await,
                TaskOutcome::Failed,
            )
        }
        End::Returned { why, due_in } => {
            tracing::info!(task = %claim.task, "chunk given back: {why}");
            (
                ledger.give_back(claim.task, claim.fence, *due_in, why).await,
                TaskOutcome::Returned,
            )
        }
    };
    match written {
        Ok(true) => Handled::told(site.event(claim, what)),
        Ok(false) => Handled::forget(),
        Err(error) => {
            // The lease lapses by itself and the planner issues the chunk again; its cursor says how far it is.
            tracing::warn!(task = %claim.task, error = %chain(&error), "the end of a chunk could not be recorded");
            Handled::forget()
        }
    }
}
