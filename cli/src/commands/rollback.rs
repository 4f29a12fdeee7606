//! `sluice rollback JOB`: takes the triggers away and keeps what was added; with `--discard`, takes the job back to
//! the schema it started from.

use ledger::commands::Command;

use crate::error::{Error, Outcome};
use crate::order::{self, OrderArgs, Work};
use crate::rest::Goal;

/// Arguments of `sluice rollback`.
#[derive(clap::Args)]
pub struct RollbackArgs {
    /// Take added columns, indexes and constraints away too: back to the schema it started from.
    #[arg(long)]
    discard: bool,
    /// Which job, and who commands.
    #[command(flatten)]
    order: OrderArgs,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &RollbackArgs) -> Result<Outcome, Error> {
    let command = Command::Rollback {
        discard: args.discard,
    };
    order::give(&args.order, &command, Work::Until(Goal::Back)).await
}
