//! Rows whose value cannot be computed: found by the backfill, or written by the application meanwhile.

use ledger::JobState;
use ledger::commands::Command;
use testbed::database::{Database, Role};
use testbed::embedded::Embedded;

use super::ground::{Outcome, applied, ask, database, held};

const SPEC: &str = r#"
name = "code-number"
[[change]]
kind = "add_column"
table = "reading"
column = "number"
type = "integer"
up = "code::integer"
"#;

async fn readings(database: &Database<'_>, rows: u32) -> Outcome {
    let script = format!(
        "CREATE TABLE reading (id integer PRIMARY KEY, code text, note text);
         INSERT INTO reading SELECT n, n::text, repeat('x', 300) FROM generate_series(1, {rows}) AS n"
    );
    database.execute_as(Role::Owner, &script).await?;
    database.grant_data_privileges(&["reading"]).await
}

/// Unresolved entries, as `id column kind sqlstate`.
async fn quarantined(database: &Database<'_>) -> anyhow::Result<String> {
    let rows = "SELECT coalesce(string_agg(concat_ws(' ', row_key ->> 'id', new_column, kind, sqlstate), ', ' ORDER BY id), '')
        FROM sluice.quarantine WHERE resolved_at IS NULL";
    ask(database, rows).await
}

#[tokio::test]
async fn a_row_that_cannot_be_migrated_holds_the_job_with_its_block_and_sqlstate() -> Outcome {
    let database = database().await?;
    readings(&database, 3000).await?;
    database
        .execute_as(
            Role::Owner,
            "UPDATE reading SET code = 'secret value' WHERE id = 1700",
        )
        .await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SPEC).await?;
    let why = held(&embedded, job).await?;
    let block: i64 = ask(
        &database,
        "SELECT (ctid::text::point)[0]::bigint FROM reading WHERE id = 1700",
    )
    .await?;
    assert!(
        why.contains("22P02") && why.contains(&format!("block {block}")),
        "{why} (the row is in block {block})"
    );
    assert!(why.contains("resume") && !why.contains("secret"), "{why}");
    // Nothing else is lost by it: resume without mending holds again, at the same place.
    applied(&embedded, job, Command::Resume).await?;
    assert!(held(&embedded, job).await?.contains("22P02"));
    database
        .execute_as(Role::App, "UPDATE reading SET code = '42' WHERE id = 1700")
        .await?;
    applied(&embedded, job, Command::Resume).await?;
    embedded.verified(job).await?;
    let wrong = "SELECT count(*) FROM reading WHERE number IS DISTINCT FROM code::integer";
    assert_eq!(ask::<i64>(&database, wrong).await?, 0);
    embedded.stop().await
}

/// Invariant 11.
#[tokio::test]
async fn a_write_that_cannot_be_mirrored_succeeds_and_is_quarantined_until_it_is_mended() -> Outcome {
    let database = database().await?;
    readings(&database, 500).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SPEC).await?;
    let verified = embedded.verified(job).await?;
    database
        .execute_as(Role::App, "INSERT INTO reading VALUES (900, 'secret', 'n'); UPDATE reading SET code = 'secret' WHERE id = 7")
        .await?;
    assert_eq!(
        quarantined(&database).await?,
        "900 number error 22P02, 7 number error 22P02"
    );
    assert_eq!(embedded.counts(job).await?.rows_quarantined, 2);
    let listed = embedded.target.ledger.quarantined(&verified.tag, 10).await?;
    assert_eq!(listed[0].key, serde_json::json!({ "id": 900 }));
    assert!(
        !format!("{listed:?}").contains("secret"),
        "a row's value is in the quarantine: {listed:?}"
    );
    let left = "SELECT number IS NULL AND code = 'secret' FROM reading WHERE id = 900";
    assert!(ask::<bool>(&database, left).await?);

    applied(&embedded, job, Command::Verify).await?;
    let why = held(&embedded, job).await?;
    assert!(why.contains("quarantine") && why.contains("900"), "{why}");
    database
        .execute_as(
            Role::App,
            "UPDATE reading SET code = '9' WHERE id = 900; DELETE FROM reading WHERE id = 7",
        )
        .await?;
    applied(&embedded, job, Command::Verify).await?;
    embedded.verified(job).await?;
    assert_eq!(quarantined(&database).await?, "");
    embedded.stop().await
}

#[tokio::test]
async fn a_write_that_cannot_be_mirrored_during_the_backfill_does_not_pass_as_verified() -> Outcome {
    let database = database().await?;
    readings(&database, 3000).await?;
    let embedded = Embedded::start(&database).await?;
    let slow = format!("{SPEC}[backfill]\nmax_rows_per_second = 1000\n");
    let job = embedded.submit(&database, &slow).await?;
    super::ground::some_rows_filled(&database).await?;
    database
        .execute_as(Role::App, "UPDATE reading SET code = 'x' WHERE id = 1")
        .await?;
    let held = embedded.until(job, &[JobState::Held, JobState::Verified]).await?;
    let why = held.reason.unwrap_or_default();
    assert_eq!(held.state, JobState::Held, "a row without a value was verified");
    assert!(why.contains("quarantine") || why.contains("22P02"), "{why}");
    database
        .execute_as(Role::App, "UPDATE reading SET code = '1' WHERE id = 1")
        .await?;
    let again = if why.contains("cannot be filled") {
        Command::Resume
    } else {
        Command::Verify
    };
    applied(&embedded, job, again).await?;
    embedded.verified(job).await?;
    embedded.stop().await
}

/// Its quarantine names whole rows: they are never told, and a check that reads the table answers for them.
#[tokio::test]
async fn without_a_key_a_bad_row_is_not_quoted_and_a_clean_check_resolves_it() -> Outcome {
    let database = database().await?;
    let create = "CREATE TABLE reading (id integer, code text, note text);
        INSERT INTO reading SELECT n, n::text, 'n' FROM generate_series(1, 500) AS n";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["reading"]).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SPEC).await?;
    embedded.verified(job).await?;
    database
        .execute_as(Role::App, "INSERT INTO reading VALUES (900, 'secret', 'n')")
        .await?;
    applied(&embedded, job, Command::Verify).await?;
    let why = held(&embedded, job).await?;
    assert!(why.contains("22P02") && !why.contains("secret"), "{why}");
    database
        .execute_as(Role::App, "DELETE FROM reading WHERE id = 900")
        .await?;
    applied(&embedded, job, Command::Verify).await?;
    embedded.verified(job).await?;
    assert_eq!(quarantined(&database).await?, "");
    embedded.stop().await
}
