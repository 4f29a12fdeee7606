//! How bad a statement is for the application, from its locks and from what it does while it holds them.

use super::model::Outcome;
use super::{Context, timing};
use crate::{Facts, Finding, Phase, Risk, facts};

/// Tables of this size are done with in an instant, whatever is done to them: 1 MiB, in bytes, with indexes.
const TINY: u64 = 1 << 20;

/// What takes at most this long, in seconds, blocks no longer than an instant does.
const INSTANT: f64 = 1.0;

/// A transaction that has been open for so long, in seconds, is not over in an instant: who waits for it makes a queue.
const LONG: f64 = 60.0;

/// The worst of what the model found and of the findings that nobody accepted. An accepted finding takes along what the model found, if it is
/// no worse: it is the same thing, said by a rule.
pub(crate) fn overall(of_outcome: Risk, findings: &[Finding]) -> Risk {
    let accepted = findings
        .iter()
        .filter(|it| it.allowed.is_some())
        .map(|it| it.risk)
        .max();
    let open = findings
        .iter()
        .filter(|it| it.allowed.is_none())
        .map(|it| it.risk)
        .max();
    let own = Some(of_outcome).filter(|own| accepted.is_none_or(|accepted| accepted < *own));
    own.max(open).unwrap_or(Risk::None)
}

/// From the lock model alone.
pub(crate) fn of_outcome(outcome: &Outcome, context: &Context<'_>) -> Risk {
    if outcome.effect.phase == Phase::Unknown {
        return Risk::Critical;
    }
    let of_locks = of_locks(outcome, context);
    if outcome.breaks {
        of_locks.max(Risk::High)
    } else {
        of_locks
    }
}

fn of_locks(outcome: &Outcome, context: &Context<'_>) -> Risk {
    let reads = outcome.effect.blocks_reads() || outcome.blocks_plans;
    let writes = outcome.effect.blocks_writes();
    let heavy = !outcome.work.is_empty() && !is_quick(outcome, context.facts);
    if heavy && reads {
        Risk::Critical
    } else if heavy && writes {
        Risk::High
    } else if reads || writes {
        of_an_instant(outcome, context)
    } else if !outcome.work.is_empty() {
        Risk::Low
    } else {
        Risk::None
    }
}

fn is_quick(outcome: &Outcome, facts: Option<&Facts>) -> bool {
    timing::work(outcome, facts).is_some_and(|seconds| seconds.high <= INSTANT)
}

/// An instant under the lock, but who waits for the lock makes all others wait behind it.
fn of_an_instant(outcome: &Outcome, context: &Context<'_>) -> Risk {
    let behind = context
        .facts
        .and_then(|facts| facts.oldest_transaction)
        .is_some_and(|it| it >= LONG);
    let gives_up = context.lock_timeout.is_some();
    let tiny = context.facts.is_some_and(|facts| all_tiny(outcome, facts));
    match (behind, gives_up, tiny) {
        (true, false, false) => Risk::High,
        (true, true, _) | (true, false, true) | (false, false, false) => Risk::Medium,
        (false, true, _) | (false, false, true) => Risk::Low,
    }
}

/// Every table that is locked is known, and is tiny.
fn all_tiny(outcome: &Outcome, facts: &Facts) -> bool {
    let is_tiny = |table: &facts::Table| table.bytes.saturating_add(table.index_bytes) <= TINY;
    outcome
        .tables
        .iter()
        .all(|table| facts.tables.get(table).is_some_and(is_tiny))
}
