//! What is in the queues: counts from the broker, ages from the ledgers.
//!
//! AMQP tells how many messages are ready and who consumes; how many are in hand only the management API does (`bus.management`).
//! Neither knows how long a task has been waiting: the ledger does, for the tasks of its target. What is not known is null, never 0.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proto::TargetName;
use secrecy::ExposeSecret;
use serde::Serialize;
use shared::bus::{Bus, Queue, rabbitmq};
use shared::settings::{BusSettings, Settings};
use shared::units::{format_count, format_duration};

use crate::error::{Error, chain};
use crate::place::{Mode, Place};

/// Every queue, with what could not be asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Queues {
    /// In the order of a job's way through them.
    pub queues: Vec<QueueLine>,
    /// What is missing above, and why.
    pub unknown: Vec<String>,
}

/// One queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct QueueLine {
    /// As the broker calls it.
    pub queue: String,
    /// Messages that wait.
    pub ready: u64,
    /// Messages in somebody's hands; null if nobody can tell.
    pub unacknowledged: Option<u64>,
    /// Who listens.
    pub consumers: u64,
    /// Age in seconds of the oldest task that is to be done and went through this queue; null if there is none, or if it holds no tasks.
    pub oldest_seconds: Option<f64>,
}

/// Asks the broker, its management API if one is configured, and every target's ledger.
///
/// # Errors
/// What the broker says. A ledger or a management API that does not answer only leaves its numbers out.
pub async fn read(settings: &Settings, bus: &Arc<dyn Bus>) -> Result<Queues, Error> {
    let mut unknown = Vec::new();
    let mut queues = Vec::new();
    for queue in [Queue::Submit, Queue::Parking] {
        queues.push(line(bus, &queue).await?);
    }
    for target in settings.targets.keys() {
        let oldest = match oldest(settings, target).await {
            Ok(oldest) => oldest,
            Err(error) => {
                unknown.push(format!("the ages of target {target}: {}", chain(&error)));
                BTreeMap::new()
            }
        };
        for queue in Queue::of_target(target) {
            let mut found = line(bus, &queue).await?;
            let age = queue.task_kind().and_then(|kind| oldest.get(kind));
            found.oldest_seconds = age.map(Duration::as_secs_f64);
            queues.push(found);
        }
    }
    let silent = queues.iter().find(|q| q.unacknowledged.is_none());
    if let Some(silent) = silent {
        unknown.extend(why_not_in_hand(settings, &silent.queue).await);
    }
    Ok(Queues { queues, unknown })
}

async fn line(bus: &Arc<dyn Bus>, queue: &Queue) -> Result<QueueLine, Error> {
    let depth = bus.depth(queue).await?;
    Ok(QueueLine {
        unacknowledged: depth.unacked,
        queue: depth.queue,
        ready: depth.ready,
        consumers: depth.consumers,
        oldest_seconds: None,
    })
}

/// Why it is not known how many messages of a queue are in hand.
async fn why_not_in_hand(settings: &Settings, queue: &str) -> Option<String> {
    let BusSettings::RabbitMq { url, management, .. } = &settings.bus else {
        return None;
    };
    let why = match management {
        Some(base) => rabbitmq::unacknowledged(base, &rabbitmq::vhost(url.expose_secret()), queue)
            .await
            .err()?,
        None => "set bus.management to the broker's management API".to_owned(),
    };
    Some(format!("how many messages are in hand: {why}"))
}

async fn oldest(settings: &Settings, target: &TargetName) -> Result<BTreeMap<String, Duration>, Error> {
    let place = Place {
        name: target.clone(),
        target: settings.targets[target].clone(),
        settings: settings.clone(),
        mode: Mode::Shared,
    };
    let Some(ledger) = place.existing_ledger().await? else {
        return Ok(BTreeMap::new());
    };
    let found = ledger.oldest_outstanding().await;
    ledger.pool().close().await;
    Ok(found?)
}

/// For people: one line a queue.
#[must_use]
pub fn text(found: &Queues) -> String {
    let width = found.queues.iter().map(|q| q.queue.len()).max().unwrap_or(0);
    let mut text = format!(
        "{:width$}  {:>8}  {:>8}  {:>9}  oldest\n",
        "queue", "ready", "in hand", "consumers"
    );
    for line in &found.queues {
        let in_hand = line.unacknowledged.map_or("-".to_owned(), format_count);
        let oldest = line.oldest_seconds.map_or("-".to_owned(), |age| {
            format_duration(Duration::from_secs(age as u64))
        });
        text.push_str(&format!(
            "{:width$}  {:>8}  {in_hand:>8}  {:>9}  {oldest}\n",
            line.queue,
            format_count(line.ready),
            line.consumers
        ));
    }
    for unknown in &found.unknown {
        text.push_str(&format!("unknown: {unknown}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_no_number() {
        let known = QueueLine {
            queue: "sluice.main.chunk".to_owned(),
            ready: 1_200,
            unacknowledged: Some(4),
            consumers: 3,
            oldest_seconds: Some(75.4),
        };
        let other = QueueLine {
            queue: "sluice.submit".to_owned(),
            ..QueueLine::default()
        };
        let found = Queues {
            queues: vec![other, known],
            unknown: vec!["how many messages are in hand: nobody told".to_owned()],
        };
        assert_eq!(
            text(&found),
            "queue                 ready   in hand  consumers  oldest\n\
             sluice.submit             0         -          0  -\n\
             sluice.main.chunk     1,200         4          3  1m 15s\n\
             unknown: how many messages are in hand: nobody told\n"
        );
        let object = serde_json::to_value(&found.queues[0]).unwrap();
        assert!(object["unacknowledged"].is_null() && object["oldest_seconds"].is_null());
    }
}
