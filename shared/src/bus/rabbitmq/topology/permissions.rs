//! The least that each user of a broker needs, derived from what it publishes, consumes and makes.
//!
//! RabbitMQ asks for `configure` to make a queue or an exchange, `write` to publish to an exchange or to bind a queue, `read` to consume
//! from a queue or to bind to an exchange, each a regular expression over names. Queues and exchanges are not told apart in it, so the
//! exchange for submissions is called otherwise than their queue: whoever may publish to it may do nothing with the queue.
//!
//! `configure` is for the queues of a user's own alone. What all share is imported by an administrator ([`super::definitions`]); a user
//! that may make it as well, makes what is missing (see [`super::Rights`]).

use std::collections::BTreeSet;

use proto::TargetName;

use super::{CONTROL, DEAD, JOBS, RETRIES, Route};
use crate::bus::queue::{Nature, Queue};

/// The name of each exclusive queue ends so.
const ID: &str = "[0-9a-f-]{36}";
/// What the broker calls a queue whose client leaves the name to it.
const NAMED_BY_BROKER: &str = r"amq\.gen-[A-Za-z0-9_-]+";
/// The default exchange, in permissions.
const DEFAULT_EXCHANGE: &str = "amq.default";

/// Whom a user of the broker is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// `sluice planner`.
    Planner,
    /// `sluice backfiller`.
    Backfiller,
    /// `sluice verifier`.
    Verifier,
    /// An application, or a pipeline with `sluice submit`.
    Submitter,
    /// A person with `sluice queues`, `sluice parked` and the commands for jobs.
    Operator,
}

/// Three regular expressions over the names of queues and exchanges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// What it may make and remove.
    pub configure: String,
    /// What it may publish to, and bind.
    pub write: String,
    /// What it may consume from, and bind to.
    pub read: String,
}

impl User {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Planner,
        Self::Backfiller,
        Self::Verifier,
        Self::Submitter,
        Self::Operator,
    ];

    /// How it is called in the documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Planner => "sluice-planner",
            Self::Backfiller => "sluice-backfiller",
            Self::Verifier => "sluice-verifier",
            Self::Submitter => "sluice-submitter",
            Self::Operator => "sluice-operator",
        }
    }

    /// Where its messages go.
    fn publishes(self, target: &TargetName) -> Vec<Queue> {
        let target = || target.clone();
        match self {
            Self::Planner => vec![
                Queue::Stage(target()),
                Queue::Chunk(target()),
                Queue::Check(target()),
                Queue::Jobs(target()),
                Queue::Control,
                // Of whoever submits; by its name alone.
                Queue::Reply(String::new()),
            ],
            Self::Backfiller => vec![Queue::Events(target())],
            Self::Verifier => vec![Queue::EventsPlanner(target())],
            Self::Submitter => vec![Queue::Submit],
            // Whatever was parked may go back to where it came from.
            Self::Operator => {
                let mut queues = Queue::of_target(&target()).to_vec();
                queues.extend([Queue::Submit, Queue::Control]);
                queues
            }
        }
    }

    /// What it listens to.
    fn consumes(self, target: &TargetName) -> Vec<Queue> {
        let target = || target.clone();
        match self {
            Self::Planner => vec![Queue::Submit, Queue::EventsPlanner(target()), Queue::Control],
            Self::Backfiller => vec![Queue::Stage(target()), Queue::Chunk(target())],
            Self::Verifier => vec![Queue::Check(target()), Queue::EventsVerifier(target())],
            Self::Submitter => vec![Queue::Reply(String::new())],
            Self::Operator => vec![Queue::Parking],
        }
    }
}

/// What a user needs for these targets.
#[must_use]
pub fn permissions(user: User, targets: &[TargetName]) -> Permissions {
    let (mut own, mut write, mut read) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for target in targets {
        for queue in user.publishes(target) {
            write.insert(match Route::to(&queue).exchange {
                "" => escaped(DEFAULT_EXCHANGE),
                exchange => escaped(exchange),
            });
        }
        for queue in user.consumes(target) {
            match (queue.nature(), &queue) {
                (Nature::Exclusive, Queue::Control) => {
                    own.insert(format!(r"{}\.{ID}", escaped(CONTROL)));
                    read.insert(escaped(CONTROL));
                }
                // Answers come by the default exchange; a program that follows its job binds to the events of jobs.
                (Nature::Exclusive, _) => {
                    own.insert(format!(r"sluice\.reply\.{ID}"));
                    own.insert(NAMED_BY_BROKER.to_owned());
                    read.insert(escaped(JOBS));
                }
                (Nature::Work, _) => {
                    read.insert(escaped(&queue.name()));
                    write.extend(RETRIES.map(|(exchange, _)| escaped(exchange)));
                    write.insert(escaped(DEAD));
                }
                (Nature::Parking | Nature::Fanout, _) => {
                    read.insert(escaped(&queue.name()));
                    write.insert(escaped(DEAD));
                }
            }
        }
    }
    write.extend(own.iter().cloned());
    read.extend(own.iter().cloned());
    Permissions {
        configure: one_of(&own),
        write: one_of(&write),
        read: one_of(&read),
    }
}

/// The commands by which an administrator gives every user what it needs; the users are there already.
#[must_use]
pub fn permission_commands(vhost: &str, targets: &[TargetName]) -> String {
    User::ALL
        .map(|user| {
            let may = permissions(user, targets);
            format!(
                "rabbitmqctl set_permissions -p '{vhost}' {} '{}' '{}' '{}'\n",
                user.name(),
                may.configure,
                may.write,
                may.read
            )
        })
        .concat()
}

/// No name of ours holds another special character.
fn escaped(name: &str) -> String {
    name.replace('.', r"\.")
}

fn one_of(names: &BTreeSet<String>) -> String {
    match names.len() {
        0 => "^$".to_owned(),
        _ => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("^({})$", names.join("|"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page shows what this version needs for a target called `main`.
    #[test]
    fn the_documented_commands_are_what_is_needed() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rabbitmq.md");
        let page = std::fs::read_to_string(path).unwrap();
        let commands = permission_commands("/", &["main".into()]);
        assert!(
            page.contains(&format!("```sh\n{commands}```")),
            "docs/rabbitmq.md does not show these commands:\n{commands}"
        );
    }

    #[test]
    fn a_submitter_has_nothing_of_the_work() {
        let may = permissions(User::Submitter, &["main".into(), "billing".into()]);
        for work in [
            "chunk", "stage", "check", "work", "submit)", "submit|", "dead", "retry", "default",
        ] {
            for pattern in [&may.configure, &may.write, &may.read] {
                assert!(!pattern.contains(work), "{work}: {pattern}");
            }
        }
    }

    #[test]
    fn only_queues_of_ones_own_are_made() {
        for user in User::ALL {
            let may = permissions(user, &["main".into()]);
            assert!(
                may.configure == "^$" || may.configure.contains(ID),
                "{user:?}: {}",
                may.configure
            );
            // An application may not even answer itself by the default exchange: that leads into every queue.
            let by_name = may.write.contains("amq\\.default");
            assert_eq!(by_name, user == User::Planner, "{user:?}");
        }
    }
}
