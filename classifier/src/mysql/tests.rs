//! The measured tables, row by row; the examples of every rule; and that nothing panics.

use proptest::prelude::*;

use super::action::Action;
use super::online::{Online, Surroundings, done, needed};
use super::read::read;
use super::{Flavor, Session, rules};
use crate::facts::{Column, Facts, Table};
use crate::rule::tests::prove;
use crate::{Finding, Phase, Risk, Safer, Verdict};

/// Statements of a script without strings, comments or bodies that hold a semicolon.
fn run(flavor: Flavor, script: &str) -> Vec<Finding> {
    let mut session = Session::new(flavor);
    let statements = script
        .split_inclusive(';')
        .filter(|statement| !statement.trim().is_empty());
    statements
        .flat_map(|statement| session.judge(statement).findings)
        .collect()
}

fn judge(statement: &str) -> Verdict {
    Session::new(Flavor::MySql).judge(statement)
}

fn table() -> Table {
    let column = |type_name: &str, not_null| Column {
        type_name: type_name.to_owned(),
        not_null,
        used_by: Vec::new(),
    };
    let columns = [
        ("i", column("int(11)", false)),
        ("n", column("int", true)),
        ("d", column("decimal(10,2)", false)),
        ("v50", column("varchar(50)", false)),
        ("v100", column("varchar(100)", false)),
        ("e", column("enum('a','b')", false)),
    ];
    Table {
        columns: columns
            .into_iter()
            .map(|(name, column)| (name.to_owned(), column))
            .collect(),
        ..Table::default()
    }
}

fn online(flavor: Flavor, clauses: &str) -> Result<Online, Online> {
    let sql = format!("ALTER TABLE t {clauses}");
    let Ok(Some(Action::Alter(alter))) = read(&sql) else {
        panic!("not read: {sql}: {:?}", read(&sql));
    };
    let table = table();
    let around = Surroundings {
        flavor,
        foreign_key_checks: true,
        table: Some(&table),
    };
    done(&alter, needed(&alter, around))
}

/// `ALGORITHM/LOCK`, with `rebuild` where the rows are written anew in place.
fn check(flavor: Flavor, clauses: &str, expected: &str) {
    let online = online(flavor, clauses).expect(clauses);
    let rebuild = if online.rewrites && online.algorithm.as_str() == "INPLACE" {
        " rebuild"
    } else {
        ""
    };
    let is = format!("{}/{}{rebuild}", online.algorithm.as_str(), online.lock.as_str());
    assert_eq!(is, expected, "{flavor:?} {clauses}");
}

