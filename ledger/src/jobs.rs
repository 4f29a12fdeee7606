//! Jobs and plans: taking one in, reading it, and the one compare-and-set through which it changes.

use engine::catalog::TableName;
use jiff::Timestamp;
use proto::{JobId, PlanHash, TargetName};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row, Transaction};
use uuid::Uuid;

use crate::error::Error;
use crate::job::{JobState, Stage, StageStatus};
use crate::open::Ledger;
use crate::plan::Plan;

/// A job as its row has it.
#[derive(Clone, Debug)]
pub struct Job {
    /// Identity.
    pub id: JobId,
    /// The spec's name.
    pub name: String,
    /// The target.
    pub target: TargetName,
    /// Which plan it runs.
    pub plan_hash: PlanHash,
    /// The plan's tag: our objects are called `sluice_<tag>_<n>`.
    pub tag: String,
    /// Where it is in its life.
    pub state: JobState,
    /// Why it waits, is held, or failed.
    pub reason: Option<String>,
    /// The planner's own state, opaque here.
    pub machine: Value,
    /// Grows with every change.
    pub version: i64,
    /// Who submitted it.
    pub submitted_by: String,
    /// When it came in.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

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

/// A change of a job, to be committed under its version.
#[derive(Clone, Debug)]
pub struct JobChange {
    /// The job.
    pub id: JobId,
    /// The version that was read.
    pub version: i64,
    /// New state.
    pub state: JobState,
    /// New reason.
    pub reason: Option<String>,
    /// New machine.
    pub machine: Value,
}

const COLUMNS: &str = "id, name, target, plan_hash, tag, state, reason, machine, version, submitted_by, created_at, updated_at, ended_at";

impl Ledger {
    /// Takes a job in: plan, job, its tables and its stages, in one transaction.
    ///
    /// # Errors
    /// [`Error::TableBusy`] if another unfinished job works on one of the tables.
    pub async fn take_job(&self, new: NewJob<'_>) -> Result<Taken, Error> {
        let mut tx = self.pool.begin().await.map_err(Error::of("ledger.job_insert"))?;
        store_plan(&mut tx, new.plan).await?;
        let inserted = sqlx::query(
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
        for stage in Stage::ALL {
            sqlx::query("/* ledger.stage_insert */ INSERT INTO sluice.stage (job, name, status) VALUES ($1, $2, 'pending')")
                .bind(new.id.0)
                .bind(stage.as_str())
                .execute(&mut *tx)
                .await
                .map_err(Error::of("ledger.stage_insert"))?;
        }
        tx.commit().await.map_err(Error::of("ledger.job_insert"))?;
        Ok(Taken::New)
    }

    /// Reads one job.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`].
    pub async fn job(&self, id: JobId) -> Result<Job, Error> {
        let sql = format!("/* ledger.job */ SELECT {COLUMNS} FROM sluice.job WHERE id = $1");
        engine::sql::query(sql)
            .bind(id.0)
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::of("ledger.job"))?
            .as_ref()
            .map(read_job)
            .ok_or_else(|| Error::NoSuchJob {
                wanted: id.to_string(),
            })?
    }

    /// Finds a job by id, by name (the newest of that name), or by the beginning of its id if only one has it. Ids
    /// begin with the time, so two jobs of one minute share their first digits.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::AmbiguousJob`].
    pub async fn find_job(&self, wanted: &str) -> Result<Job, Error> {
        let sql = format!(
            "/* ledger.job_find */
            SELECT {COLUMNS}
            FROM sluice.job
            WHERE id::text = lower($1)
                OR name = $1
                OR (length($1) >= 8 AND starts_with(id::text, lower($1)))
            ORDER BY id::text = lower($1) DESC,
                name = $1 DESC,
                created_at DESC
            LIMIT 20"
        );
        let rows = engine::sql::query(sql)
            .bind(wanted)
            .fetch_all(&self.pool)
            .await
            .map_err(Error::of("ledger.job_find"))?;
        let mut found = rows.iter().map(read_job).collect::<Result<Vec<Job>, Error>>()?;
        let Some(best) = found.first() else {
            return Err(Error::NoSuchJob {
                wanted: wanted.to_owned(),
            });
        };
        let exact = best.name == wanted || best.id.to_string().eq_ignore_ascii_case(wanted);
        if exact || found.len() == 1 {
            return Ok(found.swap_remove(0));
        }
        Err(Error::AmbiguousJob {
            wanted: wanted.to_owned(),
            candidates: found
                .iter()
                .map(|job| format!("{} ({}, {})", job.id, job.name, job.state))
                .collect(),
        })
    }

