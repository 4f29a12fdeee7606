//! One connection as a listening proxy follows it: what it lets through, holds and swallows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Toward;
use super::amqp::{Reader, Says, Unit};
use super::commit::Commits;
use super::script::{Cut, Order, Protocol, Script};

/// What becomes of some bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) bytes: Vec<u8>,
    /// Whether the connection ends with them.
    pub(super) cut: bool,
}

/// Both directions of a connection.
#[derive(Debug)]
pub(super) struct Conversation {
    script: Arc<Script>,
    amqp: [Amqp; 2],
    channels: HashMap<u16, Channel>,
    /// By the mark of their order.
    commits: HashMap<&'static str, Commits>,
    /// The server has a COMMIT whose reply is to be swallowed.
    replies_no_more: bool,
}

/// One direction.
#[derive(Debug, Default)]
struct Amqp {
    reader: Reader,
    /// What waits, with how many releases there had been.
    held: Vec<(u64, Vec<u8>)>,
}

#[derive(Debug, Default)]
struct Channel {
    published: u64,
    /// Keys of what is not confirmed, by number.
    unconfirmed: HashMap<u64, String>,
    /// Keys of what is not acknowledged, by number.
    delivered: HashMap<u64, String>,
}

/// Shared by the two directions.
pub(super) type Shared = Arc<Mutex<Conversation>>;

impl Conversation {
    pub(super) fn shared(script: &Arc<Script>) -> Shared {
        Arc::new(Mutex::new(Self {
            script: Arc::clone(script),
            amqp: [Amqp::default(), Amqp::default()],
            channels: HashMap::new(),
            commits: HashMap::new(),
            replies_no_more: false,
        }))
    }

    /// Lets bytes through, or not.
    pub(super) fn pass(&mut self, toward: Toward, bytes: &[u8]) -> Passed {
        match self.script.protocol {
            Protocol::Nothing => Passed {
                bytes: bytes.to_vec(),
                cut: false,
            },
            Protocol::Amqp => self.amqp(toward, bytes),
            Protocol::Postgres => self.postgres(toward, bytes),
        }
    }

    /// What was held in this direction and is released.
    pub(super) fn released(&mut self, toward: Toward) -> Vec<u8> {
        let releases = self.script.releases();
        let held = &mut self.amqp[toward as usize].held;
        let free = held.extract_if(.., |(at, _)| *at < releases);
        free.flat_map(|(_, bytes)| bytes).collect()
    }

    fn amqp(&mut self, toward: Toward, bytes: &[u8]) -> Passed {
        let mut passed = Passed::default();
        self.amqp[toward as usize].reader.push(bytes);
        while let Some(unit) = self.amqp[toward as usize].reader.next() {
            match self.judge(toward, &unit) {
                Fate::Passes => passed.bytes.extend(unit.bytes),
                Fate::Held => {
                    let at = self.script.releases();
                    self.amqp[toward as usize].held.push((at, unit.bytes));
                }
                Fate::Swallowed => {}
            }
        }
        passed
    }

    fn judge(&mut self, toward: Toward, unit: &Unit) -> Fate {
        let channel = self.channels.entry(unit.channel).or_default();
        let (order, fate) = match (toward, &unit.says) {
            (Toward::Server, Says::Opens) => {
                *channel = Channel::default();
                return Fate::Passes;
            }
            (Toward::Server, Says::Publishes { key }) => {
                channel.published += 1;
                channel.unconfirmed.insert(channel.published, key.clone());
                (Order::HoldPublish { key: key.clone() }, Fate::Held)
            }
            (Toward::Client, Says::Delivers { tag, key }) => {
                channel.delivered.insert(*tag, key.clone());
                (Order::HoldDelivery { key: key.clone() }, Fate::Held)
            }
            (Toward::Server, Says::Acks { tag }) => match channel.delivered.remove(tag) {
                Some(key) => (Order::SwallowAck { key }, Fate::Swallowed),
                None => return Fate::Passes,
            },
            (Toward::Client, Says::Acks { tag }) => match channel.unconfirmed.remove(tag) {
                Some(key) => (Order::SwallowConfirm { key }, Fate::Swallowed),
                None => return Fate::Passes,
            },
            (Toward::Server, Says::Delivers { .. } | Says::Else)
            | (Toward::Client, Says::Opens | Says::Publishes { .. } | Says::Else) => return Fate::Passes,
        };
        if self.script.carries_out(&order) {
            fate
        } else {
            Fate::Passes
        }
    }

    fn postgres(&mut self, toward: Toward, bytes: &[u8]) -> Passed {
        let all = |cut| Passed {
            bytes: bytes.to_vec(),
            cut,
        };
        let none = Passed {
            bytes: vec![],
            cut: true,
        };
        if toward == Toward::Client {
            return if self.replies_no_more { none } else { all(false) };
        }
        for (mark, cut) in self.script.cuts() {
            let commits = self.commits.entry(mark).or_insert_with(|| Commits::of(mark));
            if !commits.ends(bytes) || !self.script.carries_out(&Order::CutAtCommit { mark, cut }) {
                continue;
            }
            match cut {
                Cut::BeforeCommit => return none,
                Cut::AfterCommit => self.replies_no_more = true,
            }
        }
        all(false)
    }
}

/// What becomes of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Passes,
    Held,
    Swallowed,
}

/// A proxy's connection ends when one of its directions panics, so nobody waits on what is left.
pub(super) fn locked(shared: &Shared) -> MutexGuard<'_, Conversation> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
