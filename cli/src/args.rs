//! The command line: one variant a command, each with the arguments of its own file under [`crate::commands`].

use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};
use shared::settings::TelemetrySettings;
use shared::telemetry;

use crate::commands::{
    abort, adopt, approve, classify, demo, detach, explain, flip, parked, pause, plan, queues, repair,
    report, resume, rollback, run as run_command, services, status, submit, tune, verify, wait,
};
use crate::error::Error;

/// Changes the schema of a live database without stopping the application that uses it.
#[derive(Parser)]
#[command(
    name = "sluice",
    version,
    after_help = "Exit codes: 0 done, 1 refused or failed with a reason, 2 wrong usage, 3 waiting for somebody."
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    command: Command,
    /// More logs on standard error; twice for every detail.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Subcommand)]
enum Command {
    /// Show a migration of a table of its own under traffic, and one that is taken back; leaves nothing behind.
    Demo(demo::DemoArgs),
    /// Say of each statement of a migration what it locks, rewrites and breaks, and what to write instead; touches nothing.
    Classify(classify::ClassifyArgs),
    /// Explain the code of a finding.
    Explain(explain::ExplainArgs),
    /// Show every statement a spec leads to, forward and back, with its risk; touches nothing.
    Plan(plan::PlanArgs),
    /// Carry a spec out with planner, workers and verifier in this process; run again to continue.
    Run(run_command::RunArgs),
    /// Hand a job to the queue; prints the job id, or why it was refused.
    Submit(submit::SubmitArgs),
    /// Show jobs, or one job with what it waits for.
    Status(status::StatusArgs),
    /// Open a gate that a job waits at.
    Approve(approve::ApproveArgs),
    /// Move the flags by hand: the next step now, a step back, or stay.
    Flip(flip::FlipArgs),
    /// Stop a job's writes; mirroring goes on.
    Pause(pause::PauseArgs),
    /// Let a paused or held job go on.
    Resume(resume::ResumeArgs),
    /// Give a job up; nothing is torn down.
    Abort(abort::AbortArgs),
    /// Take a job back: flags to 0 %, hidden columns shown again, triggers away.
    Rollback(rollback::RollbackArgs),
    /// Change a running job's budget.
    Tune(tune::TuneArgs),
    /// Check every row again.
    Verify(verify::VerifyArgs),
    /// Write the rows that were found wrong, then check every row again.
    Repair(repair::RepairArgs),
    /// Wait until a job has reached a milestone; for deploy pipelines.
    Wait(wait::WaitArgs),
    /// The final checklist of a job with its evidence.
    Report(report::ReportArgs),
    /// Show the broker's queues: what waits, what is in hand, who listens, and how old the oldest task is.
    Queues(queues::QueuesArgs),
    /// Show the messages that nobody could handle, put them back, or drop them.
    Parked(parked::ParkedArgs),
    /// Make this database the home of the ledger that is in it: a restored copy, a clone, a file that was moved.
    Adopt(adopt::AdoptArgs),
    /// Take Sluice out of a copy: triggers, functions and ledger; what its jobs added to tables stays.
    Detach(detach::DetachArgs),
    /// Run the planner service.
    Planner(services::ServiceArgs),
    /// Run a backfiller service.
    Backfiller(services::ServiceArgs),
    /// Run the verifier service.
    Verifier(services::ServiceArgs),
}

/// Carries the command line out.
///
/// # Errors
/// What kept the command from doing its work; [`Error::exit_code`] goes with it.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let service = matches!(
        args.command,
        Command::Planner(_) | Command::Backfiller(_) | Command::Verifier(_)
    );
    if !service {
        quiet_logs(args.verbose)?;
    }
    let outcome = match &args.command {
        Command::Demo(args) => Box::pin(demo::run(args)).await,
        Command::Classify(args) => classify::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Plan(args) => plan::run(args).await,
        Command::Run(args) => Box::pin(run_command::run(args)).await,
        Command::Submit(args) => submit::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Approve(args) => approve::run(args).await,
        Command::Flip(args) => flip::run(args).await,
        Command::Pause(args) => pause::run(args).await,
        Command::Resume(args) => resume::run(args).await,
        Command::Abort(args) => abort::run(args).await,
        Command::Rollback(args) => rollback::run(args).await,
        Command::Tune(args) => tune::run(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Repair(args) => repair::run(args).await,
        Command::Wait(args) => wait::run(args).await,
        Command::Report(args) => report::run(args).await,
        Command::Queues(args) => queues::run(args).await,
        Command::Parked(args) => parked::run(args).await,
        Command::Adopt(args) => adopt::run(args).await,
        Command::Detach(args) => detach::run(args).await,
        Command::Planner(args) => return services::planner(args).await,
        Command::Backfiller(args) => return services::backfiller(args).await,
        Command::Verifier(args) => return services::verifier(args).await,
    };
    outcome.map(ExitCode::from)
}

/// A command's own words are enough for the person who typed it; the roles' logs come with `-v`.
fn quiet_logs(verbose: u8) -> Result<(), Error> {
    let filter = match verbose {
        // A chunk that fails holds the job, and the reason of that is shown.
        0 => "error,lapin=off,backfiller::chunk=off",
        1 => "info,lapin=off,sqlx=warn",
        _ => "debug,lapin=info,sqlx=info,hyper=info",
    };
    let settings = TelemetrySettings {
        filter: filter.to_owned(),
        ..TelemetrySettings::default()
    };
    telemetry::init(&settings)
        .map(drop)
        .map_err(|error| Error::Process {
            doing: "setting up logs",
            source: error.into(),
        })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_is_there() {
        let names: Vec<String> = Args::command()
            .get_subcommands()
            .map(|c| c.get_name().to_owned())
            .collect();
        for name in [
            "demo",
            "classify",
            "explain",
            "plan",
            "run",
            "submit",
            "status",
            "approve",
            "flip",
            "pause",
            "resume",
            "abort",
            "rollback",
            "tune",
            "verify",
            "repair",
            "wait",
            "report",
            "adopt",
            "detach",
            "planner",
            "backfiller",
            "verifier",
        ] {
            assert!(names.iter().any(|n| n == name), "{name}");
        }
    }

    #[test]
    fn two_databases_at_once_are_wrong_usage() {
        let both = [
            "sluice",
            "status",
            "--target",
            "main",
            "--database-url",
            "postgres://db/x",
        ];
        assert!(Args::try_parse_from(both).is_err());
        assert!(Args::try_parse_from(["sluice", "status", "--admin-url", "postgres://db/x"]).is_err());
    }
}
