//! SL2109: a unique or primary key that comes with a column.

use super::Rule;
use super::help::{by_size, changes};
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, ConstraintKind};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2109),
    title: "An index is built under the strongest lock for the new column",
    risk: Risk::Critical,
    why: "UNIQUE or PRIMARY KEY written with a new column builds its index inside the ALTER, under an AccessExclusiveLock. \
          Add the column, make the unique index concurrently, and let the constraint take it over: that is instant.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN number text UNIQUE;",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN number text;\nCREATE UNIQUE INDEX CONCURRENTLY \
            orders_number_key ON orders (number);\nALTER TABLE orders ADD CONSTRAINT orders_number_key UNIQUE USING INDEX \
            orders_number_key;",
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
            let (suffix, words) = match constraint.kind {
                ConstraintKind::Unique { .. } => ("key", "UNIQUE"),
                ConstraintKind::PrimaryKey { .. } => ("pkey", "PRIMARY KEY"),
                _ => continue,
            };
            let name = constraint.name.clone().unwrap_or_else(|| match suffix {
                "pkey" => format!("{}_pkey", table.name),
                _ => format!("{}_{}_key", table.name, column.name),
            });
            let (name, quoted, quoted_column) =
                (sql::made(&[&name]), sql::name(table), sql::ident(&column.name));
            let lines = [
                format!(
                    "ALTER TABLE {quoted} ADD COLUMN {quoted_column} {}",
                    column.type_name.text
                ),
                format!(
                    "-- outside of a transaction, once the rows have their values\nCREATE UNIQUE INDEX CONCURRENTLY {name} ON {quoted} ({quoted_column})"
                ),
                format!("ALTER TABLE {quoted} ADD CONSTRAINT {name} {words} USING INDEX {name}"),
            ];
            let message = format!("builds the index of {words} on {table} while reads and writes wait");
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
            &["ALTER TABLE t ADD c int PRIMARY KEY;"],
            &["ALTER TABLE t ADD c int;", "CREATE TABLE n (a int UNIQUE);"],
        );
    }
}
