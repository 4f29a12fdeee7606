//! Rows that move between partitions arrive by INSERT, without OLD (pitfall 2).

use engine::postgres::triggers::Pair;
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, check_of, create, install, lead, mirror_of, quarantined, rows, seconds, swap};

/// `t` in two leaves; `up` of NULL is a value.
async fn leaves(database: &Database<'_>, constraint: &str) -> anyhow::Result<Pair> {
    let text = format!(
        "CREATE TABLE t (id int, ms int {constraint}, k int, seconds int) PARTITION BY LIST (k);
        CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
        CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)"
    );
    create(database, &text).await?;
    let mut pair = seconds(Some("seconds * 1000"));
    pair.up = "coalesce(ms / 1000, -1)".into();
    Ok(pair)
}

const COLUMNS: &str = "tableoid::regclass, id, ms, seconds";

#[tokio::test]
async fn a_row_that_moves_between_partitions_keeps_both_sides() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let pair = leaves(&database, "").await?;
    install(&database, &mirror_of("t", vec![pair])).await?;
    database
        .execute_as(
            Role::App,
            "INSERT INTO t (id, ms, k) VALUES (1, 5432, 1), (2, NULL, 1)",
        )
        .await?;
    // `down` of what `up` gives for NULL must not fill the old side of a row that merely moves.
    let expected = "t2:1:5432:5 t2:2:null:-1";
    check_of(&database, COLUMNS, "UPDATE t SET k = 2", expected).await?;
    check_of(
        &database,
        COLUMNS,
        "UPDATE t SET k = 1, seconds = 9 WHERE id = 1",
        "t1:1:9000:9 t2:2:null:-1",
    )
    .await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_row_that_moves_keeps_both_sides_when_new_leads() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let mut pair = leaves(&database, "").await?;
    pair.down.as_mut().expect("it has one").has_default = true;
    let sql = lead(&database, &mirror_of("t", vec![pair])).await?;
    database
        .execute_as(
            Role::App,
            "INSERT INTO t (id, ms, k) VALUES (1, 5432, 1), (2, NULL, 1); INSERT INTO t (id, seconds, k) VALUES (3, 7, 1)",
        )
        .await?;
    let before: i64 = database.value(Role::Owner, &sql.counted).await?;
    let moved = |leaf: &str| format!("{leaf}:1:5432:5 {leaf}:2:null:-1 {leaf}:3:7000:7");
    check_of(&database, COLUMNS, "UPDATE t SET k = 2", &moved("t2")).await?;
    // That the transaction declared itself says nothing about a row that it only moves.
    let declared = "BEGIN; SET LOCAL sluice.path = 'new'; UPDATE t SET k = 1; COMMIT";
    check_of(&database, COLUMNS, declared, &moved("t1")).await?;
    assert_eq!(database.value::<i64>(Role::Owner, &sql.counted).await?, before);
    check_of(
        &database,
        COLUMNS,
        "UPDATE t SET k = 2, seconds = 9 WHERE id < 3; UPDATE t SET k = 2, ms = 1234 WHERE id = 3",
        "t2:1:9000:9 t2:2:9000:9 t2:3:1234:1",
    )
    .await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_row_whose_way_back_is_closed_moves_as_it_is() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let pair = leaves(&database, "").await?;
    lead(&database, &mirror_of("t", vec![pair])).await?;
    database
        .execute_as(
            Role::App,
            "INSERT INTO t (id, ms, k) VALUES (1, 5432, 1); UPDATE t SET seconds = 2147484",
        )
        .await?;
    assert_eq!(rows(&database, COLUMNS).await?, "t1:1:5432:2147484");
    check_of(&database, COLUMNS, "UPDATE t SET k = 2", "t2:1:5432:2147484").await?;
    assert_eq!(quarantined(&database).await?[0], "1 closed 22003");
    Ok(())
}

/// What a row that moves cannot be: one without an old side that has to be there.
#[tokio::test]
async fn a_new_row_gets_the_old_side_that_it_must_have_even_if_up_of_nothing_is_what_it_gave() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let pair = leaves(&database, "NOT NULL").await?;
    lead(&database, &mirror_of("t", vec![pair])).await?;
    check_of(
        &database,
        COLUMNS,
        "INSERT INTO t (id, seconds, k) VALUES (1, -1, 1)",
        "t1:1:-1000:-1",
    )
    .await
}

#[tokio::test]
async fn a_soft_drop_reaches_every_leaf() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let pair = leaves(&database, "").await?;
    let mut mirror = mirror_of("t", vec![pair]);
    mirror.hidden = vec![engine::postgres::triggers::Hidden {
        column: "ms".into(),
        name: "sluice_0123456789_h1".into(),
    }];
    let sql = lead(&database, &mirror).await?;
    database.grant_data_privileges(&["t2"]).await?;
    let insert = "INSERT INTO t (id, ms, k) VALUES (1, 5432, 1)";
    check_of(&database, COLUMNS, insert, "t1:1:5432:5").await?;
    let hide = sql.hide.as_ref().expect("a column is hidden");
    swap(&database, hide).await?;
    let columns = COLUMNS.replace("ms", "sluice_0123456789_h1");
    check_of(&database, &columns, "UPDATE t SET k = 2", "t2:1:5432:5").await?;
    check_of(&database, &columns, "UPDATE t2 SET seconds = 6", "t2:1:6000:6").await?;
    // Disabled on one leaf alone: that is a drift too.
    let disable = "ALTER TABLE t2 DISABLE TRIGGER sluice_0123456789_1";
    database.execute_as(Role::Owner, disable).await?;
    swap(&database, hide).await?;
    swap(&database, sql.unhide.as_ref().expect("a column is hidden")).await?;
    check_of(&database, COLUMNS, "UPDATE t SET k = 1", "t1:1:6000:6").await
}
