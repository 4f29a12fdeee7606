//! Which exchange and key lead to a queue.

use std::time::Duration;

use super::{CONTROL, DEAD, EVENTS, JOBS, RETRIES, SUBMISSIONS, WORK};
use crate::bus::queue::{Nature, Queue};

/// How a message is addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bus::rabbitmq) struct Route {
    pub(in crate::bus::rabbitmq) exchange: &'static str,
    pub(in crate::bus::rabbitmq) key: String,
    /// The queue in the words of whoever publishes, for errors.
    pub(in crate::bus::rabbitmq) label: String,
    /// Must exist before publishing, because nobody may have listened yet.
    pub(in crate::bus::rabbitmq) declare: Vec<Queue>,
    /// What it means if no queue takes it.
    pub(in crate::bus::rabbitmq) unrouted: Unrouted,
}

/// What it means if no queue takes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bus::rabbitmq) enum Unrouted {
    /// It is lost: an error.
    Error,
    /// Nobody listens, which is fine.
    Fine,
}

impl Route {
    /// To a queue that may be published to.
    pub(in crate::bus::rabbitmq) fn to(queue: &Queue) -> Self {
        let (exchange, key, unrouted) = match queue {
            Queue::Events(target) => (EVENTS, target.to_string(), Unrouted::Error),
            Queue::Jobs(target) => (JOBS, target.to_string(), Unrouted::Fine),
            Queue::Control => (CONTROL, String::new(), Unrouted::Fine),
            Queue::Reply(name) => ("", name.clone(), Unrouted::Error),
            Queue::Parking => (DEAD, String::new(), Unrouted::Error),
            Queue::Submit => (SUBMISSIONS, queue.name(), Unrouted::Error),
            Queue::Stage(_)
            | Queue::Chunk(_)
            | Queue::Check(_)
            | Queue::EventsPlanner(_)
            | Queue::EventsVerifier(_) => (WORK, queue.name(), Unrouted::Error),
        };
        let durable = |queue: &Queue| queue.nature() == Nature::Work;
        let declare = queue.copies().into_iter().filter(durable).collect();
        Self {
            exchange,
            key,
            label: queue.name(),
            declare,
            unrouted,
        }
    }

    /// Back to a work queue after at least `delay`, or after the longest there is.
    pub(in crate::bus::rabbitmq) fn retry(queue: &Queue, delay: Duration) -> Self {
        let longest = RETRIES[RETRIES.len() - 1].0;
        let exchange = RETRIES
            .iter()
            .find(|(_, wait)| *wait >= delay)
            .map_or(longest, |(name, _)| name);
        // The queue itself is there: the message came from it.
        Self {
            exchange,
            key: queue.name(),
            label: exchange.to_owned(),
            declare: Vec::new(),
            unrouted: Unrouted::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_waits_at_least_as_long_as_asked_if_there_is_such_a_wait() {
        for (seconds, exchange) in [
            (0, "sluice.retry.5s"),
            (5, "sluice.retry.5s"),
            (6, "sluice.retry.30s"),
            (31, "sluice.retry.2m"),
            (121, "sluice.retry.10m"),
            (86_400, "sluice.retry.10m"),
        ] {
            let route = Route::retry(&Queue::Submit, Duration::from_secs(seconds));
            assert_eq!((route.exchange, route.key.as_str()), (exchange, "sluice.submit"));
        }
    }
}
