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
    let numbered =
        |identity: Option<&str>| Some(Safer::Sql(sql::timed(context, &number(table, column, identity))));
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
        (Some(Generated::Identity), _) => Some((
            format!("{name} is an identity"),
            identity(context.statement).and_then(|kind| numbered(Some(kind))),
        )),
        (Some(Generated::Virtual(_)), _) => None,
        (None, _) if column.type_name.is_serial() => {
            Some((format!("{name} gets a number of its own"), numbered(None)))
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

/// Which kind of identity the statement makes; None: one with options of its own, which would be lost.
fn identity(statement: &str) -> Option<&'static str> {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let lower = words.join(" ").to_ascii_lowercase().replace(" (", "(");
    if lower.contains("identity(") {
        return None;
    }
    Some(if lower.contains("generated always as identity") {
        "ALWAYS"
    } else {
        "BY DEFAULT"
    })
}

/// A serial or identity of that kind, made of its parts.
fn number(table: &Name, column: &Column, identity: Option<&str>) -> Vec<String> {
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
    if let Some(kind) = identity {
        // The identity's sequence is a new one: found by the column only once the old one is nobody's.
        lines.push(format!(
            "-- an identity instead of the default, in one transaction, whose numbers go on where the sequence is\n\
             ALTER TABLE {quoted} ALTER COLUMN {name} DROP DEFAULT"
        ));
        lines.push(format!("ALTER SEQUENCE {quoted_sequence} OWNED BY NONE"));
        lines.push(format!(
            "ALTER TABLE {quoted} ALTER COLUMN {name} ADD GENERATED {kind} AS IDENTITY"
        ));
        lines.push(format!(
            "SELECT setval(pg_get_serial_sequence({}, {}), nextval({}))",
            sql::literal(&quoted),
            sql::literal(&column.name),
            sql::literal(&quoted_sequence)
        ));
        lines.push(format!("DROP SEQUENCE {quoted_sequence}"));
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
    fn numbers_of_an_identity_go_on_where_its_sequence_was() {
        let sql = |script: &str| match safer(&RULE, script) {
            crate::Safer::Sql(sql) => sql,
            other => panic!("{other:?}"),
        };
        let always = sql("ALTER TABLE t ADD c bigint GENERATED ALWAYS AS IDENTITY;");
        let at = |text: &str| {
            always
                .find(text)
                .unwrap_or_else(|| panic!("no {text} in {always}"))
        };
        assert!(at("OWNED BY NONE") < at("ADD GENERATED ALWAYS AS IDENTITY"));
        assert!(at("ADD GENERATED ALWAYS AS IDENTITY") < at("SELECT setval("));
        assert!(at("SELECT setval(") < at("DROP SEQUENCE t_c_seq"));
        assert!(
            sql("ALTER TABLE t ADD c int GENERATED BY DEFAULT AS IDENTITY;")
                .contains("BY DEFAULT AS IDENTITY")
        );
        assert_eq!(
            identity("ALTER TABLE t ADD c int GENERATED ALWAYS AS IDENTITY (START 5)"),
            None
        );
        // Partitions have rows of the same ctid: a row that has a value keeps it.
        assert!(always.contains("LIMIT 5000)) AND c IS NULL"), "{always}");
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
