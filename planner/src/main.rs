//! The planner's binary: `planner [CONFIG]`. Everything is in the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shared::service::run_binary("planner", planner::serve).await
}
