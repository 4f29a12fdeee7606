//! Every exchange, queue, binding and argument, in one place, as data: [`declare`] makes it exist, [`definitions`] writes it down for
//! whoever wants the broker to have it before anybody connects.
//!
//! ```text
//!  publish ─> sluice.work (direct, key = queue) ──────────> work queue <──┐ key = queue
//!  submit ──> sluice.submissions (direct) ────────────────> sluice.submit
//!  publish ─> sluice.events (direct, key = target) ─> .events.planner, .events.verifier
//!  publish ─> sluice.jobs (topic, key = target) ─> a queue of whoever follows jobs
//!  retry ───> sluice.retry.30s (fanout) ─> sluice.retry.30s ─ttl─> sluice.return (direct)
//!  park ────> sluice.dead (fanout) ─> sluice.dead.parking       (also where the broker dead-letters)
//!  wake ────> sluice.control (fanout) ─> one exclusive queue a subscriber
//!  answer ──> default exchange, key = the asker's exclusive queue
//! ```
//!
//! A retried message keeps its routing key, the name of its queue, through the waiting queue; so four
//! waiting queues serve all. Not one queue with a time to live per message: messages expire at the head
//! only. Submissions have an exchange of their own, so that a user who may hand in jobs need not be one who may forge their tasks; their
//! queue is bound to sluice.work as well, for programs that were written before. Arguments cannot be changed on a live queue, so there are few; limits are policies, in the definitions only.

mod declare;
mod definitions;
mod permissions;
mod route;

use std::time::Duration;

use proto::TargetName;

use crate::bus::queue::{Nature, Queue};

pub(super) use declare::{Rights, count, declare, declare_base, declare_for_consumer};
pub use definitions::definitions;
pub use permissions::{Permissions, User, permission_commands, permissions};
pub(super) use route::{Route, Unrouted};

const WORK: &str = "sluice.work";
const SUBMISSIONS: &str = "sluice.submissions";
const EVENTS: &str = "sluice.events";
const RETURN: &str = "sluice.return";
const DEAD: &str = "sluice.dead";
const CONTROL: &str = "sluice.control";
const JOBS: &str = "sluice.jobs";

/// The waiting queues, shortest first.
const RETRIES: [(&str, Duration); 4] = [
    ("sluice.retry.5s", Duration::from_secs(5)),
    ("sluice.retry.30s", Duration::from_secs(30)),
    ("sluice.retry.2m", Duration::from_secs(120)),
    ("sluice.retry.10m", Duration::from_secs(600)),
];

