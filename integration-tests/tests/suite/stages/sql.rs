//! Raw SQL: it waits for a person, and goes back by the author's own `undo`.

use ledger::commands::{Answer, Command};
use ledger::{JobState, Stage, StageStatus};
use testbed::database::Role;
use testbed::embedded::Embedded;

use super::ground::{Outcome, SECONDS, applied, ask, database, held, tracks, until};

const SPEC: &str = r#"
name = "label"
[[change]]
kind = "sql"
run = ["CREATE TABLE label (id integer PRIMARY KEY, name text)", "INSERT INTO label VALUES (1, 'one')"]
undo = "DROP TABLE label"
[[change]]
kind = "sql"
run = "CREATE INDEX CONCURRENTLY track_note ON track (md5(note))"
undo = "DROP INDEX CONCURRENTLY track_note"
done = "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('track_note') AND indisvalid)"
transaction = false
table = "track"
"#;

#[tokio::test]
async fn raw_sql_waits_for_an_approval_and_is_undone_by_discard() -> Outcome {
    let database = database().await?;
    tracks(&database, 500).await?;
    let before = database.schema_dump().await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SPEC).await?;
    let waits = "SELECT state = 'classified' AND reason LIKE '%gate `expand`%' FROM sluice.job";
    until(
        &database,
        "the job waits at its gate",
        waits,
        "SELECT state || ' ' || coalesce(reason, '') FROM sluice.job",
    )
    .await?;
    let reason = embedded.job(job).await?.reason.unwrap_or_default();
    assert!(
        reason.contains("raw SQL") && reason.contains("approve"),
        "{reason}"
    );
    assert!(
        ask::<bool>(&database, "SELECT to_regclass('label') IS NULL").await?,
        "it ran before anybody approved"
    );
    let stages = embedded.target.ledger.stages(job).await?;
    let expand = stages.iter().find(|s| s.name == Stage::Expand).map(|s| s.status);
    assert_ne!(expand, Some(StageStatus::Running));

    let said = embedded
        .target
        .ledger
        .command(
            job,
            &Command::Approve {
                gate: Some("expand".to_owned()),
            },
            "ann",
        )
        .await?;
    let answer = testbed::wait::until("the answer", testbed::embedded::PATIENCE, async || {
        embedded.target.ledger.answer(said).await
    })
    .await?;
    assert!(
        matches!(&answer, Answer::Applied(text) if text.contains("ann")),
        "{answer:?}"
    );
    embedded.verified(job).await?;
    assert_eq!(
        ask::<i64>(&database, "SELECT count(*) FROM label").await?,
        1,
        "it ran other than once"
    );
    let by =
        "SELECT actor || ' ' || (plan_hash = (SELECT plan_hash FROM sluice.job))::text FROM sluice.approval";
    assert_eq!(ask::<String>(&database, by).await?, "ann true");

    embedded.roll_back(job, false).await?;
    assert!(
        ask::<bool>(&database, "SELECT to_regclass('label') IS NOT NULL").await?,
        "rollback keeps what was added"
    );
    embedded.roll_back(job, true).await?;
    assert_eq!(database.schema_dump().await?, before);
    embedded.stop().await
}

#[tokio::test]
async fn raw_sql_that_fails_holds_the_job_with_the_statement_and_runs_when_it_can() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    let spec = "name = \"later\"\n[[change]]\nkind = \"sql\"\nrun = \"CREATE VIEW late AS SELECT id FROM not_yet\"\nundo = \"DROP VIEW late\"\n";
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, spec).await?;
    applied(&embedded, job, Command::Approve { gate: None }).await?;
    let held = embedded.until(job, &[JobState::Held, JobState::Verified]).await?;
    let why = held.reason.unwrap_or_default();
    assert!(
        why.contains("42P01") && why.contains("not_yet") && why.contains("resume"),
        "{why}"
    );
    database
        .execute_as(Role::Owner, "CREATE TABLE not_yet (id integer)")
        .await?;
    applied(&embedded, job, Command::Resume).await?;
    embedded.verified(job).await?;
    embedded.roll_back(job, true).await?;
    assert!(ask::<bool>(&database, "SELECT to_regclass('late') IS NULL").await?);
    embedded.stop().await
}

/// What is there before the job, under the names that the job would use.
const OWN: &str = "CREATE TABLE label (id integer PRIMARY KEY, name text);
    INSERT INTO label VALUES (7, 'somebody''s');
    CREATE INDEX track_note ON track (md5(note))";

/// Each change alone, so that one that fails does not keep the other from running.
fn only(change: usize) -> String {
    let changes: Vec<&str> = SPEC.split("[[change]]").collect();
    format!("{}[[change]]{}", changes[0], changes[change])
}

#[tokio::test]
async fn discard_leaves_what_a_failed_step_never_made() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    database.execute_as(Role::Owner, OWN).await?;
    let before = database.schema_dump().await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &only(1)).await?;
    applied(&embedded, job, Command::Approve { gate: None }).await?;
    let why = held(&embedded, job).await?;
    assert!(why.contains("42P07"), "{why}");
    embedded.roll_back(job, true).await?;
    assert_eq!(ask::<i32>(&database, "SELECT id FROM label").await?, 7);
    assert_eq!(database.schema_dump().await?, before);
    embedded.stop().await
}

#[tokio::test]
async fn discard_leaves_what_was_there_before_the_job() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    database.execute_as(Role::Owner, OWN).await?;
    let before = database.schema_dump().await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &only(2)).await?;
    applied(&embedded, job, Command::Approve { gate: None }).await?;
    embedded.verified(job).await?;
    embedded.roll_back(job, true).await?;
    assert_eq!(database.schema_dump().await?, before);
    embedded.stop().await
}

#[tokio::test]
async fn discard_before_the_approval_runs_nothing_of_the_author() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    database.execute_as(Role::Owner, OWN).await?;
    let before = database.schema_dump().await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SPEC).await?;
    embedded.until(job, &[JobState::Classified]).await?;
    embedded.roll_back(job, true).await?;
    assert_eq!(ask::<i32>(&database, "SELECT id FROM label").await?, 7);
    assert_eq!(database.schema_dump().await?, before);
    embedded.stop().await
}

#[tokio::test]
async fn a_column_that_somebody_adds_while_the_job_waits_is_neither_filled_nor_dropped() -> Outcome {
    let database = database().await?;
    tracks(&database, 100).await?;
    let spec = format!("{SECONDS}[[change]]\nkind = \"sql\"\nrun = \"SELECT 1\"\nundo = \"SELECT 1\"\n");
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &spec).await?;
    embedded.until(job, &[JobState::Classified]).await?;
    let theirs = "ALTER TABLE track ADD COLUMN seconds integer; UPDATE track SET seconds = -id";
    database.execute_as(Role::Owner, theirs).await?;
    applied(&embedded, job, Command::Approve { gate: None }).await?;
    let why = held(&embedded, job).await?;
    assert!(
        why.contains("`seconds`") && why.contains("not made by this job") && why.contains("rename or drop"),
        "{why}"
    );
    embedded.roll_back(job, true).await?;
    let kept = "SELECT count(*) FROM track WHERE seconds = -id";
    assert_eq!(ask::<i64>(&database, kept).await?, 100);
    embedded.stop().await
}
