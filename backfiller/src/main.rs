//! The backfiller's binary: `backfiller [SETTINGS.toml]`. Everything is in the library.

use std::path::PathBuf;
use std::process::ExitCode;

use shared::settings::{Settings, Sources};

/// Wrong usage.
const USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let file = std::env::args_os().nth(1).map(PathBuf::from);
    let settings = match Settings::load(&Sources {
        file,
        ..Sources::default()
    }) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("backfiller: {error}");
            return ExitCode::from(USAGE);
        }
    };
    match backfiller::serve(settings).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("backfiller: {:#}", anyhow::Error::new(error));
            ExitCode::FAILURE
        }
    }
}
