//! SL2621: a table is read into another one, and what is read is locked.

use super::{Rule, Seen};
use crate::mysql::action::Action;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2621),
    title: "Rows that are copied out of a table are locked until the end",
    risk: Risk::Medium,
    why: "INSERT ... SELECT and CREATE TABLE ... SELECT lock each row that they read (REPEATABLE READ, the default): writes to the source \
          wait, and replicas apply it as one transaction. Copy a range of keys at a time, or take READ COMMITTED for the session, under \
          which the source is not locked.",
    example: "INSERT INTO orders_archive SELECT * FROM orders WHERE created < '2020-01-01';",
    safer: "CREATE TABLE orders_archive LIKE orders;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    if seen.read_committed {
        return None;
    }
    let into = match seen.action {
        Action::Insert { table, selects: true } => table,
        Action::CreateTable {
            table, filled: true, ..
        } => table,
        _ => return None,
    };
    let message =
        format!("locks the rows that it copies into {into} until all are copied, and replicas wait for it");
    Some(PAGE.found(message).instead(format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;\n-- a range of keys at a time\n{};",
        seen.statement
    )))
}
