//! Chunks re-read on a replica. What was read there is told by that server's own counters; the full check reads the primary alone.

use ledger::JobState;
use ledger::commands::{Command, Tune};
use proto::JobId;
use secrecy::SecretString;
use shared::settings::{RereadReplica, TargetSettings};
use testbed::database::{Database, Role};
use testbed::embedded::{ALL, Embedded, PATIENCE};
use testbed::postgres::{Durability, Replica, Server};
use testbed::{target, wait};

use super::ground::{Outcome, applied, ask, held, seconds_at, some_rows_filled, spoil, tracks, until};

const ROWS: u32 = 4000;
/// Every chunk was re-read and found right, and there are some.
const EVERY_CHUNK_RIGHT: &str = "SELECT count(*) > 0 AND bool_and(verification = 'ok') FROM sluice.chunk";
const CHUNKS: &str = "SELECT string_agg(first_block || ' ' || state || ' ' || verification, ', ' ORDER BY first_block) FROM sluice.chunk";

/// With room in each block: a row stays in its chunk when it is filled, so that the re-read of the chunk meets it.
async fn roomy_tracks(database: &Database<'_>) -> Outcome {
    tracks(database, ROWS).await?;
    for statement in [
        "ALTER TABLE track SET (fillfactor = 30, autovacuum_enabled = off)",
        "VACUUM FULL track",
    ] {
        database.execute_as(Role::Owner, statement).await?;
    }
    Ok(())
}

/// Settings by which chunks are re-read on the replica `far` at a port of this machine.
fn rereading_at(database: &Database<'_>, port: u16) -> TargetSettings {
    let mut settings = target::settings(database);
    let url = SecretString::from(database.url_through(Role::Monitor, port));
    settings.throttle.replicas.insert("far".to_owned(), url);
    settings.verify_on = Some("far".to_owned());
    settings
}

/// A job of these rows a second whose lag stops nothing: these tests make the replica lag.
async fn begun(
    database: &Database<'_>,
    settings: &TargetSettings,
    rows_per_second: u32,
) -> anyhow::Result<(Embedded, JobId)> {
    let mut embedded = Embedded::connect_with(database, settings).await?;
    embedded.start_parts(&ALL);
    let spec = format!(
        "{}[throttle]\nmax_replica_lag = \"1d\"\n",
        seconds_at(rows_per_second, 1)
    );
    let job = embedded.submit(database, &spec).await?;
    Ok((embedded, job))
}

async fn at_full_speed(embedded: &Embedded, job: JobId) -> Outcome {
    let tune = Tune {
        max_rows_per_second: Some(0),
        ..Tune::default()
    };
    applied(embedded, job, Command::Tune(tune)).await.map(drop)
}

/// Rows of `track` that statements have read on the replica since it began, as it counts them itself.
async fn rows_read_on(replica: &Replica, database: &Database<'_>) -> anyhow::Result<i64> {
    let mut conn = replica.superuser(database.name()).await?;
    let counted =
        "SELECT coalesce(sum(seq_tup_read), 0)::int8 FROM pg_stat_user_tables WHERE relname = 'track'";
    Ok(engine::sql::scalar(counted).fetch_one(&mut conn).await?)
}

/// A session tells its counts when it ends, or a while after it fell silent.
async fn until_read_on(replica: &Replica, database: &Database<'_>, rows: i64) -> Outcome {
    wait::until("the replica has counted the reads", PATIENCE, async || {
        let read = rows_read_on(replica, database).await?;
        anyhow::Ok(if read >= rows {
            wait::Look::There(())
        } else {
            wait::Look::NotYet(format!("{read} of {rows} rows"))
        })
    })
    .await
}

#[tokio::test]
async fn every_row_is_read_on_the_replica_that_the_settings_name() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let replica = server.replica("replica1").await?;
    let database = Database::new(&server).await?;
    roomy_tracks(&database).await?;
    let (embedded, job) = begun(&database, &rereading_at(&database, replica.port()), 4000).await?;
    embedded.verified(job).await?;
    assert!(ask::<bool>(&database, EVERY_CHUNK_RIGHT).await?);
    embedded.stop().await?;
    until_read_on(&replica, &database, i64::from(ROWS)).await
}

