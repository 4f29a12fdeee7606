//! The signals by name: a closed list, the same for whoever reads one, judges it, shows it or counts it.

/// What is read of a server, or about it, to see whether it can bear more load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// How far a replica is behind.
    ReplicaLag,
    /// Sessions that wait for ours.
    BlockedSessions,
    /// Write-ahead log that a replication slot keeps.
    SlotWal,
    /// Write-ahead log that waits for the archive.
    ArchiveBacklog,
    /// Write-ahead log a second.
    WalRate,
    /// Sessions that wait for a lock.
    LockWaits,
    /// Sessions at work.
    ActiveSessions,
    /// Age of the oldest open transaction.
    TransactionAge,
    /// Checkpoints within ten minutes that the amount of write-ahead log asked for.
    RequestedCheckpoints,
    /// Share of dead rows in a table.
    DeadRows,
    /// Autovacuum workers on a table.
    Autovacuums,
    /// Time that a batch of ours takes.
    BatchTime,
    /// What a configured query answers.
    Query,
    /// What a configured HTTP check answers.
    Check,
}

impl Kind {
    /// Every one, in the order in which they are judged: the first one that stops the work is named.
    pub const ALL: [Self; 14] = [
        Self::ReplicaLag,
        Self::BlockedSessions,
        Self::SlotWal,
        Self::ArchiveBacklog,
        Self::WalRate,
        Self::LockWaits,
        Self::ActiveSessions,
        Self::TransactionAge,
        Self::RequestedCheckpoints,
        Self::DeadRows,
        Self::Autovacuums,
        Self::BatchTime,
        Self::Query,
        Self::Check,
    ];

    /// Its name in the ledger, in status, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReplicaLag => "replica_lag",
            Self::BlockedSessions => "blocked_sessions",
            Self::SlotWal => "slot_wal",
            Self::ArchiveBacklog => "archive_backlog",
            Self::WalRate => "wal_rate",
            Self::LockWaits => "lock_waits",
            Self::ActiveSessions => "active_sessions",
            Self::TransactionAge => "transaction_age",
            Self::RequestedCheckpoints => "requested_checkpoints",
            Self::DeadRows => "dead_rows",
            Self::Autovacuums => "autovacuums",
            Self::BatchTime => "batch_time",
            Self::Query => "query",
            Self::Check => "http_check",
        }
    }

    /// What its value counts.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::ReplicaLag | Self::TransactionAge | Self::BatchTime => "seconds",
            Self::BlockedSessions | Self::LockWaits | Self::ActiveSessions => "sessions",
            Self::SlotWal => "bytes",
            Self::ArchiveBacklog => "files",
            Self::WalRate => "bytes/s",
            Self::RequestedCheckpoints => "in 10 minutes",
            Self::DeadRows => "percent",
            Self::Autovacuums => "workers",
            Self::Query => "",
            Self::Check => "HTTP status",
        }
    }
}

/// One reading of one signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Which.
    pub kind: Kind,
    /// From where.
    pub source: String,
    /// In the kind's unit; None: not known.
    pub value: Option<f64>,
    /// Why it must not be trusted, whatever the value.
    pub problem: Option<String>,
}

impl Reading {
    /// A reading that could be made.
    #[must_use]
    pub fn of(kind: Kind, source: impl Into<String>, value: f64) -> Self {
        Self {
            kind,
            source: source.into(),
            value: Some(value),
            problem: None,
        }
    }

    /// One that could not.
    #[must_use]
    pub fn problem(kind: Kind, source: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            kind,
            source: source.into(),
            value: None,
            problem: Some(why.into()),
        }
    }
}
