//! `sluice resume JOB`: lets a paused, held or aborted job go on; failed work is tried again.

use ledger::commands::Command;

use crate::error::{Error, Outcome};
use crate::order::{self, OrderArgs, Work};
use crate::rest::Goal;

/// Arguments of `sluice resume`.
#[derive(clap::Args)]
#[command(
    after_help = "Where no planner runs, this process drives the job until it rests: through soaks too, and no further than \
    `verified` if its reads have not begun to move. Ctrl-C is safe; `--no-drive` only records the command, and waits 10 s for a planner's answer."
)]
pub struct ResumeArgs {
    /// Which job, and who commands.
    #[command(flatten)]
    order: OrderArgs,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &ResumeArgs) -> Result<Outcome, Error> {
    order::give(&args.order, &Command::Resume, Work::Until(Goal::Forward)).await
}
