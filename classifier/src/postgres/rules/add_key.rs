//! SL2116: a unique or primary key whose index is built at once.

use super::Rule;
use super::help::{by_size, constraints};
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, ConstraintKind};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2116),
    title: "The index of a key is built under the strongest lock",
    risk: Risk::Critical,
    why: "ADD UNIQUE and ADD PRIMARY KEY build their index inside the ALTER, under an AccessExclusiveLock. Make the unique \
          index concurrently and let the constraint take it over with USING INDEX: that is instant, if the columns of a \
          primary key are NOT NULL already.",
    example: "SET lock_timeout = '2s';\nALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);",
    safer: "SET lock_timeout = '2s';\nCREATE UNIQUE INDEX CONCURRENTLY users_email_key ON users (email);\nALTER TABLE users \
            ADD CONSTRAINT users_email_key UNIQUE USING INDEX users_email_key;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

/// What a key may say beyond its columns.
const MORE: &[&str] = &[
    "NULLS NOT DISTINCT",
    "INCLUDE",
    "WITH",
    "TABLESPACE",
    "DEFERRABLE",
    "WITHOUT OVERLAPS",
];

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, constraint) in constraints(action, context) {
        let (columns, words, suffix) = match &constraint.kind {
            ConstraintKind::Unique {
                columns,
                using_index: None,
            } => (columns, "UNIQUE", "key"),
            ConstraintKind::PrimaryKey {
                columns,
                using_index: None,
            } => (columns, "PRIMARY KEY", "pkey"),
            _ => continue,
        };
        let made = match suffix {
            "pkey" => format!("{}_pkey", table.name),
            _ => format!("{}_{}_{suffix}", table.name, columns.join("_")),
        };
        let name = sql::made(&[constraint.name.as_ref().unwrap_or(&made)]);
        let quoted = sql::name(table);
        let mut lines = Vec::new();
        if suffix == "pkey" {
            let open = columns
                .iter()
                .filter(|column| !context.is_proven_not_null(table, column));
            lines.extend(open.flat_map(|column| sql::not_null(table, column)));
        }
        lines.push(format!(
            "-- outside of a transaction\nCREATE UNIQUE INDEX CONCURRENTLY {name} ON {quoted} ({})",
            sql::idents(columns)
        ));
        lines.push(format!(
            "ALTER TABLE {quoted} ADD CONSTRAINT {name} {words} USING INDEX {name}"
        ));
        let message = format!("builds the index of {words} on {table} while reads and writes wait");
        let finding = by_size(PAGE.found(message), context, table);
        let partitioned = context.table(table).is_some_and(|it| it.partitioned);
        // No index of a partitioned table is built so, and the parts above are not all of the constraint.
        findings.push(if partitioned || sql::says(context.statement, MORE) {
            finding
        } else {
            finding.instead(sql::timed(context, &lines))
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, run};
    use super::*;

    #[test]
    fn what_would_lose_a_part_of_the_key_is_not_offered() {
        for key in [
            "UNIQUE NULLS NOT DISTINCT (a)",
            "UNIQUE (a) INCLUDE (b)",
            "PRIMARY KEY (a) DEFERRABLE",
        ] {
            let found = run(None, &format!("ALTER TABLE t ADD CONSTRAINT k {key};"));
            let finding = found.iter().find(|finding| finding.code == PAGE.code);
            assert_eq!(finding.and_then(|finding| finding.safer.clone()), None, "{key}");
            assert!(finding.is_some(), "{key}");
        }
    }

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &[
                "ALTER TABLE t ADD PRIMARY KEY (a);",
                "ALTER TABLE t ADD UNIQUE (a, b);",
            ],
            &[
                "ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i;",
                "CREATE TABLE n (a int, PRIMARY KEY (a));",
            ],
        );
    }
}
