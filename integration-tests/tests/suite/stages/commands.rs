//! What a person can say to a running job.

use std::time::Duration;

use ledger::JobState;
use ledger::commands::{Command, Tune};
use testbed::database::Role;
use testbed::embedded::Embedded;
use testbed::oracle;

use super::ground::{
    CHANGED, Outcome, WRONG, after_the_last_answer, applied, ask, database, refused, seconds_at,
    some_rows_filled, tracks, until,
};

fn unlimited() -> Command {
    Command::Tune(Tune {
        max_rows_per_second: Some(0),
        ..Tune::default()
    })
}

#[tokio::test]
async fn a_pause_stops_every_write_within_two_seconds_and_resume_goes_on() -> Outcome {
    let database = database().await?;
    tracks(&database, 6000).await?;
    oracle::audit(&database, "track", "id").await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(600, 2)).await?;
    some_rows_filled(&database).await?;
    applied(&embedded, job, Command::Pause).await?;
    after_the_last_answer(&database, Duration::from_secs(4)).await?;
    let late = "SELECT count(*) FROM audit.row_change
        WHERE application_name LIKE 'sluice%' AND at > (SELECT max(applied_at) + interval '2 seconds' FROM sluice.command)";
    assert_eq!(
        ask::<i64>(&database, late).await?,
        0,
        "rows were written two seconds after the pause"
    );
    let left = ask::<i64>(&database, &format!("SELECT count(*) FROM track WHERE {WRONG}")).await?;
    assert!(left > 0, "the job was over before the pause: nothing was tested");
    assert_eq!(embedded.job(job).await?.state, JobState::Paused);
    assert!(refused(&embedded, job, Command::Verify).await?.contains("paused"));
    applied(&embedded, job, unlimited()).await?;
    applied(&embedded, job, Command::Resume).await?;
    embedded.verified(job).await?;
    let mut conn = database.superuser().await?;
    let written = oracle::rows_logged_for_sluice(&mut conn).await?;
    assert_eq!(
        (written, oracle::rows_changed(&mut conn, job).await?),
        (6000, 6000)
    );
    embedded.stop().await
}

#[tokio::test]
async fn an_aborted_job_writes_nothing_and_keeps_mirroring_until_it_is_resumed() -> Outcome {
    let database = database().await?;
    tracks(&database, 4000).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(300, 1)).await?;
    some_rows_filled(&database).await?;
    applied(&embedded, job, Command::Abort).await?;
    after_the_last_answer(&database, Duration::from_secs(2)).await?;
    let before: Option<String> = ask(&database, CHANGED).await?;
    after_the_last_answer(&database, Duration::from_secs(4)).await?;
    assert_eq!(
        ask::<Option<String>>(&database, CHANGED).await?,
        before,
        "an aborted job writes rows"
    );
    database
        .execute_as(
            Role::App,
            "INSERT INTO track (id, milliseconds) VALUES (-1, 7654)",
        )
        .await?;
    assert_eq!(
        ask::<i32>(&database, "SELECT seconds FROM track WHERE id = -1").await?,
        7
    );
    applied(&embedded, job, unlimited()).await?;
    applied(&embedded, job, Command::Resume).await?;
    embedded.verified(job).await?;
    embedded.stop().await
}

#[tokio::test]
async fn an_aborted_job_can_be_rolled_back() -> Outcome {
    let database = database().await?;
    tracks(&database, 3000).await?;
    let before = database.schema_dump().await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(300, 1)).await?;
    some_rows_filled(&database).await?;
    applied(&embedded, job, Command::Abort).await?;
    embedded.roll_back(job, true).await?;
    assert_eq!(database.schema_dump().await?, before);
    embedded.stop().await
}

