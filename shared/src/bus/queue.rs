//! The queues there are: a closed set. Names on the wire are made here and nowhere else.

use std::fmt;

use proto::{MessageId, TargetName};

/// Where a message goes to or comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Jobs handed in, for any planner.
    Submit,
    /// Stage tasks of a target, for backfillers.
    Stage(TargetName),
    /// Chunk tasks of a target, for backfillers.
    Chunk(TargetName),
    /// Whole-table checks of a target, for verifiers.
    Check(TargetName),
    /// Publish only: events of a target, a copy to [`Queue::EventsPlanner`] and one to [`Queue::EventsVerifier`].
    Events(TargetName),
    /// Publish only: what becomes of a target's jobs, for programs that follow them. Nobody of ours listens.
    Jobs(TargetName),
    /// The planner's copy of a target's events.
    EventsPlanner(TargetName),
    /// The verifier's copy of a target's events.
    EventsVerifier(TargetName),
    /// Wake-up calls: every subscriber there is gets a copy, nobody else ever does.
    Control,
    /// Answers for one waiting process; gone when it stops listening. Made by [`Queue::new_reply`].
    Reply(String),
    /// What could not be handled, with the reason; filled by [`Settlement::Park`](super::Settlement::Park).
    Parking,
}

/// What the broker shall do with a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// Durable, shared by its consumers, with retry and parking.
    Work,
    /// Publish only, copied to work queues.
    Fanout,
    /// One per consumer, gone with it.
    Exclusive,
    /// Durable, at the end of the road.
    Parking,
}

/// All names begin so; a reply queue that does not may belong to a foreign client.
const OURS: &str = "sluice.";
const REPLY: &str = "sluice.reply.";

impl Queue {
    /// A reply queue that nobody else has.
    #[must_use]
    pub fn new_reply() -> Self {
        Self::Reply(format!("{REPLY}{}", MessageId::new()))
    }

    /// The queues of a target that workers consume from.
    #[must_use]
    pub fn of_target(target: &TargetName) -> [Self; 5] {
        [
            Self::Stage(target.clone()),
            Self::Chunk(target.clone()),
            Self::Check(target.clone()),
            Self::EventsPlanner(target.clone()),
            Self::EventsVerifier(target.clone()),
        ]
    }

