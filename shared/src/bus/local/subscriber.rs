//! The consuming side: a subscription takes from its line, a hand gives back what was not settled.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::super::delivery::{Hand, Source};
use super::super::queue::Nature;
use super::super::{Delivery, Error, Letter, Parked, Queue, Settlement};
use super::{Inner, Slot, Waiting};

pub(super) struct LocalSource {
    pub(super) inner: Arc<Inner>,
    pub(super) queue: Queue,
    pub(super) slot: Slot,
    pub(super) arrived: Arc<Notify>,
    /// How many more deliveries this subscription may have in hand. Only touched under the lock of the lines, or
    /// followed by a notification.
    pub(super) free: Arc<Mutex<usize>>,
}

impl LocalSource {
    fn take(&self) -> Option<Delivery> {
        let mut lines = self.inner.lines();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.lines.get_mut(&self.slot)?;
        if *free == 0 {
            return None;
        }
        let Waiting { letter, redelivered } = line.waiting.pop_front()?;
        line.in_hand += 1;
        *free -= 1;
        let hand = LocalHand {
            inner: self.inner.clone(),
            queue: self.queue.clone(),
            slot: self.slot.clone(),
            arrived: self.arrived.clone(),
            free: self.free.clone(),
            letter: Some(letter.clone()),
        };
        Some(Delivery::new(
            &letter,
            redelivered,
            self.inner.session.clone(),
            Box::new(hand),
        ))
    }
}

#[async_trait]
impl Source for LocalSource {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if self.inner.session.is_cancelled() {
                return None;
            }
            // Returned without another await: dropped half-way, nothing was taken.
            if let Some(delivery) = self.take() {
                return Some(delivery);
            }
            tokio::select! {
                () = arrived => {}
                () = self.inner.session.cancelled() => return None,
            }
        }
    }
}

impl Drop for LocalSource {
    fn drop(&mut self) {
        let mut lines = self.inner.lines();
        if let Some(line) = lines.lines.get_mut(&self.slot) {
            line.consumers -= 1;
        }
        if self.queue.nature() == Nature::Exclusive {
            lines.lines.remove(&self.slot);
        }
    }
}

struct LocalHand {
    inner: Arc<Inner>,
    queue: Queue,
    slot: Slot,
    arrived: Arc<Notify>,
    free: Arc<Mutex<usize>>,
    /// Taken when it is settled; what is left when the hand is dropped goes back.
    letter: Option<Letter>,
}

#[async_trait]
impl Hand for LocalHand {
    async fn settle(mut self: Box<Self>, settlement: Settlement) -> Result<bool, Error> {
        if self.inner.session.is_cancelled() {
            return Ok(false);
        }
        let Some(mut letter) = self.letter.take() else {
            return Ok(false);
        };
        match settlement {
            Settlement::Done => {}
            Settlement::RetryAfter(delay) => {
                letter.retries += 1;
                let (inner, slot) = (self.inner.clone(), self.slot.clone());
                // From now and not from the task's first poll, so that a test may move the clock at once.
                let due = inner.clock.monotonic() + delay;
                tokio::spawn(async move {
                    let session = inner.session.clone();
                    let wait = inner.clock.sleep(due.saturating_sub(inner.clock.monotonic()));
                    if session.run_until_cancelled(wait).await.is_some() {
                        inner.put(&slot, letter, false);
                    }
                });
            }
            Settlement::Park(reason) => {
                letter.parked = Some(Parked {
                    reason,
                    queue: letter.origin(&self.queue),
                });
                self.inner.put(&Slot::Shared(Queue::Parking), letter, false);
            }
        }
        Ok(true)
    }
}

impl Drop for LocalHand {
    fn drop(&mut self) {
        self.inner.give_back(&self.slot);
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        match self.letter.take() {
            Some(letter) => drop(self.inner.put(&self.slot, letter, true)),
            // Room in this subscription: it may have waited for that.
            None => self.arrived.notify_waiters(),
        }
    }
}
