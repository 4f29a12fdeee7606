//! SL2107: a column whose values must be written into every row.

use super::Rule;
use super::help::{by_size, changes};
use super::sql;
use crate::Safer;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, Column, Generated, Name, Volatility};
use crate::rule::spec::Fill;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2107),
    title: "Every row is written anew to give the new column its value",
    risk: Risk::Critical,
    why: "A constant default, or one like now(), is kept once for all rows that are there (11 and later). A default that \
          differs by row, a serial or an identity, a stored generated column and a domain with a constraint are not: the \
          table and all its indexes are written anew under an AccessExclusiveLock. Add the column without a value, give it \
          its default for rows to come, and fill the rows that are there a few thousand at a time.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid();",
    safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN token uuid;\nALTER TABLE orders ALTER COLUMN token SET \
            DEFAULT gen_random_uuid();",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    if !effect.rewrites_table {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (table, change) in changes(action, context) {
        let Alter::AddColumn { column, .. } = change else {
            continue;
        };
        if let Some((reason, safer)) = reason(table, column, context) {
            let message = format!(
                "writes every row of {table} and its indexes anew while reads and writes wait: {reason}"
            );
            let finding = by_size(PAGE.found(message), context, table);
            findings.push(match safer {
                Some(safer) => finding.with(safer),
                None => finding,
            });
        }
    }
    findings
}

fn reason(table: &Name, column: &Column, context: &Context<'_>) -> Option<(String, Option<Safer>)> {
    let name = &column.name;
    let numbered = |identity| Some(Safer::Sql(sql::timed(context, &number(table, column, identity))));
    match (&column.generated, &column.default) {
        (Some(Generated::Stored(expression)), _) => {
            let spec = Fill {
                name: &["add", &table.name, name],
                table: &sql::name(table),
                column: name,
                type_name: &column.type_name.text,
                up: &expression.text,
                down: None,
                replaces: None,
            };
            Some((
                format!("{name} is computed and stored"),
                Some(Safer::Spec(spec.spec())),
            ))
        }
        (Some(Generated::Identity), _) => Some((format!("{name} is an identity"), numbered(true))),
        (Some(Generated::Virtual(_)), _) => None,
        (None, _) if column.type_name.is_serial() => {
            Some((format!("{name} gets a number of its own"), numbered(false)))
        }
        (None, Some(default)) if context.volatility(default) >= Volatility::Unknown => {
            let doubt = match context.volatility(default) {
                Volatility::Unknown => {
                    ", unless the function is stable or immutable, which only the database can tell"
                }
                Volatility::Constant | Volatility::Stable | Volatility::Volatile => "",
            };
            let lines = defaulted(table, column, &default.text);
            Some((
                format!("the default of {name} differs from row to row{doubt}"),
                Some(Safer::Sql(sql::timed(context, &lines))),
            ))
        }
        (None, _) => Some((
            format!(
                "{} is, or may be, a domain with a constraint, which is checked for each row",
                column.type_name.text
            ),
            None,
        )),
    }
}

fn defaulted(table: &Name, column: &Column, default: &str) -> Vec<String> {
    let (quoted, name) = (sql::name(table), sql::ident(&column.name));
    let mut lines = vec![
        format!("ALTER TABLE {quoted} ADD COLUMN {name} {}", column.type_name.text),
        format!("ALTER TABLE {quoted} ALTER COLUMN {name} SET DEFAULT {default}"),
        sql::fill_default(table, &column.name),
    ];
    if column.not_null {
        lines.extend(sql::not_null(table, &column.name));
    }
    lines
}

/// A serial or identity, made of its parts.
fn number(table: &Name, column: &Column, identity: bool) -> Vec<String> {
    let (quoted, name) = (sql::name(table), sql::ident(&column.name));
    let sequence = Name {
        name: format!("{}_{}_seq", table.name, column.name),
        schema: table.schema.clone(),
    };
    let quoted_sequence = match &sequence.schema {
        Some(schema) => format!("{}.{}", sql::ident(schema), sql::made(&[&sequence.name])),
        None => sql::made(&[&sequence.name]),
    };
    let type_name = match column.type_name.base.as_str() {
        "smallserial" | "serial2" => "smallint",
        "serial" | "serial4" => "integer",
        "bigserial" | "serial8" => "bigint",
        other => other,
    };
    let mut lines = vec![
        format!("ALTER TABLE {quoted} ADD COLUMN {name} {type_name}"),
        format!("CREATE SEQUENCE {quoted_sequence} AS {type_name} OWNED BY {quoted}.{name}"),
        format!(
            "ALTER TABLE {quoted} ALTER COLUMN {name} SET DEFAULT nextval({})",
            sql::literal(&quoted_sequence)
        ),
        sql::fill_default(table, &column.name),
    ];
    lines.extend(sql::not_null(table, &column.name));
    if identity {
        lines.push(format!("-- an identity instead of the default: in one transaction, and the sequence's own goes on from there\nALTER TABLE {quoted} ALTER COLUMN {name} DROP DEFAULT"));
        lines.push(format!(
            "ALTER TABLE {quoted} ALTER COLUMN {name} ADD GENERATED BY DEFAULT AS IDENTITY"
        ));
        lines.push(format!(
            "SELECT setval(pg_get_serial_sequence({}, {}), nextval({}))",
            sql::literal(&quoted),
            sql::literal(&column.name),
            sql::literal(&quoted_sequence)
        ));
    }
    lines
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
                "ALTER TABLE t ADD COLUMN c float DEFAULT random();",
                "ALTER TABLE t ADD c bigserial;",
                "ALTER TABLE t ADD c bigint GENERATED ALWAYS AS IDENTITY;",
                "ALTER TABLE t ADD c int GENERATED ALWAYS AS (a + 1) STORED;",
                "ALTER TABLE t ADD c timestamptz DEFAULT clock_timestamp() NOT NULL;",
                "ALTER TABLE t ADD c text DEFAULT my_function();",
            ],
            &[
                "ALTER TABLE t ADD c int DEFAULT 5;",
                "ALTER TABLE t ADD c timestamptz NOT NULL DEFAULT now();",
                "ALTER TABLE t ADD c text;",
                "CREATE TABLE n (a int); ALTER TABLE n ADD c serial;",
            ],
        );
    }

    #[test]
    fn what_is_to_be_run_instead_does_not_write_the_table_anew() {
        for script in [
            "ALTER TABLE t ADD c bigserial;",
            "ALTER TABLE s.t ADD c uuid DEFAULT gen_random_uuid() NOT NULL;",
        ] {
            let crate::Safer::Sql(sql) = safer(&RULE, script) else {
                panic!("{script}");
            };
            check(&RULE, &[], &[&sql]);
        }
    }
}
