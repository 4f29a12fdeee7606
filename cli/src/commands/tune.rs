//! `sluice tune JOB`: changes the budget of a job while it runs. What is not given stays as it is.

use std::time::Duration;

use ledger::commands::{Command, Tune};
use shared::units::parse_duration;

use crate::error::{Error, Outcome};
use crate::order::{self, OrderArgs, Work};

/// Arguments of `sluice tune`.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("limit").required(true).multiple(true))]
pub struct TuneArgs {
    /// Chunks in flight, over all workers.
    #[arg(long, value_name = "N", group = "limit", value_parser = clap::value_parser!(u32).range(1..=64))]
    max_parallel: Option<u32>,
    /// Rows written a second, over all workers; 0 lifts the limit.
    #[arg(long, value_name = "N", group = "limit")]
    max_rows_per_second: Option<u64>,
    /// Bytes of write-ahead log a second, over all workers; 0 lifts the limit.
    #[arg(long, value_name = "BYTES", group = "limit")]
    max_wal_bytes_per_second: Option<u64>,
    /// Nothing is written while a replica is further behind than this, such as 2s.
    #[arg(long, value_name = "TIME", group = "limit", value_parser = lag)]
    max_replica_lag: Option<Duration>,
    /// Which job, and who commands.
    #[command(flatten)]
    order: OrderArgs,
}

fn lag(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text).map_err(|e| e.to_string())?;
    if time < Duration::from_millis(100) {
        return Err(format!(
            "{text:?} is below 100ms, which no replica keeps; write 100ms or more"
        ));
    }
    Ok(time)
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &TuneArgs) -> Result<Outcome, Error> {
    let tune = Tune {
        max_parallel: args.max_parallel,
        max_rows_per_second: args.max_rows_per_second,
        max_wal_bytes_per_second: args.max_wal_bytes_per_second,
        max_replica_lag_ms: args
            .max_replica_lag
            .map(|lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX)),
    };
    order::give(&args.order, &Command::Tune(tune), Work::Answer).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_that_no_replica_keeps_is_refused() {
        assert_eq!(lag("2s"), Ok(Duration::from_secs(2)));
        assert!(lag("1ms").unwrap_err().contains("100ms"));
        assert!(lag("5").unwrap_err().contains("unit"));
    }
}
