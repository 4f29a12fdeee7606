//! Traps 1, 11, 13 and the ways in which a row can be replaced: what two AFTER triggers do and do not see.

use engine::db::{self, Connection};
use ledger::JobState;
use ledger::commands::{Answer, Command};
use proto::JobId;
use testbed::embedded::Embedded;
use testbed::file::File;

use crate::sqlite::ground::{Outcome, SECONDS, submitted, walk};
use crate::stages::cutover::{start, with_waits};
use crate::stages::ground::{applied, refused};

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

const PEOPLE: &str = "CREATE TABLE person (id integer PRIMARY KEY, email text, note text);
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 500)
    INSERT INTO person SELECT n, 'Name' || n || '@Example.org', '' FROM numbers";

/// Trap 1: an unrelated update, a fill, a sweep, a repair or a check "repairs" what the application wrote to new.
#[tokio::test]
async fn a_write_of_the_new_side_is_never_derived_over_again() -> Outcome {
    let file = File::new().await?;
    file.execute(PEOPLE).await?;
    let embedded = start(&file).await?;
    let job = submitted(&embedded, &file, &with_waits(LOWER, "1h")).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    for write in [
        "UPDATE person SET mail = 'Bob@x' WHERE id = 1",
        "UPDATE person SET note = 'looked at' WHERE id = 1",
        "UPDATE person SET id = -1 WHERE id = 1",
        "INSERT INTO person (id, mail) VALUES (-2, 'Ann@x')",
        "UPDATE person SET note = 'looked at' WHERE id = -2",
    ] {
        file.execute(write).await?;
    }
    let people =
        "SELECT group_concat(concat_ws(':', id, email, mail), ' ' ORDER BY id) FROM person WHERE id < 0";
    let expected = "-2:Ann@x:Ann@x -1:Bob@x:Bob@x";
    assert_eq!(file.value::<String>(people).await?, expected);
    let why = refused(&embedded, job, Command::Repair).await?;
    assert!(why.contains("new is the authority"), "{why}");
    // A check knows that `Bob@x` is right, because old follows from it.
    applied(&embedded, job, Command::Verify).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    assert_eq!(file.value::<String>(people).await?, expected);
    // And somebody who knows only the old side still reaches the new one.
    file.execute("UPDATE person SET email = 'Eve@X' WHERE id = -1")
        .await?;
    let followed = "SELECT mail FROM person WHERE id = -1";
    assert_eq!(file.value::<String>(followed).await?, "eve@x");
    embedded.stop().await
}

const TO_LARGE: &str = r#"
name = "to-large"
[[change]]
kind = "add_column"
table = "meter"
column = "reading_new"
type = "integer"
up = "reading"
down = "CASE WHEN reading_new < 2147483648 THEN reading_new END"
replaces = "reading"
"#;

async fn meters(embedded: &Embedded, file: &File, spec: &str) -> anyhow::Result<JobId> {
    file.execute(
        "CREATE TABLE meter (id integer PRIMARY KEY, reading integer NOT NULL);
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 300)
         INSERT INTO meter SELECT n, n FROM numbers",
    )
    .await?;
    let job = submitted(embedded, file, &with_waits(spec, "1h")).await?;
    walk(embedded, job, JobState::ContractReady).await?;
    Ok(job)
}

fn back(accept_loss: bool) -> Command {
    Command::Rollback {
        discard: true,
        accept_loss,
    }
}

/// Trap 11: new takes 2^31 and old may not. The spec says which: here the write succeeds and the way back closes, which is told.
#[tokio::test]
async fn a_value_that_old_cannot_hold_closes_the_way_back_and_says_so() -> Outcome {
    let file = File::new().await?;
    let embedded = start(&file).await?;
    let job = meters(&embedded, &file, TO_LARGE).await?;
    let before = "SELECT reading || ' ' || reading_new FROM meter WHERE id = 7";
    file.execute("UPDATE meter SET reading_new = 4000000000 WHERE id = 7")
        .await?;
    assert_eq!(file.value::<String>(before).await?, "7 4000000000");
    let told = "SELECT row_key || ' ' || kind FROM sluice_quarantine WHERE resolved_at IS NULL";
    assert_eq!(file.value::<String>(told).await?, "{\"id\":7} closed");
    let why = refused(&embedded, job, back(false)).await?;
    assert!(why.contains("the way back is closed: 1 row"), "{why}");
    let accepted = embedded.say(job, &back(true)).await?;
    assert!(matches!(accepted, Answer::Applied(_)), "{accepted:?}");
    let ended = embedded
        .until(job, &[JobState::RolledBack, JobState::Held])
        .await?;
    assert_eq!(ended.state, JobState::RolledBack, "{:?}", ended.reason);
    embedded.stop().await
}

