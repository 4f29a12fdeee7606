//! `sluice adopt`: this database is the ledger's home from now on.
//!
//! The ledger gets a new id with its new home, because the original may live: a message that was meant for that one names its id, and is
//! parked here. Whatever was promised to somebody there is void here, as after a fail-over. And what a person approved there that
//! has not begun yet is asked for again: it was said about another database.

use engine::db::{self, Connection};
use proto::LedgerId;
use serde_json::json;
use shared::clock::Clock;

use super::Found;
use crate::error::Error;
use crate::failover::void;
use crate::jobs::Job;
use crate::standing;
use crate::{commands, events, migrations};

/// The kind of the entry in the audit trail.
pub const ADOPTED: &str = "ledger.adopted";

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The ledger's new id.
    pub id: LedgerId,
    /// Approvals that have to be given again, `JOB: GATE`.
    pub asked_again: Vec<String>,
}

/// Makes the database in which a ledger was found its home. The ledger is upgraded on the way.
///
/// # Errors
/// [`Error::Replaced`] if somebody was faster; what the database says. Then nothing was changed.
pub async fn adopt(found: &Found, by: &str, clock: &dyn Clock) -> Result<Adopted, Error> {
    let failed = || Error::of("ledger.adopt");
    let pool = found.ledger.pool();
    migrations::apply(pool, clock).await?;
    let mut tx = pool.begin().await.map_err(failed())?;
    db::query("/* ledger.adopt */ SELECT id FROM sluice.ledger FOR UPDATE")
        .fetch_optional(&mut tx)
        .await
        .map_err(failed())?;
    let was = standing::entry(&mut tx).await?.ok_or(Error::Absent)?;
    if was.id != found.ledger.id() {
        return Err(Error::Replaced {
            was: found.ledger.id(),
            is: was.id,
        });
    }
    let id = LedgerId::random();
    db::query(
        "/* ledger.adopt_identity */
        UPDATE sluice.ledger
        SET id = $1,
            system_identifier = $2,
            database_oid = $3,
            timeline = $4",
    )
    .bind(id.0)
    .bind(&found.here.system_identifier)
    .bind(found.here.database_oid)
    .bind(found.here.timeline.unwrap_or_default())
    .execute(&mut tx)
    .await
    .map_err(failed())?;
    let voided = void(&mut tx).await?;
    let mut asked_again = Vec::new();
    for job in &found.jobs {
        for gate in ahead(found, &mut tx, job).await? {
            commands::void_approval(&mut tx, job.id, &gate).await?;
            asked_again.push(format!("{}: {gate}", job.name));
        }
    }
    let detail = json!({
        "was": { "id": was.id, "system_identifier": was.system_identifier, "database_oid": was.database_oid, "timeline": was.timeline },
        "is": { "id": id, "system_identifier": found.here.system_identifier, "database_oid": found.here.database_oid, "timeline": found.here.timeline },
        "unfinished_jobs": found.jobs.iter().map(|job| job.id).collect::<Vec<_>>(),
        "leases_voided": voided.tasks,
        "approvals_voided": asked_again,
    });
    events::append(&mut tx, None, by, ADOPTED, &detail).await?;
    tx.commit().await.map_err(failed())?;
    Ok(Adopted { id, asked_again })
}

/// Gates of a job behind which no step has been run.
async fn ahead(found: &Found, conn: &mut Connection, job: &Job) -> Result<Vec<String>, Error> {
    let plan = found.ledger.plan(&job.plan_hash).await?;
    let run = crate::steps::marked(conn, job.id).await?;
    let ahead = plan.gates.iter().filter(|gate| {
        let mut steps = plan.steps_of(gate.before);
        !steps.any(|step| run.contains(&step.id))
    });
    Ok(ahead.map(|gate| gate.name.clone()).collect())
}
