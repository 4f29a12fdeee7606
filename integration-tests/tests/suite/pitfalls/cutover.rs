//! Traps of the flip, the soft drop and the way back.

use std::time::Duration;

use ledger::JobState;
use ledger::commands::{Answer, Command};
use testbed::database::{Database, Role};
use testbed::embedded::Embedded;

use crate::stages::cutover::{by_hand, flag_is, start, submit, walk, with_waits};
use crate::stages::ground::{Outcome, applied, ask, database, refused, tracks, until};

const LOWER: &str = r#"
name = "lower-email"
[[change]]
kind = "add_column"
table = "person"
column = "mail"
type = "text"
up = "lower(email)"
down = "mail"
replaces = "email"
"#;

async fn people(database: &Database<'_>) -> Outcome {
    let create = "CREATE TABLE person (id bigint PRIMARY KEY, email text, note text);
        INSERT INTO person SELECT n, 'Name' || n || '@Example.org', '' FROM generate_series(1, 500) AS n";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["person"]).await
}

async fn mail_of(database: &Database<'_>, id: i64) -> anyhow::Result<String> {
    ask(database, &format!("SELECT mail FROM person WHERE id = {id}")).await
}

fn back(accept_loss: bool) -> Command {
    Command::Rollback {
        discard: true,
        accept_loss,
    }
}

/// Pitfall 1: an unrelated update, a fill, a sweep, a repair or a check "repairs" what the application wrote to new.
#[tokio::test]
async fn a_write_of_the_new_side_is_never_derived_over_again() -> Outcome {
    let database = database().await?;
    people(&database).await?;
    let embedded = start(&database).await?;
    let job = submit(&embedded, &database, &with_waits(LOWER, "1h")).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    database
        .execute_as(Role::App, "UPDATE person SET mail = 'Bob@x' WHERE id = 1")
        .await?;
    database
        .execute_as(Role::App, "UPDATE person SET note = 'looked at' WHERE id = 1")
        .await?;
    database
        .execute_as(Role::App, "UPDATE person SET id = -1 WHERE id = 1")
        .await?;
    assert_eq!(mail_of(&database, -1).await?, "Bob@x");
    let why = refused(&embedded, job, Command::Repair).await?;
    assert!(why.contains("new is the authority"), "{why}");
    // A check knows that `Bob@x` is right, because old follows from it.
    applied(&embedded, job, Command::Verify).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    assert_eq!(mail_of(&database, -1).await?, "Bob@x");
    assert_eq!(
        ask::<String>(&database, "SELECT email FROM person WHERE id = -1").await?,
        "Bob@x"
    );
    embedded.stop().await
}

const TO_BIGINT: &str = r#"
name = "to-bigint"
[[change]]
kind = "add_column"
table = "meter"
column = "reading_new"
type = "bigint"
up = "reading"
down = "reading_new::integer"
replaces = "reading"
"#;

async fn meters(database: &Database<'_>, embedded: &Embedded, spec: &str) -> anyhow::Result<proto::JobId> {
    let create = "CREATE TABLE meter (id bigint PRIMARY KEY, reading integer);
        INSERT INTO meter SELECT n, n FROM generate_series(1, 300) AS n";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["meter"]).await?;
    let job = submit(embedded, database, &with_waits(spec, "1h")).await?;
    walk(embedded, job, JobState::ContractReady).await?;
    Ok(job)
}

/// Pitfall 11: new takes 2^31 and old cannot. The spec says which: here the write succeeds and the way back closes, which is told.
#[tokio::test]
async fn a_value_that_old_cannot_hold_closes_the_way_back_and_says_so() -> Outcome {
    let database = database().await?;
    let embedded = start(&database).await?;
    let job = meters(&database, &embedded, TO_BIGINT).await?;
    database
        .execute_as(
            Role::App,
            "UPDATE meter SET reading_new = 4000000000 WHERE id = 7",
        )
        .await?;
    let told = "SELECT row_key::text || ' ' || kind FROM sluice.quarantine WHERE resolved_at IS NULL";
    assert_eq!(ask::<String>(&database, told).await?, "{\"id\": 7} closed");
    let why = refused(&embedded, job, back(false)).await?;
    assert!(why.contains("the way back is closed: 1 row"), "{why}");
    let accepted = embedded.say(job, &back(true)).await?;
    assert!(matches!(accepted, Answer::Applied(_)), "{accepted:?}");
    embedded.until(job, &[JobState::RolledBack]).await?;
    embedded.stop().await
}

