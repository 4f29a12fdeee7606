//! `sluice abort JOB`: gives it up. Nothing is torn down: writes are still mirrored until `rollback` or `resume`.

use ledger::commands::Command;

use crate::error::{Error, Outcome};
use crate::order::{self, OrderArgs, Work};

/// Arguments of `sluice abort`.
#[derive(clap::Args)]
pub struct AbortArgs {
    /// Which job, and who commands.
    #[command(flatten)]
    order: OrderArgs,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &AbortArgs) -> Result<Outcome, Error> {
    order::give(&args.order, &Command::Abort, Work::Answer).await
}
