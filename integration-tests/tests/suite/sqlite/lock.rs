//! The one write lock: the application never waits for longer than an ordinary busy timeout while a large table is migrated.

use std::time::Duration;

use engine::db::{self, Connection};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use testbed::file::File;
use testbed::wait;
use tokio::sync::watch;

use ledger::JobState;
use ledger::commands::Command;

use super::ground::{FAX, Move, Outcome, SECONDS, submitted};
use crate::stages::cutover::start;

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
async fn write(mut conn: Connection, table: &str, stop: watch::Receiver<bool>) -> Result<u64, String> {
    let mut written = 0;
    while !*stop.borrow() {
        let id = i64::try_from(written * 7919 % u64::from(ROWS)).unwrap_or_default() + 1;
        let update = db::query(format!(
            "UPDATE {table} SET note = 'written ' || $1 WHERE id = $2"
        ));
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

/// A whole life beside a writer that never pauses: fill, rebuild and drop included.
async fn never_busy(shop: Move, mode: SqliteJournalMode) -> Outcome {
    let file = File::in_mode(mode).await?;
    shop.make(&file, ROWS).await?;
    let (stop, stopped) = watch::channel(false);
    let writer = tokio::spawn(write(application(&file).await?, shop.name, stopped));
    let embedded = start(&file).await?;
    let job = submitted(&embedded, &file, &shop.quick()).await?;
    let what = "the job is done beside a writer that never pauses";
    let ended = wait::until(what, PATIENCE, async || {
        let now = embedded.job(job).await?;
        anyhow::Ok(match now.state {
            _ if writer.is_finished() => wait::Look::There(()),
            JobState::Done | JobState::Held | JobState::Failed => wait::Look::There(()),
            JobState::ContractReady => {
                embedded.say(job, &Command::Approve { gate: None }).await?;
                wait::Look::NotYet("approved".to_owned())
            }
            state => wait::Look::NotYet(format!("{state} ({})", now.reason.unwrap_or_default())),
        })
    });
    let ended: Outcome = ended.await;
    stop.send_replace(true);
    let written = writer.await?.map_err(anyhow::Error::msg)?;
    ended?;
    let now = embedded.job(job).await?;
    assert_eq!(now.state, JobState::Done, "{:?}", now.reason);
    assert!(written > 0, "the application wrote nothing");
    let (name, [_, new]) = (shop.name, shop.sides);
    let kept = format!("SELECT count({new}) FROM {name}");
    assert_eq!(file.value::<i64>(&kept).await?, i64::from(ROWS));
    embedded.stop().await
}

#[tokio::test]
async fn while_a_column_is_replaced_in_a_large_file_with_a_write_ahead_log_nobody_is_told_that_it_is_busy()
-> Outcome {
    never_busy(SECONDS, SqliteJournalMode::Wal).await
}

#[tokio::test]
async fn while_a_column_is_renamed_in_a_large_file_with_a_write_ahead_log_nobody_is_told_that_it_is_busy()
-> Outcome {
    never_busy(FAX, SqliteJournalMode::Wal).await
}

#[tokio::test]
async fn while_a_column_is_replaced_in_a_large_file_with_a_rollback_journal_nobody_is_told_that_it_is_busy()
-> Outcome {
    never_busy(SECONDS, SqliteJournalMode::Delete).await
}
