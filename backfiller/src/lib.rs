//! The hands: carries out stage tasks (DDL, triggers) and chunk tasks (rows) from the plan.
//!
//! A backfiller decides nothing about a job and knows nothing of change kinds. It takes a message as a hint
//! that a task exists, claims the task's row in the ledger, does what the plan says, writes what came of it, and
//! only then tells the bus. Any number of them may run; killing one at any moment loses nothing but time.
//!
//! Reading order: `worker` is the loop between [`ledger::role::intake`] and `conclude`; [`ledger::role::site`] is what
//! every handler holds; `takeover` ends what a vanished predecessor left running; `chunk` and its parts are
//! the rows, `stage` and its parts the DDL.

mod busy;
mod chunk;
mod conclude;
mod rest;
mod serve;
mod stage;
mod takeover;
mod words;
mod worker;

use std::sync::Arc;

use ledger::Target;
use proto::WorkerName;
use shared::bus::Bus;
use shared::clock::Clock;
use shared::service::Shutdown;

pub use ledger::role::Error;
pub use ledger::role::serve::Error as ServeError;
pub use serve::serve;

/// What a backfiller is started with.
#[derive(Clone, Debug)]
pub struct Context {
    /// The targets it works for.
    pub targets: Vec<Target>,
    /// Where tasks come from and events go to.
    pub bus: Arc<dyn Bus>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How it is asked to end.
    pub shutdown: Shutdown,
    /// How it is called in the ledger; no two processes share a name.
    pub name: WorkerName,
    /// Chunks it works on at a time, per target.
    pub slots: u16,
}

/// Works until it is asked to stop. Dropping the future stops at once: what was in hand is delivered again.
///
/// # Errors
/// [`Error`] if a queue can never be consumed.
pub async fn start(context: Context) -> Result<(), Error> {
    worker::run(context).await
}
