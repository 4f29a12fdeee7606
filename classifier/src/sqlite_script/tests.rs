//! The measured table, row by row; the examples of every rule; and that nothing panics.

use proptest::prelude::*;

use super::{Session, rules};
use crate::rule::tests::prove;
use crate::{Finding, Phase, Risk, Safer, Verdict};

fn run(script: &str) -> Vec<Finding> {
    let mut session = Session::new();
    let statements = script
        .split_inclusive(';')
        .filter(|statement| !statement.trim().is_empty());
    statements
        .flat_map(|statement| session.judge(statement).findings)
        .collect()
}

fn judge(statement: &str) -> Verdict {
    Session::new().judge(statement)
}

/// `instant`, `reads`, `rewrites` or `refused`, of a statement on a table that is there.
fn outcome(sql: &str) -> &'static str {
    let verdict = judge(sql);
    assert_ne!(
        verdict.effect.phase,
        Phase::Unknown,
        "{sql}: {:?}",
        verdict.findings
    );
    if verdict.findings.iter().any(|finding| finding.code.0 == 2701) {
        return "refused";
    }
    match (verdict.effect.rewrites_table, verdict.effect.scans_table) {
        (true, _) => "rewrites",
        (false, true) => "reads",
        (false, false) => "instant",
    }
}

#[test]
fn each_row_of_the_measured_table() {
    for (sql, expected) in [
        ("ALTER TABLE t ADD COLUMN c", "instant"),
        ("ALTER TABLE t ADD c integer", "instant"),
        (
            "ALTER TABLE t ADD c text COLLATE NOCASE NOT NULL DEFAULT 'x'",
            "instant",
        ),
        ("ALTER TABLE t ADD c integer DEFAULT -1", "instant"),
        (
            "ALTER TABLE t ADD c integer REFERENCES p (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
            "instant",
        ),
        (
            "ALTER TABLE t ADD c integer GENERATED ALWAYS AS (a + 1) VIRTUAL",
            "instant",
        ),
        ("ALTER TABLE t RENAME TO u", "instant"),
        ("ALTER TABLE t RENAME COLUMN a TO b", "instant"),
        ("ALTER TABLE t RENAME a TO b", "instant"),
        ("DROP INDEX i", "instant"),
        ("ALTER TABLE t ADD c integer CHECK (c > 0)", "reads"),
        ("CREATE INDEX i ON t (a)", "reads"),
        (
            "CREATE UNIQUE INDEX IF NOT EXISTS main.i ON t (lower(a), b DESC) WHERE b > 0",
            "reads",
        ),
        ("REINDEX t", "reads"),
        ("ALTER TABLE t DROP COLUMN a", "rewrites"),
        ("ALTER TABLE t DROP a", "rewrites"),
        ("VACUUM", "rewrites"),
        ("VACUUM main", "rewrites"),
        ("VACUUM INTO 'x'", "instant"),
        ("ALTER TABLE t ADD c integer NOT NULL", "refused"),
        ("ALTER TABLE t ADD c integer NOT NULL DEFAULT NULL", "refused"),
        ("ALTER TABLE t ADD c text DEFAULT CURRENT_TIMESTAMP", "refused"),
        ("ALTER TABLE t ADD c integer DEFAULT (random())", "refused"),
        ("ALTER TABLE t ADD c integer UNIQUE", "refused"),
        ("ALTER TABLE t ADD c integer PRIMARY KEY AUTOINCREMENT", "refused"),
        ("ALTER TABLE t ADD c integer AS (a + 1) STORED", "refused"),
        ("ALTER TABLE t ALTER COLUMN a TYPE integer", "refused"),
        ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", "refused"),
        ("ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)", "refused"),
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id)", "refused"),
        ("ALTER TABLE t ADD COLUMN a int, ADD COLUMN b int", "refused"),
    ] {
        assert_eq!(outcome(sql), expected, "{sql}");
    }
}

