//! Commands: wishes of people and programs. Rows, so that a job can be stopped while the broker is dead.

use engine::db::{self, Connection};
use jiff::Timestamp;
use proto::{CommandId, JobId};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::open::Ledger;

/// What can be asked of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Command {
    /// Open a gate.
    Approve {
        /// Which; none: the one it waits at.
        #[serde(default)]
        gate: Option<String>,
    },
    /// Stop writing; keep mirroring.
    Pause,
    /// Go on; failed work is tried again.
    Resume,
    /// Give up; keep mirroring until rollback or resume.
    Abort,
    /// Go back.
    Rollback {
        /// Take added objects away too.
        #[serde(default)]
        discard: bool,
        /// Go back although some rows hold new values that the old side cannot hold.
        #[serde(default)]
        accept_loss: bool,
    },
    /// Move the flags by hand.
    Flip {
        /// Where to.
        to: FlipTo,
    },
    /// Change the budget; what is not given stays.
    Tune(Tune),
    /// Check again: a failed verification is looked at anew.
    Verify,
    /// Write the rows that were found wrong, then check again.
    Repair,
}

/// What a person wants of the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlipTo {
    /// The next step now, whatever is left of the soak.
    Forward,
    /// One step back, and stay there.
    Back,
    /// Stay at this step.
    Hold,
}

/// New limits of a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tune {
    /// Chunks in flight.
    #[serde(default)]
    pub max_parallel: Option<u32>,
    /// Rows a second; 0 lifts the limit.
    #[serde(default)]
    pub max_rows_per_second: Option<u64>,
    /// Bytes of write-ahead log a second; 0 lifts the limit.
    #[serde(default)]
    pub max_wal_bytes_per_second: Option<u64>,
    /// Replica lag in milliseconds.
    #[serde(default)]
    pub max_replica_lag_ms: Option<u64>,
}

impl Command {
    /// As the command line calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Approve { .. } => "approve",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::Rollback { .. } => "rollback",
            Self::Flip { .. } => "flip",
            Self::Tune(_) => "tune",
            Self::Verify => "verify",
            Self::Repair => "repair",
        }
    }
}

/// A command that waits to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Identity.
    pub id: CommandId,
    /// What is asked.
    pub command: Command,
    /// By whom.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// The planner's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, or under way.
    Applied(String),
    /// Not done, with the reason.
    Refused(String),
}

impl Ledger {
    /// Writes a command.
    ///
    /// # Errors
    /// What the database says.
    pub async fn command(&self, job: JobId, command: &Command, actor: &str) -> Result<CommandId, Error> {
        let id = CommandId::new();
        let body = serde_json::to_value(command).map_err(|source| Error::Document {
            what: "command",
            source,
        })?;
        db::query(
            "/* ledger.command_insert */
            INSERT INTO sluice.command (id, job, kind, body, actor) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id.0)
        .bind(job.0)
        .bind(command.name())
        .bind(body)
        .bind(actor)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.command_insert"))?;
        Ok(id)
    }

