//! `sluice flip JOB forward|back|hold`: moves the flags by hand. The planner moves them by itself, one declared step after
//! each soak; this is for who has seen enough, or too much.

use clap::ValueEnum;
use ledger::commands::{Command, FlipTo};

use crate::error::{Error, Outcome};
use crate::order::{self, OrderArgs, Work};
use crate::rest::Goal;

/// Arguments of `sluice flip`.
#[derive(clap::Args)]
#[command(
    after_help = "Flags can be read with plain SQL: `sluice status JOB` names them and says how. Where no planner runs, \
    `forward` drives the job on from there, soaks included, until it rests; Ctrl-C is safe."
)]
pub struct FlipArgs {
    /// Which job, and who commands.
    #[command(flatten)]
    order: OrderArgs,
    /// Where to.
    #[arg(value_enum, value_name = "WHERE", help_heading = None::<&str>)]
    to: To,
}

/// Where the flags go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// The next step now, whatever is left of the soak.
    Forward,
    /// One step back, and stay there until `forward`.
    Back,
    /// Stay at this step until `forward`.
    Hold,
}

impl To {
    /// What is asked, and what this process does if nobody else plans: only a step forward asks for work.
    fn order(self) -> (FlipTo, Work) {
        match self {
            Self::Forward => (FlipTo::Forward, Work::Until(Goal::Forward)),
            Self::Back => (FlipTo::Back, Work::Answer),
            Self::Hold => (FlipTo::Hold, Work::Answer),
        }
    }
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &FlipArgs) -> Result<Outcome, Error> {
    let (to, work) = args.to.order();
    order::give(&args.order, &Command::Flip { to }, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_step_forward_drives_the_job() {
        assert_eq!(To::Forward.order(), (FlipTo::Forward, Work::Until(Goal::Forward)));
        assert_eq!(To::Back.order(), (FlipTo::Back, Work::Answer));
        assert_eq!(To::Hold.order(), (FlipTo::Hold, Work::Answer));
    }
}
