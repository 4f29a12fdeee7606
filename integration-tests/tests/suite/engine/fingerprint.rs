//! What changes the fingerprint of a table, and what does not.

use engine::postgres::catalog;
use engine::postgres::fingerprint::{self, Fingerprint};
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, connect, named};

/// The fingerprints of every leaf, as the data role sees them.
async fn fingerprints(database: &Database<'_>) -> anyhow::Result<Vec<Option<Fingerprint>>> {
    let mut conn = connect(database, Role::Data).await?;
    let root = catalog::oid(&mut conn, &named("t"))
        .await?
        .expect("the table is there");
    let mut found = Vec::new();
    for leaf in catalog::leaves(&mut conn, &named("t")).await? {
        found.push(fingerprint::leaf(&mut conn, root, leaf.oid).await?);
    }
    Ok(found)
}

/// Runs each statement as the owner and says whether the fingerprint changed.
async fn check(database: &Database<'_>, statements: &[&str], changes: &str) -> Outcome {
    for statement in statements {
        let before = fingerprints(database).await?;
        database.execute_as(Role::Owner, statement).await?;
        let after = fingerprints(database).await?;
        let found = if before == after {
            "nothing"
        } else {
            "the fingerprint"
        };
        assert_eq!(found, changes, "changed by {statement}");
    }
    Ok(())
}

#[tokio::test]
async fn drift_shows_and_daily_business_does_not() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let create = "CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t VALUES (1, 'a'), (2, 'b');
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()";
    database.execute_as(Role::Owner, create).await?;
    let daily = [
        "ANALYZE t",
        "VACUUM t",
        "UPDATE t SET note = note || 'x'",
        "CREATE INDEX ON t (note)",
        "COMMENT ON COLUMN t.note IS 'x'",
        "ALTER TABLE t ALTER note SET DEFAULT 'q'",
        "CREATE TABLE child (t int REFERENCES t (id))",
        "SET search_path = pg_catalog",
    ];
    check(&database, &daily, "nothing").await?;
    let drift = [
        "VACUUM FULL t",
        "CLUSTER t USING t_pkey",
        "TRUNCATE t CASCADE",
        "ALTER TABLE t DISABLE TRIGGER tr",
        "ALTER TABLE t ENABLE TRIGGER tr",
        "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "ALTER FUNCTION f() SET work_mem = '4MB'",
        "DROP TRIGGER tr ON t",
        "ALTER TABLE t ADD COLUMN more int",
        "ALTER TABLE t DROP COLUMN more",
        "ALTER TABLE t ALTER note SET NOT NULL",
        "ALTER TABLE t ALTER note TYPE varchar(9)",
        "ALTER TABLE t RENAME note TO memo",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE t FORCE ROW LEVEL SECURITY",
        "ALTER TABLE t REPLICA IDENTITY FULL",
    ];
    check(&database, &drift, "the fingerprint").await
}

#[tokio::test]
async fn a_partition_that_comes_or_goes_shows_in_no_leaf_but_itself() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let create = "CREATE TABLE t (id int) PARTITION BY LIST (id);
        CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)";
    database.execute_as(Role::Owner, create).await?;
    let before = fingerprints(&database).await?;
    database
        .execute_as(Role::Owner, "CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3)")
        .await?;
    let with_three = fingerprints(&database).await?;
    assert_eq!((before.len(), with_three.len()), (2, 3));
    assert_eq!(with_three[..2], before[..]);
    let mut conn = connect(&database, Role::Data).await?;
    let oid = async |conn: &mut sqlx::PgConnection, name: &str| catalog::oid(conn, &named(name)).await;
    let (root, three) = (oid(&mut conn, "t").await?, oid(&mut conn, "t3").await?);
    let (root, three) = root.zip(three).expect("both are there");
    let attached = fingerprint::leaf(&mut conn, root, three).await?;
    database
        .execute_as(Role::Owner, "ALTER TABLE t DETACH PARTITION t3")
        .await?;
    assert_ne!(fingerprint::leaf(&mut conn, root, three).await?, attached);
    assert_eq!(fingerprints(&database).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_gone_has_none() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database
        .execute_as(Role::Owner, "CREATE TABLE t (id int)")
        .await?;
    let mut conn = connect(&database, Role::Data).await?;
    let oid = catalog::oid(&mut conn, &named("t"))
        .await?
        .expect("the table is there");
    assert!(fingerprint::leaf(&mut conn, oid, oid).await?.is_some());
    database.execute_as(Role::Owner, "DROP TABLE t").await?;
    assert!(fingerprint::leaf(&mut conn, oid, oid).await?.is_none());
    Ok(())
}
