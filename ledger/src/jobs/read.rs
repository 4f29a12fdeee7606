//! Reading jobs and their plans: by id, by what a person typed, by table, and all that have not ended.

use engine::catalog::TableName;
use engine::db::{self, Row};
use engine::postgres::triggers::Authority;
use jiff::Timestamp;
use proto::{JobId, PlanHash, TargetName};
use serde_json::Value;
use uuid::Uuid;

use crate::error::Error;
use crate::job::JobState;
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
    /// Which side is the truth.
    pub authority: Authority,
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

const COLUMNS: &str = "id, name, target, plan_hash, tag, state, authority, reason, machine, version, submitted_by, created_at, updated_at, ended_at";

impl Ledger {
    /// Reads one job.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`].
    pub async fn job(&self, id: JobId) -> Result<Job, Error> {
        let sql = format!("/* ledger.job */ SELECT {COLUMNS} FROM sluice.job WHERE id = $1");
        db::query(sql)
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
                OR (length($1) >= 8 AND substr(id::text, 1, length($1)) = lower($1))
            ORDER BY id::text = lower($1) DESC,
                name = $1 DESC,
                created_at DESC
            LIMIT 20"
        );
        let rows = db::query(sql)
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
        let rows = db::query(sql)
            .fetch_all(&self.pool)
            .await
            .map_err(Error::of("ledger.jobs"))?;
        rows.iter().map(read_job).collect()
    }

    /// Every job of a plan's tag: of the same spec on the same tables. Newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn jobs_of_tag(&self, tag: &str) -> Result<Vec<Job>, Error> {
        let sql = format!(
            "/* ledger.jobs_of_tag */ SELECT {COLUMNS} FROM sluice.job WHERE tag = $1 ORDER BY created_at DESC LIMIT 1000"
        );
        let rows = db::query(sql)
            .bind(tag)
            .fetch_all(&self.pool)
            .await
            .map_err(Error::of("ledger.jobs_of_tag"))?;
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
                OR EXISTS (SELECT 1 FROM sluice.command c WHERE c.job = job.id AND c.applied_at IS NULL)
            ORDER BY created_at"
        );
        let rows = db::query(sql)
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
        let id: Option<Uuid> = db::scalar(
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
            db::scalar("/* ledger.plan */ SELECT document::text FROM sluice.plan WHERE hash = $1")
                .bind(hash.as_str())
                .fetch_one(&self.pool)
                .await
                .map_err(Error::of("ledger.plan"))?;
        serde_json::from_str(&text).map_err(|source| Error::Document { what: "plan", source })
    }
}

fn read_job(row: &Row) -> Result<Job, Error> {
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
                authority: if row.try_get::<String, _>("authority")? == Authority::New.as_str() {
                    Authority::New
                } else {
                    Authority::Old
                },
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
