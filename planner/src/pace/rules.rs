//! Which signal has which levels: from the job's budget, and for what a spec must not name by itself from the target's settings.

use std::time::Duration;

use ledger::pace::Kind;
use ledger::plan::Budget;
use shared::settings::TargetThrottle;

use super::rule::{Levels, Rule, Sources};

/// The answer of an HTTP check that lets the work go on; what is neither this nor 429 is a problem, not a value.
const HTTP_OK: f64 = 200.0;

/// Every signal that has a limit, in the order of [`Kind::ALL`]. `tables` are the job's, as signals name them.
#[must_use]
pub fn rules(budget: &Budget, tables: &[String], throttle: &TargetThrottle) -> Vec<Rule> {
    Kind::ALL
        .into_iter()
        .flat_map(|kind| of_kind(kind, budget, tables, throttle))
        .collect()
}

fn of_kind(kind: Kind, budget: &Budget, tables: &[String], settings: &TargetThrottle) -> Vec<Rule> {
    let limits = &budget.throttle;
    let count = |limit: Option<u64>| limit.map(|limit| Levels::of_load(limit as f64));
    let time = |limit: Option<Duration>| limit.map(|limit| Levels::of_load(limit.as_secs_f64()));
    let (levels, sources) = match kind {
        Kind::ReplicaLag => (
            Some(Levels::of_lag(budget.max_replica_lag.as_secs_f64())),
            Sources::Replicas(settings.replicas.keys().cloned().collect()),
        ),
        Kind::BlockedSessions => (count(limits.max_blocked_sessions), Sources::Any),
        Kind::SlotWal => (
            limits
                .max_slot_wal_bytes
                .map(|limit| Levels::of_lag(limit as f64)),
            Sources::Any,
        ),
        Kind::ArchiveBacklog => (
            limits
                .max_archive_backlog
                .map(|limit| Levels::of_lag(limit as f64)),
            Sources::Any,
        ),
        Kind::WalRate => (count(limits.max_server_wal_bytes_per_second), Sources::Any),
        Kind::LockWaits => (count(limits.max_lock_waits), Sources::Any),
        Kind::ActiveSessions => (count(limits.max_active_sessions), Sources::Any),
        Kind::TransactionAge => (time(limits.max_transaction_age), Sources::Any),
        Kind::RequestedCheckpoints => (count(limits.max_requested_checkpoints), Sources::Any),
        Kind::DeadRows => (count(limits.max_dead_percent), Sources::Each(tables.to_vec())),
        Kind::Autovacuums => (count(limits.max_autovacuums), Sources::Each(tables.to_vec())),
        Kind::BatchTime => (time(limits.max_batch_time), Sources::Each(tables.to_vec())),
        Kind::Query => return queries(settings),
        Kind::Check => {
            let names: Vec<String> = settings.checks.keys().cloned().collect();
            let levels = (!names.is_empty()).then_some(Levels {
                stop: HTTP_OK,
                low: HTTP_OK,
            });
            (levels, Sources::Each(names))
        }
    };
    let rule = levels.map(|levels| Rule {
        kind,
        levels,
        sources,
    });
    rule.into_iter().collect()
}

/// Each has levels of its own.
fn queries(settings: &TargetThrottle) -> Vec<Rule> {
    let queries = settings.queries.iter();
    queries
        .map(|(name, query)| Rule {
            kind: Kind::Query,
            levels: Levels {
                stop: query.max as f64,
                low: query.low as f64,
            },
            sources: Sources::Each(vec![name.clone()]),
        })
        .collect()
}
