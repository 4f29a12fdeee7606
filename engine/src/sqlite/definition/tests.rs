//! Tables of every spelling, read and edited, and compared with what SQLite itself says of them.

use super::*;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;

use crate::sqlite::text;

/// Everything that is awkward in one table.
const AWKWARD: &str = r#"CREATE TABLE "Odd ""Table""" ( -- columns, in order
  id INTEGER CONSTRAINT the_key PRIMARY KEY ON CONFLICT ABORT AUTOINCREMENT,
  [first name] VARCHAR(40) CONSTRAINT "has name" NOT NULL ON CONFLICT FAIL DEFAULT 'a, b) -- c', -- who, "when"
  `price` DECIMAL(10, 2) NOT/* really */NULL DEFAULT (1 + (2 * 3)) CHECK (price >= 0 AND "Odd ""Table""".price < 1e6),
  'weird' TEXT COLLATE NOCASE DEFAULT -1 NOT NULL,
  plain,
  parent INT REFERENCES "odd ""table"""(id) ON DELETE SET NULL ON UPDATE SET DEFAULT DEFERRABLE INITIALLY DEFERRED,
  label AS (upper([first name]) || CAST(price AS text)) STORED NOT NULL,
  text TEXT NOT NULL /* the last one */
  -- and its table's constraints
  , CONSTRAINT pair UNIQUE ("FIRST NAME" COLLATE NOCASE DESC, weird) ON CONFLICT IGNORE
  CHECK (length(text) > 0) FOREIGN KEY (parent, id) REFERENCES 'Odd "Table"' (id, price) NOT DEFERRABLE,
  CONSTRAINT lonely
) STRICT"#;

fn clauses(column: &ColumnDefinition) -> Vec<ClauseKind> {
    column.clauses.iter().map(|c| c.kind).collect()
}

#[test]
fn every_part_of_an_awkward_table_is_found() {
    use ClauseKind::{Check, Collate, Default, Generated, NotNull, PrimaryKey, References};
    let read = Definition::parse(AWKWARD).unwrap();
    assert_eq!(read.name, "Odd \"Table\"");
    let columns: Vec<(&str, &str, Vec<ClauseKind>)> = read
        .columns
        .iter()
        .map(|c| (c.name.as_str(), &AWKWARD[c.type_span.clone()], clauses(c)))
        .collect();
    assert_eq!(
        columns,
        [
            ("id", "INTEGER", vec![PrimaryKey]),
            ("first name", "VARCHAR(40)", vec![NotNull, Default]),
            ("price", "DECIMAL(10, 2)", vec![NotNull, Default, Check]),
            ("weird", "TEXT", vec![Collate, Default, NotNull]),
            ("plain", "", vec![]),
            ("parent", "INT", vec![References]),
            ("label", "", vec![Generated, NotNull]),
            ("text", "TEXT", vec![NotNull]),
        ]
    );
    let first = read.column("First Name").unwrap();
    assert_eq!(first.clauses[0].name.as_deref(), Some("has name"));
    assert_eq!(
        &AWKWARD[first.clauses[0].span.clone()],
        "CONSTRAINT \"has name\" NOT NULL ON CONFLICT FAIL"
    );
    let reference = read.column("parent").unwrap().clauses[0]
        .references
        .as_ref()
        .unwrap();
    assert_eq!(
        &AWKWARD[reference.deferrable.clone().unwrap()],
        "DEFERRABLE INITIALLY DEFERRED"
    );
    let label = read.column("label").unwrap().clause(Generated).unwrap();
    assert_eq!(
        read.columns_in(&read.within_brackets(&label.tokens)),
        ["first name", "price"]
    );
    assert!(read.strict && !read.without_rowid);
}

