//! SL2708: rows are copied from table to table in one transaction.

use super::{Rule, Seen};
use crate::sqlite_script::action::Action;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2708),
    title: "Rows are copied while nobody else can write to the file",
    risk: Risk::High,
    why: "INSERT ... SELECT and CREATE TABLE AS hold the file's write lock until the last row is copied. Where the copy is a step towards another \
          shape of the table there is no shorter way in SQL; do it when nobody writes, with a busy timeout that the writers can wait for, or a \
          range of keys at a time.",
    example: "INSERT INTO orders_archive SELECT * FROM orders;",
    safer: "CREATE TABLE orders_archive (id integer PRIMARY KEY, amount integer);",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let into = match seen.action {
        Action::Insert { table, selects: true } => table,
        Action::CreateTable {
            table,
            filled: true,
            temporary: false,
            ..
        } => table,
        _ => return None,
    };
    Some(PAGE.found(format!("copies rows into {into} while nobody else can write to the file; a writer whose busy timeout is shorter fails")))
}
