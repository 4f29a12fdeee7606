//! The eyes: re-reads what the hands wrote, samples signals, checks whole tables, issues verdicts.
//!
//! A verifier never writes to a user's table. What it finds is rows in the ledger; its messages only wake the planner. It
//! reads in short transactions, each with its own snapshot, so that it holds back no vacuum.
//!
//! Reading order: `worker` is the loop; [`ledger::role::site`] is what every handler holds; `read` is how a range of
//! blocks is read and narrowed; `reread` looks at each chunk after it was filled; `check` reads the whole table and
//! issues the verdict; `sampler` feeds the throttle.

mod check;
mod read;
mod reread;
mod sampler;
mod serve;
mod tell;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::Target;
use proto::{TargetName, WorkerName};
use shared::bus::Bus;
use shared::clock::Clock;
use shared::service::Shutdown;

pub use ledger::role::Error;
pub use ledger::role::serve::Error as ServeError;
pub use serve::serve;

/// What a verifier is started with.
#[derive(Clone, Debug)]
pub struct Context {
    /// The targets it watches.
    pub targets: Vec<Target>,
    /// Replicas that must be seen replaying, by target, as `application_name`s; those that are there when a job
    /// begins are required too.
    pub replicas: BTreeMap<TargetName, Vec<String>>,
    /// Where events come from and go to.
    pub bus: Arc<dyn Bus>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How it is asked to end.
    pub shutdown: Shutdown,
    /// How it is called in the ledger; no two processes share a name.
    pub name: WorkerName,
}

/// Connections that a verifier wants in a target's data pool.
pub const DATA_CONNECTIONS: u32 = 6;

/// Watches until it is asked to stop. Dropping the future stops at once.
///
/// # Errors
/// [`Error`] if a queue can never be consumed.
pub async fn start(context: Context) -> Result<(), Error> {
    worker::run(context).await
}
