//! The backfiller's binary: `backfiller [SETTINGS.toml]`. Everything is in the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shared::service::run_binary("backfiller", backfiller::serve).await
}
