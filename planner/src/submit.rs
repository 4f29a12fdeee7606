//! Taking a job in: from a spec to a row in the ledger, or the reasons why not.
//!
//! Nothing is touched before every fault is known. The command line and the queue go through the
//! same two functions, so they refuse the same things in the same words.
//!
//! `under_way` is the job that a spec would meet. `intake` is the queue's side of it, `setback` what it does with a submission that is
//! neither taken nor refused.

mod intake;
mod privileges;
mod setback;
mod under_way;

use engine::catalog::TableName;
use engine::db::{Connection, Raw};
use ledger::jobs::{NewJob, Taken};
use ledger::{Plan, Target};
use proto::JobId;
use shared::service::chain;
use sqlx::{Connection as _, PgConnection};

use crate::compile::{self, Acknowledged};
use crate::decide::Machine;
use crate::spec::{Code, Fault, Spec};

pub use intake::{AT_ONCE, Intake};
pub use privileges::missing_privileges;
pub use under_way::{Does, UnderWay, under_way};

/// Compiles a spec against a live database, asked as the data role: every statement decided, every expression
/// checked, nothing touched.
///
/// # Errors
/// Every fault there is.
pub async fn prepare(
    conn: &mut Connection,
    spec: &Spec,
    acknowledged: &Acknowledged,
) -> Result<Plan, Vec<Fault>> {
    match conn.raw() {
        Raw::Postgres(conn) => prepare_on_server(conn, spec, acknowledged).await,
        Raw::Sqlite(conn) => compile::compile_live_sqlite(conn, spec, acknowledged).await,
    }
}

async fn prepare_on_server(
    conn: &mut PgConnection,
    spec: &Spec,
    acknowledged: &Acknowledged,
) -> Result<Plan, Vec<Fault>> {
    // One transaction, because the route may be pooled: outside of one, each statement may meet another server
    // between its two round trips. It only reads, and ends here whatever comes of it.
    let mut tx = match conn.begin().await {
        Ok(tx) => tx,
        Err(error) => return Err(vec![spec.fault(0, "table", Code::Database, chain(&error))]),
    };
    let conn: &mut PgConnection = &mut tx;
    if let Ok(identity) = engine::postgres::identity::read(conn).await
        && let Err(why) = identity.suitable()
    {
        return Err(vec![spec.fault(0, "table", Code::Unsuitable, why.to_string())]);
    }
    let mut acknowledged = acknowledged.clone();
    let tables = tables_on_server(conn, spec).await;
    if let Ok(unfiltered) = compile::unfiltered(conn, &tables).await {
        acknowledged.unfiltered.extend(unfiltered);
    }
    compile::compile_live(conn, spec, &acknowledged).await
}

/// The tables that a spec names, as far as they resolve; one that does not is a fault, which the compiler words.
pub async fn tables_of(conn: &mut Connection, spec: &Spec) -> Vec<TableName> {
    match conn.raw() {
        Raw::Postgres(conn) => tables_on_server(conn, spec).await,
        Raw::Sqlite(conn) => {
            let mut tables = Vec::new();
            for text in names_of(spec) {
                if let Ok(name) = engine::sqlite::catalog::resolve(conn, text).await
                    && !tables.contains(&name)
                {
                    tables.push(name);
                }
            }
            tables
        }
    }
}

async fn tables_on_server(conn: &mut PgConnection, spec: &Spec) -> Vec<TableName> {
    let mut tables = Vec::new();
    for text in names_of(spec) {
        if let Ok(name) = engine::postgres::catalog::resolve(conn, text).await
            && !tables.contains(&name)
        {
            tables.push(name);
        }
    }
    tables
}

fn names_of(spec: &Spec) -> impl Iterator<Item = &str> {
    spec.changes.iter().filter_map(|declared| declared.change.table())
}

/// Stores the job of a compiled plan.
///
/// # Errors
/// [`ledger::Error::TableBusy`] if another unfinished job has one of its tables.
pub async fn take(target: &Target, id: JobId, plan: &Plan, by: &str) -> Result<Taken, ledger::Error> {
    let machine = serde_json::to_value(Machine::new(plan)).map_err(|source| ledger::Error::Document {
        what: "machine",
        source,
    })?;
    target
        .ledger
        .take_job(NewJob {
            id,
            plan,
            submitted_by: by,
            machine,
        })
        .await
}

/// Whether a fault is the database's and not the spec's.
#[must_use]
pub fn could_not_ask(faults: &[Fault]) -> bool {
    faults
        .iter()
        .any(|fault| matches!(fault.code, Code::Database | Code::DatabaseRefused))
}
