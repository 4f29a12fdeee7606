//! Submissions by message: each is answered once, accepted or refused, and settled.
//!
//! ```text
//!   queue ─ loop ─ a task a submission ─ a turn at its target (lane) ─ asked and answered (desk) ─ settled
//!                                        └ away, silent or busy with itself: it comes again, later and later
//! ```
//!
//! A submission whose database cannot be asked comes again for as long as that lasts, and is in nobody's way: it holds a turn of
//! its own target only. What is parked is what makes its handler panic, or what nobody can read. One that was taken in and comes
//! again finds its job: the job's id follows from the message's.

mod desk;
mod lane;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proto::message::{JobReply, JobSubmit};
use proto::{Envelope, Message, Unreadable};
use shared::bus::{Delivery, Queue, Settlement};
use shared::clock::within;
use shared::service::Shutdown;
use tokio::task::{JoinError, JoinSet};

use super::setback::Setback;
use crate::shell::Error;
use crate::start::Context;
use desk::{Desk, refusal};
use lane::{Answered, Lane};

/// Submissions that are looked at together, of one target.
pub const AT_ONCE: usize = 4;
/// Submissions in hand: more than the turns of one target, so that those of the others are seen behind them.
const IN_HAND: u16 = 64;
/// A target that takes longer over one submission does not answer.
const LIMIT: Duration = Duration::from_secs(30);
/// What is in hand when the service is asked to stop has this long; it comes again otherwise.
const GRACE: Duration = Duration::from_secs(5);
/// A submission on which the handler panics so often is parked.
const PANICS: u32 = 3;

/// Handles `job.submit` messages.
#[derive(Debug)]
pub struct Intake {
    desk: Arc<Desk>,
}

enum Event {
    Arrived(Box<Delivery>),
    Ended(Result<(), JoinError>),
    Stop,
}

impl Intake {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            desk: Arc::new(Desk {
                targets: context.targets.clone(),
                bus: context.bus.clone(),
                clock: context.clock.clone(),
            }),
        }
    }

    pub(crate) async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let mut submissions = self.desk.bus.subscribe(&Queue::Submit, IN_HAND).await?;
        let mut lanes: BTreeMap<String, Lane> = BTreeMap::new();
        let mut work = JoinSet::new();
        loop {
            let event = tokio::select! {
                biased;
                () = shutdown.stopping.cancelled() => Event::Stop,
                Some(ended) = work.join_next() => Event::Ended(ended),
                delivery = submissions.next() => delivery.map_or(Event::Stop, |d| Event::Arrived(Box::new(d))),
            };
            match event {
                Event::Arrived(delivery) => {
                    // A name that no target has costs nothing: it is refused without asking anybody.
                    let lane = lanes
                        .entry(target_of(&delivery))
                        .or_insert_with(Lane::new)
                        .clone();
                    work.spawn(one(self.desk.clone(), lane, *delivery, shutdown.clone()));
                }
                Event::Ended(Ok(())) => {}
                Event::Ended(Err(panic)) => {
                    tracing::error!(%panic, "settling a submission panicked; it comes again");
                }
                Event::Stop => break,
            }
            if work.is_empty() {
                lanes.clear();
            }
        }
        submissions.stop();
        while work.join_next().await.is_some() {}
        Ok(())
    }
}

fn target_of(delivery: &Delivery) -> String {
    match &delivery.content {
        Ok(envelope) => envelope.target.as_str().to_owned(),
        Err(_) => String::new(),
    }
}

/// One delivery to its end. Dropped unsettled, it comes again.
async fn one(desk: Arc<Desk>, lane: Lane, delivery: Delivery, shutdown: Shutdown) {
    let asked = Asked {
        content: delivery.content.clone(),
        reply_to: delivery.reply_to.clone(),
        correlation_id: delivery.correlation_id.clone(),
        retries: delivery.retries,
    };
    let handling = tokio::spawn(handle(desk.clone(), lane, asked));
    let abort = handling.abort_handle();
    let too_late = async {
        shutdown.stopping.cancelled().await;
        desk.clock.sleep(GRACE).await;
    };
    let settlement = tokio::select! {
        handled = handling => handled.unwrap_or_else(|panic| after_panic(&panic, delivery.retries)),
        () = too_late => {
            abort.abort();
            return;
        }
    };
    if let Err(error) = delivery.settle(settlement).await {
        tracing::debug!(%error, "a submission was not settled; it comes again and finds its job");
    }
}

