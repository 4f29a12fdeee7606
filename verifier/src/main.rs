//! The verifier's binary: `verifier [SETTINGS.toml]`. Everything is in the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shared::service::run_binary("verifier", verifier::serve).await
}
