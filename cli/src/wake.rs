//! A wake-up call for planners, so that a command is applied now and not at the next tick. Best effort: without it
//! the tick comes.

use std::time::Duration;

use ledger::Ledger;
use ledger::jobs::Job;
use proto::message::Wake;
use proto::{Envelope, Message, MessageId, VERSION};
use shared::bus::{self, Queue};
use shared::clock::{SystemClock, within};
use shared::settings::BusSettings;

use crate::place::Place;

/// A dead broker must not delay a command.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells planners to look at the ledger now.
pub async fn wake(place: &Place, ledger: &Ledger, job: &Job, reason: &str) {
    if matches!(place.settings.bus, BusSettings::Local) {
        return;
    }
    let clock = SystemClock::shared();
    let call = async {
        let bus = bus::open(&place.settings.bus, "sluice cli", clock.clone())?;
        let envelope = Envelope {
            id: MessageId::new(),
            version: VERSION,
            target: place.name.clone(),
            ledger: Some(ledger.id()),
            job: Some(job.id),
            sent_at: clock.now(),
            attempt: 1,
            trace: None,
            message: Message::Wake(Wake {
                reason: reason.to_owned(),
            }),
        };
        let sent = bus.publish(&Queue::Control, &envelope).await;
        bus.close().await;
        sent
    };
    match within(&*clock, PATIENCE, call).await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "nobody was woken; the planner's tick comes"),
        None => tracing::debug!("the broker did not answer; the planner's tick comes"),
    }
}
