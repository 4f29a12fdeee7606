//! Traps 14, 15 and 23: row numbers are places, not rows.

use ledger::JobState;
use ledger::commands::Command;
use testbed::embedded::{Embedded, PATIENCE};
use testbed::file::File;
use testbed::wait;

use crate::sqlite::ground::{
    CHANGED, FAX, Outcome, after_the_last_answer, some_rows_filled, submitted, unlimited,
};
use crate::stages::cutover::with_waits;
use crate::stages::ground::{applied, refused};

/// Where jobs of these tests end.
const END: &[JobState] = &[JobState::Verified, JobState::Held];

fn slowly(spec: &str) -> String {
    format!("{spec}[backfill]\nmax_rows_per_second = 1000\n")
}

/// Trap 14: rows get another key, ahead of the cursor, and are met again.
#[tokio::test]
async fn a_row_that_is_met_twice_is_not_written_twice() -> Outcome {
    let file = FAX.file(6000).await?;
    // The bound of the sweep: there is room for the others before it.
    file.execute("INSERT INTO customer (id, fax) VALUES (50000, '+1 50000')")
        .await?;
    let embedded = Embedded::start(&file).await?;
    let job = submitted(&embedded, &file, &slowly(FAX.spec)).await?;
    some_rows_filled(&file).await?;
    let moved = file
        .execute("UPDATE customer SET id = id + 20000 WHERE fax_number IS NOT NULL AND id < 20000")
        .await?;
    assert!(moved > 0 && moved < 6000, "{moved} rows were moved");
    applied(&embedded, job, unlimited()).await?;
    let job = embedded.until(job, END).await?;
    assert_eq!(job.state, JobState::Verified, "{:?}", job.reason);
    assert_eq!(file.value::<i64>(CHANGED).await?, 6001);
    let seen: i64 = file
        .value("SELECT sum(rows_seen) FROM sluice_chunk_cursor")
        .await?;
    assert!(seen > 6001, "no row was met twice: {seen} were seen");
    assert_eq!(FAX.mismatched(&file).await?, 0);
    embedded.stop().await
}

/// Trap 15: VACUUM renumbers the rows of a table that has no numbers of its own.
#[tokio::test]
async fn a_vacuum_in_mid_sweep_hides_no_row() -> Outcome {
    let file = File::new().await?;
    file.execute(
        "CREATE TABLE customer (code text, fax text, note text);
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 9000)
         INSERT INTO customer SELECT 'c' || n, '+1 ' || n, 'x' FROM numbers;
         DELETE FROM customer WHERE rowid < 3000",
    )
    .await?;
    let number = "SELECT rowid FROM customer WHERE code = 'c9000'";
    let embedded = Embedded::start(&file).await?;
    let job = submitted(&embedded, &file, &slowly(FAX.spec)).await?;
    some_rows_filled(&file).await?;
    assert_eq!(file.value::<i64>(number).await?, 9000);
    file.execute("VACUUM").await?;
    assert_eq!(
        file.value::<i64>(number).await?,
        6001,
        "the rows kept their numbers"
    );
    applied(&embedded, job, unlimited()).await?;
    let job = embedded.until(job, END).await?;
    assert_eq!(job.state, JobState::Verified, "{:?}", job.reason);
    assert_eq!(FAX.mismatched(&file).await?, 0);
    let counted: i64 = file.value(CHANGED).await?;
    assert_eq!(counted, 6001, "each row was changed once");
    let sweeps: i64 = file.value("SELECT max(sweep) FROM sluice_sweep").await?;
    assert!(sweeps > 1, "the sweep went on over rows with other numbers");
    embedded.stop().await
}

/// Trap 23: the bound is taken after the triggers are there, so a row is before the one or after the other, whenever it comes.
#[tokio::test]
async fn a_row_that_comes_before_or_after_the_triggers_is_not_missed() -> Outcome {
    let file = FAX.file(500).await?;
    let embedded = Embedded::start(&file).await?;
    // Above the bound that would be taken now, and below every other row.
    let insert = async |n: i64| {
        let rows = format!(
            "INSERT INTO customer (id, fax) VALUES ({}, 'a'), (-{n}, 'b')",
            1000 * n
        );
        file.execute(&rows).await
    };
    for n in 1..=5 {
        insert(n).await?;
    }
    let job = submitted(&embedded, &file, FAX.spec).await?;
    let mut n = 5;
    wait::until("the job is verified between two inserts", PATIENCE, async || {
        n += 1;
        insert(n).await?;
        let job = embedded.job(job).await?;
        anyhow::Ok(match job.state {
            JobState::Verified => wait::Look::There(()),
            state => wait::Look::NotYet(format!("{state} ({})", job.reason.unwrap_or_default())),
        })
    })
    .await?;
    assert_eq!(FAX.mismatched(&file).await?, 0);
    let (swept, rows): (i64, i64) = (
        file.value(CHANGED).await?,
        file.value("SELECT count(*) FROM customer").await?,
    );
    assert!(510 <= swept && swept < rows, "{swept} of {rows} rows were swept");
    embedded.stop().await
}

/// A pause takes hold within two seconds, and what comes after it counts what it changes.
#[tokio::test]
async fn a_pause_stops_every_write_and_the_counts_stay_exact() -> Outcome {
    let file = FAX.file(6000).await?;
    let embedded = Embedded::start(&file).await?;
    let job = submitted(&embedded, &file, &slowly(&with_waits(FAX.spec, "1h"))).await?;
    some_rows_filled(&file).await?;
    applied(&embedded, job, Command::Pause).await?;
    after_the_last_answer(&file, 2).await?;
    let filled = "SELECT count(*) FROM customer WHERE fax_number IS NOT NULL";
    let before: i64 = file.value(filled).await?;
    after_the_last_answer(&file, 5).await?;
    assert_eq!(file.value::<i64>(filled).await?, before, "a paused job writes");
    assert!(before < 6000, "the job was over before the pause");
    assert_eq!(embedded.job(job).await?.state, JobState::Paused);
    assert!(refused(&embedded, job, Command::Verify).await?.contains("paused"));
    applied(&embedded, job, unlimited()).await?;
    applied(&embedded, job, Command::Resume).await?;
    embedded.verified(job).await?;
    assert_eq!(file.value::<i64>(CHANGED).await?, 6000);
    embedded.stop().await
}
