//! What the tests of this group stand on: a table, its application traffic, a spec, and the way there and back.

use std::time::Duration;

use ledger::JobState;
use ledger::commands::{Answer, Command};
use ledger::plan::Phase;
use proto::JobId;
use testbed::database::{Database, Role};
use testbed::embedded::{Embedded, PATIENCE, Part};
use testbed::postgres::Server;
use testbed::traffic::{Column, Load, Table, Traffic};
use testbed::{oracle, wait};

pub(crate) type Outcome = anyhow::Result<()>;

/// A whole number of milliseconds becomes whole seconds, and back.
pub(crate) const SECONDS: &str = r#"
name = "track-seconds"
[[change]]
kind = "add_column"
table = "track"
column = "seconds"
type = "integer"
up = "milliseconds / 1000"
down = "seconds * 1000"
replaces = "milliseconds"
"#;

/// Where a row is wrong once [`SECONDS`] is in place.
pub(crate) const WRONG: &str = "seconds IS DISTINCT FROM milliseconds / 1000";

/// [`SECONDS`] with a budget: enough rows a second to make progress, few enough to look at the job meanwhile.
pub(crate) fn seconds_at(rows_per_second: u32, max_parallel: u32) -> String {
    format!("{SECONDS}[backfill]\nmax_rows_per_second = {rows_per_second}\nmax_parallel = {max_parallel}\n")
}

/// A database on the shared server.
pub(crate) async fn database<'s>() -> anyhow::Result<Database<'s>> {
    Database::new(Server::shared().await?).await
}

/// `track (id, milliseconds, note)`, about 24 rows a block, so that a few thousand rows make several chunks.
pub(crate) async fn tracks(database: &Database<'_>, rows: u32) -> Outcome {
    let create = "CREATE TABLE track (id bigint PRIMARY KEY, milliseconds integer NOT NULL, note text NOT NULL DEFAULT '')";
    let fill = format!(
        "INSERT INTO track SELECT n, n * 977 % 400000, repeat('x', 300) FROM generate_series(1, {rows}) AS n"
    );
    database
        .execute_as(Role::Owner, &format!("{create}; {fill}; ANALYZE track"))
        .await?;
    database.grant_data_privileges(&["track"]).await
}

/// Traffic on [`tracks`].
pub(crate) fn track_traffic() -> Table {
    Table::new(
        "track",
        "id",
        Column::integer("milliseconds"),
        Column::text("note"),
    )
}

/// One value, as superuser.
pub(crate) async fn ask<T>(database: &Database<'_>, query: &str) -> anyhow::Result<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let mut conn = database.superuser().await?;
    Ok(engine::sql::scalar(query).fetch_one(&mut conn).await?)
}

/// Waits until a boolean query answers yes; `seen` is a query whose text tells what there is instead.
pub(crate) async fn until(database: &Database<'_>, what: &str, query: &str, seen: &str) -> Outcome {
    let mut conn = database.superuser().await?;
    wait::until(what, PATIENCE, async || {
        let holds: bool = engine::sql::scalar(query).fetch_one(&mut conn).await?;
        if holds {
            return Ok::<_, sqlx::Error>(wait::Look::There(()));
        }
        let state: Option<String> = engine::sql::scalar(seen).fetch_one(&mut conn).await?;
        Ok(wait::Look::NotYet(state.unwrap_or_default()))
    })
    .await
}

/// What the ledger counts as changed so far, as text for failures.
pub(crate) const CHANGED: &str = "SELECT sum(rows_changed)::text FROM sluice.chunk_cursor";

/// Waits until the backfill has committed rows.
pub(crate) async fn some_rows_filled(database: &Database<'_>) -> Outcome {
    let some = "SELECT coalesce(sum(rows_changed), 0) > 0 FROM sluice.chunk_cursor";
    until(database, "the backfill has written rows", some, CHANGED).await
}

/// Changes rows behind the mirror's back, in one transaction, so that neither its state nor the fingerprint shows it after.
/// A trigger that is disabled and enabled again would show; so its function does nothing for a moment.
pub(crate) async fn spoil(database: &Database<'_>, table: &str, update: &str) -> Outcome {
    let mut conn = database.superuser().await?;
    let (name, definition): (String, String) = engine::sql::query_as(
        "SELECT tgfoid::regproc::text, pg_get_functiondef(tgfoid) FROM pg_trigger
         WHERE tgrelid = $1::regclass AND tgname LIKE '%sluice\\_%'",
    )
    .bind(table)
    .fetch_one(&mut conn)
    .await?;
    let script = format!(
        "BEGIN; LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE; \
         CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         {update}; {definition}; COMMIT"
    );
    engine::sql::execute_script(&mut conn, script).await?;
    Ok(())
}

