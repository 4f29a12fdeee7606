//! Every role ends and others begin: the ledger alone says how far a job is.

use ledger::commands::{Command, Tune};
use testbed::database::Role;
use testbed::embedded::Embedded;
use testbed::oracle;
use testbed::traffic::{Load, Traffic};

use super::ground::{
    Outcome, WRONG, applied, ask, database, seconds_at, some_rows_filled, track_traffic, tracks,
};

#[tokio::test]
async fn a_job_goes_on_where_it_stood_after_all_roles_were_stopped_and_started() -> Outcome {
    let database = database().await?;
    tracks(&database, 5000).await?;
    oracle::audit(&database, "track", "id").await?;
    let traffic = Traffic::start(&database.url(Role::App), track_traffic(), Load::default()).await?;
    let first = Embedded::start(&database).await?;
    let job = first.submit(&database, &seconds_at(800, 2)).await?;
    some_rows_filled(&database).await?;
    first.stop().await?;
    let mut conn = database.superuser().await?;
    let before = ask::<i64>(
        &database,
        "SELECT sum(rows_changed)::bigint FROM sluice.chunk_cursor",
    )
    .await?;
    assert!(
        before > 0 && before < 5000,
        "{before} rows were filled before the restart"
    );
    let second = Embedded::start(&database).await?;
    let faster = Tune {
        max_rows_per_second: Some(0),
        ..Tune::default()
    };
    applied(&second, job, Command::Tune(faster)).await?;
    second.verified(job).await?;
    let report = traffic.stop().await?;
    report.assert_no_errors()?;
    report
        .assert_all_writes_found(&mut database.reader().await?)
        .await?;
    oracle::chunks_tile(&mut conn, job).await?;
    assert_eq!(oracle::mismatched(&mut conn, "track", WRONG).await?, 0);
    assert_eq!(
        oracle::rows_logged_for_sluice(&mut conn).await?,
        oracle::rows_changed(&mut conn, job).await?
    );
    second.stop().await
}

/// A verified job has nothing to do, and a planner that starts finds that out and leaves it alone.
#[tokio::test]
async fn a_verified_job_stays_verified_over_a_restart_and_can_be_rolled_back_then() -> Outcome {
    let database = database().await?;
    tracks(&database, 500).await?;
    let before = database.schema_dump().await?;
    let first = Embedded::start(&database).await?;
    let job = first.submit(&database, super::ground::SECONDS).await?;
    let version = first.verified(job).await?.version;
    first.stop().await?;
    let second = Embedded::start(&database).await?;
    second.roll_back(job, true).await?;
    assert!(second.job(job).await?.version > version);
    assert_eq!(database.schema_dump().await?, before);
    second.stop().await
}
