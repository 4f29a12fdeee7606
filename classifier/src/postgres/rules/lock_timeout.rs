//! SL2101: a lock that others wait for, and that itself waits for ever.

use super::Rule;
use super::help::unless_tiny;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2101),
    title: "A lock that blocks others is waited for without a limit",
    risk: Risk::Medium,
    why: "A lock that conflicts with running queries waits for the oldest of them, and everybody who comes later waits \
          behind it: one forgotten transaction turns an instant into an outage. With lock_timeout the statement gives up \
          after two seconds instead, the queue dissolves, and it is tried again later.",
    example: "ALTER TABLE orders ADD COLUMN note text;",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN note text;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

/// Longer is as good as for ever: what waits behind it has given up by then.
const LONGEST: u64 = 60_000;

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let limited = context
        .lock_timeout
        .is_some_and(|limit| limit > 0 && limit <= LONGEST);
    let nowait = matches!(action, Action::LockTable { nowait: true, .. });
    if limited || nowait {
        return Vec::new();
    }
    let Some(lock) = effect
        .locks
        .iter()
        .filter(|lock| lock.mode.blocks_writes())
        .max_by_key(|lock| lock.mode)
    else {
        return Vec::new();
    };
    let scope = if context.in_transaction {
        "SET LOCAL"
    } else {
        "SET"
    };
    let who = if lock.mode.blocks_reads() {
        "reads and writes"
    } else {
        "writes"
    };
    let message = format!(
        "waits without a limit for {} on {}, and {who} that come later wait behind it",
        lock.mode.as_str(),
        lock.table
    );
    vec![
        unless_tiny(PAGE.found(message), effect, context)
            .instead(format!("{scope} lock_timeout = '2s';\n{};", context.statement)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &[
                "CREATE INDEX i ON t (a);",
                "LOCK TABLE t IN SHARE MODE;",
                "SET lock_timeout = 0; DROP TABLE t;",
                "SET lock_timeout = '10min'; DROP TABLE t;",
            ],
            &[
                "CREATE INDEX CONCURRENTLY i ON t (a);",
                "LOCK TABLE t NOWAIT;",
                "CREATE TABLE n (a int); ALTER TABLE n ADD b int;",
                "SELECT 1;",
                "UPDATE t SET a = 1 WHERE id = 5;",
                "BEGIN; SET LOCAL lock_timeout = '1s'; DROP TABLE t;",
            ],
        );
    }
}
