//! SQL made from the names of a statement, for the safer forms: runnable as it stands, with names quoted where they must be.

use std::fmt::Write as _;

use crate::postgres::Context;
use crate::postgres::action::Name;

/// PostgreSQL's reserved words, of all versions from 12 to 18, with those that cannot name a column or a function.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// One name, in quotes where it needs them.
pub(super) fn ident(name: &str) -> String {
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let plain = begins
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if plain && !RESERVED.contains(&name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Several, with commas.
pub(super) fn idents<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names
        .into_iter()
        .map(|name| ident(name))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The name of a relation or another object.
pub(super) fn name(name: &Name) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", ident(schema), ident(&name.name)),
        None => ident(&name.name),
    }
}

/// An expression in parentheses, of which it may have some already.
pub(super) fn grouped(expression: &str) -> String {
    let mut depth = 0_i32;
    let last = expression.len().saturating_sub(1);
    let closes_early = expression.char_indices().any(|(at, c)| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0 && at < last
    });
    match expression.starts_with('(') && expression.ends_with(')') && !closes_early {
        true => expression.to_owned(),
        false => format!("({expression})"),
    }
}

/// A string.
pub(super) fn literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', "''"));
    // With standard_conforming_strings a backslash is one; the prefix says so whatever the setting.
    match text.contains('\\') {
        true => format!("E{}", quoted.replace('\\', "\\\\")),
        false => quoted,
    }
}

/// A name made of others, cut to the 63 bytes that PostgreSQL keeps.
pub(super) fn made(parts: &[&str]) -> String {
    let mut made = parts.join("_");
    while made.len() > 63 {
        made.pop();
    }
    ident(&made)
}

/// Whether a statement says one of these, in capitals and between single spaces: what a form made of its parts would lose.
pub(super) fn says(statement: &str, words: &[&str]) -> bool {
    let parted = statement.replace(['(', ')', ','], " ").to_ascii_uppercase();
    let said = parted.split_whitespace().collect::<Vec<_>>().join(" ");
    words
        .iter()
        .any(|word| format!(" {said} ").contains(&format!(" {word} ")))
}

/// The statements, each with a semicolon, behind a lock timeout if none is in force.
pub(super) fn timed(context: &Context<'_>, statements: &[String]) -> String {
    let mut sql = String::new();
    let mut limited = context.lock_timeout.is_some();
    for statement in statements {
        // It blocks nobody while it waits; given up half-way it leaves something invalid behind.
        let concurrently = statement.to_ascii_uppercase().contains(" CONCURRENTLY");
        if concurrently == limited {
            sql.push_str(if limited {
                "SET lock_timeout = 0;\n"
            } else {
                "SET lock_timeout = '2s';\n"
            });
            limited = !limited;
        }
        let _never_fails = writeln!(sql, "{};", statement.trim_end_matches(';'));
    }
    sql.trim_end().to_owned()
}

/// Rows that have no value yet get their default, some thousand at a time. Asked twice: partitions have rows of the same ctid.
pub(super) fn fill_default(table: &Name, column: &str) -> String {
    let (table, column) = (name(table), ident(column));
    format!(
        "-- again and again, each time in a transaction of its own, until it changes no row\n\
         UPDATE {table} SET {column} = DEFAULT WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {column} IS NULL LIMIT 5000)) AND {column} IS NULL"
    )
}

/// NOT NULL without a scan under the strong lock: proven by a check that is validated beside reads and writes.
pub(super) fn not_null(table: &Name, column: &str) -> Vec<String> {
    let constraint = made(&[&table.name, column, "not_null"]);
    let (table, column) = (name(table), ident(column));
    vec![
        format!("ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({column} IS NOT NULL) NOT VALID"),
        format!("-- in a transaction of its own\nALTER TABLE {table} VALIDATE CONSTRAINT {constraint}"),
        format!(
            "-- in a transaction of its own: the check proves it, no row is read\nALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"
        ),
        format!("ALTER TABLE {table} DROP CONSTRAINT {constraint}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_where_it_must_be() {
        for (name, quoted) in [
            ("orders", "orders"),
            ("order", "\"order\""),
            ("Odd", "\"Odd\""),
            ("a\"b", "\"a\"\"b\""),
            ("", "\"\""),
            ("é", "\"é\""),
            ("1a", "\"1a\""),
        ] {
            assert_eq!(ident(name), quoted);
        }
        assert_eq!(
            made(&["é".repeat(40).as_str(), "x"]).len(),
            64,
            "62 bytes and two quotes"
        );
        assert_eq!(literal("a'\\"), "E'a''\\\\'");
    }
}
