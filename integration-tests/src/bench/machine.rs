//! What it was measured on.

use std::fs;

use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::ground::Ground;

/// The machine and the servers, for whoever reads the figures later.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) processor: String,
    pub(super) memory_gib: f64,
    pub(super) kernel: String,
    pub(super) postgresql: String,
    /// What differs from the server's own defaults, as `name = value`.
    pub(super) settings: Vec<String>,
    /// Load averages of 1, 5 and 15 minutes when it began: above a few tenths, somebody else was at work.
    pub(super) load: String,
    /// The commit that was measured.
    pub(super) commit: String,
}

impl Machine {
    pub(super) async fn read(ground: &Ground) -> anyhow::Result<Self> {
        let mut conn = ground.server.superuser("postgres").await?;
        let version = "SELECT current_setting('server_version')";
        let postgresql = sqlx::query_scalar(version).fetch_one(&mut conn).await?;
        let rows = sqlx::query(
            "SELECT name || ' = ' || current_setting(name) FROM pg_settings
             WHERE (source = 'configuration file' AND name <> ALL ($1)) OR name = ANY ($2) ORDER BY name",
        );
        let rows = rows
            .bind(UNINTERESTING)
            .bind(TELLING)
            .fetch_all(&mut conn)
            .await?;
        let settings: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: value(&cpu, "model name").unwrap_or("unknown").to_owned(),
            memory_gib: value(&memory, "MemTotal").map_or(0.0, gibibytes),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            postgresql,
            settings: settings?,
            load: load(),
            commit: commit(),
        })
    }
}

/// Told also where they are as the server has them: without them no figure means anything.
const TELLING: &[&str] = &["fsync", "full_page_writes", "synchronous_commit", "autovacuum"];

/// Where a server listens and what it logs changes no figure.
const UNINTERESTING: &[&str] = &[
    "listen_addresses",
    "unix_socket_directories",
    "port",
    "log_line_prefix",
    "log_lock_waits",
    "log_timezone",
    "primary_conninfo",
    "TimeZone",
    "DateStyle",
    "IntervalStyle",
    "bytea_output",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "default_text_search_config",
    "dynamic_shared_memory_type",
    "shared_preload_libraries",
];

/// The three load averages.
pub(super) fn load() -> String {
    let text = read("/proc/loadavg");
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// Empty where there is no repository.
fn commit() -> String {
    let described = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output();
    let described = described.ok().filter(|output| output.status.success());
    described.map_or_else(String::new, |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The first value of `key : value` lines.
fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs
        .map(|(name, value)| (name.trim(), value.trim()))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
}

fn gibibytes(text: &str) -> f64 {
    let kibibytes = text
        .strip_suffix("kB")
        .and_then(|number| number.trim().parse::<f64>().ok());
    kibibytes.unwrap_or_default() / (1024.0 * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_whole_name() {
        let text = "MemTotalX: 1 kB\nMemTotal:       2097152 kB\nmodel name\t: A b: c\n";
        assert_eq!(value(text, "MemTotal").map(gibibytes), Some(2.0));
        assert_eq!(value(text, "model name"), Some("A b: c"));
        assert_eq!(value(text, "model"), None);
        assert_eq!(gibibytes("much"), 0.0);
    }
}
