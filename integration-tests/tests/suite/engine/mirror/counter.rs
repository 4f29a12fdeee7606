//! The counter of writes of the new side: by it somebody can tell that they have stopped.

use engine::postgres::triggers::MirrorSql;
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, check, install, is, lead, mirror_of, seconds, swap, table};

async fn counted(database: &Database<'_>, sql: &MirrorSql) -> anyhow::Result<i64> {
    database.value(Role::Owner, &sql.counted).await
}

/// Runs a write and tells by how much the count rose.
async fn rise(database: &Database<'_>, sql: &MirrorSql, role: Role, write: &str) -> anyhow::Result<i64> {
    let before = counted(database, sql).await?;
    database.execute_as(role, write).await?;
    Ok(counted(database, sql).await? - before)
}

#[tokio::test]
async fn the_fill_does_not_count_and_the_applications_writes_do() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    database
        .execute_as(Role::App, "INSERT INTO t (id, ms) VALUES (1, 1432), (2, 2432)")
        .await?;
    let sql = install(&database, &mirror_of("t", vec![seconds(Some("seconds * 1000"))])).await?;
    assert_eq!(counted(&database, &sql).await?, 0);
    let fill = "UPDATE t SET seconds = ms / 1000";
    assert_eq!(rise(&database, &sql, Role::Data, fill).await?, 0);
    for (write, expected) in [
        ("UPDATE t SET note = 'x'", 0),
        ("UPDATE t SET ms = ms + 1000", 0),
        ("INSERT INTO t (id, ms) VALUES (3, 3000)", 0),
        ("UPDATE t SET seconds = 9", 3),
        ("INSERT INTO t (id, seconds) VALUES (4, 4)", 1),
        // Old wins, and the application did try.
        ("UPDATE t SET ms = 1000, seconds = 5 WHERE id = 1", 1),
        // Seen before it commits, so it stays when it does not.
        ("BEGIN; UPDATE t SET seconds = 10 WHERE id = 1; ROLLBACK", 1),
    ] {
        assert_eq!(
            rise(&database, &sql, Role::App, write).await?,
            expected,
            "{write}"
        );
    }
    swap(&database, &sql.lead).await?;
    for (write, expected) in [
        ("UPDATE t SET note = 'y'", 0),
        ("UPDATE t SET ms = ms + 1000", 0),
        ("INSERT INTO t (id, ms) VALUES (5, 5000)", 0),
        ("UPDATE t SET seconds = 12", 5),
        ("INSERT INTO t (id, seconds) VALUES (6, 6)", 1),
        ("INSERT INTO t (id, ms, seconds) VALUES (7, 7000, 7)", 0),
        ("INSERT INTO t (id, ms, seconds) VALUES (8, 7000, 8)", 1),
        ("UPDATE t SET ms = 1000, seconds = 5 WHERE id = 1", 1),
    ] {
        assert_eq!(
            rise(&database, &sql, Role::App, write).await?,
            expected,
            "{write}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn several_pairs_are_one_write_and_a_derived_column_is_none() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    super::create(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, ms int, sort text); ALTER TABLE t ADD COLUMN seconds int, ADD COLUMN kind text, ADD COLUMN minutes int",
    )
    .await?;
    let mut minutes = seconds(None);
    minutes.new = "minutes".into();
    let mut kind = seconds(Some("seconds * 1000"));
    kind.new = "kind".into();
    kind.new_type = "text".into();
    kind.up = "upper(sort)".into();
    kind.reads = vec!["sort".into()];
    kind.down = Some(super::down("sort", "text", "kind"));
    let pairs = vec![seconds(Some("seconds * 1000")), kind, minutes];
    let sql = lead(&database, &mirror_of("t", pairs)).await?;
    let both = "INSERT INTO t (id, seconds, kind) VALUES (1, 5, 'Song')";
    assert_eq!(rise(&database, &sql, Role::App, both).await?, 1);
    let derived = "UPDATE t SET minutes = 77";
    assert_eq!(rise(&database, &sql, Role::App, derived).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_counter_that_somebody_dropped_fails_no_write_and_is_missed() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let sql = lead(&database, &mirror_of("t", vec![seconds(Some("seconds * 1000"))])).await?;
    check(&database, "INSERT INTO t (id, seconds) VALUES (1, 5)", "1:5000:5").await?;
    database
        .execute_as(Role::Owner, "DROP SEQUENCE sluice.sluice_0123456789_c1")
        .await?;
    check(&database, "UPDATE t SET seconds = 6", "1:6000:6").await?;
    assert!(!is(&database, &sql.lead.done).await?);
    let silent = database.value::<i64>(Role::Owner, &sql.counted).await;
    assert!(
        silent.is_err(),
        "a counter that is gone is not a count of {silent:?}"
    );
    swap(&database, &sql.lead).await?;
    check(&database, "UPDATE t SET seconds = 7", "1:7000:7").await?;
    assert_eq!(counted(&database, &sql).await?, 1);
    Ok(())
}