    /// Every job, newest first; at most 1000.
    ///
    /// # Errors
    /// What the database says.
    pub async fn jobs(&self) -> Result<Vec<Job>, Error> {
        let sql =
            format!("/* ledger.jobs */ SELECT {COLUMNS} FROM sluice.job ORDER BY created_at DESC LIMIT 1000");
        let rows = engine::sql::query(sql)
            .fetch_all(&self.pool)
            .await
            .map_err(Error::of("ledger.jobs"))?;
        rows.iter().map(read_job).collect()
    }

    /// Jobs that the planner has to look at: all that have not ended.
    ///
    /// # Errors
    /// What the database says.
    pub async fn unfinished_jobs(&self) -> Result<Vec<Job>, Error> {
        let sql = format!(
            "/* ledger.jobs_unfinished */
            SELECT {COLUMNS}
            FROM sluice.job
            WHERE ended_at IS NULL
                OR EXISTS (SELECT FROM sluice.command c WHERE c.job = job.id AND c.applied_at IS NULL)
            ORDER BY created_at"
        );
        let rows = engine::sql::query(sql)
            .fetch_all(&self.pool)
            .await
            .map_err(Error::of("ledger.jobs_unfinished"))?;
        rows.iter().map(read_job).collect()
    }

    /// The unfinished job on a table, if there is one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn unfinished_job_on(&self, table: &TableName) -> Result<Option<JobId>, Error> {
        let id: Option<Uuid> = sqlx::query_scalar(
            "/* ledger.job_on_table */
            SELECT job FROM sluice.job_table WHERE root_schema = $1 AND root_table = $2 AND unfinished",
        )
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_optional(&self.pool)
        .await
        .map_err(Error::of("ledger.job_on_table"))?;
        Ok(id.map(JobId))
    }

    /// Reads a stored plan.
    ///
    /// # Errors
    /// [`Error::Document`] if this build cannot read it.
    pub async fn plan(&self, hash: &PlanHash) -> Result<Plan, Error> {
        let text: String =
            sqlx::query_scalar("/* ledger.plan */ SELECT document::text FROM sluice.plan WHERE hash = $1")
                .bind(hash.as_str())
                .fetch_one(&self.pool)
                .await
                .map_err(Error::of("ledger.plan"))?;
        serde_json::from_str(&text).map_err(|source| Error::Document { what: "plan", source })
    }
}

async fn store_plan(tx: &mut Transaction<'_, Postgres>, plan: &Plan) -> Result<(), Error> {
    sqlx::query(
        "/* ledger.plan_insert */
        INSERT INTO sluice.plan (hash, name, tag, document)
        VALUES ($1, $2, $3, $4::json)
        ON CONFLICT (hash) DO NOTHING",
    )
    .bind(plan.hash().as_str())
    .bind(&plan.name)
    .bind(&plan.tag)
    .bind(plan.to_json())
    .execute(&mut **tx)
    .await
    .map_err(Error::of("ledger.plan_insert"))?;
    Ok(())
}