    /// The kind of the ledger's tasks whose messages go through it.
    #[must_use]
    pub fn task_kind(&self) -> Option<&'static str> {
        match self {
            Self::Stage(_) => Some("step"),
            Self::Chunk(_) => Some("chunk"),
            Self::Check(_) => Some("check"),
            _ => None,
        }
    }

    /// Its name in the broker; of [`Queue::Events`], [`Queue::Jobs`] and [`Queue::Control`], that of the exchange.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Submit => "sluice.submit".to_owned(),
            Self::Stage(target) => format!("sluice.{target}.stage"),
            Self::Chunk(target) => format!("sluice.{target}.chunk"),
            Self::Check(target) => format!("sluice.{target}.check"),
            Self::Events(_) => "sluice.events".to_owned(),
            Self::Jobs(_) => "sluice.jobs".to_owned(),
            Self::EventsPlanner(target) => format!("sluice.{target}.events.planner"),
            Self::EventsVerifier(target) => format!("sluice.{target}.events.verifier"),
            Self::Control => "sluice.control".to_owned(),
            Self::Reply(name) => name.clone(),
            Self::Parking => "sluice.dead.parking".to_owned(),
        }
    }

    /// The queue of a name, if it is one that messages are worked off from.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        if name == Self::Submit.name() {
            return Some(Self::Submit);
        }
        let (target, _) = name.strip_prefix(OURS)?.split_once('.')?;
        let target = TargetName::from(target);
        let of_target = target.is_valid().then(|| Self::of_target(&target))?;
        of_target.into_iter().find(|queue| queue.name() == name)
    }

    pub(super) fn nature(&self) -> Nature {
        match self {
            Self::Submit
            | Self::Stage(_)
            | Self::Chunk(_)
            | Self::Check(_)
            | Self::EventsPlanner(_)
            | Self::EventsVerifier(_) => Nature::Work,
            Self::Events(_) | Self::Jobs(_) => Nature::Fanout,
            Self::Control | Self::Reply(_) => Nature::Exclusive,
            Self::Parking => Nature::Parking,
        }
    }

    /// The queues that get a copy of what is published here, as far as that is known by name.
    pub(super) fn copies(&self) -> Vec<Self> {
        match self {
            Self::Events(target) => vec![
                Self::EventsPlanner(target.clone()),
                Self::EventsVerifier(target.clone()),
            ],
            Self::Jobs(_) => Vec::new(),
            Self::Submit
            | Self::Stage(_)
            | Self::Chunk(_)
            | Self::Check(_)
            | Self::EventsPlanner(_)
            | Self::EventsVerifier(_)
            | Self::Control
            | Self::Reply(_)
            | Self::Parking => vec![self.clone()],
        }
    }

    /// A name in a message says where the answer goes; it must not lead into our work queues.
    pub(super) fn misuse_by_publishing(&self) -> Option<&'static str> {
        match self {
            Self::Reply(name) if name.is_empty() || (name.starts_with(OURS) && !name.starts_with(REPLY)) => {
                Some("an answer may only go to a reply queue")
            }
            Self::Parking => Some("messages get there by being parked"),
            Self::Submit
            | Self::Stage(_)
            | Self::Chunk(_)
            | Self::Check(_)
            | Self::Events(_)
            | Self::Jobs(_)
            | Self::EventsPlanner(_)
            | Self::EventsVerifier(_)
            | Self::Control
            | Self::Reply(_) => None,
        }
    }

    pub(super) fn misuse_by_subscribing(&self) -> Option<&'static str> {
        match self {
            Self::Events(_) => Some("subscribe to the planner's or the verifier's copy of the events"),
            Self::Jobs(_) => Some("whoever follows jobs binds a queue of his own to the exchange"),
            Self::Reply(name) if !name.starts_with(REPLY) => {
                Some("a reply queue is made by Queue::new_reply")
            }
            Self::Submit
            | Self::Stage(_)
            | Self::Chunk(_)
            | Self::Check(_)
            | Self::EventsPlanner(_)
            | Self::EventsVerifier(_)
            | Self::Control
            | Self::Reply(_)
            | Self::Parking => None,
        }
    }

    pub(super) fn misuse_by_asking_depth(&self) -> Option<&'static str> {
        match self.nature() {
            Nature::Fanout => Some("it is an exchange: ask for the queues that get its copies"),
            Nature::Exclusive => Some("it belongs to its one listener"),
            Nature::Work | Nature::Parking => None,
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_has_a_name_of_its_own_even_for_odd_target_names() {
        let mut names = vec![
            Queue::Submit.name(),
            Queue::Control.name(),
            Queue::Parking.name(),
            "sluice.retry.5s".to_owned(),
        ];
        for target in ["main", "dead", "retry", "events", "reply", "submit"] {
            let target = TargetName::from(target);
            names.extend(
                [
                    Queue::Stage(target.clone()),
                    Queue::Chunk(target.clone()),
                    Queue::Check(target.clone()),
                ]
                .map(|q| q.name()),
            );
            names.extend(
                [
                    Queue::EventsPlanner(target.clone()),
                    Queue::EventsVerifier(target),
                ]
                .map(|q| q.name()),
            );
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_work_queue_is_found_by_its_name_and_nothing_else_is() {
        let main = TargetName::from("main");
        for queue in std::iter::once(Queue::Submit).chain(Queue::of_target(&main)) {
            assert_eq!(Queue::of_name(&queue.name()), Some(queue));
        }
        for name in [
            "",
            "sluice.dead.parking",
            "sluice.retry.5s",
            "sluice.control",
            "sluice.reply.x",
            "other",
        ] {
            assert_eq!(Queue::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn an_answer_cannot_be_led_into_a_work_queue() {
        for name in ["", "sluice.main.chunk", "sluice.dead.parking"] {
            assert!(
                Queue::Reply(name.to_owned()).misuse_by_publishing().is_some(),
                "{name:?}"
            );
        }
        for name in [
            Queue::new_reply().name(),
            "amq.rabbitmq.reply-to.x".to_owned(),
            "amq.gen-1".to_owned(),
        ] {
            assert!(
                Queue::Reply(name.clone()).misuse_by_publishing().is_none(),
                "{name:?}"
            );
        }
    }
}
