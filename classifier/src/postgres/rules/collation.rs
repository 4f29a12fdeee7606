//! SL2112: an index that is built anew for another collation.

use super::Rule;
use super::help::{by_size, changes};
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2112),
    title: "Indexes are built anew under the strongest lock for another collation",
    risk: Risk::Critical,
    why: "Another COLLATE keeps the rows as they are, but each index on the column is in the wrong order and is built anew \
          inside the ALTER. Make an index with the new collation concurrently beside the old one, and let queries say \
          COLLATE; then change the column, if it still must.",
    example: "SET lock_timeout = '2s';\nALTER TABLE users ALTER COLUMN name TYPE text COLLATE \"C\";",
    safer: "CREATE INDEX CONCURRENTLY users_name_c ON users (name COLLATE \"C\");",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, change) in changes(action, context) {
        let Alter::SetType {
            column,
            collation: Some(collation),
            ..
        } = change
        else {
            continue;
        };
        let index = sql::made(&[&table.name, column, "collated"]);
        let again = format!(
            "-- outside of a transaction\nCREATE INDEX CONCURRENTLY {index} ON {} ({} COLLATE {});",
            sql::name(table),
            sql::ident(column),
            sql::name(collation)
        );
        let message =
            format!("builds each index of {table} that has {column} anew while reads and writes wait");
        findings.push(by_size(PAGE.found(message), context, table).instead(again));
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
            &["ALTER TABLE t ALTER c TYPE varchar(10) COLLATE \"de_DE\";"],
            &["CREATE TABLE n (c text); ALTER TABLE n ALTER c TYPE text COLLATE \"C\";"],
        );
    }
}
