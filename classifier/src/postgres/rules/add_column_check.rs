//! SL2108: a check that comes with a column, and is looked at on every row.

use super::Rule;
use super::help::{by_size, changes};
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, ConstraintKind};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2108),
    title: "Every row is read under the strongest lock to check the new column",
    risk: Risk::Critical,
    why: "A CHECK that is written with a new column is verified at once, under the AccessExclusiveLock of the ALTER. Add \
          the column without it, then the check as NOT VALID, which is instant and holds for every write from then on, and \
          validate it afterwards: that reads the rows beside reads and writes.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN amount integer DEFAULT 1 CHECK (amount > 0);",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN amount integer DEFAULT 1;\nALTER TABLE orders ADD \
            CONSTRAINT orders_amount_check CHECK (amount > 0) NOT VALID;\nALTER TABLE orders VALIDATE CONSTRAINT \
            orders_amount_check;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, change) in changes(action, context) {
        let Alter::AddColumn { column, .. } = change else {
            continue;
        };
        for constraint in &column.constraints {
            let ConstraintKind::Check { expression, .. } = &constraint.kind else {
                continue;
            };
            if constraint.not_enforced {
                continue;
            }
            let name = constraint
                .name
                .clone()
                .unwrap_or_else(|| format!("{}_{}_check", table.name, column.name));
            let (name, quoted) = (sql::made(&[&name]), sql::name(table));
            let default = column
                .default
                .as_ref()
                .map_or_else(String::new, |default| format!(" DEFAULT {}", default.text));
            let lines = [
                format!(
                    "ALTER TABLE {quoted} ADD COLUMN {} {}{default}",
                    sql::ident(&column.name),
                    column.type_name.text
                ),
                format!(
                    "ALTER TABLE {quoted} ADD CONSTRAINT {name} CHECK {} NOT VALID",
                    sql::grouped(&expression.text)
                ),
                format!("-- in a transaction of its own\nALTER TABLE {quoted} VALIDATE CONSTRAINT {name}"),
            ];
            let message = format!(
                "reads every row of {table} to check {} while reads and writes wait",
                column.name
            );
            findings.push(by_size(PAGE.found(message), context, table).instead(sql::timed(context, &lines)));
        }
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
            &["ALTER TABLE t ADD c int CONSTRAINT k CHECK (c > 0);"],
            &[
                "ALTER TABLE t ADD c int;",
                "ALTER TABLE t ADD CONSTRAINT k CHECK (c > 0) NOT VALID;",
            ],
        );
    }
}
