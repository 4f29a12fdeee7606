//! SL2622: TRUNCATE commits and cannot be taken back.

use super::{Rule, Seen, sql};
use crate::mysql::action::Action;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2622),
    title: "All rows are gone at once",
    risk: Risk::Critical,
    why: "TRUNCATE drops the table and makes it anew, behind an exclusive metadata lock, and commits: there is no rollback. Swap an empty table \
          in, and keep the full one until nobody has missed it.",
    example: "SET SESSION lock_wait_timeout = 5;\nTRUNCATE TABLE sessions;",
    safer: "SET SESSION lock_wait_timeout = 5;\nCREATE TABLE sessions_new LIKE sessions;\nRENAME TABLE sessions TO sessions_old, sessions_new TO sessions;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let Action::Truncate(table) = seen.action else {
        return None;
    };
    if (seen.created)(table) {
        return None;
    }
    let other = |suffix: &str| {
        sql(&crate::tokens::Name {
            name: format!("{}{suffix}", table.name),
            ..table.clone()
        })
    };
    let (table, new, old) = (sql(table), other("_new"), other("_old"));
    let message = format!("removes every row of {table}, and no rollback brings them back");
    Some(PAGE.found(message).instead(format!(
        "CREATE TABLE {new} LIKE {table};\nRENAME TABLE {table} TO {old}, {new} TO {table};"
    )))
}
