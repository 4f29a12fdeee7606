//! The long run: whole installations under faults that seeds draw. Everything about it is in the binary that is started here.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::command::{self, cargo, show, top};
use crate::install;

/// Installs and builds what is missing, then runs `chaos ARGS...` and takes its exit code.
///
/// # Errors
/// Something could not be installed, built or started.
pub fn run(args: &[&str]) -> anyhow::Result<ExitCode> {
    install::ensure(false)?;
    command::run(cargo(&["build", "--workspace", "--all-targets"]))?;
    let mut chaos = Command::new(built());
    chaos.args(args).current_dir(top());
    let shown = show(&chaos);
    eprintln!("$ {shown}");
    // An interrupt at the terminal reaches it too: it cleans up and says how far it came.
    let status = chaos.status().with_context(|| format!("cannot run {shown}"))?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Run as it is: `cargo run` selects one package, and would build the dependencies with other features.
fn built() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top().join("target"), PathBuf::from);
    top().join(target).join("debug").join("chaos")
}
