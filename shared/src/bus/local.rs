//! The bus of the embedded mode: queues in memory, at least once, redelivery when a delivery is
//! dropped. Nothing survives the process, and nothing has to: the planner re-issues from the ledger.
//!
//! Everything is decided under one lock that is never held across an await; a waiting subscription
//! is woken by the queue's `Notify`, which it enables *before* it looks, so that no arrival is missed.

mod subscriber;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::queue::Nature;
use super::{Bus, Depth, Error, Letter, Queue, Subscription};
use subscriber::LocalSource;

use crate::clock::Clock;
use crate::service::{Part, Readiness};

/// A wake-up call that nobody fetched is worth less than a newer one.
const CONTROL_BACKLOG: usize = 100;

/// The in-process transport. Clones are not needed: share it as `Arc<dyn Bus>`.
#[derive(Debug)]
pub struct LocalBus {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    lines: Mutex<Lines>,
    session: CancellationToken,
    readiness: Readiness,
    part: Part,
}

#[derive(Debug, Default)]
struct Lines {
    lines: HashMap<Slot, Line>,
    next_copy: u64,
}

/// A queue, or one subscriber's copy of [`Queue::Control`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Slot {
    Shared(Queue),
    Copy(u64),
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    in_hand: usize,
    consumers: usize,
    arrived: Arc<Notify>,
}

#[derive(Debug)]
struct Waiting {
    letter: Letter,
    redelivered: bool,
}

impl LocalBus {
    /// An empty bus; `clock` times the retries.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let readiness = Readiness::new();
        let part = readiness.part("bus");
        part.ready();
        let inner = Inner {
            clock,
            lines: Mutex::default(),
            session: CancellationToken::new(),
            readiness,
            part,
        };
        Self {
            inner: Arc::new(inner),
        }
    }
}

impl Inner {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        // The lock is never held where a panic could leave half a change.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a letter at the end of its line; `false` if an exclusive line is gone.
    fn put(&self, slot: &Slot, letter: Letter, redelivered: bool) -> bool {
        let mut lines = self.lines();
        let line = match slot {
            Slot::Shared(queue) if queue.nature() != Nature::Exclusive => {
                lines.lines.entry(slot.clone()).or_default()
            }
            Slot::Shared(_) | Slot::Copy(_) => match lines.lines.get_mut(slot) {
                Some(line) => line,
                None => return false,
            },
        };
        line.waiting.push_back(Waiting { letter, redelivered });
        if matches!(slot, Slot::Copy(_)) && line.waiting.len() > CONTROL_BACKLOG {
            line.waiting.pop_front();
        }
        line.arrived.notify_waiters();
        true
    }

    fn slots(&self, queue: &Queue) -> Vec<Slot> {
        match queue {
            Queue::Control => self
                .lines()
                .lines
                .keys()
                .filter(|slot| matches!(slot, Slot::Copy(_)))
                .cloned()
                .collect(),
            other => other.copies().into_iter().map(Slot::Shared).collect(),
        }
    }

    /// A delivery is no longer in hand.
    fn give_back(&self, slot: &Slot) {
        if let Some(line) = self.lines().lines.get_mut(slot) {
            // A reply line may have been dropped and made anew meanwhile.
            line.in_hand = line.in_hand.saturating_sub(1);
        }
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn send(&self, queue: &Queue, letter: Letter) -> Result<(), Error> {
        if let Some(why) = queue.misuse_by_publishing() {
            return Err(Error::Misused {
                queue: queue.name(),
                why,
            });
        }
        if self.inner.session.is_cancelled() {
            return Err(Error::Closed);
        }
        let letter = Letter {
            parked: None,
            ..letter
        };
        for slot in self.inner.slots(queue) {
            if !self.inner.put(&slot, letter.clone(), false) && *queue != Queue::Control {
                return Err(Error::Unroutable { queue: queue.name() });
            }
        }
        Ok(())
    }

    async fn subscribe(&self, queue: &Queue, prefetch: u16) -> Result<Subscription, Error> {
        if let Some(why) = queue.misuse_by_subscribing() {
            return Err(Error::Misused {
                queue: queue.name(),
                why,
            });
        }
        if self.inner.session.is_cancelled() {
            return Err(Error::Closed);
        }
        let mut lines = self.inner.lines();
        let slot = match queue {
            Queue::Control => {
                lines.next_copy += 1;
                Slot::Copy(lines.next_copy)
            }
            other => Slot::Shared(other.clone()),
        };
        let line = lines.lines.entry(slot.clone()).or_default();
        if queue.nature() == Nature::Exclusive && line.consumers > 0 {
            return Err(Error::Topology {
                queue: queue.name(),
                why: "somebody else listens to it already".to_owned(),
            });
        }
        line.consumers += 1;
        let arrived = line.arrived.clone();
        drop(lines);
        Ok(Subscription::new(Box::new(LocalSource {
            inner: self.inner.clone(),
            queue: queue.clone(),
            slot,
            arrived,
            free: Arc::new(Mutex::new(usize::from(prefetch.max(1)))),
        })))
    }

    async fn depth(&self, queue: &Queue) -> Result<Depth, Error> {
        if let Some(why) = queue.misuse_by_asking_depth() {
            return Err(Error::Misused {
                queue: queue.name(),
                why,
            });
        }
        let lines = self.inner.lines();
        let of = |line: &Line| {
            (
                line.waiting.len() as u64,
                line.in_hand as u64,
                line.consumers as u64,
            )
        };
        let (ready, in_hand, consumers) = lines
            .lines
            .get(&Slot::Shared(queue.clone()))
            .map(of)
            .unwrap_or_default();
        Ok(Depth {
            queue: queue.name(),
            ready,
            unacked: Some(in_hand),
            consumers,
        })
    }

    fn readiness(&self) -> Readiness {
        self.inner.readiness.clone()
    }

    async fn close(&self) {
        self.inner.part.not_ready("closed");
        self.inner.session.cancel();
    }
}

impl Drop for LocalBus {
    fn drop(&mut self) {
        self.inner.session.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{self, Harness};
    use super::*;
    use crate::clock::ManualClock;
    use std::time::Duration;

    #[derive(Debug)]
    struct InProcess {
        bus: LocalBus,
        clock: Arc<ManualClock>,
    }

    #[async_trait]
    impl Harness for InProcess {
        fn bus(&self) -> &dyn Bus {
            &self.bus
        }

        async fn let_pass(&self, duration: Duration) {
            self.clock.advance(duration);
        }
    }

    #[tokio::test]
    async fn the_local_bus_conforms() {
        for case in conformance::cases() {
            println!("case: {}", case.name);
            let clock = ManualClock::new(jiff::Timestamp::UNIX_EPOCH);
            let bus = LocalBus::new(clock.clone());
            (case.run)(Arc::new(InProcess { bus, clock })).await;
        }
    }
}