#[test]
fn each_row_of_the_measured_table() {
    // What is asked, MariaDB 10.11 as measured, MySQL 8.0.29 as its manual says.
    let rows = [
        ("ADD COLUMN c int", "INSTANT/NONE", "INSTANT/NONE"),
        (
            "ADD COLUMN c int NOT NULL DEFAULT 5 AFTER i",
            "INSTANT/NONE",
            "INSTANT/NONE",
        ),
        (
            "ADD c timestamp DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP FIRST",
            "INSTANT/NONE",
            "INSTANT/NONE",
        ),
        (
            "ADD COLUMN (c int, k varchar(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)",
            "INSTANT/NONE",
            "INSTANT/NONE",
        ),
        (
            "ADD COLUMN c char(36) DEFAULT (uuid())",
            "COPY/SHARED",
            "COPY/SHARED",
        ),
        (
            "ADD COLUMN c bigint AUTO_INCREMENT UNIQUE",
            "INPLACE/SHARED rebuild",
            "INPLACE/SHARED rebuild",
        ),
        (
            "ADD COLUMN c int GENERATED ALWAYS AS (i + 1) VIRTUAL",
            "INSTANT/NONE",
            "INSTANT/NONE",
        ),
        ("ADD COLUMN c int AS (i + 1) STORED", "COPY/SHARED", "COPY/SHARED"),
        ("ADD COLUMN c int CHECK (c > 0)", "COPY/SHARED", "COPY/SHARED"),
        (
            "ADD COLUMN c int REFERENCES p (id)",
            "COPY/SHARED",
            "INSTANT/NONE",
        ),
        ("DROP COLUMN i", "INSTANT/NONE", "INSTANT/NONE"),
        (
            "MODIFY COLUMN i int FIRST",
            "INSTANT/NONE",
            "INPLACE/NONE rebuild",
        ),
        ("RENAME COLUMN i TO j", "INSTANT/NONE", "INSTANT/NONE"),
        ("CHANGE i j int", "INSTANT/NONE", "INSTANT/NONE"),
        ("ALTER COLUMN i SET DEFAULT 5", "INSTANT/NONE", "INSTANT/NONE"),
        ("ALTER i DROP DEFAULT", "INSTANT/NONE", "INSTANT/NONE"),
        ("COMMENT = 'x'", "INSTANT/NONE", "INPLACE/NONE"),
        ("AUTO_INCREMENT = 1000", "INSTANT/NONE", "INPLACE/NONE"),
        ("STATS_PERSISTENT=1", "INSTANT/NONE", "INPLACE/NONE"),
        ("MODIFY i bigint", "COPY/SHARED", "COPY/SHARED"),
        ("MODIFY i int unsigned", "COPY/SHARED", "COPY/SHARED"),
        ("MODIFY d decimal(12,2)", "COPY/SHARED", "COPY/SHARED"),
        ("MODIFY v50 varchar(40)", "COPY/SHARED", "COPY/SHARED"),
        ("MODIFY v50 text", "COPY/SHARED", "COPY/SHARED"),
        (
            "MODIFY v50 varchar(50) CHARACTER SET latin1",
            "COPY/SHARED",
            "COPY/SHARED",
        ),
        (
            "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
            "COPY/SHARED",
            "COPY/SHARED",
        ),
        ("MODIFY v50 varchar(60)", "INSTANT/NONE", "INPLACE/NONE"),
        ("MODIFY v100 varchar(200)", "INSTANT/NONE", "INPLACE/NONE"),
        ("MODIFY v50 varchar(300)", "INSTANT/NONE", "COPY/SHARED"),
        ("MODIFY e enum('a','b','c')", "INSTANT/NONE", "INSTANT/NONE"),
        ("MODIFY e enum('a','x','b')", "COPY/SHARED", "COPY/SHARED"),
        (
            "MODIFY i int NOT NULL",
            "INPLACE/NONE rebuild",
            "INPLACE/NONE rebuild",
        ),
        (
            "MODIFY n int NULL",
            "INPLACE/NONE rebuild",
            "INPLACE/NONE rebuild",
        ),
        ("ADD INDEX ix (i)", "NOCOPY/NONE", "INPLACE/NONE"),
        ("ADD UNIQUE KEY (i, d)", "NOCOPY/NONE", "INPLACE/NONE"),
        ("ADD CONSTRAINT u UNIQUE (i)", "NOCOPY/NONE", "INPLACE/NONE"),
        (
            "ADD FULLTEXT INDEX f (v50) WITH PARSER ngram",
            "INPLACE/SHARED",
            "INPLACE/SHARED",
        ),
        ("ADD SPATIAL INDEX (g)", "INPLACE/SHARED", "INPLACE/SHARED"),
        ("DROP INDEX ix", "NOCOPY/NONE", "INPLACE/NONE"),
        ("RENAME INDEX ix TO iy", "INSTANT/NONE", "INPLACE/NONE"),
        ("ALTER INDEX ix INVISIBLE", "INSTANT/NONE", "INPLACE/NONE"),
        ("ALTER INDEX ix NOT IGNORED", "INSTANT/NONE", "INPLACE/NONE"),
        (
            "DROP PRIMARY KEY, ADD PRIMARY KEY (i)",
            "INPLACE/NONE rebuild",
            "INPLACE/NONE rebuild",
        ),
        ("DROP PRIMARY KEY", "COPY/SHARED", "COPY/SHARED"),
        (
            "ADD CONSTRAINT f FOREIGN KEY (i) REFERENCES p (id) ON DELETE SET NULL",
            "COPY/SHARED",
            "COPY/SHARED",
        ),
        ("DROP FOREIGN KEY f", "INSTANT/NONE", "INPLACE/NONE"),
        ("ADD CONSTRAINT k CHECK (i > 0)", "COPY/SHARED", "COPY/SHARED"),
        ("DROP CONSTRAINT k", "INSTANT/NONE", "INPLACE/NONE"),
        ("DROP CHECK k", "INSTANT/NONE", "INPLACE/NONE"),
        (
            "ROW_FORMAT=DYNAMIC",
            "INPLACE/NONE rebuild",
            "INPLACE/NONE rebuild",
        ),
        ("KEY_BLOCK_SIZE 8", "INPLACE/NONE rebuild", "INPLACE/NONE rebuild"),
        ("FORCE", "INPLACE/NONE rebuild", "INPLACE/NONE rebuild"),
        ("ENGINE=InnoDB", "INPLACE/NONE rebuild", "INPLACE/NONE rebuild"),
        ("ENGINE=MyISAM", "COPY/SHARED", "COPY/SHARED"),
        ("RENAME TO u", "INSTANT/EXCLUSIVE", "INSTANT/EXCLUSIVE"),
        (
            "PARTITION BY HASH (i) PARTITIONS 4",
            "COPY/EXCLUSIVE",
            "COPY/EXCLUSIVE",
        ),
        (
            "ADD PARTITION (PARTITION p1 VALUES LESS THAN (10))",
            "COPY/EXCLUSIVE",
            "COPY/EXCLUSIVE",
        ),
        ("REMOVE PARTITIONING", "COPY/EXCLUSIVE", "COPY/EXCLUSIVE"),
        (
            "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
            "INSTANT/NONE",
            "INPLACE/NONE",
        ),
        ("ORDER BY i", "COPY/SHARED", "COPY/SHARED"),
        // Several in one statement: the worst of each.
        ("ADD COLUMN c int, ADD INDEX (c)", "NOCOPY/NONE", "INPLACE/NONE"),
        ("ADD COLUMN c int, MODIFY i bigint", "COPY/SHARED", "COPY/SHARED"),
        // What is written decides, where it may.
        ("ADD COLUMN c int, ALGORITHM=COPY", "COPY/SHARED", "COPY/SHARED"),
        (
            "ADD INDEX (i), ALGORITHM=INPLACE, LOCK=SHARED",
            "NOCOPY/SHARED",
            "INPLACE/SHARED",
        ),
    ];
    for (clauses, maria, mysql) in rows {
        check(Flavor::MariaDb, clauses, maria);
        check(Flavor::MySql, clauses, mysql);
    }
}

