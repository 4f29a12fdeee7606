//! What a command ends with: an outcome with its exit code, or an error that is printed once, as one chain.
//!
//! Exit codes are an interface for pipelines: 0 done, 1 refused or failed with a reason, 2 wrong usage,
//! 3 waiting for somebody. They are made here and nowhere else.

use std::path::PathBuf;
use std::process::ExitCode;

use engine::db::ConnectError;
use planner::spec::Fault;
pub use shared::service::chain;

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What was asked for holds.
    Done,
    /// It was refused, or it failed, and the reason was printed.
    Refused,
    /// It goes on when somebody does something; what, was printed.
    Waiting,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Refused => Self::from(1),
            Outcome::Waiting => Self::from(3),
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line does not say enough, or contradicts itself.
    #[error("{0}")]
    Usage(String),
    /// We will not; the text says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// There is a ledger, and the role may not use it; the text says what to do.
    #[error("{0}")]
    Locked(String),
    /// The spec cannot be used.
    #[error("{}", faults(.0))]
    Spec(Vec<Fault>),
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] shared::settings::Error),
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// A target could not be opened with all its roles.
    #[error(transparent)]
    Target(#[from] ledger::target::Error),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] engine::postgres::error::Error),
    /// Scripts could not be run in a copy of the schema.
    #[error("nothing was observed")]
    Observe(#[from] engine::postgres::observe::Error),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] shared::bus::Error),
    /// A role that runs in this process stopped working.
    #[error(
        "the {role} in this process stopped; what it had in hand is safe in the ledger, run the command again to continue"
    )]
    Role {
        /// Which.
        role: &'static str,
        /// Why.
        #[source]
        source: anyhow::Error,
    },
    /// A service ended with an error.
    #[error("{0:#}")]
    Service(anyhow::Error),
    /// A file cannot be read or written.
    #[error("{} cannot be {doing}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A document is not what it should be.
    #[error("{} is not {expected}", path.display())]
    Document {
        /// Which file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// This process could not set itself up.
    #[error("{doing} failed")]
    Process {
        /// What was attempted.
        doing: &'static str,
        /// Why.
        #[source]
        source: anyhow::Error,
    },
}

impl Error {
    /// The exit code that goes with it.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Settings(_) => ExitCode::from(2),
            Self::Refused(_)
            | Self::Locked(_)
            | Self::Spec(_)
            | Self::Connect(_)
            | Self::Ledger(_)
            | Self::Target(_)
            | Self::Engine(_)
            | Self::Observe(_)
            | Self::Bus(_)
            | Self::Role { .. }
            | Self::Service(_)
            | Self::File { .. }
            | Self::Document { .. }
            | Self::Process { .. } => ExitCode::from(1),
        }
    }
}

fn faults(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    match lines.len() {
        1 => format!("the spec cannot be used:{}", lines.concat()),
        n => format!("the spec cannot be used, {n} faults:{}", lines.concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_printed_with_its_causes_once() {
        let source = std::io::Error::other("disk on fire");
        let error = Error::File {
            path: "spec.toml".into(),
            doing: "read",
            source,
        };
        assert_eq!(chain(&error), "spec.toml cannot be read: disk on fire");
        let error = Error::Ledger(ledger::Error::Absent);
        assert_eq!(chain(&error).matches("no ledger").count(), 1);
    }
}
