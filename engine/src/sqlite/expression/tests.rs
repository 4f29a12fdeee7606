//! What an expression may be, and in which words it is refused otherwise.

use super::*;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;

use crate::catalog::TableName;
use crate::sqlite::{catalog, text};

const TRACK: &str = r#"CREATE TABLE Track (id INTEGER PRIMARY KEY, Name TEXT COLLATE NOCASE, ms INTEGER, "end" TEXT, "odd ""name""" TEXT, price REAL,
    seconds AS (ms / 1000))"#;

/// `Ok` with what is read and what is newer, or the fault's words.
async fn checked(up: &str) -> Result<(String, String), String> {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    text::execute_script(&mut conn, TRACK).await.unwrap();
    let name = TableName {
        schema: "main".into(),
        name: "Track".into(),
    };
    let read = catalog::read(&mut conn, &[name]).await.unwrap();
    let extra = [("title".to_owned(), "TEXT".to_owned())];
    match check(&mut conn, &read.tables[0], up, &extra).await {
        Ok(found) => Ok((found.reads.join(","), found.newer.join(","))),
        Err(fault) => Err(fault.to_string()),
    }
}

#[tokio::test]
async fn expressions_that_cannot_fail_pass_with_what_they_read() {
    for (up, reads, newer) in [
        ("name", "Name", ""),
        (
            "track.NAME || ' ' || \"odd \"\"name\"\"\"",
            "Name,odd \"name\"",
            "",
        ),
        ("CASE WHEN ms > 0 THEN ms * 1.0 / 1000 ELSE -ms END", "ms,end", ""),
        ("lower(trim([name])) || coalesce(`Name`, 'x')", "Name", ""),
        ("CAST(price * 100 AS DECIMAL(10, 2))", "price", ""),
        (
            "name LIKE 'a%' AND name NOT GLOB 'b*' OR name LIKE 'a!%' ESCAPE '!'",
            "Name",
            "",
        ),
        ("ms IN (1, 2, seconds)", "ms,seconds", ""),
        ("title", "title", ""),
        ("iif(ms IS NULL, min(1, price), max(ms, 2, 3))", "ms,price", ""),
        ("printf('%05.2f', price) || name COLLATE binary", "Name,price", ""),
        (
            "concat(name, ms) IS NOT DISTINCT FROM 1_000",
            "Name,ms",
            "concat (3.44),IS DISTINCT FROM (3.39),_ within numbers (3.46)",
        ),
        ("json_valid(name)", "Name", "json_valid (3.38)"),
        ("'no -- comment; ('", "", ""),
        ("(ms + 1) NOT BETWEEN (2) AND (3)", "ms", ""),
    ] {
        assert_eq!(
            checked(up).await,
            Ok((reads.to_owned(), newer.to_owned())),
            "{up}"
        );
    }
}

#[tokio::test]
async fn what_is_not_one_expression_over_one_row_is_refused() {
    for (up, expected) in [
        ("", "is empty"),
        ("name) OR (1", "the bracket ')' at character 5"),
        ("(name", "the bracket '(' at character 1"),
        ("name; DROP TABLE track", "a semicolon at character 5"),
        ("name, ms", "a comma at character 5"),
        ("name -- x", "a comment at character 6"),
        ("name || /* x */ ms", "a comment at character 9"),
        ("name || ?1", "the parameter ?1"),
        ("$x", "the parameter $x"),
        ("'open", "cannot be read"),
        ("(SELECT 1)", "a query at character 2"),
        ("ms IN (VALUES (1))", "a query"),
        ("exists(1)", "a query"),
        ("ms IN track", "IN with a table"),
        ("count(*) OVER ()", "a window function"),
        ("'Track'.name", "a name in single quotes"),
        ("track.'name'", "a name in single quotes"),
        ("rowid + 1", "the rowid at character 1"),
        ("track.OID", "the rowid"),
        ("(name, ms)", "SQLite refuses"),
        ("name +", "SQLite refuses"),
        ("name COLLATE klingon", "SQLite refuses"),
        ("substr(name)", "SQLite refuses"),
    ] {
        let found = checked(up).await.unwrap_err();
        assert!(found.contains(expected), "{up}: {found}");
    }
}

