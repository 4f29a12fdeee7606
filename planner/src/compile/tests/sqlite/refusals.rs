//! What is refused on SQLite before anything is touched, and what its author is told.

use super::*;

async fn check(schema: &str, changes: String, expected: &[&str]) {
    let catalog = catalog_of(schema).await;
    let faults = compiled(&changes, &catalog).err().unwrap_or_default();
    let found = shown(&faults);
    assert_eq!(faults.len(), expected.len(), "{schema}\nfound:\n{found}");
    for (fault, part) in faults.iter().zip(expected) {
        let line = fault.to_string();
        for piece in part.split(" .. ") {
            assert!(line.contains(piece), "{schema}\nexpected {piece:?} in {line:?}");
        }
    }
}

fn rename_a() -> String {
    rename_of("t", "a", "b")
}

/// `a` becomes `n`, which takes its place.
fn replace_a() -> String {
    add("column = \"n\"\ntype = \"INT\"\nup = \"a + 1\"\ndown = \"n - 1\"\nreplaces = \"a\"")
        .replace("\"track\"", "\"t\"")
}

#[tokio::test]
async fn names_know_no_case() {
    check(
        "CREATE TABLE [Track] ([Fax])",
        rename_of("TRACK", "fax", "FAX"),
        &["already has a column `FAX`"],
    )
    .await;
    check(
        "CREATE TABLE t (a)",
        rename_of("u", "a", "b"),
        &["there is no table \"u\""],
    )
    .await;
    check(
        "CREATE TABLE t (a)",
        rename_of("temp.t", "a", "b"),
        &["there is no table \"temp.t\""],
    )
    .await;
    let twice = rename_of("t", "a", "b") + &rename_of("T", "A", "c");
    check("CREATE TABLE t (a)", twice, &["change 1 already has column `A`"]).await;
    check(
        "CREATE TABLE t (a)",
        rename_of("t", "a", "OID"),
        &["`OID` is a name of the row's own number"],
    )
    .await;
}

#[tokio::test]
async fn tables_that_cannot_be_mirrored_are_refused() {
    check(
        "CREATE TABLE u (a); CREATE VIEW t AS SELECT a FROM u",
        rename_a(),
        &["t is a view; name the table"],
    )
    .await;
    check(
        "CREATE VIRTUAL TABLE t USING fts5(a)",
        rename_a(),
        &["t is a virtual table"],
    )
    .await;
    check(
        "CREATE TABLE t (a INT) STRICT",
        rename_a(),
        &["t is STRICT .. rebuild it without STRICT first [SL1191]"],
    )
    .await;
    check(
        "CREATE TABLE t (k TEXT PRIMARY KEY, a) WITHOUT ROWID",
        rename_a(),
        &["is WITHOUT ROWID and its primary key is not one INTEGER column"],
    )
    .await;
    check(
        "CREATE TABLE t (rowid, oid, _rowid_, a)",
        rename_a(),
        &["columns of all the names"],
    )
    .await;
    check(
        "CREATE TABLE new (a)",
        rename_of("new", "a", "b"),
        &["means the row before or after a write"],
    )
    .await;
    let ledger = rename_of("sluice_mine", "a", "b");
    let mut catalog = catalog_of("CREATE TABLE t (a)").await;
    table(&mut catalog, "t").name.name = "Sluice_Mine".into();
    assert!(shown(&compiled(&ledger, &catalog).unwrap_err()).contains("has a name of Sluice's own"));
}

