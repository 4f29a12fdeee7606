//! SL2113: every row is read under the strongest lock to see that none is NULL.

use super::Rule;
use super::help::{by_size, changes};
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, ConstraintKind};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2113),
    title: "Every row is read under the strongest lock to see that none is NULL",
    risk: Risk::Critical,
    why: "SET NOT NULL reads the whole table under an AccessExclusiveLock, unless a validated CHECK (column IS NOT NULL) \
          proves it (12 and later). Add the check as NOT VALID, validate it beside reads and writes, set NOT NULL, and \
          drop the check. An application that still writes NULL, or leaves the column out, fails from the NOT VALID check \
          on: it has to be changed first.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders ALTER COLUMN customer_id SET NOT NULL;",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD CONSTRAINT orders_customer_id_not_null CHECK (customer_id IS \
            NOT NULL) NOT VALID;\nALTER TABLE orders VALIDATE CONSTRAINT orders_customer_id_not_null;\nALTER TABLE orders \
            ALTER COLUMN customer_id SET NOT NULL;\nALTER TABLE orders DROP CONSTRAINT orders_customer_id_not_null;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, change) in changes(action, context) {
        let column = match change {
            Alter::SetNotNull { column } => column,
            Alter::AddConstraint(constraint) if !constraint.not_valid => match &constraint.kind {
                ConstraintKind::NotNull { column } => column,
                _ => continue,
            },
            _ => continue,
        };
        if context.is_proven_not_null(table, column) {
            continue;
        }
        let lines = match context.version >= 18 {
            true => native(
                &sql::name(table),
                &sql::ident(column),
                &sql::made(&[&table.name, column, "not_null"]),
            ),
            false => sql::not_null(table, column),
        };
        let message = format!(
            "reads every row of {table} to see that {column} is never NULL while reads and writes wait, and a writer that leaves it out fails from then on"
        );
        findings.push(by_size(PAGE.found(message), context, table).instead(sql::timed(context, &lines)));
    }
    findings
}

/// From 18 NOT NULL is a constraint that can be validated later itself.
fn native(table: &str, column: &str, name: &str) -> Vec<String> {
    vec![
        format!("ALTER TABLE {table} ADD CONSTRAINT {name} NOT NULL {column} NOT VALID"),
        format!("-- in a transaction of its own\nALTER TABLE {table} VALIDATE CONSTRAINT {name}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, safer};
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &[
                "ALTER TABLE t ALTER c SET NOT NULL;",
                "ALTER TABLE t ADD CONSTRAINT k CHECK (c IS NOT NULL) NOT VALID; ALTER TABLE t ALTER c SET NOT NULL;",
            ],
            &[
                "ALTER TABLE t ADD CONSTRAINT k CHECK (c IS NOT NULL) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT k; ALTER TABLE \
                 t ALTER c SET NOT NULL;",
                "ALTER TABLE t ALTER c DROP NOT NULL;",
                "CREATE TABLE n (c int); ALTER TABLE n ALTER c SET NOT NULL;",
            ],
        );
    }

    #[test]
    fn what_is_to_be_run_instead_reads_no_row_under_the_lock() {
        let crate::Safer::Sql(sql) = safer(&RULE, "ALTER TABLE s.\"Odd\" ALTER \"order\" SET NOT NULL;")
        else {
            panic!("SQL was expected");
        };
        check(&RULE, &[], &[&sql]);
    }
}
