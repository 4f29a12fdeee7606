//! Tells whoever follows jobs from outside that one has moved.
//!
//! A hint, as every message: nobody waits for it, and what the broker does not take in time is lost. One task publishes, so that what one
//! planner tells arrives in the order in which it happened. No message carries data: where the reason could name rows by their keys,
//! the event says where to look instead.

use std::sync::Arc;

use ledger::jobs::Job;
use ledger::target::Target;
use proto::message::JobEvent;
use proto::{Envelope, Message, MessageId, VERSION};
use shared::bus::{Bus, Queue};
use shared::clock::Clock;
use tokio::sync::mpsc;

use crate::decide::{Decision, HoldCause, Machine};

/// Events that wait for the broker; more are lost.
const WAITING: usize = 1_000;

/// The way out for events of one target.
#[derive(Debug)]
pub(super) struct Herald {
    events: mpsc::Sender<Envelope>,
    target: Target,
    clock: Arc<dyn Clock>,
}

impl Herald {
    /// Publishes until it is dropped.
    pub(super) fn start(target: &Target, bus: &Arc<dyn Bus>, clock: &Arc<dyn Clock>) -> Self {
        let (events, mut waiting) = mpsc::channel::<Envelope>(WAITING);
        let bus = bus.clone();
        tokio::spawn(async move {
            while let Some(envelope) = waiting.recv().await {
                let queue = Queue::Jobs(envelope.target.clone());
                if let Err(error) = bus.publish(&queue, &envelope).await {
                    tracing::debug!(%error, "nobody was told that a job has moved");
                }
            }
        });
        Self {
            events,
            target: target.clone(),
            clock: clock.clone(),
        }
    }

    /// Says what a decision has made of a job, if that is something else than before.
    pub(super) fn tell(&self, job: &Job, decision: &Decision) {
        let machine = &decision.machine;
        if machine.state == job.state && machine.reason() == job.reason {
            return;
        }
        let envelope = Envelope {
            id: MessageId::new(),
            version: VERSION,
            target: self.target.name.clone(),
            ledger: Some(self.target.ledger.id()),
            job: Some(job.id),
            sent_at: self.clock.now(),
            attempt: 1,
            trace: None,
            message: Message::JobEvent(JobEvent {
                name: job.name.clone(),
                state: machine.state.to_string(),
                reason: reason(machine),
            }),
        };
        if self.events.try_send(envelope).is_err() {
            tracing::debug!(job = %job.id, "nobody was told that a job has moved: too many events wait for the broker");
        }
    }
}

fn reason(machine: &Machine) -> Option<String> {
    match machine.hold.as_ref().map(|hold| hold.cause) {
        Some(HoldCause::Data) => Some("rows cannot be migrated; `sluice status` names them".to_owned()),
        Some(HoldCause::Verification) => Some("rows are not right; `sluice status` names them".to_owned()),
        Some(HoldCause::Step | HoldCause::Drift) | None => machine.reason(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Hold;
    use crate::decide::tests_support::machine;

    #[test]
    fn an_event_names_no_row() {
        let held = |cause| Machine {
            hold: Some(Hold {
                cause,
                why: "row {\"email\": \"ann@x\"}: it raises".to_owned(),
            }),
            ..machine()
        };
        for cause in [HoldCause::Data, HoldCause::Verification] {
            let said = reason(&held(cause)).unwrap();
            assert!(
                !said.contains("ann@x") && said.contains("`sluice status`"),
                "{said}"
            );
        }
        assert!(reason(&held(HoldCause::Step)).unwrap().contains("it raises"));
    }
}
