//! `[throttle]`: what the signals may show at most while rows are written.
//!
//! One key a signal, each with its limit alone: the level at which the pace is eased and a stopped job goes on is a fixed part of it
//! ([`crate::pace::Levels`]). What could stop somebody's job for a reason that is not the job's has no limit unless the spec gives one.

use std::time::Duration;

use serde_json::{Value, json};

use super::Code;
use super::keys::{DAY, Form, Key, Presence, SECOND, written};
use super::section::Section;
use crate::pace::Hours;

/// `[throttle]`
pub(crate) const THROTTLE: &[Key] = &[
    Key {
        name: "max_replica_lag",
        form: Form::Time(Duration::from_millis(100), DAY),
        presence: Presence::Default("\"5s\""),
        meaning: "Nothing is written while a replica is further behind than this.",
    },
    Key {
        name: "max_blocked_sessions",
        form: Form::Whole(0, u64::MAX),
        presence: Presence::Default("0"),
        meaning: "Sessions that may have waited for one of ours for half a second. A batch that somebody waits for gives way sooner than that.",
    },
    Key {
        name: "max_slot_wal_bytes",
        form: Form::Whole(1, u64::MAX),
        presence: Presence::Optional,
        meaning: "Bytes of write-ahead log that a replication slot may keep.",
    },
    Key {
        name: "max_archive_backlog",
        form: Form::Whole(0, u64::MAX),
        presence: Presence::Optional,
        meaning: "Files of write-ahead log that may wait for the archive.",
    },
    Key {
        name: "max_server_wal_bytes_per_second",
        form: Form::Whole(1, u64::MAX),
        presence: Presence::Optional,
        meaning: "Bytes of write-ahead log a second that the whole server may write, others included; `max_wal_bytes_per_second` in `[backfill]` limits our own.",
    },
    Key {
        name: "max_lock_waits",
        form: Form::Whole(0, u64::MAX),
        presence: Presence::Optional,
        meaning: "Sessions of the database that may wait for a lock, whoever holds it.",
    },
    Key {
        name: "max_active_sessions",
        form: Form::Whole(0, u64::MAX),
        presence: Presence::Optional,
        meaning: "Sessions of the whole server that may be at work, without our own.",
    },
    Key {
        name: "max_transaction_age",
        form: Form::Time(SECOND, DAY),
        presence: Presence::Optional,
        meaning: "Age that the oldest open transaction of the database may have; while it is open no vacuum takes away what the fill leaves behind.",
    },
    Key {
        name: "max_requested_checkpoints",
        form: Form::Whole(0, u64::MAX),
        presence: Presence::Optional,
        meaning: "Checkpoints within ten minutes that may be due to the amount of write-ahead log instead of the time.",
    },
    Key {
        name: "max_dead_percent",
        form: Form::Whole(1, 99),
        presence: Presence::Optional,
        meaning: "Share of dead rows that a table of the job may have.",
    },
    Key {
        name: "max_autovacuums",
        form: Form::Whole(0, u64::MAX),
        presence: Presence::Optional,
        meaning: "Autovacuum workers that may be on a table of the job; 0 pauses while one is.",
    },
    Key {
        name: "max_batch_time",
        form: Form::Time(Duration::from_millis(10), DAY),
        presence: Presence::Optional,
        meaning: "Time that one batch may take.",
    },
    Key {
        name: "windows",
        form: Form::Texts,
        presence: Presence::Optional,
        meaning: "Hours in which rows may be written, each as `22:00-06:00 Europe/Paris`; without it at any hour.",
    },
];

/// When to pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Above this replica lag nothing is written.
    pub max_replica_lag: Duration,
    /// The limits of the other signals.
    pub limits: ledger::plan::Throttle,
}

impl Throttle {
    pub(crate) fn read(keys: &mut Section<'_>) -> Option<Self> {
        let max_replica_lag = keys.time("max_replica_lag");
        let limits = ledger::plan::Throttle {
            max_blocked_sessions: keys.whole("max_blocked_sessions"),
            max_slot_wal_bytes: keys.whole("max_slot_wal_bytes"),
            max_archive_backlog: keys.whole("max_archive_backlog"),
            max_server_wal_bytes_per_second: keys.whole("max_server_wal_bytes_per_second"),
            max_lock_waits: keys.whole("max_lock_waits"),
            max_active_sessions: keys.whole("max_active_sessions"),
            max_transaction_age: keys.time("max_transaction_age"),
            max_requested_checkpoints: keys.whole("max_requested_checkpoints"),
            max_dead_percent: keys.whole("max_dead_percent"),
            max_autovacuums: keys.whole("max_autovacuums"),
            max_batch_time: keys.time("max_batch_time"),
            windows: windows(keys),
        };
        Some(Self {
            max_replica_lag: max_replica_lag?,
            limits,
        })
    }

    /// The first limit that was given and that only a server has.
    pub(crate) fn reads_a_server(&self) -> Option<&'static str> {
        // The one with a default is always there.
        let counts = self.counts().into_iter().skip(1);
        let given = counts.filter(|(_, count)| count.is_some()).map(|(key, _)| key);
        let times = self.times().into_iter();
        given
            .chain(times.filter(|(_, time)| time.is_some()).map(|(key, _)| key))
            .next()
    }

    pub(crate) fn canonical(&self) -> Value {
        let mut value = json!({ "max_replica_lag": written(self.max_replica_lag) });
        for (key, count) in self.counts() {
            if let Some(count) = count {
                value[key] = count.into();
            }
        }
        for (key, time) in self.times() {
            if let Some(time) = time {
                value[key] = written(time).into();
            }
        }
        if !self.limits.windows.is_empty() {
            value["windows"] = self.limits.windows.clone().into();
        }
        value
    }

    fn counts(&self) -> [(&'static str, Option<u64>); 9] {
        let limits = &self.limits;
        [
            ("max_blocked_sessions", limits.max_blocked_sessions),
            ("max_slot_wal_bytes", limits.max_slot_wal_bytes),
            ("max_archive_backlog", limits.max_archive_backlog),
            (
                "max_server_wal_bytes_per_second",
                limits.max_server_wal_bytes_per_second,
            ),
            ("max_lock_waits", limits.max_lock_waits),
            ("max_active_sessions", limits.max_active_sessions),
            ("max_requested_checkpoints", limits.max_requested_checkpoints),
            ("max_dead_percent", limits.max_dead_percent),
            ("max_autovacuums", limits.max_autovacuums),
        ]
    }

    fn times(&self) -> [(&'static str, Option<Duration>); 2] {
        let limits = &self.limits;
        [
            ("max_transaction_age", limits.max_transaction_age),
            ("max_batch_time", limits.max_batch_time),
        ]
    }
}

fn windows(keys: &mut Section<'_>) -> Vec<String> {
    let windows = keys.texts("windows").unwrap_or_default();
    for window in &windows {
        if let Err(error) = Hours::parse(window) {
            keys.refuse("windows", Code::Value, error.to_string());
        }
    }
    windows
}
