//! A write of the new side that `down` cannot carry back: it closes the way back of its row, or fails. The spec says which (pitfall 11).

use engine::postgres::error::sqlstate;
use engine::postgres::triggers::{Mirror, OnDownError, Pair};
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::check_of;
use super::{Outcome, create, down, install, lead, mirror_of, quarantined};

/// int to bigint; `old` takes NULL only where the test says so.
async fn widened(database: &Database<'_>, constraint: &str) -> Outcome {
    let text = format!(
        "CREATE TABLE t (id int PRIMARY KEY, small int {constraint}, note text); ALTER TABLE t ADD COLUMN big bigint"
    );
    create(database, &text).await
}

fn widening(on_error: OnDownError) -> Mirror {
    let mut back = down("small", "integer", "big::integer");
    back.on_error = on_error;
    let pair = Pair {
        new: "big".into(),
        new_type: "bigint".into(),
        up: "small::bigint".into(),
        reads: vec!["small".into()],
        down: Some(back),
        cannot_raise: false,
    };
    mirror_of("t", vec![pair])
}

async fn check(database: &Database<'_>, statement: &str, expected: &str) -> Outcome {
    check_of(database, "id, small, big", statement, expected).await
}

/// The write fails, with this code and a message that names the column and the choice.
async fn refused(database: &Database<'_>, statement: &str, code: &str) -> Outcome {
    let mut app = database.connect(Role::App).await?;
    let error = engine::sql::execute_script(&mut app, statement)
        .await
        .expect_err(statement);
    assert_eq!(sqlstate(&error).as_deref(), Some(code), "{error}");
    let text = error.to_string();
    for part in ["column \"big\"", "column \"small\"", "\"fail\""] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("2147483648"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_value_that_old_cannot_hold_closes_the_way_back_of_its_row() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    widened(&database, "").await?;
    lead(&database, &widening(OnDownError::Close)).await?;
    check(
        &database,
        "INSERT INTO t (id, small) VALUES (1, 10), (2, 20)",
        "1:10:10 2:20:20",
    )
    .await?;
    check(
        &database,
        "UPDATE t SET big = 2147483648 WHERE id = 1",
        "1:10:2147483648 2:20:20",
    )
    .await?;
    check(
        &database,
        "INSERT INTO t (id, big) VALUES (3, 2147483649)",
        "1:10:2147483648 2:20:20 3:null:2147483649",
    )
    .await?;
    // Nothing is repaired, whatever else is written; and one entry a row is enough.
    check(
        &database,
        "UPDATE t SET note = 'x'; UPDATE t SET big = 2147483650 WHERE id = 1",
        "1:10:2147483650 2:20:20 3:null:2147483649",
    )
    .await?;
    assert_eq!(
        quarantined(&database).await?,
        ["1 closed 22003", "3 closed 22003"]
    );
    let message = "SELECT DISTINCT message FROM sluice.quarantine";
    assert_eq!(
        database.value::<String>(Role::Ledger, message).await?,
        "the way back is closed for this row: computing \"small\" from \"big\" raised an error; \"big\" was written and \"small\" was kept"
    );
    // A value that fits is carried back again.
    check(
        &database,
        "UPDATE t SET big = 7 WHERE id = 1",
        "1:7:7 2:20:20 3:null:2147483649",
    )
    .await
}

#[tokio::test]
async fn a_null_that_old_refuses_closes_the_way_back_and_does_not_fail_the_write() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    widened(&database, "NOT NULL").await?;
    let mut mirror = widening(OnDownError::Close);
    lead(&database, &mirror).await?;
    let insert = "INSERT INTO t (id, small) VALUES (1, 10)";
    check(&database, insert, "1:10:10").await?;
    check(&database, "UPDATE t SET big = NULL", "1:10:null").await?;
    // A rename needs no subtransaction and has the same rule.
    let mut renamed = mirror.pairs.remove(0);
    renamed.up = "\"small\"".into();
    renamed.cannot_raise = true;
    if let Some(down) = &mut renamed.down {
        down.expression = "\"big\"".into();
    }
    check(&database, "UPDATE t SET big = 11", "1:11:11").await?;
    let sql = engine::postgres::triggers::compile(&mirror_of("t", vec![renamed]))?;
    database
        .execute_as(Role::Ledger, "DELETE FROM sluice.quarantine")
        .await?;
    super::swap(&database, &sql.lead).await?;
    check(&database, "UPDATE t SET big = NULL", "1:11:null").await?;
    assert_eq!(quarantined(&database).await?, ["1 closed 23502"]);
    Ok(())
}

#[tokio::test]
async fn where_the_spec_says_fail_the_write_fails_and_nothing_changes() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    widened(&database, "NOT NULL").await?;
    lead(&database, &widening(OnDownError::Fail)).await?;
    let insert = "INSERT INTO t (id, small) VALUES (1, 10)";
    check(&database, insert, "1:10:10").await?;
    refused(&database, "UPDATE t SET big = 2147483648", "22003").await?;
    refused(
        &database,
        "INSERT INTO t (id, big) VALUES (2, 2147483648)",
        "22003",
    )
    .await?;
    refused(&database, "UPDATE t SET big = NULL", "23502").await?;
    refused(&database, "UPDATE t SET small = 5, big = 2147483648", "22003").await?;
    check(&database, "UPDATE t SET note = 'x'", "1:10:10").await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn where_the_spec_says_fail_a_write_is_not_lost_while_old_leads_either() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    widened(&database, "NOT NULL").await?;
    install(&database, &widening(OnDownError::Fail)).await?;
    let insert = "INSERT INTO t (id, small) VALUES (1, 10)";
    check(&database, insert, "1:10:10").await?;
    refused(&database, "UPDATE t SET big = 2147483648", "22003").await?;
    check(&database, "UPDATE t SET big = 5", "1:5:5").await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}
