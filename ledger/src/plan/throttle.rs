//! What the signals may show at most while a job writes rows.
//!
//! A limit that is not there stops nobody: the signal is still sampled and shown (those of tables for a few jobs). One that is there makes its signal required, so that
//! nothing is written while it cannot be read (invariant 7).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits of one job, beside that of replica lag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Throttle {
    /// Bytes of write-ahead log that a replication slot keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_slot_wal_bytes: Option<u64>,
    /// Files of write-ahead log that wait for the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_archive_backlog: Option<u64>,
    /// Bytes of write-ahead log a second, over the whole server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_server_wal_bytes_per_second: Option<u64>,
    /// Sessions that wait for ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_blocked_sessions: Option<u64>,
    /// Sessions that wait for a lock, whoever holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lock_waits: Option<u64>,
    /// Sessions at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_active_sessions: Option<u64>,
    /// Age of the oldest open transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_transaction_age: Option<Duration>,
    /// Checkpoints within ten minutes that the amount of write-ahead log asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_requested_checkpoints: Option<u64>,
    /// Share of dead rows in the job's tables, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_dead_percent: Option<u64>,
    /// Autovacuum workers on the job's tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_autovacuums: Option<u64>,
    /// Time that a batch takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_batch_time: Option<Duration>,
    /// When rows may be written, such as `22:00-06:00 Europe/Paris`; empty: always.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<String>,
}

impl Throttle {
    /// Nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
