//! Trap 28: dual-write that is silently off.

use ledger::JobState;
use ledger::commands::Command;
use testbed::file::File;

use crate::sqlite::ground::{CHANGED, Outcome, SECONDS, submitted, walk};
use crate::stages::cutover::start;
use crate::stages::ground::{applied, refused};

/// The name of our trigger for an event: `i` or `u`.
async fn trigger(file: &File, event: &str) -> anyhow::Result<String> {
    file.value(&format!(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'track' AND name LIKE '%\\_{event}' ESCAPE '\\'"
    ))
    .await
}

#[tokio::test]
async fn a_trigger_that_is_dropped_does_not_go_unnoticed_while_the_job_rests() -> Outcome {
    let file = SECONDS.file(500).await?;
    let mut embedded = testbed::embedded::Embedded::connect(&file).await?;
    embedded.start_parts(&testbed::embedded::ALL);
    let job = submitted(&embedded, &file, SECONDS.spec).await?;
    embedded.verified(job).await?;
    for event in ["i", "u"] {
        let name = trigger(&file, event).await?;
        file.execute(&format!("DROP TRIGGER \"{name}\"")).await?;
        let held = embedded.until(job, &[JobState::Held]).await?;
        let why = held.reason.unwrap_or_default();
        assert!(
            why.contains("may have been missed") && why.contains("resume"),
            "{why}"
        );
        let writes = if event == "i" {
            "INSERT INTO track (id, milliseconds) VALUES (-1, 7654), (100000, 8765)"
        } else {
            "UPDATE track SET milliseconds = milliseconds + 5000 WHERE id BETWEEN 1 AND 50"
        };
        file.execute(writes).await?;
        assert!(SECONDS.mismatched(&file).await? > 0, "the mirror was still there");
        applied(&embedded, job, Command::Resume).await?;
        embedded.verified(job).await?;
        assert_eq!(SECONDS.mismatched(&file).await?, 0);
        trigger(&file, event).await?;
    }
    assert_eq!(
        file.value::<i64>(CHANGED).await?,
        552,
        "each wrong row was swept once"
    );
    embedded.stop().await
}

#[tokio::test]
async fn drift_after_new_leads_holds_the_flags_and_is_put_right_without_filling_from_old() -> Outcome {
    let file = SECONDS.file(500).await?;
    let embedded = start(&file).await?;
    let job = submitted(&embedded, &file, &SECONDS.by_hand()).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    let name = trigger(&file, "u").await?;
    file.execute(&format!(
        "BEGIN; DROP TRIGGER \"{name}\"; UPDATE track SET seconds = 77 WHERE id = 5; COMMIT"
    ))
    .await?;
    let held = embedded.until(job, &[JobState::Held]).await?;
    let why = held.reason.unwrap_or_default();
    assert!(why.contains("nothing is filled from old"), "{why}");
    applied(&embedded, job, Command::Resume).await?;
    // The trigger is back, and the row that was written past it is found.
    let held = embedded.until(job, &[JobState::Held]).await?;
    let why = held.reason.unwrap_or_default();
    assert!(why.contains("1 row"), "{why}");
    let found = "SELECT row_key FROM sluice_mismatch WHERE resolved_at IS NULL";
    assert_eq!(file.value::<String>(found).await?, "{\"id\":5}");
    let new = "SELECT seconds FROM track WHERE id = 5";
    assert_eq!(file.value::<i64>(new).await?, 77, "it was repaired from old");
    let why = refused(&embedded, job, Command::Repair).await?;
    assert!(why.contains("new is the authority"), "{why}");
    file.execute("UPDATE track SET seconds = 78 WHERE id = 5").await?;
    let old = "SELECT milliseconds FROM track WHERE id = 5";
    assert_eq!(file.value::<i64>(old).await?, 78_000);
    applied(&embedded, job, Command::Verify).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    embedded.roll_back(job, true).await?;
    embedded.stop().await
}