#[tokio::test]
async fn a_running_job_can_be_rolled_back_at_once() -> Outcome {
    let database = database().await?;
    tracks(&database, 3000).await?;
    let before = database.schema_dump().await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(300, 2)).await?;
    some_rows_filled(&database).await?;
    embedded.roll_back(job, true).await?;
    assert_eq!(database.schema_dump().await?, before);
    // The table is free for another job.
    let again = embedded.submit(&database, super::ground::SECONDS).await?;
    embedded.verified(again).await?;
    embedded.stop().await
}

#[tokio::test]
async fn tuning_a_crawling_job_makes_it_fast() -> Outcome {
    let database = database().await?;
    tracks(&database, 4000).await?;
    let embedded = Embedded::start(&database).await?;
    // More than a minute, as declared.
    let job = embedded.submit(&database, &seconds_at(60, 1)).await?;
    some_rows_filled(&database).await?;
    let none = Command::Tune(Tune {
        max_parallel: Some(0),
        ..Tune::default()
    });
    assert!(refused(&embedded, job, none).await?.contains("at least 1"));
    let faster = Tune {
        max_parallel: Some(4),
        max_rows_per_second: Some(0),
        ..Tune::default()
    };
    applied(&embedded, job, Command::Tune(faster)).await?;
    let begun = "SELECT extract(epoch FROM clock_timestamp() - applied_at)::float8 FROM sluice.command WHERE outcome = 'applied'";
    embedded.verified(job).await?;
    let took = ask::<f64>(&database, begun).await?;
    assert!(took < 20.0, "it took {took} s after it was tuned");
    embedded.stop().await
}

#[tokio::test]
async fn what_cannot_be_done_now_is_refused_with_what_to_do_instead() -> Outcome {
    let database = database().await?;
    tracks(&database, 100).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, super::ground::SECONDS).await?;
    embedded.verified(job).await?;
    for (command, why) in [
        (Command::Approve { gate: None }, "no gate"),
        (
            Command::Approve {
                gate: Some("contractt".to_owned()),
            },
            "no gate `contractt`",
        ),
        (Command::Resume, "not stopped"),
    ] {
        let found = refused(&embedded, job, command.clone()).await?;
        assert!(found.contains(why), "{command:?}: {found}");
    }
    embedded.roll_back(job, true).await?;
    // An ended job is not driven any more; its commands are answered all the same.
    for (command, why) in [
        (Command::Pause, "rolled-back"),
        (Command::Abort, "rolled-back"),
        (
            Command::Rollback {
                discard: true,
                accept_loss: false,
            },
            "gone already",
        ),
    ] {
        let found = refused(&embedded, job, command.clone()).await?;
        assert!(found.contains(why), "{command:?}: {found}");
    }
    embedded.stop().await
}

/// Whoever holds the table holds up the work on it, not the planner.
#[tokio::test]
async fn a_command_is_answered_while_somebody_has_the_table_to_himself() -> Outcome {
    let database = database().await?;
    tracks(&database, 4000).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(300, 2)).await?;
    some_rows_filled(&database).await?;
    let mut owner = database.connect(Role::Owner).await?;
    engine::sql::execute_script(&mut owner, "BEGIN; LOCK TABLE track IN ACCESS EXCLUSIVE MODE").await?;
    // Long enough for the planner to look at the table again.
    let locked: String = ask(&database, "SELECT clock_timestamp()::text").await?;
    let beats =
        format!("SELECT max(beat_at) > '{locked}'::timestamptz + interval '4 seconds' FROM sluice.throttle");
    let beat = "SELECT max(beat_at)::text FROM sluice.throttle";
    until(&database, "the planner beats on", &beats, beat).await?;
    applied(&embedded, job, Command::Pause).await?;
    applied(&embedded, job, unlimited()).await?;
    applied(&embedded, job, Command::Resume).await?;
    engine::sql::execute_script(&mut owner, "COMMIT").await?;
    embedded.verified(job).await?;
    let waited = "SELECT max(extract(epoch FROM applied_at - created_at))::float8 FROM sluice.command";
    let waited = ask::<f64>(&database, waited).await?;
    assert!(waited < 5.0, "a command waited {waited} s for its answer");
    embedded.stop().await
}