#[test]
fn every_write_locks_the_file_and_nothing_else_does() {
    for (sql, locked) in [
        ("CREATE TABLE t (a)", true),
        ("CREATE TEMP TABLE t (a)", false),
        (
            "CREATE TABLE t (id integer PRIMARY KEY, b text, FOREIGN KEY (b) REFERENCES p, UNIQUE (b) ON CONFLICT IGNORE) STRICT, WITHOUT ROWID",
            true,
        ),
        ("INSERT OR REPLACE INTO t VALUES (1)", true),
        ("UPDATE t SET a = 1 WHERE b = 2", true),
        ("DELETE FROM t WHERE b = 2", true),
        ("CREATE VIEW v AS SELECT 1", true),
        ("CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END", true),
        ("SELECT * FROM t", false),
        ("PRAGMA journal_mode = WAL", false),
        ("PRAGMA table_info(t)", false),
        ("EXPLAIN QUERY PLAN SELECT 1", false),
        ("BEGIN IMMEDIATE TRANSACTION", false),
        ("ROLLBACK TO SAVEPOINT s", false),
        ("ATTACH DATABASE 'x' AS y", false),
    ] {
        let verdict = judge(sql);
        assert_ne!(
            verdict.effect.phase,
            Phase::Unknown,
            "{sql}: {:?}",
            verdict.findings
        );
        assert_eq!(verdict.effect.blocks_writes(), locked, "{sql}");
        assert!(!verdict.effect.blocks_reads(), "{sql}");
    }
}

#[test]
fn every_rule_finds_its_example_and_not_its_safer_form() {
    let pages = rules::all().iter().map(|rule| &rule.page);
    prove(pages, |script| {
        (!script.starts_with("name = ")).then(|| run(script))
    });
}

#[test]
fn the_twelve_steps_have_findings_only_for_the_copy() {
    let script = "PRAGMA foreign_keys=OFF; BEGIN IMMEDIATE; CREATE TABLE t_new (id integer PRIMARY KEY, a text NOT NULL) STRICT; \
                  INSERT INTO t_new SELECT id, a FROM t; DROP TABLE t; ALTER TABLE t_new RENAME TO t; CREATE INDEX t_a ON t (a); \
                  PRAGMA foreign_key_check; COMMIT; PRAGMA foreign_keys=ON;";
    let codes: Vec<_> = run(script).into_iter().map(|finding| finding.code.0).collect();
    assert_eq!(codes, [2708, 2704]);
}

#[test]
fn a_fill_becomes_a_spec() {
    let safer = judge("UPDATE \"Odd\" SET \"a b\" = 'x' || c")
        .findings
        .remove(0)
        .safer;
    let Some(Safer::Spec(spec)) = safer else {
        panic!("{safer:?}");
    };
    assert!(
        spec.contains("table = '\"Odd\"'\ncolumn = 'a b'") && spec.contains("up = \"'x' || c\""),
        "{spec}"
    );
    assert!(judge("UPDATE t SET n = n + 1").findings[0].safer.is_none());
}

#[test]
fn what_cannot_be_read_is_unknown() {
    for sql in [
        "ALTER TABLE t FROBNICATE",
        "CREATE TABLE t (a int,, b)",
        "SELECT FROM FROM",
        "DELETE t",
        "DO 1",
        "ALTER TABLE t ADD c 'x",
    ] {
        let verdict = judge(sql);
        assert_eq!(
            (verdict.effect.phase, verdict.risk),
            (Phase::Unknown, Risk::Critical),
            "{sql}"
        );
        assert_eq!(verdict.findings[0].code.0, 2001, "{sql}");
    }
    assert_eq!(
        judge("ALTER TABLE t\nADD c int\n+ 1").findings[0].message,
        "line 3 of the statement: not known here: +"
    );
}

const WORDS: &[&str] = &[
    "ALTER",
    "TABLE",
    "t",
    "\"a b\"",
    "[c d]",
    "ADD",
    "DROP",
    "COLUMN",
    "int",
    "(",
    ")",
    ",",
    ";",
    "10",
    "'x'",
    "NOT",
    "NULL",
    "DEFAULT",
    "CREATE",
    "INDEX",
    "ON",
    "UPDATE",
    "SET",
    "=",
    "DELETE",
    "FROM",
    "WHERE",
    "INSERT",
    "OR",
    "INTO",
    "SELECT",
    "RENAME",
    "TO",
    "PRAGMA",
    "VACUUM",
    "BEGIN",
    "COMMIT",
    "é",
    "/*",
    "*/",
    "--",
    "\n",
    "'",
    "`",
    "[",
    ".",
    "*",
    "WITH",
    "AS",
    "-",
    "CHECK",
    "REFERENCES",
    "STRICT",
];

proptest! {
    #[test]
    fn never_panics(words in prop::collection::vec(prop::sample::select(WORDS), 0..30), text in "\\PC{0,60}") {
        let mut session = Session::new();
        session.judge(&words.join(" "));
        session.judge(&text);
        session.judge(&format!("ALTER TABLE t {text}"));
    }
}