#[tokio::test]
async fn triggers_that_write_the_table_are_refused_wherever_they_are() {
    check(
        "CREATE TABLE t (a); CREATE TABLE u (x); CREATE TRIGGER w AFTER INSERT ON u BEGIN UPDATE t SET a = 1; END; \
         CREATE TRIGGER own AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 2; END",
        rename_a(),
        &[
            "trigger w on u writes t .. not defined on SQLite",
            "trigger own on t writes t",
            "trigger w on u names it, and would break at the drop",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_column_that_cannot_be_both_old_and_new_is_refused() {
    check(
        "CREATE TABLE t (a INTEGER PRIMARY KEY)",
        rename_a(),
        &["`a` cannot be renamed this way: it is part of the primary key"],
    )
    .await;
    check(
        "CREATE TABLE t (a DEFAULT 5)",
        rename_a(),
        &["it has a DEFAULT .. rebuild the table without that default first"],
    )
    .await;
    check("CREATE TABLE t (a DEFAULT NULL)", rename_a(), &[]).await;
    check(
        "CREATE TABLE t (x, a AS (x + 1))",
        rename_a(),
        &["it is generated"],
    )
    .await;
    check(
        "CREATE TABLE t (a DEFAULT 5)",
        replace_a(),
        &["`down` cannot restore `a`: it has a DEFAULT"],
    )
    .await;
    check(
        "CREATE TABLE t (a, x, PRIMARY KEY (a, x))",
        replace_a(),
        &["it is part of the primary key"],
    )
    .await;
    check(
        "CREATE TABLE t (a UNIQUE); CREATE TABLE u (x REFERENCES t (a))",
        rename_a(),
        &["a foreign key of u points at it"],
    )
    .await;
}

#[tokio::test]
async fn what_reads_a_column_that_goes_is_named() {
    check(
        "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t",
        rename_a(),
        &["view v reads it"],
    )
    .await;
    check(
        "CREATE TABLE t (a, g AS (a + 1))",
        rename_a(),
        &["column g of table t reads it; that would have to be rewritten"],
    )
    .await;
    // A view stays where nothing is rebuilt and nothing is hidden, and where the column it reads is another.
    let derived = add("column = \"n\"\ntype = \"INT\"\nup = \"a + 1\"").replace("\"track\"", "\"t\"");
    check(
        "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t",
        derived,
        &[],
    )
    .await;
    check(
        "CREATE TABLE t (a, x); CREATE VIEW v AS SELECT x FROM t",
        rename_a(),
        &[],
    )
    .await;
    check(
        "CREATE TABLE t (a NOT NULL, x); CREATE VIEW v AS SELECT x FROM t",
        rename_a(),
        &["view v names t, which has to be rebuilt"],
    )
    .await;
    check(
        "CREATE TABLE t (a, x); CREATE TABLE u (y); CREATE TRIGGER r AFTER INSERT ON u BEGIN SELECT a FROM t; END",
        rename_a(),
        &["trigger r on u names it"],
    )
    .await;
    check(
        "CREATE TABLE log (a); CREATE TABLE t (a); CREATE TRIGGER l AFTER INSERT ON t BEGIN INSERT INTO log (a) VALUES (NEW.a); END",
        rename_a(),
        &["trigger `l`: `a` stands where it may mean something else"],
    )
    .await;
    check(
        "CREATE TABLE t (a, x); CREATE TRIGGER l AFTER UPDATE OF a ON t BEGIN SELECT 1; END",
        replace_a(),
        &["trigger `l` names `a`, which goes"],
    )
    .await;
}

#[tokio::test]
async fn what_holds_a_column_that_goes_together_with_another_is_named() {
    for (schema, part) in [
        (
            "CREATE TABLE t (a, x, UNIQUE (a, x))",
            "`UNIQUE (a, x)` names it together with other columns",
        ),
        (
            "CREATE TABLE t (a, x CHECK (x > a))",
            "`CHECK (x > a)` names it together",
        ),
        (
            "CREATE TABLE p (a, x, PRIMARY KEY (a, x)); CREATE TABLE t (a, x, FOREIGN KEY (a, x) REFERENCES p)",
            "`FOREIGN KEY (a, x) REFERENCES p` names it together",
        ),
        (
            "CREATE TABLE t (a, x); CREATE UNIQUE INDEX i ON t (a, x)",
            "index `i` names `a`, which goes, together",
        ),
        (
            "CREATE TABLE t (a, x); CREATE INDEX i ON t (x) WHERE a > 1",
            "index `i` names `a`, which goes, together",
        ),
        (
            "CREATE TABLE t (a NOT NULL CHECK (t.a > 0))",
            "names the table itself (`t.`)",
        ),
    ] {
        let catalog = catalog_of(schema).await;
        let found = shown(&compiled(&replace_a(), &catalog).unwrap_err());
        assert!(found.contains(part), "{schema}: {found}");
    }
    check(
        "CREATE TABLE t (a UNIQUE, x); CREATE INDEX i ON t (a, x)",
        replace_a(),
        &[],
    )
    .await;
}

#[tokio::test]
async fn raw_sql_that_would_break_its_step_or_a_copy_is_refused() {
    let raw = |keys: &str| format!("[[change]]\nkind = \"sql\"\n{keys}\n");
    check(
        "CREATE TABLE t (a)",
        raw("run = \"SELECT 1; COMMIT\""),
        &["`COMMIT` controls a transaction"],
    )
    .await;
    check(
        "CREATE TABLE t (a)",
        raw("run = \"PRAGMA foreign_keys = 0\""),
        &["`PRAGMA` has no effect in a transaction"],
    )
    .await;
    check(
        "CREATE TABLE t (a)",
        raw("run = \".read x\""),
        &["the shell's own commands"],
    )
    .await;
    check(
        "CREATE TABLE t (a)",
        raw("run = \"SELECT 'a\""),
        &["does not end"],
    )
    .await;
    check(
        "CREATE TABLE t (a)",
        raw("run = \"SELECT 1\"\ntransaction = false\ndone = \"SELECT 1\""),
        &["nothing runs beside the application's writes on SQLite"],
    )
    .await;
    let index = raw("run = \"CREATE INDEX i ON [T] (x)\"");
    check(
        "CREATE TABLE t (a NOT NULL, x)",
        rename_a() + &index,
        &["it names t, which this plan rebuilds"],
    )
    .await;
    check("CREATE TABLE t (a, x)", rename_a() + &index, &[]).await;
}
