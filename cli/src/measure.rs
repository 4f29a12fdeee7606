//! `sluice plan --measure`: what a fill will cost, tried out on a copy of some rows.
//!
//! For each fill a table like the live one is made, with its indexes, and a sample of its rows. The plan's own statements for that
//! table (compiled by the compiler that makes the plan) add the column and the mirror and run the batches, and the server says what they wrote.
//!
//! All of it is one transaction of the owner role that is always taken back, so there is nothing to clean up, whoever is killed in the middle:
//! when a connection ends, the server takes its transaction back. The live table is only read. What that costs: an ACCESS SHARE
//! lock on the table, and an open transaction, for some seconds; `copy` bounds both.

mod copy;
pub mod estimate;
mod explain;
mod text;

use engine::catalog::{EngineKind, TableName};
use engine::db::{Pool, Raw};
use engine::postgres::error::Error as EngineError;
use ledger::Plan;
use ledger::plan::{Budget, Fill};
use planner::spec::{Fault, Spec};
use serde::Serialize;
use shared::service::chain;
use shared::settings::DatabaseRole;

use crate::error::Error;
use crate::place::Place;
use crate::privileges;
use estimate::{Estimate, Mirror, Sample, Whole};

pub use text::text;

/// One fill of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The table that is filled.
    pub table: TableName,
    /// What was found.
    #[serde(flatten)]
    pub found: Found,
}

/// Figures, or why there are none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Found {
    /// The sample's figures and what follows from them.
    Measured(Box<Figures>),
    /// Nothing can be said.
    NotMeasured {
        /// Why.
        reason: String,
    },
}

/// What was measured, and what it means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// What the fill did to the copy.
    pub sample: Sample,
    /// What the mirror did.
    pub mirror: Mirror,
    /// The table that the copy stands for.
    pub whole: Whole,
    /// For the whole table.
    pub estimate: Estimate,
}

/// A plan as JSON, with what was measured beside its own keys.
#[derive(Debug, Serialize)]
pub struct PlanMeasured<'p> {
    /// The plan document.
    #[serde(flatten)]
    pub plan: &'p Plan,
    /// One entry a fill.
    pub measured: &'p [Measured],
}

/// Measures every fill of a plan. What is wrong with one of them is told in its place.
///
/// # Errors
/// What forbids all of it: the engine, a standby, missing privileges, no connection.
pub async fn measure(place: &Place, spec: &Spec, plan: &Plan) -> Result<Vec<Measured>, Error> {
    if plan.engine == EngineKind::Sqlite {
        let why = "nothing is measured on SQLite: it has no write-ahead log of rows to count, and a file can be copied and migrated \
                   as a whole; leave --measure away";
        return Err(Error::Refused(why.to_owned()));
    }
    let tables: Vec<TableName> = plan.fills.iter().map(|fill| fill.table.clone()).collect();
    let pool = place.pool(DatabaseRole::Owner).await?;
    privileges::require_of_owner(&pool, &tables).await?;
    let mut measured = Vec::new();
    for fill in &plan.fills {
        let found = match on_a_copy(&pool, (place, spec), plan, fill).await {
            Ok(tried) => Found::Measured(Box::new(tried.figures(&plan.budget))),
            Err(why) => Found::NotMeasured { reason: chain(&why) },
        };
        measured.push(Measured {
            table: fill.table.clone(),
            found,
        });
    }
    Ok(measured)
}

/// Whether there are figures for all of it.
#[must_use]
pub fn is_complete(measured: &[Measured]) -> bool {
    let figures = |one: &Measured| matches!(one.found, Found::Measured(_));
    measured.iter().all(figures)
}

/// What the copy told.
struct Tried {
    sample: Sample,
    mirror: Mirror,
    whole: Whole,
}

impl Tried {
    fn figures(self, budget: &Budget) -> Figures {
        let estimate = estimate::of(&self.sample, &self.mirror, &self.whole, budget);
        let Self {
            sample,
            mirror,
            whole,
        } = self;
        Figures {
            sample,
            mirror,
            whole,
            estimate,
        }
    }
}

/// Why a fill could not be measured.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Database(#[from] EngineError),
    #[error("{0}")]
    Unfit(&'static str),
    #[error("the plan cannot be made for a copy: {}", sentences(.0))]
    Copy(Vec<Fault>),
}

fn sentences(faults: &[Fault]) -> String {
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    all.join("; ")
}

async fn on_a_copy(
    pool: &Pool,
    (place, spec): (&Place, &Spec),
    plan: &Plan,
    fill: &Fill,
) -> Result<Tried, Failure> {
    let doing = "measure on a copy";
    let mut tx = pool.begin().await.map_err(EngineError::query(doing))?;
    let Raw::Postgres(conn) = tx.raw() else {
        return Err(Failure::Unfit("nothing is measured on SQLite"));
    };
    let found = copy::measured(conn, (spec, &place.acknowledged()), plan, fill).await;
    let taken_back = tx.rollback().await.map_err(EngineError::query(doing));
    let found = found?;
    taken_back?;
    Ok(found)
}
