//! The `sluice` binary: reads the command line and maps the end to an exit code. Everything is in the library.

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let args = cli::Args::parse();
    match cli::run(args).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sluice: {}", cli::error::chain(&error));
            error.exit_code()
        }
    }
}
