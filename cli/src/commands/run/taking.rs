//! Taking a spec in: everything that can be refused is refused before the ledger is created.

use std::sync::Arc;

use engine::db::Connection;
use ledger::jobs::Job;
use ledger::{Ledger, Plan};
use planner::spec::Spec;
use planner::submit;
use proto::JobId;
use shared::clock::Clock;
use shared::settings::DatabaseRole;

use crate::error::Error;
use crate::place::Place;
use crate::{embedded, out, privileges};

/// Compiles the spec, refuses what must be refused, and only then creates the ledger and the job.
pub(super) async fn take(
    place: &Place,
    spec: &Spec,
    actor: &str,
    clock: &Arc<dyn Clock>,
) -> Result<(Ledger, Job), Error> {
    if let Some(ledger) = place.existing_ledger().await? {
        let tables = submit::tables_of(&mut connection(place).await?, spec).await;
        if let Some(met) = submit::under_way(&ledger, &tables, spec).await? {
            return Err(Error::Refused(met.words()));
        }
    }
    let plan = prepare(place, spec).await?;
    let target = embedded::connect(place, clock).await?;
    let id = JobId::new();
    submit::take(&target, id, &plan, actor).await?;
    let job = target.ledger.job(id).await?;
    out::note(&format!("job {id} ({}) taken in", job.name));
    Ok((target.ledger, job))
}

/// Refuses if the roles lack anything that work on the spec's tables needs.
pub(super) async fn lacking(place: &Place, spec: &Spec) -> Result<(), Error> {
    let mut conn = connection(place).await?;
    let tables = submit::tables_of(&mut conn, spec).await;
    privileges::require(place, &tables).await
}

async fn connection(place: &Place) -> Result<Connection, Error> {
    let pool = place.pool(DatabaseRole::Data).await?;
    Ok(pool
        .acquire()
        .await
        .map_err(engine::postgres::error::Error::query("take a connection"))?)
}

/// The plan. A role that may not even read the table makes the database's answer a fault of the spec; what it lacks
/// says more, so that is asked first then.
async fn prepare(place: &Place, spec: &Spec) -> Result<Plan, Error> {
    let mut conn = connection(place).await?;
    let prepared = submit::prepare(&mut conn, spec, &place.acknowledged()).await;
    let only_the_spec = prepared
        .as_ref()
        .is_err_and(|faults| !submit::could_not_ask(faults));
    if !only_the_spec {
        let tables = submit::tables_of(&mut conn, spec).await;
        privileges::require(place, &tables).await?;
    }
    prepared.map_err(Error::Spec)
}
