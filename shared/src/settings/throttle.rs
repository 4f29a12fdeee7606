//! `[targets.NAME.throttle]`: signals that a spec must not name by itself, because they are URLs or SQL.
//!
//! The verifier reads them, the planner judges them: both need the same settings. What only one of them knows stops the work, or has no
//! effect, and the status says so.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::read::DATABASE;
use super::redact_url;
use super::table::Table;

/// The signals of one target, each under a name of its own.
#[derive(Clone, Default)]
pub struct TargetThrottle {
    /// Replicas whose lag is read on themselves. They are required.
    pub replicas: BTreeMap<String, SecretString>,
    /// SQL that gives one number.
    pub queries: BTreeMap<String, QuerySettings>,
    /// HTTP checks by freno's convention.
    pub checks: BTreeMap<String, SecretString>,
}

/// A query whose number is a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuerySettings {
    /// One row, one number; run by the monitor role in a transaction that can only read.
    pub sql: String,
    /// Above it nothing is written.
    pub max: u64,
    /// Above it the pace is eased, and a job that it stopped waits.
    pub low: u64,
}

impl TargetThrottle {
    /// Nothing is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replicas.is_empty() && self.queries.is_empty() && self.checks.is_empty()
    }
}

impl fmt::Debug for TargetThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |urls: &BTreeMap<String, SecretString>| -> BTreeMap<String, String> {
            let shown =
                |(name, url): (&String, &SecretString)| (name.clone(), redact_url(url.expose_secret()));
            urls.iter().map(shown).collect()
        };
        f.debug_struct("TargetThrottle")
            .field("replicas", &shown(&self.replicas))
            .field("queries", &self.queries)
            .field("checks", &shown(&self.checks))
            .finish()
    }
}

pub(super) fn read(mut table: Table<'_>) -> TargetThrottle {
    let throttle = TargetThrottle {
        replicas: urls(table.table("replicas"), DATABASE_SERVER),
        queries: queries(table.table("queries")),
        // The client speaks no TLS: it is meant for a service beside us.
        checks: urls(table.table("checks"), &["http"]),
    };
    table.finish();
    throttle
}

/// A file has no replicas.
const DATABASE_SERVER: &[&str] = &[DATABASE[0], DATABASE[1]];

fn urls(table: Table<'_>, schemes: &'static [&'static str]) -> BTreeMap<String, SecretString> {
    let mut urls = BTreeMap::new();
    for (name, mut entry) in table.into_named() {
        if !entry.has("url") {
            entry.fault("url", "nothing", "the URL to ask");
        }
        if let Some(url) = entry.url("url", schemes) {
            urls.insert(name, url);
        }
        entry.finish();
    }
    urls
}

fn queries(table: Table<'_>) -> BTreeMap<String, QuerySettings> {
    let number = |text: &str| text.parse::<u64>().ok();
    let mut queries = BTreeMap::new();
    for (name, mut entry) in table.into_named() {
        for key in ["sql", "max"] {
            if !entry.has(key) {
                entry.fault(
                    key,
                    "nothing",
                    "a query's text as `sql`, and `max`, above which nothing is written",
                );
            }
        }
        let sql = entry.parsed("sql", "a SELECT of one number", |text| {
            (!text.trim().is_empty() && !text.contains('\0')).then(|| text.to_owned())
        });
        let max = entry.parsed("max", "a whole number from 0", number);
        let low = entry.parsed("low", "a whole number from 0", number);
        if let (Some(max), Some(low)) = (max, low)
            && low > max
        {
            entry.fault("low", "a number above `max`", "at most `max`");
        }
        if let (Some(sql), Some(max)) = (sql, max) {
            // As for every other number: four fifths.
            let low = low.unwrap_or(max / 5 * 4 + max % 5 * 4 / 5);
            queries.insert(name, QuerySettings { sql, max, low });
        }
        entry.finish();
    }
    queries
}
