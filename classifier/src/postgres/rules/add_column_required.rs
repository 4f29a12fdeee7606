//! SL2210: a column that every writer must give.

use super::Rule;
use super::help::changes;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2210),
    title: "Fails if there are rows, and breaks writers that do not know the column",
    risk: Risk::High,
    why: "A new column that is NOT NULL and has no default has no value for the rows that are there, so the ALTER fails \
          unless the table is empty; and an INSERT of running code, which does not name it, fails afterwards. Give it a \
          default, which is instant if it is constant; or add it nullable, let the application write it, and set NOT NULL \
          later.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN channel text NOT NULL;",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN channel text;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, change) in changes(action, context) {
        let Alter::AddColumn { column, .. } = change else {
            continue;
        };
        let given = column.default.is_some() || column.generated.is_some() || column.type_name.is_serial();
        if given || !column.not_null {
            continue;
        }
        let name = &column.name;
        let add = format!(
            "ALTER TABLE {} ADD COLUMN {} {}",
            sql::name(table),
            sql::ident(name),
            column.type_name.text
        );
        let mut lines = vec![add];
        let later = sql::not_null(table, name).into_iter().enumerate();
        lines.extend(later.map(|(at, line)| {
            if at == 0 {
                format!("-- once every writer gives it and the rows have a value\n{line}")
            } else {
                line
            }
        }));
        let message =
            format!("fails if {table} has rows, and an INSERT that does not name {name} fails from then on");
        findings.push(PAGE.found(message).instead(sql::timed(context, &lines)));
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
            &[
                "ALTER TABLE t ADD c int NOT NULL DEFAULT 0;",
                "ALTER TABLE t ADD c int;",
                "CREATE TABLE n (a int); ALTER TABLE n ADD c int NOT NULL;",
                "ALTER TABLE t ADD c serial;",
            ],
        );
    }
}