#[test]
fn what_the_clauses_do_not_allow_is_refused() {
    for clauses in [
        "MODIFY i bigint, ALGORITHM=INPLACE",
        "ADD CHECK (i > 0), LOCK=NONE",
        "ADD FULLTEXT (v50), LOCK=NONE",
        "ADD INDEX (i), ALGORITHM=INSTANT",
        "DROP PRIMARY KEY, ALGORITHM=INPLACE",
    ] {
        assert!(online(Flavor::MySql, clauses).is_err(), "{clauses}");
        let findings = run(Flavor::MySql, &format!("ALTER TABLE t {clauses};"));
        let refused = clauses.starts_with("MODIFY") || findings.iter().any(|finding| finding.code.0 == 2607);
        assert!(refused, "{clauses}: {findings:?}");
    }
}

#[test]
fn a_type_that_is_not_known_is_taken_for_a_copy_until_the_author_says_otherwise() {
    let verdict = judge("ALTER TABLE t MODIFY c varchar(200)");
    assert!(verdict.effect.rewrites_table && verdict.effect.blocks_writes() && verdict.risk == Risk::High);
    let pinned = judge("ALTER TABLE t MODIFY c varchar(200) NOT NULL, ALGORITHM=INSTANT");
    assert!(!pinned.effect.rewrites_table && !pinned.effect.blocks_writes());
    let facts = Facts {
        tables: [("shop.t".to_owned(), table())].into(),
        ..Facts::default()
    };
    let known = Session::with_facts(Flavor::MySql, facts).judge("ALTER TABLE t MODIFY v50 varchar(60)");
    assert!(!known.effect.rewrites_table && !known.effect.blocks_writes());
}

