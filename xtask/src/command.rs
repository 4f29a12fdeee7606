//! Running other programs: always shown before, always with their status checked.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

/// `cargo` of the toolchain that runs us, at the top of the workspace.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(top());
    command
}

/// The top of the workspace: the folder above this crate's.
pub fn top() -> &'static std::path::Path {
    let crate_folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().expect("xtask is a folder of the workspace")
}

/// Runs it to its end with our own outputs.
///
/// # Errors
/// It cannot be run, or fails.
pub fn run(mut command: Command) -> anyhow::Result<()> {
    let shown = show(&command);
    eprintln!("$ {shown}");
    let status = command.status().with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs a binary that was built in a profile, at the top of the workspace, and takes its exit code.
///
/// It is run as it is: `cargo run` selects one package, and would build the dependencies with other features.
///
/// # Errors
/// It cannot be run.
pub fn hand_over(profile: &str, name: &str, args: &[&str]) -> anyhow::Result<ExitCode> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top().join("target"), PathBuf::from);
    let mut command = Command::new(top().join(target).join(profile).join(name));
    command.args(args).current_dir(top());
    let shown = show(&command);
    eprintln!("$ {shown}");
    // An interrupt at the terminal reaches it too: it cleans up and says how far it came.
    let status = command.status().with_context(|| format!("cannot run {shown}"))?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

/// As a person would type it.
pub fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(name).chain(args).collect::<Vec<_>>().join(" ")
}
