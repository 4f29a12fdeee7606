//! The planner's binary: `planner [CONFIG]`. Everything is in the library.

use std::path::PathBuf;
use std::process::ExitCode;

use shared::settings::{Settings, Sources};

#[tokio::main]
async fn main() -> ExitCode {
    let file = std::env::args_os().nth(1).map(PathBuf::from);
    let settings = match Settings::load(&Sources {
        file,
        ..Sources::default()
    }) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("planner: {error}");
            return ExitCode::from(2);
        }
    };
    match planner::serve(settings).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("planner: {error:#}");
            ExitCode::FAILURE
        }
    }
}
