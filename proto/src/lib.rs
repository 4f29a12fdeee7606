//! The wire between the roles: one envelope, a closed set of message kinds, and the typed ids that
//! everything else uses.
//!
//! Messages carry ids, never data: what happened is a row in the ledger, a message is a hint that
//! it did. Nothing here does I/O, so every crate can depend on it.
//!
//! Reading order: [`ids`], then [`envelope`], then [`message`].

pub mod envelope;
pub mod ids;
pub mod message;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod schema;

pub use envelope::{Envelope, Unreadable, VERSION};
pub use ids::{
    ChunkId, CommandId, JobId, LeaseId, LedgerId, MessageId, PlanHash, TargetName, TaskId, WorkerName,
};
pub use message::Message;