#[tokio::test]
async fn what_can_raise_or_change_is_refused_by_its_name() {
    for (up, expected) in [
        (
            "abs(ms)",
            "the function abs at character 1 cannot be used: it raises an error for the smallest integer",
        ),
        ("1 + \"ABS\"(ms)", "the function abs at character 5"),
        ("json_extract(name, '$.a')", "not JSON"),
        ("name -> '$.a'", "the operator -> at character 6"),
        ("name->>'a'", "the operator ->> at character 5"),
        ("CURRENT_TIMESTAMP", "the clock"),
        ("date(name)", "reads the clock"),
        ("strftime('%Y', name)", "reads the clock"),
        ("random()", "another value each time"),
        ("last_insert_rowid()", "the connection"),
        ("max(ms)", "many rows"),
        ("sum(ms)", "many rows"),
        ("RAISE(ABORT, 'no')", "RAISE"),
        ("name REGEXP 'a'", "REGEXP"),
        ("name MATCH 'a'", "MATCH"),
        ("name LIKE title", "LIKE with anything but a pattern"),
        ("name LIKE 'a' || title", "LIKE with anything but a pattern"),
        ("like('a', name)", "LIKE with anything but a pattern"),
        ("name LIKE 'a' ESCAPE 'ab'", "such an ESCAPE"),
        ("printf('%*d', ms, 1)", "widths"),
        ("printf(name)", "widths"),
        ("format('%123456d', ms)", "widths"),
        ("json_valid(name, ms)", "leave that argument out"),
        ("mine(ms)", "not among the functions"),
        ("zeroblob(ms)", "raises an error for some values"),
    ] {
        let found = checked(up).await.unwrap_err();
        assert!(found.contains(expected), "{up}: {found}");
    }
}

#[tokio::test]
async fn a_name_that_is_no_column_is_not_taken_for_a_string() {
    let columns = "it has id, Name, ms, end, odd \"name\", price, seconds, title";
    for (up, expected) in [
        (
            "nam",
            format!("the expression names nam, which is no column of the table; {columns}"),
        ),
        (
            "album.name",
            format!("the expression names album.name, which is no column of the table; {columns}"),
        ),
        (
            "'a' || \"nam\"",
            format!(
                "the expression names \"nam\", which is no column of the table; {columns} (for a string, write single quotes)"
            ),
        ),
        (
            "[nam]",
            format!("the expression names [nam], which is no column of the table; {columns}"),
        ),
    ] {
        assert_eq!(checked(up).await, Err(expected), "{up}");
    }
}

/// Every function that is allowed, on the values that are hardest for it: none raises.
#[tokio::test]
async fn allowed_functions_give_a_value_for_every_input() {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    text::execute_script(
        &mut conn,
        "CREATE TABLE t(x); INSERT INTO t VALUES (NULL), (''), ('a'), (x''), (x'ff00'), (-9223372036854775808), (9223372036854775807), \
         (-1), (0), (1e308 * 10), (-0.5), ('{'), ('%*d')",
    )
    .await
    .unwrap();
    for (name, _) in functions::ALLOWED {
        let arguments: &[&str] = match name {
            "printf" | "format" => &["'%9999d|%.99f|%s|%q|%c|%x|%e', a.x, b.x, c.x, a.x, b.x, c.x, a.x"],
            "json_valid" => &["a.x"],
            "min" | "max" => &["a.x, b.x", "a.x, b.x, c.x"],
            _ => &["a.x", "a.x, b.x", "a.x, b.x, c.x"],
        };
        for arguments in arguments {
            let sql = format!("SELECT {name}({arguments}) FROM t AS a, t AS b, t AS c");
            if let Err(error) = text::query(sql).fetch_all(&mut conn).await {
                let message = crate::postgres::error::message(&error);
                assert!(
                    message.contains("wrong number of arguments"),
                    "{name}({arguments}): {message}"
                );
            }
        }
    }
}

#[test]
fn types_are_words_with_at_most_two_numbers() {
    for (text, expected) in [
        ("TEXT", "TEXT"),
        ("  double   precision ", "double precision"),
        ("DECIMAL( 10,2 )", "DECIMAL(10, 2)"),
        ("VARCHAR (40)", "VARCHAR(40)"),
        ("x(-1,+2)", "x(-1, +2)"),
    ] {
        assert_eq!(canonical_type(text).unwrap(), expected);
    }
    for text in [
        "",
        "(1)",
        "TEXT NOT NULL",
        "TEXT DEFAULT 1",
        "TEXT)",
        "TEXT, b TEXT",
        "TEXT(1, 2, 3)",
        "TEXT(a)",
        "TEXT()",
        "TEXT -- x",
        "'TEXT'",
        "\"TEXT\"",
        "TEXT COLLATE NOCASE",
        "TEXT; DROP",
        "TEXT(1) x",
    ] {
        assert!(canonical_type(text).is_err(), "{text}");
    }
    assert!(is_strict_type("integer") && !is_strict_type("VARCHAR(3)"));
}

#[test]
fn words_are_judged_without_a_database() {
    assert!(one_expression("lower(nowhere) || \"nothing\"").is_ok());
    assert!(matches!(
        one_expression("abs(a)"),
        Err(Fault::Function { at: 1, .. })
    ));
    assert!(matches!(
        one_expression("a; b"),
        Err(Fault::NotAllowed { at: 2, .. })
    ));
}
