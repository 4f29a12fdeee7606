//! Logs to standard error, metrics behind a `render()`.
//!
//! Standard output stays free for what a command answers. The exporter has no HTTP listener of its
//! own: the service's `/metrics` serves [`Metrics::render`], so that there is one port and one shutdown.

use std::fmt;
use std::io::IsTerminal;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{LogFormat, TelemetrySettings};

/// Telemetry that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter is not one.
    #[error(
        "telemetry.filter {filter:?} is not a log filter; write one such as \"info\" or \"info,planner=debug\""
    )]
    Filter {
        /// As configured.
        filter: String,
        /// What the parser said.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging was set up before in this process.
    #[error("logging is already set up in this process")]
    LogsTwice(#[source] tracing_subscriber::util::TryInitError),
    /// Metrics were set up before in this process.
    #[error("metrics are already set up in this process")]
    MetricsTwice,
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Everything measured, in the Prometheus text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds what was recorded into its histograms. To be called every few seconds, or they grow between scrapes.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }

    /// Metrics that are rendered but fed by nobody: for tests and for commands that do not serve them.
    #[must_use]
    pub fn detached() -> Self {
        Self(PrometheusBuilder::new().build_recorder().handle())
    }
}

/// Sets up logs and metrics for this process; once.
///
/// # Errors
/// If the filter cannot be read, or something else in this process did the same before.
pub fn init(settings: &TelemetrySettings) -> Result<Metrics, Error> {
    let filter = EnvFilter::builder()
        .parse(&settings.filter)
        .map_err(|source| Error::Filter {
            filter: settings.filter.clone(),
            source,
        })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    match settings.format {
        LogFormat::Human => lines
            .with_ansi(std::io::stderr().is_terminal())
            .finish()
            .try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    }
    .map_err(Error::LogsTwice)?;
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = Metrics(recorder.handle());
    metrics::set_global_recorder(recorder).map_err(|_| Error::MetricsTwice)?;
    Ok(metrics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_rendered_and_a_second_set_up_is_refused() {
        let settings = TelemetrySettings {
            format: LogFormat::Json,
            filter: "off".to_owned(),
        };
        let metrics = init(&settings).unwrap();
        metrics::counter!("sluice_test_total", "kind" => "a").increment(3);
        metrics.upkeep();
        assert!(
            metrics.render().contains("sluice_test_total{kind=\"a\"} 3"),
            "{}",
            metrics.render()
        );
        assert!(matches!(init(&settings), Err(Error::LogsTwice(_))));
    }

    #[test]
    fn a_filter_that_is_not_one_is_named() {
        let settings = TelemetrySettings {
            format: LogFormat::Human,
            filter: "info,=[,".to_owned(),
        };
        assert!(init(&settings).unwrap_err().to_string().contains("info,=[,"));
    }
}
