//! SL2211: a default that running code relies on.

use super::Rule;
use super::help::changes;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2211),
    title: "Writers that leave the column out get NULL, or fail",
    risk: Risk::Medium,
    why: "An INSERT that does not name the column gets NULL from now on, and fails if the column is NOT NULL. Let every \
          writer give the value first.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders ALTER COLUMN status DROP DEFAULT;",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ALTER COLUMN status SET DEFAULT 'new';",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let dropped = changes(action, context)
        .into_iter()
        .filter_map(|(table, change)| match change {
            Alter::DropDefault { column } | Alter::DropIdentity { column } => Some((table, column)),
            _ => None,
        });
    dropped
        .map(|(table, column)| {
            let known = context.table(table).and_then(|table| table.columns.get(column));
            let (happens, risk) = match known.map(|column| column.not_null) {
                Some(true) => ("fails", Risk::High),
                Some(false) => ("writes NULL", Risk::Low),
                None => ("writes NULL, or fails if it is NOT NULL,", Risk::Medium),
            };
            PAGE.found(format!(
                "an INSERT that does not name {table}.{column} {happens} from now on"
            ))
            .of(risk)
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
            &["ALTER TABLE t ALTER c DROP IDENTITY;"],
            &[
                "ALTER TABLE t ALTER c SET DEFAULT 1;",
                "CREATE TABLE n (a int DEFAULT 1); ALTER TABLE n ALTER a DROP DEFAULT;",
            ],
        );
    }
}
