//! `sluice rollback JOB`: gives hidden columns their names back, turns the flags to 0 %, waits until no application instance
//! follows the old flags any more, then takes the triggers away. What was added stays; with `--discard` it goes too.

use ledger::commands::Command;

use crate::error::{Error, Outcome};
use crate::order::{self, OrderArgs, Work};
use crate::rest::Goal;

/// Arguments of `sluice rollback`.
#[derive(clap::Args)]
#[command(
    after_help = "Waits until the job is rolled back, also where a planner elsewhere does it; Ctrl-C ends the waiting, not the rollback. \
                  With --no-drive it only records the command: `sluice wait JOB --until rolled-back` waits then."
)]
pub struct RollbackArgs {
    /// Take added columns, indexes and constraints away too: back to the schema it started from.
    #[arg(long)]
    discard: bool,
    /// Go back although some rows hold new values that the old column cannot hold: those values are lost.
    #[arg(long)]
    accept_loss: bool,
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
        accept_loss: args.accept_loss,
    };
    order::give(&args.order, &command, Work::Until(Goal::Back)).await
}
