//! One signal after another is provoked on a real server: the work stops, says by what, and goes on by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use secrecy::SecretString;
use shared::settings::QuerySettings;
use testbed::clock::SteppingClock;
use testbed::database::{Database, Role};
use testbed::embedded::{ALL, Embedded};
use testbed::postgres::{Durability, Server};
use testbed::{oracle, target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::ground::{Outcome, ask, database, seconds_at, some_rows_filled, tracks, until};
use super::replicas::{begun_with, finishes, goes_on_by_itself, nothing_is_written, stopped};

/// As superuser.
async fn order(database: &Database<'_>, script: &str) -> Outcome {
    let mut conn = database.superuser().await?;
    engine::sql::execute_script(&mut conn, script).await?;
    Ok(())
}

/// Some megabytes of write-ahead log that change no row.
const NOISE: &str =
    "SELECT pg_logical_emit_message(false, 'noise', repeat('x', 1000000)) FROM generate_series(1, 24)";

#[tokio::test]
async fn a_slot_that_keeps_too_much_stops_the_work_until_it_is_gone() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let database = Database::new(&server).await?;
    order(
        &database,
        "SELECT pg_create_physical_replication_slot('warehouse', true)",
    )
    .await?;
    let settings = target::settings(&database);
    let (embedded, job) = begun_with(&database, &settings, "max_slot_wal_bytes = 16777216").await?;
    some_rows_filled(&database).await?;
    order(&database, NOISE).await?;
    stopped(
        &database,
        "slot_wal of warehouse is %limit 16.0 MiB, work goes on at 8.0 MiB",
    )
    .await?;
    nothing_is_written(&database).await?;
    order(&database, "SELECT pg_drop_replication_slot('warehouse')").await?;
    goes_on_by_itself(&database).await?;
    finishes(embedded, job).await
}

#[tokio::test]
async fn write_ahead_log_that_grows_too_fast_stops_the_work_for_a_while() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let database = Database::new(&server).await?;
    let settings = target::settings(&database);
    let limit = "max_server_wal_bytes_per_second = 4194304";
    let (embedded, job) = begun_with(&database, &settings, limit).await?;
    some_rows_filled(&database).await?;
    order(&database, NOISE).await?;
    stopped(
        &database,
        "wal_rate of primary is %limit 4.0 MiB/s, work goes on at 3.2 MiB/s",
    )
    .await?;
    goes_on_by_itself(&database).await?;
    finishes(embedded, job).await
}

#[tokio::test]
async fn an_archive_that_cannot_follow_stops_the_work_until_it_can() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let database = Database::new(&server).await?;
    for setting in ["archive_mode = on", "archive_command = 'false'"] {
        order(&database, &format!("ALTER SYSTEM SET {setting}")).await?;
    }
    server.crash_and_restart().await?;
    let settings = target::settings(&database);
    let (embedded, job) = begun_with(&database, &settings, "max_archive_backlog = 3").await?;
    some_rows_filled(&database).await?;
    for _ in 0..5 {
        order(&database, "SELECT pg_logical_emit_message(false, 'noise', 'x')").await?;
        order(&database, "SELECT pg_switch_wal()").await?;
    }
    stopped(
        &database,
        "archive_backlog of primary is %limit 3, work goes on at 1.5",
    )
    .await?;
    nothing_is_written(&database).await?;
    order(&database, "ALTER SYSTEM SET archive_command = 'true'").await?;
    order(&database, "SELECT pg_reload_conf()").await?;
    goes_on_by_itself(&database).await?;
    finishes(embedded, job).await
}

#[tokio::test]
async fn checkpoints_that_were_asked_for_stop_the_work() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let database = Database::new(&server).await?;
    let settings = target::settings(&database);
    let (embedded, _) = begun_with(&database, &settings, "max_requested_checkpoints = 1").await?;
    some_rows_filled(&database).await?;
    for _ in 0..2 {
        order(&database, "CHECKPOINT").await?;
    }
    stopped(&database, "requested_checkpoints of primary is 2, limit 1, %").await?;
    nothing_is_written(&database).await?;
    embedded.stop().await
}

#[tokio::test]
async fn too_many_sessions_at_work_stop_the_work_until_they_are_done() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let database = Database::new(&server).await?;
    let settings = target::settings(&database);
    let (embedded, job) = begun_with(&database, &settings, "max_active_sessions = 3").await?;
    some_rows_filled(&database).await?;
    let mut busy = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let mut conn = database.connect(Role::App).await?;
        busy.spawn(async move { engine::sql::execute_script(&mut conn, "SELECT pg_sleep(600)").await });
    }
    stopped(
        &database,
        "active_sessions of primary is %limit 3, work goes on at 2.4",
    )
    .await?;
    nothing_is_written(&database).await?;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'";
    order(&database, end).await?;
    goes_on_by_itself(&database).await?;
    finishes(embedded, job).await
}

