//! SL2127: several tables that are locked one after the other.

use super::Rule;
use super::help::unless_tiny;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2127),
    title: "Several tables are locked one after the other in one transaction",
    risk: Risk::Medium,
    why: "While the second lock is waited for, the first is held already, so that both tables stand still for as long as \
          either is busy; and an application that uses them in the other order meets this transaction in a deadlock. \
          Change one table a transaction.",
    example: "BEGIN;\nSET LOCAL lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN note text;\nALTER TABLE customers ADD \
              COLUMN note text;\nCOMMIT;",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN note text;\nALTER TABLE customers ADD COLUMN note text;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(_: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let already = |table: &str| {
        context
            .held
            .iter()
            .any(|held| held.table == table && held.mode.blocks_writes())
    };
    let next = effect
        .locks
        .iter()
        .find(|lock| lock.mode.blocks_writes() && !already(&lock.table));
    let first = context.held.iter().find(|held| held.mode.blocks_writes());
    let (Some(next), Some(first)) = (next, first) else {
        return Vec::new();
    };
    let message = format!(
        "waits for {} on {} while {} on {} is held since line {}",
        next.mode.as_str(),
        next.table,
        first.mode.as_str(),
        first.table,
        first.line
    );
    vec![unless_tiny(PAGE.found(message), effect, context).instead(format!(
        "COMMIT;\n-- in a transaction of its own\n{};",
        context.statement
    ))]
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["BEGIN; DROP TABLE a; DROP TABLE b;"],
            &[
                "ALTER TABLE a ADD c int; ALTER TABLE b ADD c int;",
                "BEGIN; ALTER TABLE a ADD c int; ALTER TABLE a ADD d int;",
                "BEGIN; UPDATE a SET c = 1 WHERE id = 1; ALTER TABLE b ADD c int;",
            ],
        );
    }
}