#[test]
fn every_rule_finds_its_example_and_not_its_safer_form() {
    prove(rules::all().iter().map(|rule| &rule.page), |script| {
        let command = ["gh-ost", "pt-online", "pt-archiver"]
            .iter()
            .any(|tool| script.starts_with(tool));
        (!command).then(|| run(Flavor::MySql, script))
    });
}

#[test]
fn commands_carry_the_clauses_and_cannot_leave_their_quotes() {
    let verdict = Session::new(Flavor::MariaDb)
        .judge("ALTER TABLE shop.orders ADD CHECK (kind <> 'a'), ALGORITHM=COPY");
    let safer = verdict.findings.iter().find_map(|finding| finding.safer.clone());
    let expected = "pt-online-schema-change --alter 'ADD CHECK (kind <> '\\''a'\\'')' --alter-foreign-keys-method auto --set-vars lock_wait_timeout=5 --max-lag 1 --execute D=shop,t=orders";
    assert_eq!(safer, Some(Safer::Command(expected.to_owned())));
}

#[test]
fn a_table_of_the_script_is_at_nobodys_risk() {
    let mut session = Session::new(Flavor::MySql);
    session.judge("CREATE TABLE t (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4");
    for statement in [
        "ALTER TABLE t ADD CHECK (id > 0)",
        "UPDATE t SET id = 1",
        "CREATE INDEX i ON t (id)",
        "DROP TABLE t",
    ] {
        let verdict = session.judge(statement);
        assert!(
            verdict.findings.is_empty() && verdict.effect.locks.is_empty() && verdict.risk == Risk::None,
            "{statement}: {verdict:?}"
        );
    }
    assert_eq!(session.judge("DROP TABLE t").risk, Risk::Critical);
}

#[test]
fn phases_of_statements() {
    let rows = [
        ("CREATE TABLE t (id int)", Phase::Expand),
        (
            "CREATE TABLE t (id int, FOREIGN KEY (id) REFERENCES p (id))",
            Phase::Expand,
        ),
        ("CREATE TABLE IF NOT EXISTS `t` LIKE u", Phase::Expand),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", Phase::Contract),
        (
            "CREATE ALGORITHM=MERGE DEFINER=`a`@`%` SQL SECURITY DEFINER VIEW v AS SELECT 1",
            Phase::Expand,
        ),
        (
            "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 1; END */",
            Phase::Expand,
        ),
        ("CREATE PROCEDURE p() BEGIN SELECT 1; END", Phase::Expand),
        ("ALTER TABLE t ADD c int", Phase::Expand),
        ("ALTER TABLE t ADD c int NOT NULL", Phase::Contract),
        ("ALTER TABLE t DROP c", Phase::Contract),
        (
            "CREATE UNIQUE INDEX i ON t (c) ALGORITHM INPLACE LOCK NONE",
            Phase::Contract,
        ),
        ("CREATE INDEX i USING BTREE ON t (c(10) DESC)", Phase::Expand),
        ("DROP INDEX i ON t", Phase::Neutral),
        ("OPTIMIZE NO_WRITE_TO_BINLOG TABLE t, u", Phase::Neutral),
        ("SET NAMES utf8mb4", Phase::Neutral),
        (
            "SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO'",
            Phase::Neutral,
        ),
        (
            "INSERT INTO t VALUES (1, 'a;b'), (2, NULL) ON DUPLICATE KEY UPDATE a = 1",
            Phase::Data,
        ),
        ("UPDATE t SET a = 1 WHERE id = 5", Phase::Data),
        ("WITH x AS (SELECT 1 AS a) SELECT * FROM x", Phase::Data),
        ("LOAD DATA INFILE 'x' INTO TABLE t", Phase::Data),
        ("TRUNCATE t", Phase::Data),
        ("CALL p()", Phase::Unknown),
        ("EXECUTE s", Phase::Unknown),
        ("ALTER TABLE t ADD COLUMN c int FROBNICATE", Phase::Unknown),
        ("ALTER TABLE t ADD COLUMN (c int", Phase::Unknown),
        ("INSERT INTO t VALUES (((", Phase::Unknown),
        ("SELEC 1", Phase::Unknown),
        ("UPDATE t SET a = 'x", Phase::Unknown),
        ("-- nothing", Phase::Neutral),
        ("", Phase::Neutral),
    ];
    for (sql, phase) in rows {
        let verdict = judge(sql);
        assert_eq!(verdict.effect.phase, phase, "{sql}: {:?}", verdict.findings);
        assert_eq!(
            verdict.effect.phase == Phase::Unknown,
            verdict.risk == Risk::Critical && verdict.findings[0].code.0 < 2100,
            "{sql}: {verdict:?}"
        );
    }
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    let verdict = judge("ALTER TABLE t\n  ADD COLUMN a int,\n  FROBNICATE b");
    assert_eq!(
        verdict.findings[0].message,
        "line 3 of the statement: not known here: FROBNICATE"
    );
    let verdict = judge("SELECT 1,\n  FROM FROM");
    assert!(
        verdict.findings[0].message.starts_with("line 2 of"),
        "{verdict:?}"
    );
}