#[test]
fn constraints_are_told_apart_with_and_without_commas() {
    let read = Definition::parse(AWKWARD).unwrap();
    let found: Vec<(ConstraintKind, Option<&str>, Vec<&str>)> = read
        .constraints
        .iter()
        .map(|c| {
            (
                c.kind,
                c.name.as_deref(),
                c.columns.iter().map(String::as_str).collect(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (ConstraintKind::Unique, Some("pair"), vec!["first name", "weird"]),
            (ConstraintKind::Check, None, vec!["text"]),
            (ConstraintKind::ForeignKey, None, vec!["parent", "id"]),
        ]
    );
    assert_eq!(
        &AWKWARD[read.constraints[1].span.clone()],
        "CHECK (length(text) > 0)"
    );
    assert_eq!(
        read.constraints[2].references.as_ref().unwrap().table,
        "Odd \"Table\""
    );
}

#[test]
fn options_and_heads_of_every_kind_are_read() {
    for (text, name, without_rowid, strict) in [
        ("CREATE TABLE t(a)", "t", false, false),
        (
            "create temp table if not exists main.[t u] (a int) without rowid, strict",
            "t u",
            true,
            true,
        ),
        (
            "CREATE TABLE 't'(a PRIMARY KEY) WITHOUT ROWID -- STRICT",
            "t",
            true,
            false,
        ),
        ("CREATE TABLE \"if\"(a)", "if", false, false),
    ] {
        let read = Definition::parse(text).unwrap();
        assert_eq!(
            (read.name.as_str(), read.without_rowid, read.strict),
            (name, without_rowid, strict),
            "{text}"
        );
    }
    for text in [
        "CREATE VIRTUAL TABLE t USING fts5(a)",
        "CREATE VIEW t AS SELECT 1",
        "CREATE TABLE t AS SELECT 1",
        "CREATE TABLE t(a",
        "CREATE TABLE t(a NOT)",
        "CREATE TABLE t(a, 'b)",
        "",
    ] {
        assert!(Definition::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_not_null_goes_without_touching_what_is_around_it() {
    for (text, column, expected) in [
        (
            "CREATE TABLE t(a TEXT NOT NULL, b)",
            "A",
            "CREATE TABLE t(a TEXT, b)",
        ),
        (
            "CREATE TABLE t(a TEXT NOT NULL DEFAULT 'NOT NULL')",
            "a",
            "CREATE TABLE t(a TEXT DEFAULT 'NOT NULL')",
        ),
        (
            "CREATE TABLE t(a DEFAULT 'x'NOT NULL UNIQUE)",
            "a",
            "CREATE TABLE t(a DEFAULT 'x' UNIQUE)",
        ),
        (
            "CREATE TABLE t(a DEFAULT(1)NOT NULL/*c*/UNIQUE)",
            "a",
            "CREATE TABLE t(a DEFAULT(1) /*c*/UNIQUE)",
        ),
        (
            "CREATE TABLE t(a -- needed\n NOT NULL -- really\n, b)",
            "a",
            "CREATE TABLE t(a -- needed\n -- really\n, b)",
        ),
        (
            "CREATE TABLE t(a CONSTRAINT n NOT NULL ON CONFLICT IGNORE CHECK (a NOT NULL))",
            "a",
            "CREATE TABLE t(a CHECK (a NOT NULL))",
        ),
        (
            "CREATE TABLE t(a REFERENCES u ON DELETE SET NULL NOT DEFERRABLE)",
            "a",
            "CREATE TABLE t(a REFERENCES u ON DELETE SET NULL NOT DEFERRABLE)",
        ),
        (
            "CREATE TABLE t([a b] NOT NULL NOT NULL)",
            "a b",
            "CREATE TABLE t([a b])",
        ),
    ] {
        assert_eq!(without_not_null(text, column).unwrap(), expected, "{text}");
    }
    assert!(matches!(
        without_not_null("CREATE TABLE t(a)", "b"),
        Err(Error::NoSuchColumn { .. })
    ));
}

#[test]
fn a_column_goes_with_its_comma() {
    for (text, column, expected) in [
        (
            "CREATE TABLE t(a, b DECIMAL(1, 2), c)",
            "b",
            "CREATE TABLE t(a, c)",
        ),
        ("CREATE TABLE t(a, b, c)", "a", "CREATE TABLE t(b, c)"),
        ("CREATE TABLE t(a, b, c)", "c", "CREATE TABLE t(a, b)"),
        (
            "CREATE TABLE t(a, b, c, UNIQUE (a))",
            "c",
            "CREATE TABLE t(a, b, UNIQUE (a))",
        ),
        (
            "CREATE TABLE t(\n  a, -- first\n  b, -- second\n  c -- third\n)",
            "b",
            "CREATE TABLE t(\n  a, -- first\n  -- second\n  c -- third\n)",
        ),
        (
            "CREATE TABLE t(\n  a, -- first, 'open\n  b -- last\n)",
            "b",
            "CREATE TABLE t(\n  a -- first, 'open\n   -- last\n)",
        ),
        (
            "CREATE TABLE t(\n  a,\n  b CHECK (b IN (1, 2)),\n  c\n)",
            "b",
            "CREATE TABLE t(\n  a,\n  c\n)",
        ),
    ] {
        assert_eq!(without_column(text, column).unwrap(), expected, "{text}");
    }
    assert!(matches!(
        without_column("CREATE TABLE t(a, UNIQUE (a))", "a"),
        Err(Error::OnlyColumn { .. })
    ));
}

#[test]
fn a_column_comes_after_the_last_one() {
    for (text, expected) in [
        ("CREATE TABLE t(a)", "CREATE TABLE t(a, \"b\" TEXT)"),
        (
            "CREATE TABLE t(a DEFAULT (1) -- last\n)",
            "CREATE TABLE t(a DEFAULT (1), \"b\" TEXT -- last\n)",
        ),
        (
            "CREATE TABLE t(a, CHECK (a > 0)) STRICT",
            "CREATE TABLE t(a, \"b\" TEXT, CHECK (a > 0)) STRICT",
        ),
    ] {
        assert_eq!(with_column(text, "\"b\" TEXT").unwrap(), expected, "{text}");
    }
    for wrong in [
        "",
        "b, c",
        "b) STRICT -- ",
        "b -- c",
        "UNIQUE (a)",
        "CHECK (a)",
        "b TEXT, UNIQUE (b)",
        "b DEFAULT (",
    ] {
        assert!(with_column("CREATE TABLE t(a)", wrong).is_err(), "{wrong}");
    }
    assert!(matches!(
        with_column("CREATE TABLE t(a)", "A TEXT"),
        Err(Error::ColumnExists { .. })
    ));
}

#[test]
fn a_column_is_renamed_where_the_table_names_it_and_nowhere_else() {
    for (text, column, to, expected) in [
        (
            "CREATE TABLE t(a, b CHECK (B > a), UNIQUE (`b`, a))",
            "b",
            "c",
            "CREATE TABLE t(a, \"c\" CHECK (\"c\" > a), UNIQUE (\"c\", a))",
        ),
        // Types, functions, collations, strings and comments of the same name stay.
        (
            "CREATE TABLE t(text TEXT(3) DEFAULT 'text' COLLATE text, c AS (text(text) || CAST(text AS text)) /* text */)",
            "text",
            "body",
            "CREATE TABLE t(\"body\" TEXT(3) DEFAULT 'text' COLLATE text, c AS (text(\"body\") || CAST(\"body\" AS text)) /* text */)",
        ),
        // Keywords stay, although a column has their name.
        (
            "CREATE TABLE t(key, PRIMARY KEY (key DESC), CHECK (CASE key WHEN 1 THEN 2 END))",
            "key",
            "k",
            "CREATE TABLE t(\"k\", PRIMARY KEY (\"k\" DESC), CHECK (CASE \"k\" WHEN 1 THEN 2 END))",
        ),
        (
            "CREATE TABLE t(stored, c AS (stored) STORED)",
            "stored",
            "s",
            "CREATE TABLE t(\"s\", c AS (\"s\") STORED)",
        ),
        // Foreign keys: the own columns, and those of the table itself only.
        (
            "CREATE TABLE t(a, b REFERENCES t(a), FOREIGN KEY (a) REFERENCES u(a) ON DELETE NO ACTION, FOREIGN KEY (a, b) REFERENCES \"T\"('a', b))",
            "a",
            "x y",
            "CREATE TABLE t(\"x y\", b REFERENCES t(\"x y\"), FOREIGN KEY (\"x y\") REFERENCES u(a) ON DELETE NO ACTION, FOREIGN KEY (\"x y\", b) REFERENCES \"T\"(\"x y\", b))",
        ),
        (
            "CREATE TABLE a(a CHECK (a.a > 0))",
            "a",
            "b",
            "CREATE TABLE a(\"b\" CHECK (a.\"b\" > 0))",
        ),
        ("CREATE TABLE t(a)", "a", "A", "CREATE TABLE t(\"A\")"),
    ] {
        assert_eq!(with_column_renamed(text, column, to).unwrap(), expected, "{text}");
    }
    assert!(matches!(
        with_column_renamed("CREATE TABLE t(a, b)", "a", "B"),
        Err(Error::ColumnExists { .. })
    ));
}

#[test]
fn a_table_is_renamed_where_it_names_itself() {
    for (text, expected) in [
        ("CREATE TABLE t(a)", "CREATE TABLE \"new\"(a)"),
        (
            "CREATE TABLE [t](t CHECK (T.t > 0 AND t <> 1), b REFERENCES \"t\"(t) REFERENCES u)",
            "CREATE TABLE \"new\"(t CHECK (\"new\".t > 0 AND t <> 1), b REFERENCES \"new\"(t) REFERENCES u)",
        ),
    ] {
        assert_eq!(with_name(text, "new").unwrap(), expected, "{text}");
    }
}

/// What SQLite itself says of the only table of a new database.
async fn columns_of(definition: &str) -> Result<Vec<(String, String, bool)>, sqlx::Error> {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await?;
    text::execute_script(&mut conn, definition).await?;
    text::query_as(
        "SELECT x.name, x.type, x.\"notnull\" FROM sqlite_schema AS s, pragma_table_xinfo(s.name) AS x \
         WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite@_%' ESCAPE '@' ORDER BY x.cid",
    )
    .fetch_all(&mut conn)
    .await
}

/// The awkward table, as SQLite takes it: its own type names are not STRICT's.
fn accepted() -> String {
    AWKWARD.replace(") STRICT", ")")
}

#[tokio::test]
async fn sqlite_reads_every_edit_as_it_was_meant() {
    let text = accepted();
    let names = |columns: &[(String, String, bool)]| columns.iter().map(|c| c.0.clone()).collect::<Vec<_>>();
    let before = columns_of(&text).await.unwrap();
    let own: Vec<String> = Definition::parse(&text)
        .unwrap()
        .columns
        .into_iter()
        .map(|c| c.name)
        .collect();
    assert_eq!(names(&before), own);

    for column in ["first name", "price", "weird", "text"] {
        let mut expected = before.clone();
        for known in expected.iter_mut().filter(|c| c.0 == column) {
            assert!(known.2, "{column}");
            known.2 = false;
        }
        let edited = without_not_null(&text, column).unwrap();
        assert_eq!(columns_of(&edited).await.unwrap(), expected, "{edited}");

        let edited = with_column_renamed(&text, column, "it's \"new\"").unwrap();
        let renamed = columns_of(&edited).await.unwrap();
        assert!(
            renamed.iter().any(|c| c.0 == "it's \"new\"") && renamed.len() == before.len(),
            "{edited}"
        );
    }
    let edited = without_column(&text, "plain").unwrap();
    assert_eq!(
        columns_of(&edited).await.unwrap().len(),
        before.len() - 1,
        "{edited}"
    );
    let edited = with_column(&text, "\"new\" NUMERIC(3) NOT NULL DEFAULT 0").unwrap();
    assert_eq!(
        columns_of(&edited).await.unwrap().last().unwrap(),
        &("new".to_owned(), "NUMERIC(3)".to_owned(), true)
    );
    let edited = with_name(&text, "other").unwrap();
    assert_eq!(columns_of(&edited).await.unwrap(), before, "{edited}");
}

/// Tables made of clauses at random: whatever SQLite accepts is read, with the same columns, and every edit is accepted and does what it says.
#[tokio::test]
async fn whatever_sqlite_accepts_is_read_and_edited() {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let types = select(vec![
        "",
        "INT",
        "DOUBLE PRECISION",
        "'TEXT'",
        "VARCHAR(10)",
        "\"x y\"(1, -2)",
        "generated",
    ]);
    let clauses = subsequence(
        vec![
            "NOT NULL",
            "/* , */NOT -- )\nNULL ON CONFLICT FAIL",
            "DEFAULT (1 + (2))",
            "DEFAULT 'NOT NULL'",
            "DEFAULT -1",
            "DEFAULT current_date",
            "CONSTRAINT \"a,b\" CHECK (a IS NOT NULL OR x'00' = 1)",
            "CHECK(a>0)",
            "UNIQUE",
            "COLLATE nocase",
            "NULL",
            "CONSTRAINT z",
            "REFERENCES t(a) ON DELETE SET NULL NOT DEFERRABLE INITIALLY IMMEDIATE",
            "REFERENCES u ON UPDATE NO ACTION MATCH FULL",
        ],
        0..5,
    )
    .prop_shuffle();
    let constraints = subsequence(
        vec![
            "UNIQUE (a, b COLLATE nocase DESC) ON CONFLICT IGNORE",
            "CHECK (t.a + b > 0 AND c <> ')') ON CONFLICT FAIL",
            "PRIMARY KEY (b)",
            "FOREIGN KEY (b, c) REFERENCES t (c, b) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
            "CONSTRAINT only",
            "CONSTRAINT n UNIQUE (c)",
        ],
        0..4,
    )
    .prop_shuffle();
    let column = (types, clauses);
    let table = (
        proptest::collection::vec(column, 3),
        constraints,
        select(vec![", ", " ", "\n, -- x\n"]),
        select(vec!["", " WITHOUT ROWID"]),
    );

    let mut runner = TestRunner::deterministic();
    let mut accepted = 0;
    for _ in 0..400 {
        let (columns, constraints, separator, option) = table.new_tree(&mut runner).unwrap().current();
        let columns: Vec<String> = ["a", "`b`", "[c]"]
            .iter()
            .zip(columns)
            .map(|(name, (type_name, clauses))| format!("{name} {type_name} {}", clauses.join(" ")))
            .collect();
        let first = if constraints.is_empty() { "" } else { ", " };
        let text = format!(
            "CREATE TABLE t(\n{} -- last\n{first}{}){option}",
            columns.join(","),
            constraints.join(separator)
        );
        let Ok(before) = columns_of(&text).await else {
            continue;
        };
        accepted += 1;
        let read = Definition::parse(&text).unwrap_or_else(|e| panic!("{e:?}: {text}"));
        assert_eq!(read.columns.len(), before.len(), "{text}");
        for (at, column) in read.columns.iter().enumerate() {
            let edited = without_not_null(&text, &column.name).unwrap();
            let after = columns_of(&edited)
                .await
                .unwrap_or_else(|e| panic!("{e}: {edited}"));
            let key = read.without_rowid && read.primary_key().contains(&column.name);
            assert_eq!(after[at].2, key, "{edited}");

            let edited = with_column_renamed(&text, &column.name, "new name").unwrap();
            let after = columns_of(&edited)
                .await
                .unwrap_or_else(|e| panic!("{e}: {edited}"));
            assert_eq!(after[at].0, "new name", "{edited}");
        }
        let edited = with_name(&with_column(&text, "d NOT NULL").unwrap(), "other").unwrap();
        let after = columns_of(&edited)
            .await
            .unwrap_or_else(|e| panic!("{e}: {edited}"));
        assert_eq!(after.last().unwrap().0, "d", "{edited}");
        let edited = without_column(&edited, "d").unwrap();
        let after = columns_of(&edited)
            .await
            .unwrap_or_else(|e| panic!("{e}: {edited}"));
        assert_eq!(after, before, "{edited}");
    }
    assert!(accepted > 100, "only {accepted} tables were accepted");
}
