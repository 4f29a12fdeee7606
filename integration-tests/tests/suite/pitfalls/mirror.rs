//! Traps 2, 3, 7, 8 and 9: what triggers do and do not see.

use ledger::commands::{Command, Tune};
use testbed::database::{Database, Role};
use testbed::embedded::{Embedded, Part, faults};
use testbed::oracle;

use crate::stages::ground::{
    Outcome, SECONDS, WRONG, applied, ask, before_the_first_batch, database, held, seconds_at,
    some_rows_filled, sweeps, tracks,
};

/// `id:milliseconds:seconds` of some rows.
async fn rows(database: &Database<'_>, which: &str) -> anyhow::Result<String> {
    let rows = format!(
        "SELECT string_agg(concat_ws(':', id, milliseconds, coalesce(seconds::text, '-')), ' ' ORDER BY id) FROM track WHERE {which}"
    );
    ask(database, &rows).await
}

/// Trap 2: the row arrives at its new partition by an INSERT, without its past.
#[tokio::test]
async fn a_row_that_moves_to_another_partition_does_not_lose_what_was_written_to_new() -> Outcome {
    let database = database().await?;
    let create = "CREATE TABLE track (id bigint PRIMARY KEY, milliseconds integer NOT NULL, note text) PARTITION BY RANGE (id);
        CREATE TABLE track_low PARTITION OF track FOR VALUES FROM (0) TO (1000);
        CREATE TABLE track_high PARTITION OF track FOR VALUES FROM (1000) TO (2000);
        INSERT INTO track SELECT n, 5432, 'x' FROM generate_series(1, 500) AS n";
    database.execute_as(Role::Owner, create).await?;
    database
        .grant_data_privileges(&["track", "track_low", "track_high"])
        .await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    let writes = "UPDATE track SET id = id + 1000 WHERE id = 1;
        UPDATE track SET seconds = 9 WHERE id = 2; UPDATE track SET id = id + 1000 WHERE id = 2;
        UPDATE track SET id = id + 1000, seconds = 9 WHERE id = 3;
        UPDATE track SET id = id + 1000, milliseconds = 7777 WHERE id = 4";
    database.execute_as(Role::App, writes).await?;
    assert_eq!(
        rows(&database, "id > 1000").await?,
        "1001:5432:5 1002:9000:9 1003:9000:9 1004:7777:7"
    );
    assert_eq!(
        ask::<i64>(&database, "SELECT count(*) FROM sluice.quarantine").await?,
        0
    );
    applied(&embedded, job, Command::Verify).await?;
    embedded.verified(job).await?;
    embedded.stop().await
}

/// Trap 3: an update of any column moves the row to another block, behind the bound or behind the cursor.
#[tokio::test]
async fn an_update_of_another_column_hides_no_row_from_the_backfill() -> Outcome {
    let database = database().await?;
    tracks(&database, 5000).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(600, 2)).await?;
    some_rows_filled(&database).await?;
    for part in 0..20 {
        // Longer than before: the new version does not fit beside the old one.
        let update = format!("UPDATE track SET note = repeat('y', 400) WHERE id % 20 = {part}");
        database.execute_as(Role::App, &update).await?;
    }
    applied(
        &embedded,
        job,
        Command::Tune(Tune {
            max_rows_per_second: Some(0),
            ..Tune::default()
        }),
    )
    .await?;
    embedded.verified(job).await?;
    assert_eq!(sweeps(&database).await?, 1);
    embedded.stop().await
}

/// Trap 3: under key order, an update of the key does the same.
#[tokio::test]
async fn an_update_of_the_key_hides_no_row_from_the_backfill() -> Outcome {
    let database = database().await?;
    tracks(&database, 3000).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(600, 1)).await?;
    some_rows_filled(&database).await?;
    database
        .execute_as(Role::App, "UPDATE track SET id = id + 1000000 WHERE id % 2 = 0")
        .await?;
    database
        .execute_as(Role::App, "UPDATE track SET id = -id WHERE id % 2 = 1")
        .await?;
    applied(
        &embedded,
        job,
        Command::Tune(Tune {
            max_rows_per_second: Some(0),
            ..Tune::default()
        }),
    )
    .await?;
    embedded.verified(job).await?;
    embedded.stop().await
}

