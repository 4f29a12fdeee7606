//! `cargo xtask bench`: what a fill costs, as figures and as ratios to one plain UPDATE.
//!
//! Exit codes: 0 everything came to a right end, 1 something did not (it is named), 2 wrong usage. No speed fails anything.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Parser as _;
use shared::clock::{Clock as _, SystemClock};
use testbed::bench::{Order, Results, page, run, text};
use tokio::signal::unix::{SignalKind, signal};

/// The page, from the top of the workspace, where this is started.
const PAGE: &str = "docs/performance.md";

fn main() -> ExitCode {
    let order = Order::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    match runtime.block_on(told(&order)) {
        Ok(results) if results.are_sound() => ExitCode::SUCCESS,
        Ok(results) => {
            eprintln!(
                "error: {} of what was measured went wrong",
                results.failures().len()
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, or reads what was measured; then tells it in every way that was asked for.
#[expect(clippy::print_stdout, reason = "the tables are this program's output")]
async fn told(order: &Order) -> anyhow::Result<Results> {
    let results = match &order.from {
        Some(file) => read(file)?,
        None => {
            let results = measured(order).await;
            write(
                &order.json,
                &format!("{}\n", serde_json::to_string_pretty(&results)?),
            )?;
            results
        }
    };
    println!("{}", text(&results));
    if order.write_docs {
        write(Path::new(PAGE), &page(&results))?;
    }
    Ok(results)
}

/// An interrupt drops everything, which stops every server and service. What there is by then is still told, but it is no whole result.
async fn measured(order: &Order) -> Results {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("cargo xtask bench {}", args.join(" "));
    let mut results = Results::begin(command.trim(), SystemClock::new().now());
    let ended = tokio::select! {
        ended = run(order, &mut results) => ended,
        stopped = stopped() => stopped,
    };
    if let Err(error) = ended {
        results.fail(format!("{error:#}"));
    }
    results
}

/// Ctrl-C, or SIGTERM from whoever gave it a limit of time.
async fn stopped() -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    bail!("it was stopped before its end")
}

fn read(file: &Path) -> anyhow::Result<Results> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no results", file.display()))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
