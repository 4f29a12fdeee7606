//! An old column with a DEFAULT: an INSERT that does not name it looks as if it had given it (pitfall 2).

use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, check, create, lead, mirror_of, quarantined, seconds};

async fn defaulted(database: &Database<'_>) -> Outcome {
    create(
        database,
        "CREATE TABLE t (id int PRIMARY KEY, ms int NOT NULL DEFAULT 7432, note text); ALTER TABLE t ADD COLUMN seconds int",
    )
    .await?;
    let mut pair = seconds(Some("seconds * 1000"));
    if let Some(down) = &mut pair.down {
        down.has_default = true;
    }
    lead(database, &mirror_of("t", vec![pair])).await?;
    Ok(())
}

#[tokio::test]
async fn a_default_that_disagrees_with_the_new_side_is_no_conflict() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    defaulted(&database).await?;
    check(&database, "INSERT INTO t (id, seconds) VALUES (1, 3)", "1:3000:3").await?;
    check(&database, "INSERT INTO t (id) VALUES (2)", "1:3000:3 2:7432:7").await?;
    assert!(quarantined(&database).await?.is_empty());
    // An UPDATE says what it wrote.
    check(
        &database,
        "UPDATE t SET ms = 1000, seconds = 5 WHERE id = 1",
        "1:5000:5 2:7432:7",
    )
    .await?;
    assert_eq!(quarantined(&database).await?, ["1 conflict 00000"]);
    Ok(())
}

#[tokio::test]
async fn a_writer_that_declares_itself_overrides_a_default_that_is_related_by_chance() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    defaulted(&database).await?;
    let seven = "INSERT INTO t (id, seconds) VALUES";
    let declared = "BEGIN; SET LOCAL sluice.path = 'new';";
    check(&database, &format!("{seven} (1, 7)"), "1:7432:7").await?;
    check(
        &database,
        &format!("{declared} {seven} (2, 7); COMMIT"),
        "1:7432:7 2:7000:7",
    )
    .await?;
    // It declared what it gives, not that it gives nothing.
    check(
        &database,
        &format!("{declared} INSERT INTO t (id) VALUES (3); COMMIT; {seven} (4, 7)"),
        "1:7432:7 2:7000:7 3:7432:7 4:7432:7",
    )
    .await?;
    assert!(quarantined(&database).await?.is_empty());
    let other = "BEGIN; SET LOCAL sluice.path = 'old'; INSERT INTO t (id, seconds) VALUES (5, 7); COMMIT; DELETE FROM t WHERE id < 5";
    check(&database, other, "5:7432:7").await
}

#[tokio::test]
async fn where_there_is_no_default_a_declaration_means_nothing() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    super::table(&database).await?;
    lead(&database, &mirror_of("t", vec![seconds(Some("seconds * 1000"))])).await?;
    let declared =
        "BEGIN; SET LOCAL sluice.path = 'new'; INSERT INTO t (id, ms, seconds) VALUES (1, 7432, 7); COMMIT";
    check(&database, declared, "1:7432:7").await?;
    database.execute_as(Role::App, "DELETE FROM t").await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}