const ROUND: &str = "CREATE FUNCTION round_up() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.milliseconds := NEW.milliseconds + 1000; RETURN NEW; END $$;";

/// Trap 7: a trigger that fires after ours changes old behind the mirror.
#[tokio::test]
async fn a_user_trigger_that_sorts_late_does_not_make_new_stale() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    let trigger = format!(
        "{ROUND} CREATE TRIGGER zz_last BEFORE INSERT OR UPDATE OF milliseconds ON track FOR EACH ROW EXECUTE FUNCTION round_up()"
    );
    database.execute_as(Role::Owner, &trigger).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    let writes = "INSERT INTO track (id, milliseconds) VALUES (-1, 5500); UPDATE track SET milliseconds = 2500 WHERE id = 1";
    database.execute_as(Role::App, writes).await?;
    assert_eq!(rows(&database, "id < 2").await?, "-1:6500:6 1:3500:3");
    applied(&embedded, job, Command::Verify).await?;
    embedded.verified(job).await?;
    embedded.stop().await
}

/// Trap 7: where no name of ours would be last, the plan is refused.
#[tokio::test]
async fn a_trigger_that_would_fire_after_ours_whatever_its_name_is_refused() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    let trigger = format!(
        "{ROUND} CREATE TRIGGER \"~~last\" BEFORE UPDATE ON track FOR EACH ROW EXECUTE FUNCTION round_up()"
    );
    database.execute_as(Role::Owner, &trigger).await?;
    let found = faults(&database, SECONDS).await;
    assert!(
        found.contains("~~last") && found.contains("RENAME TO") && found.contains("test.toml:5"),
        "{found}"
    );
    Ok(())
}

/// Trap 7: partitions may have triggers of their own, and they fire among the root's.
#[tokio::test]
async fn a_trigger_of_a_single_partition_does_not_make_new_stale() -> Outcome {
    let database = database().await?;
    let create = format!(
        "CREATE TABLE track (id bigint PRIMARY KEY, milliseconds integer NOT NULL, note text) PARTITION BY RANGE (id);
        CREATE TABLE track_1 PARTITION OF track FOR VALUES FROM (-100) TO (10000);
        INSERT INTO track SELECT n, 5432, 'x' FROM generate_series(1, 500) AS n;
        {ROUND} CREATE TRIGGER zz_last BEFORE INSERT OR UPDATE OF milliseconds ON track_1 FOR EACH ROW EXECUTE FUNCTION round_up()"
    );
    database.execute_as(Role::Owner, &create).await?;
    database.grant_data_privileges(&["track", "track_1"]).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    let writes = "INSERT INTO track (id, milliseconds) VALUES (-1, 5500); UPDATE track SET milliseconds = 2500 WHERE id = 1";
    database.execute_as(Role::App, writes).await?;
    assert_eq!(rows(&database, "id < 2").await?, "-1:6500:6 1:3500:3");
    embedded.stop().await
}

/// Trap 7: and it may come later.
#[tokio::test]
async fn a_trigger_that_comes_later_and_fires_after_ours_is_noticed() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    let trigger = format!(
        "{ROUND} CREATE TRIGGER zz_last BEFORE UPDATE ON track FOR EACH ROW EXECUTE FUNCTION round_up()"
    );
    database.execute_as(Role::Owner, &trigger).await?;
    let held = embedded.until(job, &[ledger::JobState::Held]).await?;
    let why = held.reason.unwrap_or_default();
    assert!(why.contains("does not hold"), "{why}");
    database
        .execute_as(Role::Owner, "DROP TRIGGER zz_last ON track")
        .await?;
    applied(&embedded, job, Command::Resume).await?;
    embedded.verified(job).await?;
    embedded.stop().await
}