/// The same for a row that never had an old side: where old may not be NULL, somebody has to say what it shall be.
#[tokio::test]
async fn a_row_without_an_old_side_is_not_dropped_on_the_way_back() -> Outcome {
    let file = File::new().await?;
    let embedded = start(&file).await?;
    let job = meters(&embedded, &file, TO_LARGE).await?;
    file.execute("INSERT INTO meter (id, reading_new) VALUES (-1, 4000000000)")
        .await?;
    let told = "SELECT row_key || ' ' || kind FROM sluice_quarantine WHERE resolved_at IS NULL";
    assert_eq!(file.value::<String>(told).await?, "{\"id\":-1} closed");
    let why = refused(&embedded, job, back(false)).await?;
    assert!(why.contains("the way back is closed: 1 row"), "{why}");
    applied(&embedded, job, back(true)).await?;
    let held = embedded
        .until(job, &[JobState::RolledBack, JobState::Held])
        .await?;
    let why = held.reason.unwrap_or_default();
    assert!(
        why.contains("nothing was dropped") && why.contains("without `reading`"),
        "{why}"
    );
    let both = "SELECT coalesce(reading, '-') || ' ' || coalesce(reading_new, '-') FROM meter WHERE id = -1";
    assert_eq!(file.value::<String>(both).await?, "- 4000000000");
    file.execute("UPDATE meter SET reading = 2147483647 WHERE id = -1")
        .await?;
    applied(&embedded, job, Command::Resume).await?;
    embedded.until(job, &[JobState::RolledBack]).await?;
    let old = "SELECT reading FROM meter WHERE id = -1";
    assert_eq!(file.value::<i64>(old).await?, 2_147_483_647);
    embedded.stop().await
}

/// Trap 11, the other choice: the write fails, and the way back stays open.
#[tokio::test]
async fn a_value_that_old_cannot_hold_fails_where_the_spec_says_so() -> Outcome {
    let file = File::new().await?;
    let embedded = start(&file).await?;
    let spec = TO_LARGE.replace("replaces", "on_down_error = \"fail\"\nreplaces");
    let job = meters(&embedded, &file, &spec).await?;
    for write in [
        "UPDATE meter SET reading_new = 4000000000 WHERE id = 7",
        "INSERT INTO meter (id, reading_new) VALUES (-1, 4000000000)",
    ] {
        let error = file
            .execute(write)
            .await
            .expect_err("the spec chose that it fails");
        assert!(format!("{error:#}").contains("\"reading\""), "{error:#}");
    }
    let kept = "SELECT group_concat(reading_new) FROM meter WHERE id IN (-1, 7)";
    assert_eq!(file.value::<String>(kept).await?, "7");
    embedded.roll_back(job, true).await?;
    embedded.stop().await
}

/// `milliseconds seconds` of a row.
async fn row(conn: &mut Connection, id: i64) -> anyhow::Result<String> {
    let both = db::scalar(
        "SELECT coalesce(milliseconds, '-') || ' ' || coalesce(seconds, '-') FROM track WHERE id = $1",
    );
    Ok(both.bind(id).fetch_one(conn).await?)
}

