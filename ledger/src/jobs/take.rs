//! Taking a job in: its plan, its row, its tables and its stages, all or nothing.

use engine::catalog::TableName;
use engine::db::{self, Transaction};
use proto::JobId;
use serde_json::Value;
use uuid::Uuid;

use crate::error::Error;
use crate::job::{JobState, Stage};
use crate::open::Ledger;
use crate::plan::Plan;

/// What a new job starts with.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// Identity; deterministic for a submission by message.
    pub id: JobId,
    /// Its plan.
    pub plan: &'a Plan,
    /// Who submits.
    pub submitted_by: &'a str,
    /// First state of the planner's machine.
    pub machine: Value,
}

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The job is new.
    New,
    /// The job exists already, with the same plan.
    Known,
}

impl Ledger {
    /// Takes a job in: plan, job, its tables and its stages, in one transaction.
    ///
    /// # Errors
    /// [`Error::TableBusy`] if another unfinished job works on one of the tables, [`Error::FlagBusy`] if one has the flags.
    pub async fn take_job(&self, new: NewJob<'_>) -> Result<Taken, Error> {
        let mut tx = self.pool.begin().await.map_err(Error::of("ledger.job_insert"))?;
        store_plan(&mut tx, new.plan).await?;
        let inserted = db::query(
            "/* ledger.job_insert */
            INSERT INTO sluice.job (id, name, target, plan_hash, tag, state, machine, submitted_by)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (id) DO NOTHING",
        )
        .bind(new.id.0)
        .bind(&new.plan.name)
        .bind(self.target().as_str())
        .bind(new.plan.hash().as_str())
        .bind(&new.plan.tag)
        .bind(JobState::Submitted.as_str())
        .bind(&new.machine)
        .bind(new.submitted_by)
        .execute(&mut *tx)
        .await
        .map_err(Error::of("ledger.job_insert"))?;
        if inserted.rows_affected() == 0 {
            return Ok(Taken::Known);
        }
        for table in &new.plan.tables {
            claim_table(&mut tx, new.id, &table.name).await?;
        }
        if let Some(flip) = &new.plan.flip {
            crate::flags::claim(&mut tx, new.id, flip).await?;
        }
        for stage in Stage::ALL {
            db::query("/* ledger.stage_insert */ INSERT INTO sluice.stage (job, name, status) VALUES ($1, $2, 'pending')")
                .bind(new.id.0)
                .bind(stage.as_str())
                .execute(&mut *tx)
                .await
                .map_err(Error::of("ledger.stage_insert"))?;
        }
        tx.commit().await.map_err(Error::of("ledger.job_insert"))?;
        Ok(Taken::New)
    }
}

async fn store_plan(tx: &mut Transaction, plan: &Plan) -> Result<(), Error> {
    db::query(
        "/* ledger.plan_insert */
        INSERT INTO sluice.plan (hash, name, tag, document)
        VALUES ($1, $2, $3, $4::json)
        ON CONFLICT (hash) DO NOTHING",
    )
    .bind(plan.hash().as_str())
    .bind(&plan.name)
    .bind(&plan.tag)
    .bind(plan.to_json())
    .execute(&mut *tx)
    .await
    .map_err(Error::of("ledger.plan_insert"))?;
    Ok(())
}

/// Marks a table as belonging to a job; the unique index decides who is first.
async fn claim_table(tx: &mut Transaction, job: JobId, table: &TableName) -> Result<(), Error> {
    let inserted = db::query(
        "/* ledger.job_table_insert */
        INSERT INTO sluice.job_table (job, root_schema, root_table)
        VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING",
    )
    .bind(job.0)
    .bind(&table.schema)
    .bind(&table.name)
    .execute(&mut *tx)
    .await
    .map_err(Error::of("ledger.job_table_insert"))?;
    if inserted.rows_affected() == 1 {
        return Ok(());
    }
    let other: Uuid = db::scalar(
        "/* ledger.job_table_other */
        SELECT job FROM sluice.job_table WHERE root_schema = $1 AND root_table = $2 AND unfinished",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_one(&mut *tx)
    .await
    .map_err(Error::of("ledger.job_table_other"))?;
    Err(Error::TableBusy {
        table: format!("{}.{}", table.schema, table.name),
        other: JobId(other),
    })
}
