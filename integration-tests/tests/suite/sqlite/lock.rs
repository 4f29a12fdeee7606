//! The one write lock: the application never waits for longer than an ordinary busy timeout while a large table is filled.

use std::time::Duration;

use engine::db::{self, Connection};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use testbed::embedded::Embedded;
use testbed::file::File;
use testbed::wait;
use tokio::sync::watch;

use ledger::JobState;

use super::ground::{FAX, Outcome, submitted};

const ROWS: u32 = 200_000;
/// A copy of the suite on a busy machine may take this long for them.
const PATIENCE: Duration = Duration::from_secs(400);

/// An application of its own: nothing of Sluice's is in how it connects.
async fn application(file: &File) -> anyhow::Result<Connection> {
    let options = SqliteConnectOptions::new()
        .filename(file.path())
        .busy_timeout(Duration::from_secs(5));
    Ok(Connection::from(options.connect().await?))
}

/// Writes without any pause until it is told to stop, or a statement fails. How many statements succeeded.
async fn write(mut conn: Connection, stop: watch::Receiver<bool>) -> Result<u64, String> {
    let mut written = 0;
    while !*stop.borrow() {
        let id = i64::try_from(written * 7919 % u64::from(ROWS)).unwrap_or_default() + 1;
        let update = db::query("UPDATE customer SET note = 'written ' || $1 WHERE id = $2");
        let done = update
            .bind(i64::try_from(written).unwrap_or_default())
            .bind(id)
            .execute(&mut conn)
            .await;
        match done {
            Ok(done) if done.rows_affected() == 1 => written += 1,
            Ok(done) => return Err(format!("statement {written} hit {} rows", done.rows_affected())),
            Err(error) => return Err(format!("statement {written} failed: {error}")),
        }
    }
    Ok(written)
}

async fn never_busy(mode: SqliteJournalMode) -> Outcome {
    let file = File::in_mode(mode).await?;
    FAX.make(&file, ROWS).await?;
    let (stop, stopped) = watch::channel(false);
    let writer = tokio::spawn(write(application(&file).await?, stopped));
    let embedded = Embedded::start(&file).await?;
    let job = submitted(&embedded, &file, FAX.spec).await?;
    let what = "the job is verified beside a writer that never pauses";
    let ended = wait::until(what, PATIENCE, async || {
        anyhow::Ok(if writer.is_finished() {
            wait::Look::There(())
        } else {
            let job = embedded.job(job).await?;
            match job.state {
                JobState::Verified => wait::Look::There(()),
                state => wait::Look::NotYet(format!("{state} ({})", job.reason.unwrap_or_default())),
            }
        })
    });
    let ended = ended.await;
    stop.send_replace(true);
    let written = writer.await?.map_err(anyhow::Error::msg)?;
    ended?;
    assert!(written > 0, "the application wrote nothing");
    assert_eq!(FAX.mismatched(&file).await?, 0);
    embedded.stop().await
}

#[tokio::test]
async fn a_writer_beside_a_large_fill_is_never_told_that_a_file_with_a_write_ahead_log_is_busy() -> Outcome {
    never_busy(SqliteJournalMode::Wal).await
}

#[tokio::test]
async fn a_writer_beside_a_large_fill_is_never_told_that_a_file_with_a_rollback_journal_is_busy() -> Outcome {
    never_busy(SqliteJournalMode::Delete).await
}
