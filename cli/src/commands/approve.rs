//! `sluice approve JOB`: opens a gate. The approval binds to the plan's hash, the target and the gate.

use ledger::commands::Command;

use crate::error::{Error, Outcome};
use crate::order::{self, OrderArgs, Work};
use crate::rest::Goal;

/// Arguments of `sluice approve`.
#[derive(clap::Args)]
#[command(
    after_help = "Where no planner runs, this process drives the job until it rests: through soaks too, and no further than \
    `verified` if its reads have not begun to move. Ctrl-C is safe; `--no-drive` only records the approval, and waits 10 s for a planner's answer."
)]
pub struct ApproveArgs {
    /// Which gate, `expand`, `flip` or `contract`; the one the job waits at if it is left out.
    #[arg(long, value_name = "NAME")]
    gate: Option<String>,
    /// Which job, and who approves.
    #[command(flatten)]
    order: OrderArgs,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &ApproveArgs) -> Result<Outcome, Error> {
    let command = Command::Approve {
        gate: args.gate.clone(),
    };
    order::give(&args.order, &command, Work::Until(Goal::Forward)).await
}