/// Marks a table as belonging to a job; the unique index decides who is first.
async fn claim_table(tx: &mut Transaction<'_, Postgres>, job: JobId, table: &TableName) -> Result<(), Error> {
    let inserted = sqlx::query(
        "/* ledger.job_table_insert */
        INSERT INTO sluice.job_table (job, root_schema, root_table)
        VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING",
    )
    .bind(job.0)
    .bind(&table.schema)
    .bind(&table.name)
    .execute(&mut **tx)
    .await
    .map_err(Error::of("ledger.job_table_insert"))?;
    if inserted.rows_affected() == 1 {
        return Ok(());
    }
    let other: Uuid = sqlx::query_scalar(
        "/* ledger.job_table_other */
        SELECT job FROM sluice.job_table WHERE root_schema = $1 AND root_table = $2 AND unfinished",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_one(&mut **tx)
    .await
    .map_err(Error::of("ledger.job_table_other"))?;
    Err(Error::TableBusy {
        table: format!("{}.{}", table.schema, table.name),
        other: JobId(other),
    })
}

/// Writes a job's new state if its version is still the one that was read.
///
/// # Errors
/// [`Error::Conflict`] if it is not: nothing of this transaction may be kept.
pub async fn change(conn: &mut PgConnection, change: &JobChange) -> Result<(), Error> {
    let done = sqlx::query(
        "/* ledger.job_change */
        UPDATE sluice.job
        SET state = $3,
            reason = $4,
            machine = $5,
            version = version + 1,
            updated_at = now(),
            ended_at = CASE WHEN $6 THEN coalesce(ended_at, now()) END
        WHERE id = $1
            AND version = $2",
    )
    .bind(change.id.0)
    .bind(change.version)
    .bind(change.state.as_str())
    .bind(&change.reason)
    .bind(&change.machine)
    .bind(change.state.is_final())
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.job_change"))?;
    if done.rows_affected() != 1 {
        return Err(Error::Conflict { job: change.id });
    }
    Ok(())
}

/// Sets whether the job holds its tables. Taking them again fails if another job has one of them.
///
/// # Errors
/// [`Error::TableTaken`] if another unfinished job has one of them by now.
pub async fn hold_tables(conn: &mut PgConnection, job: JobId, hold: TableHold) -> Result<(), Error> {
    sqlx::query("/* ledger.job_table_hold */ UPDATE sluice.job_table SET unfinished = $2 WHERE job = $1 AND unfinished <> $2")
        .bind(job.0)
        .bind(hold == TableHold::Keep)
        .execute(conn)
        .await
        .map_err(|source| match &source {
            sqlx::Error::Database(refusal) if refusal.is_unique_violation() => Error::TableTaken { job },
            _ => Error::of("ledger.job_table_hold")(source),
        })?;
    Ok(())
}

/// Whether a job holds its tables against other jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableHold {
    /// No other job may work on them.
    Keep,
    /// They are free.
    Release,
}

/// Records how far a stage is. A stage starts only if every earlier one is done (invariant 4).
///
/// # Errors
/// [`Error::StageOrder`].
pub async fn set_stage(
    conn: &mut PgConnection,
    job: JobId,
    stage: Stage,
    status: StageStatus,
) -> Result<(), Error> {
    let earlier: Vec<&str> = Stage::ALL
        .iter()
        .filter(|s| **s < stage)
        .map(|s| s.as_str())
        .collect();
    let done = sqlx::query(
        "/* ledger.stage_set */
        UPDATE sluice.stage
        SET status = $3,
            started_at = CASE WHEN $3 = 'running' THEN coalesce(started_at, now()) ELSE started_at END,
            ended_at = CASE WHEN $3 IN ('done', 'undone') THEN now() END
        WHERE job = $1
            AND name = $2
            AND ($3 <> 'running' OR NOT EXISTS (
                SELECT FROM sluice.stage e WHERE e.job = $1 AND e.name = ANY ($4) AND e.status <> 'done'))",
    )
    .bind(job.0)
    .bind(stage.as_str())
    .bind(status.as_str())
    .bind(&earlier)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.stage_set"))?;
    if done.rows_affected() != 1 {
        return Err(Error::StageOrder {
            job,
            stage: stage.as_str(),
        });
    }
    Ok(())
}

fn read_job(row: &PgRow) -> Result<Job, Error> {
    let get = || -> Result<_, sqlx::Error> {
        let state: String = row.try_get("state")?;
        let ended: Option<jiff_sqlx::Timestamp> = row.try_get("ended_at")?;
        let created: jiff_sqlx::Timestamp = row.try_get("created_at")?;
        let updated: jiff_sqlx::Timestamp = row.try_get("updated_at")?;
        Ok((
            state,
            Job {
                id: JobId(row.try_get("id")?),
                name: row.try_get("name")?,
                target: TargetName(row.try_get("target")?),
                plan_hash: PlanHash(row.try_get("plan_hash")?),
                tag: row.try_get("tag")?,
                state: JobState::Submitted,
                reason: row.try_get("reason")?,
                machine: row.try_get("machine")?,
                version: row.try_get("version")?,
                submitted_by: row.try_get("submitted_by")?,
                created_at: created.to_jiff(),
                updated_at: updated.to_jiff(),
                ended_at: ended.map(|t| t.to_jiff()),
            },
        ))
    };
    let (state, job) = get().map_err(Error::of("ledger.job_read"))?;
    Ok(Job {
        state: state.parse()?,
        ..job
    })
}