#[tokio::test]
async fn a_transaction_that_stays_open_stops_the_work_until_it_ends() -> Outcome {
    let database = database().await?;
    let settings = target::settings(&database);
    let (embedded, job) = begun_with(&database, &settings, "max_transaction_age = \"3s\"").await?;
    some_rows_filled(&database).await?;
    let mut open = database.connect(Role::App).await?;
    engine::sql::execute_script(&mut open, "BEGIN; SELECT 1").await?;
    stopped(
        &database,
        "transaction_age of primary is %limit 3.0 s, work goes on at 2.4 s",
    )
    .await?;
    nothing_is_written(&database).await?;
    engine::sql::execute_script(&mut open, "COMMIT").await?;
    goes_on_by_itself(&database).await?;
    finishes(embedded, job).await
}

#[tokio::test]
async fn a_session_that_waits_for_a_lock_stops_the_work_whoever_holds_it() -> Outcome {
    let database = database().await?;
    database
        .execute_as(Role::Owner, "CREATE TABLE other (id integer)")
        .await?;
    let settings = target::settings(&database);
    let (embedded, job) = begun_with(&database, &settings, "max_lock_waits = 0").await?;
    some_rows_filled(&database).await?;
    let mut holder = database.connect(Role::Owner).await?;
    engine::sql::execute_script(&mut holder, "BEGIN; LOCK TABLE other").await?;
    let mut waiter = database.connect(Role::Owner).await?;
    let waiting =
        tokio::spawn(
            async move { engine::sql::execute_script(&mut waiter, "SELECT count(*) FROM other").await },
        );
    stopped(&database, "lock_waits of primary is 1, limit 0, %").await?;
    nothing_is_written(&database).await?;
    engine::sql::execute_script(&mut holder, "COMMIT").await?;
    waiting.await??;
    goes_on_by_itself(&database).await?;
    finishes(embedded, job).await
}

/// What the fill leaves behind is what stops it, until vacuum has been there.
#[tokio::test]
async fn dead_rows_stop_the_work_until_they_are_taken_away() -> Outcome {
    let database = database().await?;
    let settings = target::settings(&database);
    let (embedded, _) = begun_with(&database, &settings, "max_dead_percent = 20").await?;
    database
        .execute_as(Role::Owner, "ALTER TABLE track SET (autovacuum_enabled = false)")
        .await?;
    stopped(
        &database,
        "dead_rows of public.track is %limit 20.0 _, work goes on at 16.0 _",
    )
    .await?;
    nothing_is_written(&database).await?;
    order(&database, "VACUUM track").await?;
    goes_on_by_itself(&database).await?;
    embedded.stop().await
}

#[tokio::test]
async fn batches_that_take_too_long_stop_the_work_for_a_while() -> Outcome {
    let database = database().await?;
    let settings = target::settings(&database);
    let (embedded, _) = begun_with(&database, &settings, "max_batch_time = \"10ms\"").await?;
    stopped(
        &database,
        "batch_time of public.track is %limit 10 ms, work goes on at 8 ms",
    )
    .await?;
    goes_on_by_itself(&database).await?;
    stopped(&database, "batch_time of public.track is %").await?;
    embedded.stop().await
}

#[tokio::test]
async fn a_query_of_the_settings_stops_the_work_and_lets_it_go_on_at_its_low_level() -> Outcome {
    let database = database().await?;
    let monitor = database.role(Role::Monitor);
    database
        .execute_as(
            Role::Owner,
            &format!(
                "CREATE TABLE pressure (n integer); INSERT INTO pressure VALUES (1); GRANT SELECT ON pressure TO {monitor}"
            ),
        )
        .await?;
    order(&database, &format!("GRANT USAGE ON SCHEMA public TO {monitor}")).await?;
    let mut settings = target::settings(&database);
    let query = QuerySettings {
        sql: "SELECT n FROM public.pressure -- of the queue".to_owned(),
        max: 10,
        low: 4,
    };
    settings.throttle.queries.insert("queue".to_owned(), query);
    let (embedded, job) = begun_with(&database, &settings, "max_replica_lag = \"5s\"").await?;
    some_rows_filled(&database).await?;
    let set = async |n: u32| {
        let update = format!("UPDATE pressure SET n = {n}");
        database.execute_as(Role::Owner, &update).await
    };
    set(11).await?;
    stopped(&database, "query of queue is 11, limit 10, work goes on at 4").await?;
    nothing_is_written(&database).await?;
    set(5).await?;
    stopped(&database, "query of queue is 5, limit 10, work goes on at 4").await?;
    set(4).await?;
    goes_on_by_itself(&database).await?;
    let revoke = format!("REVOKE SELECT ON pressure FROM {monitor}");
    database.execute_as(Role::Owner, &revoke).await?;
    stopped(
        &database,
        "query of queue cannot be read: could not run the query queue: %permission denied%",
    )
    .await?;
    let grant = format!("GRANT SELECT ON pressure TO {monitor}");
    database.execute_as(Role::Owner, &grant).await?;
    goes_on_by_itself(&database).await?;
    finishes(embedded, job).await
}

