//! One hash of everything a plan relies on in a table, cheap enough to read in every batch.
//!
//! The batch begins its writing transaction *first* and reads the fingerprint in it: from then on nobody else can change the file.
//!
//! What shows: the table's own text (columns, types, constraints), every trigger on it with its text, ours included, the page where its storage
//! begins, and, where VACUUM may give rows other rowids, the number that every change of the schema raises, VACUUM's too. What does not:
//! indexes, views, other tables, statistics. A VACUUM may also move the storage of a table whose rowids it keeps; then work begins anew
//! although nothing was lost.

use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteConnection;

use super::text;
use crate::catalog::TableName;
use crate::postgres::error::Error;
use crate::postgres::fingerprint::Fingerprint;

/// `?1` is the table's name. Its rowids are its own if they are a column of it: then it has a primary key of one column, and needs no
/// index for it. Without a rowid, there is nothing to renumber.
const SQL: &str = "/* sluice:engine.fingerprint */ \
    SELECT json_array( \
        s.name, \
        s.sql, \
        s.rootpage, \
        (SELECT json_group_array(json_array(t.name, t.sql) ORDER BY t.name) \
         FROM main.sqlite_schema AS t \
         WHERE t.type = 'trigger' AND t.tbl_name = s.name COLLATE NOCASE), \
        CASE \
            WHEN (SELECT wr FROM pragma_table_list(s.name) WHERE schema = 'main') \
              OR ((SELECT count(*) FROM pragma_table_xinfo(s.name, 'main') WHERE pk > 0) = 1 \
                  AND NOT EXISTS (SELECT 1 FROM pragma_index_list(s.name, 'main') WHERE origin = 'pk')) \
            THEN NULL \
            ELSE (SELECT schema_version FROM pragma_schema_version) \
        END \
    ) \
    FROM main.sqlite_schema AS s \
    WHERE s.type = 'table' AND s.name = ?1";

/// The fingerprint of a table; None if it is gone.
///
/// # Errors
/// What SQLite said.
pub async fn of(conn: &mut SqliteConnection, table: &TableName) -> Result<Option<Fingerprint>, Error> {
    let facts: Option<String> = text::scalar(SQL)
        .bind(&table.name)
        .fetch_optional(conn)
        .await
        .map_err(Error::query(format!(
            "read the fingerprint of table {:?}",
            table.name
        )))?;
    Ok(facts.map(|facts| {
        let hash = Sha256::digest(facts.as_bytes());
        Fingerprint(hash.iter().map(|b| format!("{b:02x}")).collect())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Connection as _;

    async fn changes(create: &str, script: &str) -> bool {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        text::execute_script(&mut conn, format!("{create}; CREATE TABLE other(a)"))
            .await
            .unwrap();
        let table = TableName {
            schema: "main".into(),
            name: "t".into(),
        };
        let before = of(&mut conn, &table).await.unwrap().unwrap();
        text::execute_script(&mut conn, script).await.unwrap();
        of(&mut conn, &table).await.unwrap().unwrap() != before
    }

    #[tokio::test]
    async fn what_a_plan_relies_on_shows_and_nothing_else() {
        const KEYED: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, a)";
        for script in [
            "ALTER TABLE t ADD COLUMN b",
            "ALTER TABLE t RENAME COLUMN a TO b",
            "CREATE TRIGGER sluice_x AFTER INSERT ON t BEGIN SELECT 1; END",
            "DROP TABLE t; CREATE TABLE x(a); CREATE TABLE t(id INTEGER PRIMARY KEY, a)",
        ] {
            assert!(changes(KEYED, script).await, "{script}");
        }
        for script in [
            "CREATE INDEX i ON t(a)",
            "ALTER TABLE other ADD COLUMN b",
            "INSERT INTO t VALUES (1, 2)",
            "ANALYZE",
            "VACUUM",
        ] {
            assert!(!changes(KEYED, script).await, "{script}");
        }
    }

    #[tokio::test]
    async fn a_vacuum_shows_where_it_may_renumber_rows() {
        for (create, expected) in [
            ("CREATE TABLE t(id INTEGER PRIMARY KEY)", false),
            ("CREATE TABLE t(id INT, PRIMARY KEY (id)) WITHOUT ROWID", false),
            ("CREATE TABLE t(a, b, PRIMARY KEY (a, b)) WITHOUT ROWID", false),
            ("CREATE TABLE t(id INT PRIMARY KEY)", true),
            ("CREATE TABLE t(id INTEGER PRIMARY KEY DESC)", true),
            ("CREATE TABLE t(a, b, PRIMARY KEY (a, b))", true),
            ("CREATE TABLE t(a)", true),
        ] {
            assert_eq!(changes(create, "VACUUM").await, expected, "{create}");
        }
    }

    #[tokio::test]
    async fn a_table_that_is_gone_has_none() {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let table = TableName {
            schema: "main".into(),
            name: "t".into(),
        };
        assert_eq!(of(&mut conn, &table).await.unwrap(), None);
    }
}