/// Trap 13: RETURNING shows the row before the mirror has seen it, NOT NULL is judged by a trigger, and whether triggers fire
/// themselves is the application's choice. Whatever it is, the row is right afterwards.
#[tokio::test]
async fn the_second_update_leaves_no_row_wrong_and_no_null_in() -> Outcome {
    let file = SECONDS.file(50).await?;
    let embedded = start(&file).await?;
    let job = submitted(&embedded, &file, &SECONDS.by_hand()).await?;
    for (state, recursive, first) in [
        (JobState::FlippingReads, "OFF", 1000),
        (JobState::FlippingReads, "ON", 2000),
        (JobState::ContractReady, "OFF", 3000),
        (JobState::ContractReady, "ON", 4000),
    ] {
        walk(&embedded, job, state).await?;
        let mut conn = file.connection().await?;
        conn.execute_script(format!("PRAGMA recursive_triggers = {recursive}"))
            .await?;
        let returned =
            async |conn: &mut Connection, statement: &str, id: i64| -> anyhow::Result<Option<i64>> {
                Ok(db::scalar(statement.to_owned()).bind(id).fetch_one(conn).await?)
            };
        let insert = "INSERT INTO track (id, milliseconds) VALUES ($1, 5432) RETURNING seconds";
        assert_eq!(
            returned(&mut conn, insert, first).await?,
            None,
            "{state} {recursive}"
        );
        assert_eq!(row(&mut conn, first).await?, "5432 5");
        let update = "UPDATE track SET milliseconds = 7777 WHERE id = $1 RETURNING seconds";
        assert_eq!(
            returned(&mut conn, update, first).await?,
            Some(5),
            "{state} {recursive}"
        );
        assert_eq!(row(&mut conn, first).await?, "7777 7");
        let insert = "INSERT INTO track (id, seconds) VALUES ($1, 9) RETURNING milliseconds";
        assert_eq!(returned(&mut conn, insert, first + 1).await?, None);
        assert_eq!(row(&mut conn, first + 1).await?, "9000 9");
        let update = "UPDATE track SET seconds = 3 WHERE id = $1 RETURNING milliseconds";
        assert_eq!(returned(&mut conn, update, first + 1).await?, Some(9000));
        assert_eq!(row(&mut conn, first + 1).await?, "3000 3");
        for empty in [
            format!("UPDATE track SET milliseconds = NULL WHERE id = {first}"),
            format!("INSERT INTO track (id, note) VALUES ({}, 'x')", first + 2),
            format!(
                "INSERT INTO track (id, milliseconds) VALUES ({}, NULL)",
                first + 2
            ),
        ] {
            let error = conn.execute_script(empty.clone()).await;
            let error = error.expect_err("the old column may not be NULL").to_string();
            assert!(
                error.contains("NOT NULL constraint failed: track.milliseconds"),
                "{empty}: {error}"
            );
        }
        assert_eq!(row(&mut conn, first).await?, "7777 7");
    }
    assert_eq!(
        file.value::<i64>("SELECT count(*) FROM track WHERE milliseconds IS NULL OR seconds IS NULL")
            .await?,
        0
    );
    applied(&embedded, job, Command::Verify).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    embedded.stop().await
}

/// REPLACE deletes without a word and inserts; an upsert updates what it meets. Neither brings back what was, or leaves a side behind.
#[tokio::test]
async fn a_row_that_is_replaced_keeps_nothing_of_the_one_before() -> Outcome {
    let file = SECONDS.file(50).await?;
    let embedded = start(&file).await?;
    let job = submitted(&embedded, &file, &SECONDS.by_hand()).await?;
    for state in [JobState::FlippingReads, JobState::ContractReady] {
        walk(&embedded, job, state).await?;
        for recursive in ["OFF", "ON"] {
            let mut conn = file.connection().await?;
            let writes = format!(
                "PRAGMA recursive_triggers = {recursive};
                 REPLACE INTO track (id, milliseconds) VALUES (1, 11999);
                 REPLACE INTO track (id, seconds) VALUES (2, 12);
                 INSERT INTO track (id, milliseconds) VALUES (3, 13999) ON CONFLICT (id) DO UPDATE SET milliseconds = excluded.milliseconds;
                 INSERT INTO track (id, seconds) VALUES (4, 14) ON CONFLICT (id) DO UPDATE SET seconds = excluded.seconds;
                 DELETE FROM track WHERE id = 5;
                 UPDATE OR REPLACE track SET id = 7 WHERE id = 6"
            );
            conn.execute_script(writes).await?;
            for (id, expected) in [(1, "11999 11"), (2, "12000 12"), (3, "13999 13"), (4, "14000 14")] {
                assert_eq!(row(&mut conn, id).await?, expected, "{state} {recursive}");
            }
            assert_eq!(SECONDS.mismatched(&file).await?, 0);
            let anew = "REPLACE INTO track (id, milliseconds) VALUES (1, 1000), (2, 2000), (3, 3000), (4, 4000), (5, 5000), (6, 6000), (7, 7000)";
            conn.execute_script(anew).await?;
            assert_eq!(SECONDS.mismatched(&file).await?, 0);
        }
    }
    applied(&embedded, job, Command::Verify).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    embedded.roll_back(job, true).await?;
    let rows = "SELECT group_concat(id || ':' || milliseconds, ' ' ORDER BY id) FROM track WHERE id < 8";
    assert_eq!(
        file.value::<String>(rows).await?,
        "1:1000 2:2000 3:3000 4:4000 5:5000 6:6000 7:7000"
    );
    embedded.stop().await
}
