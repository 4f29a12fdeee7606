//! SL2502: a short lock behind a long transaction.

use super::Rule;
use super::help::strongest;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2502),
    title: "A transaction is open behind which the lock will wait",
    risk: Risk::High,
    why: "The lock is short once it is there, but it cannot be there before every older transaction on the table has \
          ended, and everybody who comes later waits behind it. With lock_timeout the statement fails instead. End the old \
          transaction, or wait until it has; pg_stat_activity names it. CONCURRENTLY waits for old transactions too, but \
          blocks nobody meanwhile.",
    example: "SET lock_timeout = '2s';\nALTER TABLE t ADD COLUMN note text;",
    safer: "SELECT pid, usename, state, xact_start, query FROM pg_stat_activity WHERE xact_start < now() - interval '1 \
            minute' ORDER BY xact_start;",
    needs_facts: true,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

/// Seconds from which a transaction is one that others notice.
const OLD: f64 = 60.0;

fn judge(_: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let oldest = context
        .facts
        .and_then(|facts| facts.oldest_transaction)
        .filter(|age| *age >= OLD);
    let (Some(age), Some(lock)) = (oldest, strongest(effect)) else {
        return Vec::new();
    };
    let waits = !effect.transactional && !effect.locks.is_empty();
    if !lock.blocks_writes() && !waits {
        return Vec::new();
    }
    let (happens, risk) = if !lock.blocks_writes() {
        ("this waits for it, without blocking anybody", Risk::Low)
    } else if context.lock_timeout.is_some() {
        (
            "if it has used the table, this fails when lock_timeout is over",
            Risk::Medium,
        )
    } else {
        (
            "if it has used the table, this waits for it and everybody waits behind this",
            Risk::High,
        )
    };
    let message = format!("a transaction is open for {}: {happens}", told(age));
    let who = "SELECT pid, usename, state, xact_start, query FROM pg_stat_activity WHERE xact_start < now() - interval '1 minute' ORDER BY xact_start;";
    vec![
        PAGE.found(message)
            .of(risk)
            .instead(format!("-- who it is\n{who}")),
    ]
}

fn told(seconds: f64) -> String {
    match seconds {
        7200.0.. => format!("{:.0} hours", seconds / 3600.0),
        120.0.. => format!("{:.0} minutes", seconds / 60.0),
        _ => format!("{seconds:.0} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, risks};
    use super::*;

    #[test]
    fn finds_it_where_somebody_would_wait() {
        let two_hours = facts(|facts, _| facts.oldest_transaction = Some(7200.0));
        assert_eq!(risks(&RULE, &two_hours, "ALTER TABLE t ADD c int;"), [Risk::High]);
        assert_eq!(
            risks(
                &RULE,
                &two_hours,
                "SET lock_timeout = '2s'; ALTER TABLE t ADD c int;"
            ),
            [Risk::Medium]
        );
        assert_eq!(
            risks(&RULE, &two_hours, "CREATE INDEX CONCURRENTLY i ON t (a);"),
            [Risk::Low]
        );
        assert!(
            risks(
                &RULE,
                &two_hours,
                "UPDATE t SET a = 1 WHERE a = 2; CREATE TABLE n (a int);"
            )
            .is_empty()
        );
        assert!(
            risks(
                &RULE,
                &facts(|facts, _| facts.oldest_transaction = Some(2.0)),
                "DROP TABLE t;"
            )
            .is_empty()
        );
    }
}
