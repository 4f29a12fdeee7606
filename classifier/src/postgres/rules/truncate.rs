//! SL2303: all rows, gone at once.

use super::Rule;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2303),
    title: "All rows are gone at once",
    risk: Risk::Critical,
    why: "TRUNCATE waits for an AccessExclusiveLock, and then the rows are gone: from a snapshot taken before too. If the \
          rows are really not needed, say so with an allow comment; else delete those that are not, a few thousand at a \
          time.",
    example: "SET lock_timeout = '2s';\nTRUNCATE sessions;",
    safer: "DELETE FROM sessions WHERE ctid = ANY (ARRAY(SELECT ctid FROM sessions LIMIT 5000));",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let Action::Truncate { tables, .. } = action else {
        return Vec::new();
    };
    let there = tables.iter().filter(|table| !context.is_new(table));
    there
        .map(|table| {
            let quoted = sql::name(table);
            PAGE.found(format!("removes every row of {table}")).instead(format!(
                "-- again and again, until it deletes no row\nDELETE FROM {quoted} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {quoted} LIMIT 5000));"
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["TRUNCATE a, b RESTART IDENTITY;"],
            &["CREATE TABLE n (a int); TRUNCATE n;"],
        );
    }
}
