//! What the tests of this group stand on: a file, and what to ask of it. The migrations of its table are those of the other engine.

use engine::db::Column as Readable;
use ledger::JobState;
use ledger::commands::{Command, Tune};
use proto::JobId;
use testbed::embedded::{Embedded, PATIENCE};
use testbed::file::File;
use testbed::wait;

use crate::stages::cutover;
pub(super) use crate::stages::moves::{FAX, Move, SECONDS, settled, some_rows_filled, submitted};

pub(super) type Outcome = anyhow::Result<()>;

/// Waits until a query answers what is expected; fails with what it answers instead.
pub(super) async fn until<T: Readable + PartialEq + std::fmt::Debug>(
    file: &File,
    what: &str,
    query: &str,
    expected: T,
) -> Outcome {
    wait::until(what, PATIENCE, async || {
        let found: T = file.value(query).await?;
        Ok::<_, anyhow::Error>(if found == expected {
            wait::Look::There(())
        } else {
            wait::Look::NotYet(format!("{found:?}"))
        })
    })
    .await
}

/// What a job made beside the table and the ledger, by name: triggers, copies of tables, counters.
pub(super) async fn left_over(file: &File) -> anyhow::Result<String> {
    let tag = "[0-9a-f]".repeat(10);
    file.value(&format!(
        "SELECT coalesce(group_concat(name, ', '), '') FROM \
         (SELECT name FROM sqlite_schema UNION SELECT name FROM sluice_counter) WHERE name GLOB '*sluice_{tag}_*'"
    ))
    .await
}

/// Rows that committed batches have changed.
pub(super) const CHANGED: &str = "SELECT coalesce(sum(rows_changed), 0) FROM sluice_chunk_cursor";

/// Waits until this much time has passed since the last command was answered.
pub(super) async fn after_the_last_answer(file: &File, seconds: u32) -> Outcome {
    let past = format!(
        "SELECT (julianday('now') - julianday(max(applied_at))) * 86400 > {seconds} FROM sluice_command"
    );
    until(file, "time has passed since the answer", &past, true).await
}

/// Takes the limit of rows a second away.
pub(super) fn unlimited() -> Command {
    Command::Tune(Tune {
        max_rows_per_second: Some(0),
        ..Tune::default()
    })
}

/// Moves a job to a state, with the conductor of the PostgreSQL tests.
pub(super) async fn walk(embedded: &Embedded, job: JobId, to: JobState) -> Outcome {
    cutover::walk(embedded, job, to).await
}