fn after_panic(panic: &JoinError, retries: u32) -> Settlement {
    tracing::error!(%panic, retries, "the handler of a submission panicked");
    if retries < PANICS {
        Settlement::RetryAfter(again(retries))
    } else {
        Settlement::Park(format!(
            "its handler panicked {} times, last: {panic}",
            retries + 1
        ))
    }
}

/// What a delivery asks, without what settles it.
struct Asked {
    content: Result<Envelope, Unreadable>,
    reply_to: Option<String>,
    correlation_id: Option<String>,
    retries: u32,
}

async fn handle(desk: Arc<Desk>, lane: Lane, asked: Asked) -> Settlement {
    let envelope = match asked.content {
        Ok(envelope) => envelope,
        Err(why) => return Settlement::Park(why.to_string()),
    };
    let Message::JobSubmit(submit) = &envelope.message else {
        return Settlement::Park(format!(
            "kind {} does not belong into this queue",
            envelope.message.kind()
        ));
    };
    let reply = match in_turn(&desk, &lane, &envelope, submit).await {
        Ok(reply) => reply,
        Err(Setback::Lasting(why)) => refusal(envelope.id, why),
        Err(Setback::Passing(why)) => {
            let delay = again(asked.retries);
            tracing::warn!(submission = %envelope.id, target_name = submit.target, error = %why, retries = asked.retries, "a submission waits; it comes again");
            return Settlement::RetryAfter(delay);
        }
    };
    if let JobReply::Refused { errors, .. } = &reply {
        tracing::warn!(submission = %envelope.id, target = %submit.target, "a submission was refused: {}", errors.join("; "));
    }
    // Whoever sent none is told by the submission's own id.
    let correlation_id = asked.correlation_id.unwrap_or_else(|| envelope.id.to_string());
    if let Some(reply_to) = &asked.reply_to
        && let Err(error) = desk.answer(&envelope, (reply_to, &correlation_id), reply).await
    {
        tracing::warn!(%error, "the submitter could not be answered; what became of it is in the ledger or in this log");
    }
    Settlement::Done
}

async fn in_turn(
    desk: &Desk,
    lane: &Lane,
    envelope: &Envelope,
    submit: &JobSubmit,
) -> Result<JobReply, Setback> {
    let Some(turn) = lane.turn().await else {
        return Err(Setback::Passing(
            "the target did not answer the submission before it".to_owned(),
        ));
    };
    let accepting = desk.accept(envelope.id, submit);
    let outcome = within(&*desk.clock, LIMIT, accepting).await.unwrap_or_else(|| {
        let seconds = LIMIT.as_secs();
        Err(Setback::Passing(format!(
            "the target did not answer within {seconds} s"
        )))
    });
    turn.answered(match &outcome {
        Err(Setback::Passing(_)) => Answered::No,
        Ok(_) | Err(Setback::Lasting(_)) => Answered::Yes,
    });
    outcome
}

/// When a submission comes again that has waited so often: soon at first, because most outages are short; then seldom enough that
/// a thousand of them are no load.
fn again(retries: u32) -> Duration {
    match retries {
        0..6 => Duration::from_secs(5),
        6..16 => Duration::from_secs(30),
        16.. => Duration::from_secs(120),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_waits_longer_each_time_and_never_for_long_after_its_target_is_back() {
        let delays: Vec<u64> = [0, 5, 6, 15, 16, u32::MAX].map(|n| again(n).as_secs()).to_vec();
        assert_eq!(delays, [5, 5, 30, 30, 120, 120]);
    }
}
