//! What a proxy was ordered to do, shared by all its connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a proxy understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Bytes.
    #[default]
    Nothing,
    /// AMQP 0-9-1, not encrypted.
    Amqp,
    /// PostgreSQL, not encrypted.
    Postgres,
}

/// On which side of a COMMIT the way is cut; the client cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The server never gets it.
    BeforeCommit,
    /// The server has carried it out, and its reply is swallowed.
    AfterCommit,
}

/// One act at one exact place. A key is that of a message: the name of its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The acknowledgement of a delivery does not reach the broker.
    SwallowAck {
        /// Of the delivery.
        key: String,
    },
    /// The confirm of a publish does not reach its publisher; the broker has the message.
    SwallowConfirm {
        /// Of the message.
        key: String,
    },
    /// A delivery waits in the proxy until it is released, or its connection ends.
    HoldDelivery {
        /// Of the delivery.
        key: String,
    },
    /// A publish waits in the proxy until it is released, or its connection ends.
    HoldPublish {
        /// Of the message.
        key: String,
    },
    /// The connection is cut at the COMMIT of a transaction.
    CutAtCommit {
        /// A text that one of its statements holds.
        mark: &'static str,
        /// On which side.
        cut: Cut,
    },
}

impl Order {
    fn protocol(&self) -> Protocol {
        match self {
            Self::SwallowAck { .. }
            | Self::SwallowConfirm { .. }
            | Self::HoldDelivery { .. }
            | Self::HoldPublish { .. } => Protocol::Amqp,
            Self::CutAtCommit { .. } => Protocol::Postgres,
        }
    }
}

/// Orders that wait, and those that were carried out.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) protocol: Protocol,
    state: Mutex<State>,
    releases: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Order>,
    carried_out: usize,
}

impl Script {
    pub(super) fn of(protocol: Protocol) -> Self {
        Self {
            protocol,
            ..Self::default()
        }
    }

    pub(super) fn arm(&self, order: Order) {
        assert_eq!(
            self.protocol,
            order.protocol(),
            "this proxy does not understand {order:?}"
        );
        self.state().waiting.push(order);
    }

    pub(super) fn carried_out(&self) -> usize {
        self.state().carried_out
    }

    pub(super) fn waiting(&self) -> String {
        format!("{:?}", self.state().waiting)
    }

    pub(super) fn release(&self) {
        self.releases.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn releases(&self) -> u64 {
        self.releases.load(Ordering::Acquire)
    }

    /// Whether this is ordered now; it is carried out with that.
    pub(super) fn carries_out(&self, order: &Order) -> bool {
        let mut state = self.state();
        let Some(place) = state.waiting.iter().position(|waiting| waiting == order) else {
            return false;
        };
        state.waiting.remove(place);
        state.carried_out += 1;
        true
    }

    /// The cuts at a COMMIT that wait.
    pub(super) fn cuts(&self) -> Vec<(&'static str, Cut)> {
        let state = self.state();
        let cuts = state.waiting.iter().filter_map(|order| match order {
            Order::CutAtCommit { mark, cut } => Some((*mark, *cut)),
            _ => None,
        });
        cuts.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