/// Pitfall 11, the other choice: the write fails, and the way back stays open.
#[tokio::test]
async fn a_value_that_old_cannot_hold_fails_where_the_spec_says_so() -> Outcome {
    let database = database().await?;
    let embedded = start(&database).await?;
    let spec = TO_BIGINT.replace("replaces", "on_down_error = \"fail\"\nreplaces");
    let job = meters(&database, &embedded, &spec).await?;
    let error = database
        .execute_as(
            Role::App,
            "UPDATE meter SET reading_new = 4000000000 WHERE id = 7",
        )
        .await
        .expect_err("the spec chose that the write fails");
    assert!(format!("{error:#}").contains("reading"), "{error:#}");
    assert_eq!(
        ask::<i64>(&database, "SELECT reading_new FROM meter WHERE id = 7").await?,
        7
    );
    embedded.roll_back(job, true).await?;
    embedded.stop().await
}

/// Pitfall 29: a renamed column breaks every function that names it, ours first: after the soft drop every UPDATE would fail.
#[tokio::test]
async fn writes_go_on_after_the_soft_drop_and_are_still_mirrored() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    let embedded = start(&database).await?;
    let job = submit(&embedded, &database, &by_hand()).await?;
    walk(&embedded, job, JobState::SoftDropped).await?;
    database
        .execute_as(
            Role::App,
            "UPDATE track SET note = 'x' WHERE id = 1; UPDATE track SET seconds = 9 WHERE id = 2; \
             INSERT INTO track (id, seconds) VALUES (-1, 4); DELETE FROM track WHERE id = 3",
        )
        .await?;
    assert!(
        database
            .execute_as(Role::App, "SELECT milliseconds FROM track")
            .await
            .is_err()
    );
    embedded.roll_back(job, true).await?;
    let old =
        "SELECT string_agg(id || ':' || milliseconds, ' ' ORDER BY id) FROM track WHERE id IN (-1, 2, 3)";
    assert_eq!(ask::<String>(&database, old).await?, "-1:4000 2:9000");
    embedded.stop().await
}

/// Pitfall 31: an instance with cached flags writes new only, after the flags went back. The triggers wait for it.
#[tokio::test]
async fn the_triggers_stay_for_instances_that_still_follow_the_old_flags() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    let embedded = start(&database).await?;
    let job = submit(
        &embedded,
        &database,
        &by_hand().replace("cache = \"1s\"", "cache = \"3s\""),
    )
    .await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    applied(&embedded, job, back(false)).await?;
    flag_is(&embedded, job, "track.seconds.write", 0).await?;
    // Each of these comes within the cache age of the one before, and all of them together take longer than it.
    for n in 1..=5_i64 {
        tokio::time::sleep(Duration::from_millis(1000)).await;
        let write = format!("UPDATE track SET seconds = {n} WHERE id = 1");
        database.execute_as(Role::App, &write).await?;
        let old: i32 = ask(&database, "SELECT milliseconds FROM track WHERE id = 1").await?;
        assert_eq!(i64::from(old), n * 1000, "the write of second {n} was lost");
    }
    // A transaction from before the end of the drain may still write.
    let mut open = database.connect(Role::App).await?;
    engine::sql::execute_script(&mut open, "BEGIN; SELECT 1").await?;
    let waits =
        "SELECT state = 'rolling-back' AND reason LIKE '%a transaction that began at%' FROM sluice.job";
    until(
        &database,
        "the way back waits for the transaction",
        waits,
        "SELECT reason FROM sluice.job",
    )
    .await?;
    engine::sql::execute_script(&mut open, "UPDATE track SET seconds = 77 WHERE id = 1; COMMIT").await?;
    embedded.until(job, &[JobState::RolledBack]).await?;
    assert_eq!(
        ask::<i32>(&database, "SELECT milliseconds FROM track WHERE id = 1").await?,
        77_000
    );
    embedded.stop().await
}

/// Pitfall 35: back from the soft drop in the wrong order sends the application to a hidden column. The order is in the audit
/// trail: name, flags, triggers.
#[tokio::test]
async fn from_the_soft_drop_the_name_comes_back_before_the_flags_and_they_before_the_triggers() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    let embedded = start(&database).await?;
    let job = submit(&embedded, &database, &by_hand()).await?;
    walk(&embedded, job, JobState::SoftDropped).await?;
    embedded.roll_back(job, true).await?;
    let order = "SELECT string_agg(what, ', ' ORDER BY at) FROM (
        SELECT phase AS what, ended_at AS at FROM sluice.task WHERE phase IN ('unhide', 'rollback', 'discard')
        UNION ALL
        SELECT 'flags', min(at) FROM sluice.event WHERE kind = 'flag.set' AND detail ->> 'percentage' = '0') AS found";
    assert_eq!(
        ask::<String>(&database, order).await?,
        "unhide, flags, rollback, discard"
    );
    embedded.stop().await
}
