//! `sluice verify JOB`: looks at every row again; a failed verification sticks until somebody does.

use ledger::commands::Command;

use crate::error::{Error, Outcome};
use crate::order::{self, OrderArgs, Work};

/// Arguments of `sluice verify`.
#[derive(clap::Args)]
pub struct VerifyArgs {
    /// Which job, and who commands.
    #[command(flatten)]
    order: OrderArgs,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &VerifyArgs) -> Result<Outcome, Error> {
    order::give(&args.order, &Command::Verify, Work::Recheck).await
}