/// Says something that must be done.
pub(crate) async fn applied(embedded: &Embedded, job: JobId, command: Command) -> anyhow::Result<String> {
    match embedded.say(job, &command).await? {
        Answer::Applied(text) => Ok(text),
        Answer::Refused(text) => anyhow::bail!("{} was refused: {text}", command.name()),
    }
}

/// Says something that must be refused; the reason.
pub(crate) async fn refused(embedded: &Embedded, job: JobId, command: Command) -> anyhow::Result<String> {
    match embedded.say(job, &command).await? {
        Answer::Refused(text) => Ok(text),
        Answer::Applied(text) => anyhow::bail!("{} was applied: {text}", command.name()),
    }
}

/// The reason a job is held.
pub(crate) async fn held(embedded: &Embedded, job: JobId) -> anyhow::Result<String> {
    let held = embedded.until(job, &[JobState::Held, JobState::Verified]).await?;
    anyhow::ensure!(
        held.state == JobState::Held,
        "the job is {}, expected held",
        held.state
    );
    Ok(held.reason.unwrap_or_default())
}

/// A migration, and what to look at.
pub(crate) struct Trip<'a> {
    pub(crate) spec: &'a str,
    /// The application beside it.
    pub(crate) traffic: Table,
    /// Tables, each with the condition under which a row of it is wrong.
    pub(crate) wrong: &'a [(&'a str, &'a str)],
    /// What the application must still be able to do after a rollback that keeps the columns.
    pub(crate) afterwards: &'a [&'a str],
}

/// Forward to verified under traffic, rolled back under traffic, discarded: the schema is what it was, no write is lost.
pub(crate) async fn there_and_back(database: &Database<'_>, trip: Trip<'_>) -> Outcome {
    let before = database.schema_dump().await?;
    let embedded = Embedded::start(database).await?;
    let traffic = Traffic::start(&database.url(Role::App), trip.traffic, Load::default()).await?;
    let job = embedded.submit(database, trip.spec).await?;
    let plan = embedded
        .target
        .ledger
        .plan(&embedded.job(job).await?.plan_hash)
        .await?;
    if plan.gate_before(Phase::Expand).is_some() {
        applied(&embedded, job, Command::Approve { gate: None }).await?;
    }
    embedded.verified(job).await?;
    let mut conn = database.superuser().await?;
    for (table, wrong) in trip.wrong {
        assert_eq!(
            oracle::mismatched(&mut conn, table, wrong).await?,
            0,
            "{table}: {wrong}"
        );
    }
    oracle::chunks_tile(&mut conn, job).await?;
    embedded.assert_tiled(job).await?;
    embedded.roll_back(job, false).await?;
    for statement in trip.afterwards {
        database.execute_as(Role::App, statement).await?;
    }
    embedded.roll_back(job, true).await?;
    let report = traffic.stop().await?;
    report.assert_no_errors()?;
    report
        .assert_all_writes_found(&mut database.reader().await?)
        .await?;
    assert_eq!(
        database.schema_dump().await?,
        before,
        "the schema is not what it was"
    );
    embedded.stop().await
}

/// Waits until the server's clock has passed this much after the last command was answered.
pub(crate) async fn after_the_last_answer(database: &Database<'_>, time: Duration) -> Outcome {
    let past = format!(
        "SELECT clock_timestamp() > max(applied_at) + interval '{} milliseconds' FROM sluice.command",
        time.as_millis()
    );
    until(
        database,
        "time has passed since the answer",
        &past,
        "SELECT clock_timestamp()::text",
    )
    .await
}

/// Stands before the first batch: the triggers are in place, the bound is taken, the first chunk is ready and not let in.
/// Starting a verifier lets it go.
pub(crate) async fn before_the_first_batch(
    database: &Database<'_>,
    spec: &str,
) -> anyhow::Result<(Embedded, JobId)> {
    let mut embedded = Embedded::connect(database).await?;
    embedded.start_parts(&[Part::Planner, Part::Backfiller(1)]);
    let job = embedded.submit(database, spec).await?;
    let waiting = "SELECT EXISTS (SELECT FROM sluice.task WHERE kind = 'chunk' AND state = 'ready')
        AND EXISTS (SELECT FROM sluice.throttle WHERE NOT go AND reason LIKE '%no verifier%')";
    let state = "SELECT state || ' ' || coalesce(reason, '') FROM sluice.job";
    until(database, "the first chunk waits for leave", waiting, state).await?;
    Ok((embedded, job))
}

/// How often the table of fill 0 was swept, repairs included.
pub(crate) async fn sweeps(database: &Database<'_>) -> anyhow::Result<i32> {
    ask(database, "SELECT max(sweep) FROM sluice.sweep").await
}
