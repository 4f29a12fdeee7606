//! SL2126: a strong lock that is held while something long runs.

use super::Rule;
use super::help::unless_tiny;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2126),
    title: "A strong lock is held while something long runs in the same transaction",
    risk: Risk::High,
    why: "A lock is held until the transaction ends. What takes an instant on its own, an ADD COLUMN, blocks for as long \
          as whatever follows it in the same transaction: an update of many rows, an index, a copy. Do the long part first \
          or in a transaction of its own.",
    example: "BEGIN;\nSET LOCAL lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN note text;\nUPDATE orders SET note = '' \
              WHERE created < '2020-01-01';\nCOMMIT;",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN note text;\nUPDATE orders SET note = '' WHERE id = 5;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let validates = |change: &Alter| matches!(change, Alter::ValidateConstraint { .. });
    // That one has a rule of its own.
    let told = matches!(action, Action::AlterTable(alter) if alter.changes.iter().any(validates));
    if told || !is_long(action, effect) {
        return Vec::new();
    }
    let Some(held) = context
        .held
        .iter()
        .filter(|held| held.mode.blocks_writes())
        .max_by_key(|held| held.mode)
    else {
        return Vec::new();
    };
    let who = if held.mode.blocks_reads() {
        "reads and writes"
    } else {
        "writes"
    };
    let message = format!(
        "runs while {who} of {} wait: {} was taken there on line {} and is held until the transaction ends",
        held.table,
        held.mode.as_str(),
        held.line
    );
    vec![unless_tiny(PAGE.found(message), effect, context).instead(format!(
        "COMMIT;\n-- in a transaction of its own\n{};",
        context.statement
    ))]
}

/// Takes as long as a table is big.
fn is_long(action: &Action, effect: &Effect) -> bool {
    let rows = match action {
        Action::Update(_) | Action::Delete(_) | Action::Merge(_) => !effect.locks.is_empty(),
        Action::Insert(insert) => insert.from_query && !insert.query.reads.is_empty(),
        Action::Copy(_) => true,
        Action::CreateTable(create) => create.from_query && !create.reads.is_empty(),
        _ => false,
    };
    rows || effect.scans_table || effect.rewrites_table
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
                "BEGIN; DROP TABLE a; CREATE INDEX i ON b (c);",
                "BEGIN; LOCK t IN EXCLUSIVE MODE; INSERT INTO u SELECT * FROM t;",
            ],
            &[
                "BEGIN; ALTER TABLE t ADD a int; ALTER TABLE t ADD b int; COMMIT;",
                "BEGIN; UPDATE t SET a = 1 WHERE b = 2; COMMIT;",
                "BEGIN; CREATE TABLE n (a int); INSERT INTO n SELECT 1;",
            ],
        );
    }
}
