//! SL2115: a foreign key that is verified at once.

use super::Rule;
use super::help::{by_size, constraints};
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, ConstraintKind};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2115),
    title: "Writes to both tables wait until every row is looked up",
    risk: Risk::High,
    why: "ADD FOREIGN KEY takes a ShareRowExclusiveLock on both tables and looks each row up in the other table: writes to \
          both wait. With NOT VALID it holds for every write from then on, but reads nothing; VALIDATE CONSTRAINT looks \
          the rows up afterwards, beside reads and writes. On a partitioned table NOT VALID is known from 18 only: before, \
          add it to each partition that way first.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES \
              customers (id);",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES \
            customers (id) NOT VALID;\nALTER TABLE orders VALIDATE CONSTRAINT orders_customer;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, constraint) in constraints(action, context) {
        let ConstraintKind::ForeignKey(key) = &constraint.kind else {
            continue;
        };
        if constraint.not_valid || constraint.not_enforced {
            continue;
        }
        let name = constraint
            .name
            .clone()
            .unwrap_or_else(|| format!("{}_{}_fkey", table.name, key.columns.join("_")));
        let (name, quoted) = (sql::made(&[&name]), sql::name(table));
        let columns = match key.referenced_columns.as_slice() {
            [] => String::new(),
            columns => format!(" ({})", sql::idents(columns)),
        };
        // What it does on DELETE and UPDATE is kept, as is whether it can be deferred.
        let actions = key_options(context.statement, key.references.name.as_str());
        let lines = [
            format!(
                "ALTER TABLE {quoted} ADD CONSTRAINT {name} FOREIGN KEY ({}) REFERENCES {}{columns}{actions} NOT VALID",
                sql::idents(&key.columns),
                sql::name(&key.references)
            ),
            format!("-- in a transaction of its own\nALTER TABLE {quoted} VALIDATE CONSTRAINT {name}"),
        ];
        let message = format!(
            "looks every row of {table} up in {} while writes to both wait",
            key.references
        );
        let finding = by_size(PAGE.found(message), context, table);
        let partitioned = context.version < 18 && context.table(table).is_some_and(|table| table.partitioned);
        findings.push(if partitioned {
            finding
        } else {
            finding.instead(sql::timed(context, &lines))
        });
    }
    findings
}

/// `ON DELETE CASCADE` and the like, as the statement writes them; nothing where it has several changes, for then they cannot be told apart here.
fn key_options(statement: &str, parent: &str) -> String {
    let lower = statement.to_ascii_lowercase();
    if lower.matches("references").count() != 1 {
        return String::new();
    }
    let from = lower.rfind(&parent.to_ascii_lowercase()).unwrap_or(0);
    let begins = [
        "on delete",
        "on update",
        "match full",
        "match simple",
        "deferrable",
        "not deferrable",
        "initially",
    ];
    let first = begins
        .iter()
        .filter_map(|words| lower.get(from..)?.find(words))
        .min();
    let rest = first.and_then(|at| statement.get(from + at..));
    match rest {
        Some(rest) if !rest.contains(',') => format!(" {}", rest.trim_end_matches(';').trim()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p;"],
            &[
                "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID;",
                "CREATE TABLE n (a int, FOREIGN KEY (a) REFERENCES p);",
            ],
        );
    }
}
