//! Statements on rows and of the session; and what cannot be read.

use super::check;
use crate::postgres::Session;
use crate::postgres::action::Action;
use crate::postgres::parse::parse;
use crate::{Phase, Risk};

#[test]
fn rows_are_read_and_written_beside_each_other() {
    check(&[
        ("SELECT 1", "data"),
        ("SELECT * FROM t", "data t:AS"),
        (
            "SELECT * FROM a JOIN b USING (id) WHERE EXISTS (SELECT FROM c)",
            "data a:AS b:AS c:AS",
        ),
        ("SELECT * FROM t FOR UPDATE", "data t:RS"),
        ("SELECT * FROM t x, u FOR SHARE OF x", "data t:RS u:AS"),
        (
            "WITH w AS (DELETE FROM t WHERE id = 1 RETURNING *) INSERT INTO u SELECT * FROM w",
            "data u:RX t:RX",
        ),
        ("SELECT my_function()", "unknown"),
        ("SELECT now(), count(*) FROM t", "data t:AS"),
        ("INSERT INTO t VALUES (1)", "data t:RX"),
        (
            "INSERT INTO t SELECT * FROM u ON CONFLICT DO NOTHING",
            "data t:RX u:AS",
        ),
        ("UPDATE t SET a = 1", "data t:RX scan"),
        ("UPDATE t SET a = u.a FROM u WHERE u.id = t.id", "data t:RX u:AS"),
        ("DELETE FROM t", "data t:RX scan"),
        (
            "DELETE FROM ONLY s.t USING u WHERE u.id = t.id",
            "data s.t:RX u:AS",
        ),
        (
            "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE",
            "data t:RX u:AS",
        ),
        ("COPY t FROM STDIN", "data t:RX"),
        ("COPY t TO STDOUT", "data t:AS scan"),
        ("COPY (SELECT * FROM t) TO STDOUT", "data t:AS"),
        ("EXPLAIN SELECT my_function() FROM t", "data t:AS"),
        ("EXPLAIN ANALYZE UPDATE t SET a = 1", "data t:RX scan"),
        ("EXPLAIN (ANALYZE false) SELECT * FROM t", "data t:AS"),
        ("LOCK TABLE t", "neutral t:AX"),
        ("LOCK t IN SHARE ROW EXCLUSIVE MODE NOWAIT", "neutral t:SRX"),
        ("LOCK TABLE t, u IN ACCESS SHARE MODE", "neutral t:AS u:AS"),
    ]);
}

#[test]
fn what_looks_after_storage() {
    check(&[
        ("VACUUM", "neutral alone"),
        ("VACUUM t", "neutral t:SUX alone"),
        ("VACUUM (ANALYZE, VERBOSE) t", "neutral t:SUX alone"),
        ("VACUUM FULL t", "neutral t:AX rewrite scan alone"),
        ("VACUUM (FULL) t", "neutral t:AX rewrite scan alone"),
        ("ANALYZE t (a)", "neutral t:SUX"),
        ("ANALYZE", "neutral"),
        ("CLUSTER t USING i", "neutral t:AX rewrite scan"),
        ("CLUSTER", "neutral rewrite scan alone"),
    ]);
}

#[test]
fn the_session_itself_locks_nothing() {
    check(&[
        ("BEGIN", "neutral"),
        ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE", "neutral"),
        ("COMMIT", "neutral"),
        ("ROLLBACK TO SAVEPOINT a", "neutral"),
        ("COMMIT PREPARED 'x'", "neutral alone"),
        ("SET lock_timeout = '2s'", "neutral"),
        ("SET TIME ZONE 'UTC'", "neutral"),
        ("RESET ALL", "neutral"),
        (
            "SELECT pg_catalog.set_config('search_path', '', false)",
            "neutral",
        ),
        ("SHOW ALL", "neutral"),
        ("NOTIFY c, 'x'", "neutral"),
        ("CHECKPOINT", "neutral"),
        ("  -- nothing but a comment\n", "neutral"),
        (";", "neutral"),
    ]);
}

#[test]
fn what_is_run_and_not_read_is_unknown_and_of_critical_risk() {
    for sql in [
        "DO $$ BEGIN PERFORM 1; END $$",
        "CALL p(1)",
        "EXECUTE prepared(1)",
        "CREATE SCHEMA s CREATE TABLE t (id int)",
        "ALTER TABLE t ADD COLUMN",
        "ALTER TABEL t ADD c int",
        "SELECT 1; SELECT 2",
        "CREATE TABLE t (id int",
        "DROP TABLE t DROP TABLE u",
    ] {
        let verdict = Session::new(None).judge(sql);
        assert_eq!(verdict.effect.phase, Phase::Unknown, "{sql}");
        assert_eq!(verdict.risk, Risk::Critical, "{sql}");
    }
}

#[test]
fn what_does_not_parse_is_told_by_its_line_and_token() {
    let found = parse("ALTER TABLE t\n  ADD COLUMN c int,\n  DORP COLUMN d");
    let Action::Unread { line, token, message } = found else {
        panic!("{found:?}")
    };
    assert_eq!((line, token.as_str()), (3, "DORP"), "{message}");
}