/// The first chunks are read on the replica; what it does not replay any more is read on the primary, while it still hangs.
#[tokio::test]
async fn a_replica_that_does_not_replay_holds_no_chunk_up() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let replica = server.replica("replica1").await?;
    let database = Database::new(&server).await?;
    roomy_tracks(&database).await?;
    let (embedded, job) = begun(&database, &rereading_at(&database, replica.port()), 400).await?;
    some_rows_filled(&database).await?;
    replica.pause().await?;
    at_full_speed(&embedded, job).await?;
    embedded.verified(job).await?;
    assert!(ask::<bool>(&database, EVERY_CHUNK_RIGHT).await?);
    embedded.stop().await?;
    let read = rows_read_on(&replica, &database).await?;
    assert!(
        read < i64::from(ROWS),
        "{read} rows were read on a replica that lacks them"
    );
    replica.resume().await?;
    Ok(())
}

#[tokio::test]
async fn a_replica_of_another_primary_is_not_read_and_the_job_is_verified() -> Outcome {
    let (server, other) = tokio::try_join!(
        Server::start(Durability::ThrowAway),
        Server::start(Durability::ThrowAway)
    )?;
    let elsewhere = Database::new(&other).await?;
    roomy_tracks(&elsewhere).await?;
    let replica = other.replica("replica1").await?;
    let database = Database::new(&server).await?;
    roomy_tracks(&database).await?;
    let mut embedded = Embedded::connect(&database).await?;
    // Beside the throttle, which would stop the job because of such a replica before there is anything to re-read.
    embedded.target.reread_replica = Some(RereadReplica {
        name: "far".to_owned(),
        url: SecretString::from(elsewhere.url_through(Role::Data, replica.port())),
    });
    embedded.start_parts(&ALL);
    let job = embedded.submit(&database, &seconds_at(4000, 1)).await?;
    embedded.verified(job).await?;
    assert!(ask::<bool>(&database, EVERY_CHUNK_RIGHT).await?);
    embedded.stop().await?;
    assert_eq!(rows_read_on(&replica, &elsewhere).await?, 0);
    Ok(())
}

/// Spoiled while its chunk is still being filled, so that the re-read of the chunk is what meets it.
#[tokio::test]
async fn a_wrong_row_that_the_replica_shows_is_found() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let replica = server.replica("replica1").await?;
    let database = Database::new(&server).await?;
    roomy_tracks(&database).await?;
    let (embedded, job) = begun(&database, &rereading_at(&database, replica.port()), 400).await?;
    let begun_with_it =
        "SELECT EXISTS (SELECT FROM sluice.chunk c JOIN sluice.chunk_cursor k ON k.chunk = c.id
        WHERE c.first_block = 0 AND c.state = 'open' AND k.cursor_block > 1)";
    until(&database, "the first rows are filled", begun_with_it, CHUNKS).await?;
    spoil(
        &database,
        "track",
        "UPDATE track SET seconds = -7 WHERE id IN (1, 2, 3)",
    )
    .await?;
    at_full_speed(&embedded, job).await?;
    let why = held(&embedded, job).await?;
    assert!(
        why.contains("1 chunks of track hold rows that are wrong"),
        "{why}"
    );
    let wrong = "SELECT verification FROM sluice.chunk WHERE first_block = 0 ORDER BY sweep LIMIT 1";
    assert_eq!(ask::<String>(&database, wrong).await?, "mismatched");
    let named =
        "SELECT string_agg(DISTINCT row_key ->> 'id', ' ' ORDER BY row_key ->> 'id') FROM sluice.mismatch";
    assert_eq!(ask::<String>(&database, named).await?, "1 2 3");
    applied(&embedded, job, Command::Repair).await?;
    let mended = embedded.until(job, &[JobState::Verified]).await?;
    assert_eq!(mended.state, JobState::Verified);
    embedded.stop().await?;
    until_read_on(&replica, &database, 1).await
}
