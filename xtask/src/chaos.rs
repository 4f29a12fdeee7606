//! The long run: whole installations under faults that seeds draw. Everything about it is in the binary that is started here.

use std::process::ExitCode;

use crate::command::{self, cargo};
use crate::install;

/// Installs and builds what is missing, then runs `chaos ARGS...` and takes its exit code.
///
/// # Errors
/// Something could not be installed, built or started.
pub fn run(args: &[&str]) -> anyhow::Result<ExitCode> {
    install::ensure(false)?;
    command::run(cargo(&["build", "--workspace", "--all-targets"]))?;
    command::hand_over("debug", "chaos", args)
}