/// A server that answers whatever it is told to, by freno's convention.
async fn freno(status: Arc<AtomicU16>) -> anyhow::Result<(u16, tokio::task::JoinHandle<()>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 1024];
            let read = stream.read(&mut asked).await.unwrap_or_default();
            // Whoever asks otherwise is told that this is not allowed.
            let head = asked[..read].starts_with(b"HEAD /check/sluice ");
            let status = if head { status.load(Ordering::Acquire) } else { 417 };
            let answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _gone = stream.write_all(answer.as_bytes()).await;
        }
    });
    Ok((port, serving))
}

#[tokio::test]
async fn an_http_check_lets_the_work_go_on_with_200_alone() -> Outcome {
    let database = database().await?;
    let status = Arc::new(AtomicU16::new(200));
    let (port, serving) = freno(status.clone()).await?;
    let mut settings = target::settings(&database);
    let url = SecretString::from(format!("http://127.0.0.1:{port}/check/sluice"));
    settings.throttle.checks.insert("freno".to_owned(), url);
    let (embedded, _) = begun_with(&database, &settings, "max_replica_lag = \"5s\"").await?;
    some_rows_filled(&database).await?;
    status.store(429, Ordering::Release);
    stopped(
        &database,
        "http_check of freno answers 429, work goes on when it answers 200",
    )
    .await?;
    nothing_is_written(&database).await?;
    status.store(500, Ordering::Release);
    stopped(&database, "http_check of freno cannot be read: it answers 500%").await?;
    status.store(200, Ordering::Release);
    goes_on_by_itself(&database).await?;
    serving.abort();
    stopped(&database, "http_check of freno cannot be read: %").await?;
    embedded.stop().await
}

/// The hours are those of the planner's wall clock, which is set here while everything runs.
#[tokio::test]
async fn outside_of_its_hours_a_job_waits_and_goes_on_when_they_come() -> Outcome {
    let database = database().await?;
    tracks(&database, 9000).await?;
    oracle::audit(&database, "track", "id").await?;
    let clock = SteppingClock::new();
    // From an hour ago to an hour from now, by the wall in Paris.
    let hours: String = ask(
        &database,
        "SELECT to_char(now() AT TIME ZONE 'Europe/Paris' - interval '1 hour', 'HH24:MI') || '-'
            || to_char(now() AT TIME ZONE 'Europe/Paris' + interval '1 hour', 'HH24:MI')",
    )
    .await?;
    let mut embedded = Embedded::connect(&database).await?.on_clock(clock.clone());
    embedded.start_parts(&ALL);
    let spec = format!(
        "{}[throttle]\nwindows = [\"{hours} Europe/Paris\"]\n",
        seconds_at(400, 2)
    );
    let job = embedded.submit(&database, &spec).await?;
    some_rows_filled(&database).await?;
    clock.step(2 * 3600);
    stopped(
        &database,
        &format!("it is % outside of {hours} Europe/Paris, work goes on at %"),
    )
    .await?;
    let signal = "SELECT signal = 'window' FROM sluice.throttle";
    until(
        &database,
        "the hours are what stops it",
        signal,
        "SELECT signal FROM sluice.throttle",
    )
    .await?;
    nothing_is_written(&database).await?;
    // To the same hour of the next day.
    clock.step(22 * 3600);
    goes_on_by_itself(&database).await?;
    finishes(embedded, job).await
}

/// Between its levels a signal slows the work down; it does not stop it.
#[tokio::test]
async fn between_its_levels_a_signal_eases_the_pace() -> Outcome {
    let database = database().await?;
    let mut settings = target::settings(&database);
    let query = QuerySettings {
        sql: "SELECT 7".to_owned(),
        max: 10,
        low: 4,
    };
    settings.throttle.queries.insert("queue".to_owned(), query);
    let (embedded, job) = begun_with(&database, &settings, "max_replica_lag = \"5s\"").await?;
    let eased = "SELECT bool_or(go AND factor < 0.2 AND eased_by LIKE 'query of queue is 7, limit 10, work goes on at 4')
        FROM sluice.throttle";
    let seen =
        "SELECT string_agg(go || ' ' || factor || ' ' || coalesce(eased_by, ''), ' ') FROM sluice.throttle";
    until(&database, "the pace is eased", eased, seen).await?;
    finishes(embedded, job).await
}
