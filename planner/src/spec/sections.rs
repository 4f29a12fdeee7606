//! The sections beside the changes and the throttle: budget, flip, contract, verify.
//!
//! Every key is documented in its table, which is also where its default stands.

use std::time::Duration;

use serde_json::{Value, json};

use super::Code;
use super::keys::{DAY, Form, Key, Presence, SECOND, written};
use super::section::Section;

/// `[backfill]`
pub(crate) const BACKFILL: &[Key] = &[
    Key {
        name: "max_parallel",
        form: Form::Whole(1, 64),
        presence: Presence::Default("2"),
        meaning: "Chunks that may be worked on at the same time, over all workers.",
    },
    Key {
        name: "max_rows_per_second",
        form: Form::Whole(1, u64::MAX),
        presence: Presence::Optional,
        meaning: "Rows written a second, over all workers; without it the rate is not limited.",
    },
    Key {
        name: "max_wal_bytes_per_second",
        form: Form::Whole(1, u64::MAX),
        presence: Presence::Optional,
        meaning: "Bytes of write-ahead log a second, over all workers, measured over the whole server while a batch writes; not on SQLite. \
Without it the rate is not limited.",
    },
];

/// `[flip]`
pub(crate) const FLIP: &[Key] = &[
    Key {
        name: "flag",
        form: Form::Text,
        presence: Presence::Optional,
        meaning: "Gives the flags FLAG.read and FLAG.write: letters, digits, `.`, `-`, `_`, at most 100. Without it: the spec's `name`.",
    },
    Key {
        name: "steps",
        form: Form::Percentages,
        presence: Presence::Default("[1, 10, 50, 100]"),
        meaning: "How many percent use the new side, step by step; reads first, then writes.",
    },
    Key {
        name: "soak",
        form: Form::Time(SECOND, DAY.saturating_mul(90)),
        presence: Presence::Default("\"10m\""),
        meaning: "How long each step is watched before the next one.",
    },
    Key {
        name: "cache",
        form: Form::Time(SECOND, DAY),
        presence: Presence::Default("\"1m\""),
        meaning: "How long an instance of the application may go on with a flag's old value. A rollback keeps mirroring for that long after the \
last write of the new side.",
    },
];

/// `[contract]`
pub(crate) const CONTRACT: &[Key] = &[Key {
    name: "soak",
    form: Form::Time(SECOND, DAY.saturating_mul(365)),
    presence: Presence::Default("\"7d\""),
    meaning: "How long the old side stays hidden, and can come back, before it is dropped.",
}];

/// `[verify]`
pub(crate) const VERIFY: &[Key] = &[Key {
    name: "watch",
    form: Form::Time(SECOND, DAY.saturating_mul(90)),
    presence: Presence::Default("\"1h\""),
    meaning: "How long the verifier keeps watching after the drop, before the job is done.",
}];

/// The load budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// Chunks in flight, over all workers.
    pub max_parallel: u32,
    /// Rows a second, over all workers; None: not limited.
    pub max_rows_per_second: Option<u64>,
    /// Bytes of write-ahead log a second, over all workers; None: not limited.
    pub max_wal_bytes_per_second: Option<u64>,
}

impl Backfill {
    pub(crate) fn read(keys: &mut Section<'_>) -> Option<Self> {
        let max_parallel = keys.whole("max_parallel");
        let max_rows_per_second = keys.whole("max_rows_per_second");
        let max_wal_bytes_per_second = keys.whole("max_wal_bytes_per_second");
        Some(Self {
            max_parallel: u32::try_from(max_parallel?).ok()?,
            max_rows_per_second,
            max_wal_bytes_per_second,
        })
    }

    pub(crate) fn canonical(&self) -> Value {
        let mut value = json!({ "max_parallel": self.max_parallel });
        if let Some(rows) = self.max_rows_per_second {
            value["max_rows_per_second"] = rows.into();
        }
        if let Some(bytes) = self.max_wal_bytes_per_second {
            value["max_wal_bytes_per_second"] = bytes.into();
        }
        value
    }
}

/// How reads and writes move over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flip {
    /// Gives the flags `FLAG.read` and `FLAG.write`.
    pub flag: Option<String>,
    /// Percentages, rising, the last one 100.
    pub steps: Vec<u8>,
    /// How long each step is watched.
    pub soak: Duration,
    /// How long an instance of the application may go on with a flag's old value.
    pub cache: Duration,
}

impl Flip {
    pub(crate) fn read(keys: &mut Section<'_>) -> Option<Self> {
        let flag = keys.text("flag");
        if flag.as_deref().is_some_and(|flag| !is_flag(flag)) {
            let message = "a flag has 1 to 100 letters, digits, `.`, `-` or `_`, such as \"track.seconds\"";
            keys.refuse("flag", Code::Value, message.to_owned());
        }
        let steps = keys.percentages("steps");
        let soak = keys.time("soak");
        let cache = keys.time("cache");
        Some(Self {
            flag,
            steps: steps?,
            soak: soak?,
            cache: cache?,
        })
    }

    pub(crate) fn canonical(&self) -> Value {
        let mut value =
            json!({ "steps": self.steps, "soak": written(self.soak), "cache": written(self.cache) });
        if let Some(flag) = &self.flag {
            value["flag"] = flag.clone().into();
        }
        value
    }
}

fn is_flag(flag: &str) -> bool {
    flag.len() <= 100
        && flag
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// How old goes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// How long old stays hidden before it is dropped.
    pub soak: Duration,
}

impl Contract {
    pub(crate) fn read(keys: &mut Section<'_>) -> Option<Self> {
        Some(Self {
            soak: keys.time("soak")?,
        })
    }

    pub(crate) fn canonical(&self) -> Value {
        json!({ "soak": written(self.soak) })
    }
}

/// How long to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// The time after the drop.
    pub watch: Duration,
}

impl Verify {
    pub(crate) fn read(keys: &mut Section<'_>) -> Option<Self> {
        Some(Self {
            watch: keys.time("watch")?,
        })
    }

    pub(crate) fn canonical(&self) -> Value {
        json!({ "watch": written(self.watch) })
    }
}