    /// Jobs that somebody has said something to that was not answered yet, also ended ones.
    ///
    /// # Errors
    /// What the database says.
    pub async fn commanded_jobs(&self) -> Result<Vec<JobId>, Error> {
        let ids: Vec<uuid::Uuid> = db::scalar(
            "/* ledger.commanded_jobs */
            SELECT DISTINCT job
            FROM sluice.command
            WHERE applied_at IS NULL",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.commanded_jobs"))?;
        Ok(ids.into_iter().map(JobId).collect())
    }

    /// Commands of a job that wait, oldest first. One that this build cannot read is skipped and left for a newer planner.
    ///
    /// # Errors
    /// What the database says.
    pub async fn pending_commands(&self, job: JobId) -> Result<Vec<Pending>, Error> {
        let rows = db::query(
            "/* ledger.commands_pending */
            SELECT id, body, actor, created_at
            FROM sluice.command
            WHERE job = $1
                AND applied_at IS NULL
            ORDER BY created_at, id",
        )
        .bind(job.0)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.commands_pending"))?;
        let mut pending = Vec::new();
        for row in rows {
            let get = || -> Result<_, sqlx::Error> {
                let at: jiff_sqlx::Timestamp = row.try_get("created_at")?;
                Ok((
                    CommandId(row.try_get("id")?),
                    row.try_get::<serde_json::Value, _>("body")?,
                    row.try_get::<String, _>("actor")?,
                    at.to_jiff(),
                ))
            };
            let (id, body, actor, at) = get().map_err(Error::of("ledger.commands_pending"))?;
            match serde_json::from_value(body) {
                Ok(command) => pending.push(Pending {
                    id,
                    command,
                    actor,
                    at,
                }),
                Err(why) => {
                    tracing::warn!(command = %id, %why, "a command that this build cannot read is left alone");
                }
            }
        }
        Ok(pending)
    }

    /// The answer to a command, once there is one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn answer(&self, id: CommandId) -> Result<Option<Answer>, Error> {
        let row = db::query(
            "/* ledger.command_answer */ SELECT outcome, answer FROM sluice.command WHERE id = $1 AND applied_at IS NOT NULL",
        )
        .bind(id.0)
        .fetch_optional(&self.pool)
        .await
        .map_err(Error::of("ledger.command_answer"))?;
        let Some(row) = row else { return Ok(None) };
        let outcome: String = row
            .try_get("outcome")
            .map_err(Error::of("ledger.command_answer"))?;
        let answer: Option<String> = row
            .try_get("answer")
            .map_err(Error::of("ledger.command_answer"))?;
        let answer = answer.unwrap_or_default();
        Ok(Some(if outcome == "applied" {
            Answer::Applied(answer)
        } else {
            Answer::Refused(answer)
        }))
    }
}

/// Records the answer to a command, in the transaction that carries it out.
///
/// # Errors
/// What the database says.
pub async fn settle(conn: &mut Connection, id: CommandId, answer: &Answer) -> Result<(), Error> {
    let (outcome, text) = match answer {
        Answer::Applied(text) => ("applied", text),
        Answer::Refused(text) => ("refused", text),
    };
    db::query(
        "/* ledger.command_settle */
        UPDATE sluice.command
        SET applied_at = now(),
            outcome = $2,
            answer = $3
        WHERE id = $1
            AND applied_at IS NULL",
    )
    .bind(id.0)
    .bind(outcome)
    .bind(text)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.command_settle"))?;
    Ok(())
}

/// Takes an approval back; the audit trail keeps who gave it.
///
/// # Errors
/// What the database says.
pub async fn void_approval(conn: &mut Connection, job: JobId, gate: &str) -> Result<(), Error> {
    db::query("/* ledger.approval_void */ DELETE FROM sluice.approval WHERE job = $1 AND gate = $2")
        .bind(job.0)
        .bind(gate)
        .execute(conn)
        .await
        .map_err(Error::of("ledger.approval_void"))?;
    Ok(())
}

/// Records who opened a gate, bound to plan hash and target.
///
/// # Errors
/// What the database says.
pub async fn record_approval(
    conn: &mut Connection,
    job: JobId,
    gate: &str,
    actor: &str,
) -> Result<(), Error> {
    db::query(
        "/* ledger.approval_insert */
        INSERT INTO sluice.approval (job, gate, plan_hash, target, actor)
        SELECT id, $2, plan_hash, target, $3 FROM sluice.job WHERE id = $1
        ON CONFLICT DO NOTHING",
    )
    .bind(job.0)
    .bind(gate)
    .bind(actor)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.approval_insert"))?;
    Ok(())
}

impl Ledger {
    /// The gates of a job that are open: approved for this very plan and target.
    ///
    /// # Errors
    /// What the database says.
    pub async fn approvals(&self, job: JobId) -> Result<Vec<(String, String)>, Error> {
        let rows = db::query(
            "/* ledger.approvals */
            SELECT a.gate, a.actor
            FROM sluice.approval a
            JOIN sluice.job j ON j.id = a.job AND j.plan_hash = a.plan_hash AND j.target = a.target
            WHERE a.job = $1",
        )
        .bind(job.0)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.approvals"))?;
        rows.iter()
            .map(|r| Ok((r.try_get("gate")?, r.try_get("actor")?)))
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.approvals"))
    }
}
