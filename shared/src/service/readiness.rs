//! Readiness by named parts. A service is ready when each of its parts is; the reasons of those that
//! are not are shown as they are, because "503" alone sends an operator to the logs.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// Whether one part can do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Ready,
    /// It cannot, for this reason.
    NotReady(String),
}

#[derive(Debug, Default)]
struct Parts {
    next: u64,
    // By number, because two subscriptions of one queue have one name.
    health: BTreeMap<u64, (String, Health)>,
}

/// The parts of a service. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    parts: Arc<watch::Sender<Parts>>,
}

impl Readiness {
    /// Without parts, which is ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new part, not ready because it is starting.
    #[must_use]
    pub fn part(&self, name: impl Into<String>) -> Part {
        let mut id = 0;
        self.parts.send_modify(|parts| {
            id = parts.next;
            parts.next += 1;
            parts
                .health
                .insert(id, (name.into(), Health::NotReady("starting".to_owned())));
        });
        Part {
            id,
            parts: self.parts.clone(),
        }
    }

    /// Whether every part is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        is_ready(&self.parts.borrow())
    }

    /// The parts that are not ready, with their reasons.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<String, String> {
        let mut reasons = BTreeMap::new();
        for (name, health) in self.parts.borrow().health.values() {
            if let Health::NotReady(why) = health {
                reasons.insert(name.clone(), why.clone());
            }
        }
        reasons
    }

    /// Returns once every part is ready.
    pub async fn until_ready(&self) {
        let mut parts = self.parts.subscribe();
        parts.wait_for(is_ready).await.expect("the sender lives in self");
    }

    /// Returns once some part is not ready.
    pub async fn until_not_ready(&self) {
        let mut parts = self.parts.subscribe();
        parts
            .wait_for(|parts| !is_ready(parts))
            .await
            .expect("the sender lives in self");
    }
}

fn is_ready(parts: &Parts) -> bool {
    parts.health.values().all(|(_, health)| *health == Health::Ready)
}

/// One part, held by the task that knows how it is. Dropped without [`retire`](Part::retire), by a panic for
/// example, it stays behind as not ready: whatever it stood for is no longer looked after.
#[derive(Debug)]
pub struct Part {
    id: u64,
    parts: Arc<watch::Sender<Parts>>,
}

impl Part {
    /// It can do its work.
    pub fn ready(&self) {
        self.set(Health::Ready);
    }

    /// It cannot, because of `why`.
    pub fn not_ready(&self, why: impl Into<String>) {
        self.set(Health::NotReady(why.into()));
    }

    /// It is no longer a part of the service.
    pub fn retire(self) {
        self.parts
            .send_modify(|parts| drop(parts.health.remove(&self.id)));
    }

    fn set(&self, health: Health) {
        self.parts
            .send_if_modified(|parts| match parts.health.get_mut(&self.id) {
                Some((_, now)) if *now != health => {
                    *now = health;
                    true
                }
                Some(_) | None => false,
            });
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.set(Health::NotReady("ended unexpectedly".to_owned()));
    }
}