#[test]
fn what_is_safe_has_no_finding() {
    let script = "SET lock_wait_timeout = 5; ALTER TABLE t ADD c int, ALGORITHM=INSTANT; CREATE INDEX i ON t (c) ALGORITHM=INPLACE LOCK=NONE; \
                  UPDATE t SET c = 1 WHERE id BETWEEN 1 AND 1000; DELETE FROM t LIMIT 100; INSERT INTO t (c) VALUES (1); SELECT * FROM t; \
                  INSERT INTO t SELECT 1; GRANT SELECT ON t TO u; DROP TABLE x_new_that_was_here";
    let mut session = Session::new(Flavor::MySql);
    for statement in script.split(';') {
        let findings = session.judge(statement).findings;
        assert_eq!(
            findings.is_empty(),
            !statement.contains("DROP"),
            "{statement}: {findings:?}"
        );
    }
}

#[test]
fn batches_are_not_offered_where_a_second_run_would_change_the_value_again() {
    let safer = |sql: &str| {
        judge(sql)
            .findings
            .into_iter()
            .find(|finding| finding.code.0 == 2620)
            .expect(sql)
            .safer
    };
    assert!(safer("UPDATE t SET a = lower(b)").is_some());
    assert!(safer("UPDATE t SET n = n + 1").is_none());
    assert!(safer("UPDATE t SET a = b, b = 1").is_none());
}

#[test]
fn a_chain_of_operators_does_not_overflow_the_stack() {
    let sum = vec!["1"; 200_000].join("+");
    assert_eq!(judge(&format!("SELECT {sum}")).effect.phase, Phase::Data);
    let nested = format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000));
    assert_eq!(judge(&nested).effect.phase, Phase::Unknown);
}

const WORDS: &[&str] = &[
    "ALTER",
    "TABLE",
    "t",
    "`a b`",
    "ADD",
    "DROP",
    "COLUMN",
    "MODIFY",
    "CHANGE",
    "int",
    "varchar",
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
    "INTO",
    "SELECT",
    "RENAME",
    "TO",
    "PARTITION",
    "ALGORITHM",
    "LOCK",
    "TABLES",
    "TRUNCATE",
    "é",
    "/*!50000",
    "*/",
    "--",
    "\n",
    "\\",
    "'",
    "`",
    "@x",
    ".",
    "*",
    "WITH",
    "AS",
    "enum",
    "-",
    "DEFINER",
];

proptest! {
    #[test]
    fn never_panics(words in prop::collection::vec(prop::sample::select(WORDS), 0..30), text in "\\PC{0,60}") {
        for flavor in [Flavor::MySql, Flavor::MariaDb] {
            let mut session = Session::new(flavor);
            session.judge(&words.join(" "));
            session.judge(&text);
            session.judge(&format!("ALTER TABLE t {text}"));
        }
    }
}
