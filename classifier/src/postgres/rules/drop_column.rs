//! SL2201: a column that is dropped with its values.

use super::Rule;
use super::help::changes;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2201),
    title: "A column's values are lost, and running code that names it fails",
    risk: Risk::Critical,
    why: "The values cannot be read again once the transaction commits, and an application that still names the column, or \
          whose ORM lists all columns at start, fails at once. Stop using it in one release, make sure that nothing writes \
          it, and drop it in a later one. A column that is replaced goes away with a Sluice spec that has `replaces`: it \
          is hidden first, and can come back.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders DROP COLUMN note;",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ALTER COLUMN note DROP NOT NULL;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let dropped = changes(action, context)
        .into_iter()
        .filter_map(|(table, change)| match change {
            Alter::DropColumn { column, .. } => Some((table, column)),
            _ => None,
        });
    dropped
        .map(|(table, column)| {
            let first = format!(
                "-- this release: code that no longer names it can run beside code that does\nALTER TABLE {} ALTER COLUMN {} DROP NOT NULL",
                sql::name(table),
                sql::ident(column)
            );
            PAGE.found(format!("drops {table}.{column} with its values, and what still names it fails"))
                .instead(sql::timed(context, &[first]))
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
            &[
                "ALTER TABLE t DROP a, ADD b int;",
                "ALTER TABLE t DROP COLUMN IF EXISTS a CASCADE;",
            ],
            &[
                "CREATE TABLE n (a int, b int); ALTER TABLE n DROP a;",
                "ALTER TABLE t DROP CONSTRAINT k;",
            ],
        );
    }
}
