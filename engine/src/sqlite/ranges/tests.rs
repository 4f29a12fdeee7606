//! Positions of rows, also where rowids are negative, huge or far apart.

use super::*;
use sqlx::Connection as _;

async fn database(script: &str) -> SqliteConnection {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    text::execute_script(&mut conn, script).await.unwrap();
    conn
}

async fn ids(conn: &mut SqliteConnection, range: Range<u64>) -> Vec<i64> {
    text::scalar(format!(
        "SELECT id FROM t WHERE {} ORDER BY id",
        within("rowid", &range)
    ))
    .fetch_all(conn)
    .await
    .unwrap()
}

#[tokio::test]
async fn every_row_is_in_exactly_one_position() {
    let mut conn = database(
        "CREATE TABLE t(id INTEGER PRIMARY KEY); \
         INSERT INTO t VALUES (-9223372036854775808), (-3), (0), (1), (2), (7), (9223372036854775807)",
    )
    .await;
    assert_eq!(bound(&mut conn, "\"t\"", "rowid").await.unwrap(), 1 << 63);
    assert_eq!(ids(&mut conn, 0..1).await, [i64::MIN, -3, 0]);
    assert_eq!(ids(&mut conn, 0..3).await, [i64::MIN, -3, 0, 1, 2]);
    assert_eq!(ids(&mut conn, 2..7).await, [2]);
    assert_eq!(ids(&mut conn, 7..1 << 63).await, [7, i64::MAX]);
    assert_eq!(ids(&mut conn, 0..u64::MAX).await.len(), 7);
    for empty in [0..0, 3..3, 1 << 63..u64::MAX] {
        assert_eq!(ids(&mut conn, empty).await, [] as [i64; 0]);
    }
    assert_eq!(rows_at_zero(&mut conn, "\"t\"", "rowid").await.unwrap(), 3);
}

#[tokio::test]
async fn the_bound_is_past_the_last_row() {
    let mut conn = database("CREATE TABLE t(id INTEGER PRIMARY KEY)").await;
    for (sql, expected) in [
        ("SELECT 1", 0),
        ("INSERT INTO t VALUES (-5)", 1),
        ("INSERT INTO t VALUES (41)", 42),
    ] {
        text::execute_script(&mut conn, sql).await.unwrap();
        assert_eq!(
            bound(&mut conn, "\"t\"", "rowid").await.unwrap(),
            expected,
            "{sql}"
        );
    }
}

#[tokio::test]
async fn batches_cover_a_range_with_holes() {
    let mut conn = database(
        "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (-2), (-1), (1), (5), (6), (100)",
    )
    .await;
    for (range, rows, expected) in [
        (0..101, 1, 1),
        (0..101, 3, 2),
        (1..101, 2, 6),
        (1..101, 0, 2),
        (2..6, 1, 6),
        (2..6, 2, 6),
        (7..90, 5, 90),
        (1..101, u64::MAX, 101),
    ] {
        let end = end_of_batch(&mut conn, "\"t\"", "rowid", range.clone(), rows)
            .await
            .unwrap();
        assert_eq!(end, expected, "{range:?} by {rows}");
    }
}

#[tokio::test]
async fn a_key_that_is_no_number_is_refused_rather_than_missed() {
    let mut conn =
        database("CREATE TABLE t(id INTEGER PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES (1), (7.5)")
            .await;
    assert_eq!(bound(&mut conn, "t", "id").await.unwrap(), 8);
    for value in ["'a'", "9e999"] {
        text::execute_script(&mut conn, format!("INSERT INTO t VALUES ({value})"))
            .await
            .unwrap();
        let error = bound(&mut conn, "t", "id").await.unwrap_err();
        assert_eq!(error.class(), crate::postgres::error::Class::Permanent, "{value}");
        text::execute_script(&mut conn, format!("DELETE FROM t WHERE id = {value}"))
            .await
            .unwrap();
    }
}

#[test]
fn rows_are_found_by_a_name_that_no_column_hides() {
    for (text, expected) in [
        ("CREATE TABLE t(a)", Some("rowid")),
        ("CREATE TABLE t(RowId, a)", Some("_rowid_")),
        ("CREATE TABLE t(rowid, _rowid_, a)", Some("oid")),
        ("CREATE TABLE t(rowid, _rowid_, \"oid\")", None),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY)", Some("rowid")),
        (
            "CREATE TABLE t(\"the id\" Integer PRIMARY KEY, a) WITHOUT ROWID",
            Some("\"the id\""),
        ),
        (
            "CREATE TABLE t(a, id INT, PRIMARY KEY (ID)) STRICT, WITHOUT ROWID",
            Some("\"id\""),
        ),
        ("CREATE TABLE t(id TEXT PRIMARY KEY) WITHOUT ROWID", None),
        (
            "CREATE TABLE t(a INT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID",
            None,
        ),
    ] {
        assert_eq!(
            row_column_of(&Definition::parse(text).unwrap()).as_deref(),
            expected,
            "{text}"
        );
    }
}