/// Trap 7: whoever watches the old column only is told before.
#[tokio::test]
async fn an_audit_of_the_old_column_alone_is_named_in_the_plan() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    let trigger = format!(
        "{ROUND} CREATE TRIGGER audit AFTER UPDATE OF milliseconds ON track FOR EACH ROW EXECUTE FUNCTION round_up()"
    );
    database.execute_as(Role::Owner, &trigger).await?;
    let plan = testbed::embedded::compile(&database, SECONDS)
        .await
        .expect("a notice, not a fault");
    let notice = plan.notices.iter().find(|n| n.code == "SL-TRIGGER-UPDATE-OF");
    assert!(
        notice.is_some_and(|n| n.message.contains("audit") && n.message.contains("milliseconds")),
        "{:?}",
        plan.notices
    );
    Ok(())
}

/// Trap 8: a guard by trigger depth would take this for our own recursion.
#[tokio::test]
async fn a_write_inside_a_users_trigger_is_mirrored() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    let triggers = "CREATE TABLE correction (track bigint, milliseconds integer);
        CREATE FUNCTION correct() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN UPDATE track SET milliseconds = NEW.milliseconds WHERE id = NEW.track; RETURN NULL; END $$;
        CREATE TRIGGER correct AFTER INSERT ON correction FOR EACH ROW EXECUTE FUNCTION correct();
        CREATE FUNCTION double() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN UPDATE track SET milliseconds = milliseconds * 2 WHERE id = NEW.id; RETURN NULL; END $$;
        CREATE TRIGGER double AFTER UPDATE OF note ON track FOR EACH ROW EXECUTE FUNCTION double()";
    database.execute_as(Role::Owner, triggers).await?;
    database.grant_data_privileges(&["correction"]).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    database
        .execute_as(Role::App, "INSERT INTO correction VALUES (1, 8500), (2, 9500); UPDATE track SET note = 'twice' WHERE id = 1")
        .await?;
    assert_eq!(rows(&database, "id IN (1, 2)").await?, "1:17000:17 2:9500:9");
    embedded.stop().await
}

/// Trap 9: the backfill would skip audit and outbox triggers, and foreign keys.
#[tokio::test]
async fn the_backfill_skips_no_trigger_of_the_user() -> Outcome {
    let database = database().await?;
    tracks(&database, 1000).await?;
    oracle::audit(&database, "track", "id").await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    let mut conn = database.superuser().await?;
    assert_eq!(
        oracle::rows_logged_for_sluice(&mut conn).await?,
        1000,
        "the audit missed rows of the backfill"
    );
    // What replication or a restore applies in that mode is mirrored all the same.
    engine::sql::execute_script(
        &mut conn,
        "SET session_replication_role = replica; UPDATE track SET milliseconds = 3999 WHERE id = 1; RESET session_replication_role",
    )
    .await?;
    assert_eq!(rows(&database, "id = 1").await?, "1:3999:3");
    assert_eq!(
        ask::<i64>(&database, &format!("SELECT count(*) FROM track WHERE {WRONG}")).await?,
        0
    );
    embedded.stop().await
}

/// Trap 9: a foreign key on the new side judges the backfill's writes too.
#[tokio::test]
async fn the_backfill_puts_no_orphan_under_a_foreign_key() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    database.execute_as(Role::Owner, "CREATE TABLE length (seconds integer PRIMARY KEY); INSERT INTO length SELECT generate_series(0, 399)").await?;
    let (mut embedded, job) = before_the_first_batch(&database, SECONDS).await?;
    // The track of 3908 milliseconds has no such length.
    let key = "DELETE FROM length WHERE seconds = 3; ALTER TABLE track ADD CONSTRAINT of_length FOREIGN KEY (seconds) REFERENCES length NOT VALID";
    database.execute_as(Role::Owner, key).await?;
    embedded.start_parts(&[Part::Verifier]);
    let why = held(&embedded, job).await?;
    assert!(why.contains("23503"), "{why}");
    let orphans = "SELECT count(*) FROM track WHERE seconds IS NOT NULL AND NOT EXISTS (SELECT FROM length WHERE length.seconds = track.seconds)";
    assert_eq!(ask::<i64>(&database, orphans).await?, 0);
    embedded.stop().await
}
