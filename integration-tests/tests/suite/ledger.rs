//! The ledger on a real server and in a real file: its migrations, leases, fences and refusals. What every engine must do is one suite.

mod all_jobs;
mod approval;
mod budget;
mod opening;
mod standing;
mod taking;
mod throttle;
mod upgrading;
mod work;

use anyhow::Context as _;
use ledger::chunks::{ChunkKind, NewChunk};
use ledger::jobs::NewJob;
use ledger::tasks::{Claim, Claimed};
use ledger::{Error, Ledger, chunks};
use proto::{ChunkId, JobId, TaskId};
use testbed::database::Database;
use testbed::file::File;
use testbed::postgres::Server;
use testbed::target;

type Outcome = anyhow::Result<()>;

/// The same test on each engine, on a ledger of its own.
async fn on_each_engine(test: impl AsyncFn(Ledger) -> Outcome) -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    test(target::ledger(&database).await?)
        .await
        .context("on PostgreSQL")?;
    let file = File::new().await?;
    test(file.ledger().await?).await.context("on SQLite")
}

async fn job_on(ledger: &Ledger, table: &str) -> Result<JobId, Error> {
    let plan = target::smallest_plan(table);
    let id = JobId::new();
    let new = NewJob {
        id,
        plan: &plan,
        submitted_by: "ann",
        machine: serde_json::json!({}),
    };
    ledger.take_job(new).await.map(|_| id)
}

fn range(job: JobId, seq: u64, first_block: u64, end_block: u64) -> NewChunk {
    NewChunk {
        id: ChunkId::of(job, 0, 1, seq),
        fill: 0,
        sweep: 1,
        seq,
        kind: ChunkKind::Sweep,
        leaf_oid: 1,
        leaf: engine::catalog::TableName {
            schema: "public".to_owned(),
            name: "t".to_owned(),
        },
        fingerprint: "print".to_owned(),
        first_block,
        end_block,
    }
}

async fn claimed(ledger: &Ledger, task: TaskId, worker: &str) -> anyhow::Result<Claim> {
    match ledger.claim(task, &worker.into()).await? {
        Claimed::Ours(claim) => Ok(claim),
        other => anyhow::bail!("not claimed: {other:?}"),
    }
}

/// As if the planner had let every chunk in.
async fn admitted(ledger: &Ledger) -> Outcome {
    engine::db::query("UPDATE sluice.task SET admitted_at = clock_timestamp() WHERE kind = 'chunk'")
        .execute(ledger.pool())
        .await?;
    Ok(())
}

/// As if fifteen seconds had gone by since the holder was last heard.
async fn lapse(ledger: &Ledger, task: TaskId) -> Outcome {
    engine::db::query(
        "UPDATE sluice.task SET lease_until = clock_timestamp() - interval '1 second' WHERE id = $1",
    )
    .bind(task.0)
    .execute(ledger.pool())
    .await?;
    Ok(())
}

/// Names in these tests are made by the testbed.
#[expect(clippy::disallowed_methods, reason = "names are made by the testbed")]
fn sqlx_text(text: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(text.to_owned())
}

async fn one_chunk(ledger: &Ledger) -> anyhow::Result<(JobId, ChunkId, TaskId)> {
    let job = job_on(ledger, "t").await?;
    let chunk = range(job, 0, 0, 10);
    let mut conn = ledger.pool().acquire().await?;
    chunks::create(&mut conn, job, &chunk).await?;
    drop(conn);
    admitted(ledger).await?;
    Ok((job, chunk.id, TaskId::of_chunk(chunk.id)))
}
