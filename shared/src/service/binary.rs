//! The body of a role's `main`, the same in each of the three binaries.

use std::path::PathBuf;
use std::process::ExitCode;

use super::chain;
use crate::settings::{Settings, Sources};

/// Wrong settings.
const USAGE: u8 = 2;

/// Runs the binary `NAME [SETTINGS.toml]`: settings from the file that the first argument names, then `serve`.
/// What goes wrong is told once, on standard error; the exit code is 2 for wrong settings, 1 for anything later.
pub async fn run_binary<S, E>(name: &str, serve: impl FnOnce(Settings) -> S) -> ExitCode
where
    S: Future<Output = Result<ExitCode, E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let file = std::env::args_os().nth(1).map(PathBuf::from);
    let settings = match Settings::load(&Sources {
        file,
        ..Sources::default()
    }) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{name}: {error}");
            return ExitCode::from(USAGE);
        }
    };
    match serve(settings).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{name}: {}", chain(&*error.into()));
            ExitCode::FAILURE
        }
    }
}
