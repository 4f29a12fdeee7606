//! While old is the authority: every row that a write leaves behind has `new = up(old)`.

use engine::postgres::triggers::Pair;
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, check, create, down, install, mirror_of, quarantined, seconds, table};

#[tokio::test]
async fn every_write_leaves_new_as_up_of_old() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    database
        .execute_as(Role::App, "INSERT INTO t VALUES (1, 1432, 'x'), (2, 2432, 'x')")
        .await?;
    install(&database, &mirror_of("t", vec![seconds(Some("seconds * 1000"))])).await?;
    // An update of another column makes its row right (pitfall 3).
    check(
        &database,
        "UPDATE t SET note = 'y' WHERE id = 1",
        "1:1432:1 2:2432:null",
    )
    .await?;
    check(
        &database,
        "UPDATE t SET ms = 7777 WHERE id = 2",
        "1:1432:1 2:7777:7",
    )
    .await?;
    check(
        &database,
        "UPDATE t SET seconds = 9 WHERE id = 1",
        "1:9000:9 2:7777:7",
    )
    .await?;
    check(&database, "UPDATE t SET id = id + 10", "11:9000:9 12:7777:7").await?;
    check(
        &database,
        "DELETE FROM t; INSERT INTO t (id, seconds) VALUES (3, 12)",
        "3:12000:12",
    )
    .await?;
    check(
        &database,
        "INSERT INTO t (id, ms) VALUES (3, 5432) ON CONFLICT (id) DO UPDATE SET ms = excluded.ms",
        "3:5432:5",
    )
    .await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_write_that_carries_what_up_gives_never_changes_the_old_side() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    database
        .execute_as(Role::App, "INSERT INTO t VALUES (1, 5432, 'x')")
        .await?;
    install(&database, &mirror_of("t", vec![seconds(Some("seconds * 1000"))])).await?;
    // The fill's own UPDATE: new is written, old is not. Five seconds are not 5432 milliseconds.
    database
        .execute_as(Role::Data, "UPDATE t SET seconds = ms / 1000")
        .await?;
    check(&database, "UPDATE t SET seconds = 5, note = 'z'", "1:5432:5").await?;
    check(
        &database,
        "INSERT INTO t VALUES (2, 1999, 'w', 1)",
        "1:5432:5 2:1999:1",
    )
    .await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn when_both_sides_are_written_and_disagree_old_wins_and_it_is_told() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    install(&database, &mirror_of("t", vec![seconds(Some("seconds * 1000"))])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms, seconds) VALUES (1, 5432, 6), (2, 5432, 5)",
        "1:5432:5 2:5432:5",
    )
    .await?;
    check(
        &database,
        "UPDATE t SET ms = 1000, seconds = 4 WHERE id = 2",
        "1:5432:5 2:1000:1",
    )
    .await?;
    assert_eq!(
        quarantined(&database).await?,
        ["1 conflict 00000", "2 conflict 00000"]
    );
    Ok(())
}

#[tokio::test]
async fn a_derived_column_is_overridden_and_old_stays() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    install(&database, &mirror_of("t", vec![seconds(None)])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms, seconds) VALUES (1, 5432, 77)",
        "1:5432:5",
    )
    .await?;
    check(&database, "UPDATE t SET seconds = 99", "1:5432:5").await?;
    Ok(())
}

/// What one pair's `down` restores is not a write of the application to the old side of another pair.
#[tokio::test]
async fn pairs_that_read_each_others_old_side_keep_what_was_written_through_both() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    create(&database, "CREATE TABLE t (id int PRIMARY KEY, ms int, unit text); ALTER TABLE t ADD COLUMN seconds int, ADD COLUMN label text").await?;
    let label = Pair {
        new: "label".into(),
        new_type: "text".into(),
        up: "ms || ' ' || unit".into(),
        reads: vec!["ms".into(), "unit".into()],
        down: Some(down("unit", "text", "split_part(label, ' ', 2)")),
        cannot_raise: false,
    };
    install(
        &database,
        &mirror_of("t", vec![seconds(Some("seconds * 1000")), label]),
    )
    .await?;
    let all = "SELECT string_agg(concat_ws(':', id, ms, unit, seconds, label), ', ') FROM t";
    for (write, expected) in [
        (
            "INSERT INTO t (id, seconds, label) VALUES (1, 5, '5000 ms')",
            "1:5000:ms:5:5000 ms",
        ),
        (
            "UPDATE t SET seconds = 6, label = '6000 milli'",
            "1:6000:milli:6:6000 milli",
        ),
    ] {
        database.execute_as(Role::App, write).await?;
        let found = database.value::<String>(Role::App, all).await?;
        assert_eq!(found, expected, "after {write}");
    }
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}
