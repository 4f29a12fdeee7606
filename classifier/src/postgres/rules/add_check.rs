//! SL2114: a check that is verified at once.

use super::Rule;
use super::help::{by_size, constraints};
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, ConstraintKind};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2114),
    title: "Every row is read under the strongest lock to verify a check",
    risk: Risk::Critical,
    why: "ADD CONSTRAINT ... CHECK reads the whole table under an AccessExclusiveLock. With NOT VALID it holds for every \
          write from then on, but reads nothing; VALIDATE CONSTRAINT reads the rows afterwards, beside reads and writes.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders ADD CONSTRAINT orders_amount CHECK (amount > 0);",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD CONSTRAINT orders_amount CHECK (amount > 0) NOT VALID;\nALTER \
            TABLE orders VALIDATE CONSTRAINT orders_amount;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, constraint) in constraints(action, context) {
        let ConstraintKind::Check { expression, .. } = &constraint.kind else {
            continue;
        };
        if constraint.not_valid || constraint.not_enforced {
            continue;
        }
        // As the server numbers them.
        let number = match findings.len() {
            0 => String::new(),
            n => n.to_string(),
        };
        let name = constraint
            .name
            .clone()
            .unwrap_or_else(|| format!("{}_check{number}", table.name));
        let (name, quoted) = (sql::made(&[&name]), sql::name(table));
        let lines = [
            format!(
                "ALTER TABLE {quoted} ADD CONSTRAINT {name} CHECK {} NOT VALID",
                sql::grouped(&expression.text)
            ),
            format!("-- in a transaction of its own\nALTER TABLE {quoted} VALIDATE CONSTRAINT {name}"),
        ];
        let message = format!("reads every row of {table} to verify the check while reads and writes wait");
        let finding = by_size(PAGE.found(message), context, table);
        findings.push(if sql::says(context.statement, &["NO INHERIT"]) {
            finding
        } else {
            finding.instead(sql::timed(context, &lines))
        });
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
            &["ALTER TABLE t ADD CHECK (a > 0);"],
            &[
                "ALTER TABLE t ADD CHECK (a > 0) NOT VALID;",
                "CREATE TABLE n (a int); ALTER TABLE n ADD CHECK (a > 0);",
            ],
        );
    }
}
