//! `sluice repair JOB`: writes the rows that were found wrong, then checks every row again.

use ledger::commands::Command;

use crate::error::{Error, Outcome};
use crate::order::{self, OrderArgs, Work};

/// Arguments of `sluice repair`.
#[derive(clap::Args)]
pub struct RepairArgs {
    /// Which job, and who commands.
    #[command(flatten)]
    order: OrderArgs,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &RepairArgs) -> Result<Outcome, Error> {
    order::give(&args.order, &Command::Repair, Work::Recheck).await
}
