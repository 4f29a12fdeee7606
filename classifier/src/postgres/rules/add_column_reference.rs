//! SL2110: a foreign key that comes with a column.

use super::Rule;
use super::help::changes;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, ConstraintKind};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2110),
    title: "A second table is locked with the new column",
    risk: Risk::Medium,
    why: "REFERENCES with a new column that has no default reads no row, for NULL refers to nothing; but the ALTER holds \
          an AccessExclusiveLock on its table and waits for a ShareRowExclusiveLock on the other one, so that one busy \
          table makes both wait. With a default that is not NULL every row is looked up besides. Add the column first, \
          then the key as NOT VALID.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN customer_id bigint REFERENCES customers (id);",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN customer_id bigint;\nALTER TABLE orders ADD CONSTRAINT \
            orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (id) NOT VALID;\nALTER TABLE orders \
            VALIDATE CONSTRAINT orders_customer_id_fkey;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, change) in changes(action, context) {
        let Alter::AddColumn { column, .. } = change else {
            continue;
        };
        for constraint in &column.constraints {
            let ConstraintKind::ForeignKey(key) = &constraint.kind else {
                continue;
            };
            if context.is_new(&key.references) || key.references == *table {
                continue;
            }
            let name = constraint
                .name
                .clone()
                .unwrap_or_else(|| format!("{}_{}_fkey", table.name, column.name));
            let (name, quoted) = (sql::made(&[&name]), sql::name(table));
            let columns = match key.referenced_columns.as_slice() {
                [] => String::new(),
                columns => format!(" ({})", sql::idents(columns)),
            };
            let column_name = sql::ident(&column.name);
            let lines = [
                format!(
                    "ALTER TABLE {quoted} ADD COLUMN {column_name} {}",
                    column.type_name.text
                ),
                format!(
                    "-- in a transaction of its own\nALTER TABLE {quoted} ADD CONSTRAINT {name} FOREIGN KEY ({column_name}) REFERENCES {}{columns} NOT VALID",
                    sql::name(&key.references)
                ),
                format!("-- in a transaction of its own\nALTER TABLE {quoted} VALIDATE CONSTRAINT {name}"),
            ];
            let message = format!(
                "waits for a lock on {} while {table} is locked for reads and writes",
                key.references
            );
            let finding = PAGE.found(message).instead(sql::timed(context, &lines));
            findings.push(if effect.scans_table {
                finding.of(Risk::Critical)
            } else {
                finding
            });
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
            &["ALTER TABLE t ADD c int REFERENCES p;"],
            &[
                "ALTER TABLE t ADD c int REFERENCES t (id);",
                "CREATE TABLE p (id int PRIMARY KEY); ALTER TABLE t ADD c int REFERENCES p (id);",
            ],
        );
    }
}
