//! SL2125: a constraint that is validated while its own lock is still held.

use super::Rule;
use super::help::{by_size, changes};
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2125),
    title: "Rows are read while a strong lock of the same transaction is held",
    risk: Risk::High,
    why: "NOT VALID is there so that the strong lock is over before the rows are read. Inside one transaction it is not: \
          the lock of ADD CONSTRAINT is held to the end, and VALIDATE CONSTRAINT reads every row under it. Commit in \
          between; a framework that wraps a migration in a transaction needs two migrations.",
    example: "BEGIN;\nSET LOCAL lock_timeout = '2s';\nALTER TABLE orders ADD CONSTRAINT orders_amount CHECK (amount > 0) NOT \
              VALID;\nALTER TABLE orders VALIDATE CONSTRAINT orders_amount;\nCOMMIT;",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD CONSTRAINT orders_amount CHECK (amount > 0) NOT VALID;\nALTER \
            TABLE orders VALIDATE CONSTRAINT orders_amount;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, change) in changes(action, context) {
        let Alter::ValidateConstraint { constraint } = change else {
            continue;
        };
        let own = |table: &str| effect.locks.iter().any(|lock| lock.table == table);
        let Some(held) = context
            .held
            .iter()
            .find(|held| held.mode.blocks_writes() && own(&held.table))
        else {
            continue;
        };
        let who = if held.mode.blocks_reads() {
            "reads and writes"
        } else {
            "writes"
        };
        let message = format!(
            "reads every row of {table} while {who} wait for {} on {}, taken on line {}",
            held.mode.as_str(),
            held.table,
            held.line
        );
        let sql = format!(
            "COMMIT;\nALTER TABLE {} VALIDATE CONSTRAINT {};",
            super::sql::name(table),
            super::sql::ident(constraint)
        );
        findings.push(by_size(PAGE.found(message), context, table).instead(sql));
    }
    findings
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
                "BEGIN; ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT t_a_fkey;",
            ],
            &[
                "ALTER TABLE t VALIDATE CONSTRAINT k;",
                "BEGIN; ALTER TABLE t VALIDATE CONSTRAINT k;",
                "BEGIN; ALTER TABLE t ADD CHECK (a > 0) NOT VALID; COMMIT; ALTER TABLE t VALIDATE CONSTRAINT t_check;",
            ],
        );
    }
}
