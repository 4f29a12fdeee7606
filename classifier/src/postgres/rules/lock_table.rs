//! SL2124: a table that is locked by hand.

use super::Rule;
use super::help::strongest;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2124),
    title: "A table is locked until the transaction ends",
    risk: Risk::High,
    why: "LOCK TABLE holds until COMMIT, whatever follows and however long it takes. DDL takes the lock that it needs by \
          itself, and rows that are to be kept from changing are locked with SELECT ... FOR UPDATE.",
    example: "BEGIN;\nSET LOCAL lock_timeout = '2s';\nLOCK TABLE orders;\nCOMMIT;",
    safer: "BEGIN;\nSELECT * FROM orders WHERE id = 5 FOR UPDATE;\nCOMMIT;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, effect: &Effect, _: &Context<'_>) -> Vec<Finding> {
    let Action::LockTable { mode, .. } = action else {
        return Vec::new();
    };
    match strongest(effect) {
        Some(lock) if lock.blocks_writes() => {
            let who = if lock.blocks_reads() {
                "reads and writes"
            } else {
                "writes"
            };
            let tables: Vec<_> = effect.locks.iter().map(|lock| lock.table.as_str()).collect();
            vec![PAGE.found(format!(
                "{who} of {} wait for {} until the transaction ends",
                tables.join(", "),
                mode.as_str()
            ))]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["BEGIN; LOCK a, b IN SHARE MODE;"],
            &[
                "BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE;",
                "CREATE TABLE n (a int); BEGIN; LOCK n;",
            ],
        );
    }
}