/// What is to exist. Everything is durable; every queue is a quorum queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Topology {
    exchanges: Vec<Exchange>,
    queues: Vec<QueueSpec>,
    bindings: Vec<Binding>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Exchange {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// To the queues that are bound by the message's key.
    Direct,
    /// To every queue that is bound.
    Fanout,
    /// To the queues that are bound by a pattern of the message's key.
    Topic,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct QueueSpec {
    name: String,
    arguments: Vec<(&'static str, Argument)>,
}

/// The value of a queue's argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Argument {
    Text(&'static str),
    Number(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Binding {
    queue: String,
    exchange: &'static str,
    key: String,
}

impl Binding {
    fn new(queue: &str, exchange: &'static str, key: &str) -> Self {
        Self {
            queue: queue.to_owned(),
            exchange,
            key: key.to_owned(),
        }
    }
}

impl QueueSpec {
    fn new(name: &str, arguments: Vec<(&'static str, Argument)>) -> Self {
        let mut all = vec![("x-queue-type", Argument::Text("quorum"))];
        all.extend(arguments);
        Self {
            name: name.to_owned(),
            arguments: all,
        }
    }
}

impl Topology {
    /// What all queues lean on.
    fn base() -> Self {
        let direct = [WORK, SUBMISSIONS, EVENTS, RETURN].map(|name| (name, Kind::Direct));
        let fanout = [DEAD, CONTROL].map(|name| (name, Kind::Fanout));
        let waiting = RETRIES.map(|(name, _)| (name, Kind::Fanout));
        let topic = [(JOBS, Kind::Topic)];
        let exchanges = direct.into_iter().chain(fanout).chain(topic).chain(waiting);
        let parking = Queue::Parking.name();
        let mut base = Self {
            exchanges: exchanges.map(|(name, kind)| Exchange { name, kind }).collect(),
            queues: vec![QueueSpec::new(&parking, Vec::new())],
            bindings: vec![Binding::new(&parking, DEAD, "")],
        };
        for (name, wait) in RETRIES {
            let millis = i64::try_from(wait.as_millis()).expect("the waits are minutes");
            let mut arguments = dead_letters_to(RETURN);
            arguments.push(("x-message-ttl", Argument::Number(millis)));
            base.queues.push(QueueSpec::new(name, arguments));
            base.bindings.push(Binding::new(name, name, ""));
        }
        base
    }

    /// What a queue needs beside the base; nothing for one that is part of it, or that its consumer makes.
    fn of(queue: &Queue) -> Self {
        if queue.nature() != Nature::Work {
            return Self::default();
        }
        let name = queue.name();
        let mut bindings = vec![
            Binding::new(&name, WORK, &name),
            Binding::new(&name, RETURN, &name),
        ];
        if let Queue::EventsPlanner(target) | Queue::EventsVerifier(target) = queue {
            bindings.push(Binding::new(&name, EVENTS, target.as_str()));
        }
        if *queue == Queue::Submit {
            bindings.push(Binding::new(&name, SUBMISSIONS, &name));
        }
        Self {
            exchanges: Vec::new(),
            queues: vec![QueueSpec::new(&name, dead_letters_to(DEAD))],
            bindings,
        }
    }

    /// Everything that planners, backfillers and verifiers of these targets use.
    fn whole(targets: &[TargetName]) -> Self {
        let mut whole = Self::base();
        let of_targets = targets.iter().flat_map(Queue::of_target);
        for queue in std::iter::once(Queue::Submit).chain(of_targets) {
            let more = Self::of(&queue);
            whole.queues.extend(more.queues);
            whole.bindings.extend(more.bindings);
        }
        whole
    }
}

/// A dead letter is handed over with confirms, which needs a queue that refuses instead of dropping.
fn dead_letters_to(exchange: &'static str) -> Vec<(&'static str, Argument)> {
    vec![
        ("x-dead-letter-exchange", Argument::Text(exchange)),
        ("x-dead-letter-strategy", Argument::Text("at-least-once")),
        ("x-overflow", Argument::Text("reject-publish")),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn whole() -> Topology {
        Topology::whole(&["main".into(), "billing".into()])
    }

    #[test]
    fn everything_that_is_named_exists_and_is_named_once() {
        let whole = whole();
        let queues: BTreeSet<&str> = whole.queues.iter().map(|q| q.name.as_str()).collect();
        assert_eq!(queues.len(), whole.queues.len());
        let exchanges: BTreeSet<&str> = whole.exchanges.iter().map(|e| e.name).collect();
        assert_eq!(exchanges.len(), whole.exchanges.len());
        for binding in &whole.bindings {
            assert!(queues.contains(binding.queue.as_str()), "{binding:?}");
            assert!(exchanges.contains(binding.exchange), "{binding:?}");
        }
        for queue in &whole.queues {
            assert!(
                whole.bindings.iter().any(|b| b.queue == queue.name),
                "nothing leads to {queue:?}"
            );
            for (key, value) in &queue.arguments {
                if let ("x-dead-letter-exchange", Argument::Text(exchange)) = (*key, value) {
                    assert!(exchanges.contains(exchange), "{queue:?}");
                }
            }
        }
    }

    /// Known to quorum queues of RabbitMQ 3.10 and of 4.x alike. A broker refuses an argument that it does not know.
    #[test]
    fn no_argument_is_one_that_some_broker_does_not_know() {
        const KNOWN: [&str; 5] = [
            "x-queue-type",
            "x-dead-letter-exchange",
            "x-dead-letter-strategy",
            "x-overflow",
            "x-message-ttl",
        ];
        for queue in whole().queues {
            for (key, _) in &queue.arguments {
                assert!(KNOWN.contains(key), "{key} of {}", queue.name);
            }
            let has = |key: &str| queue.arguments.iter().any(|(k, _)| *k == key);
            assert_eq!(
                has("x-dead-letter-strategy"),
                has("x-overflow"),
                "at-least-once needs a queue that refuses: {}",
                queue.name
            );
        }
    }
}
