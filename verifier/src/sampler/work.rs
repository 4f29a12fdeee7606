//! What our own jobs do to their tables, and what the configured queries say: read over a connection of its own, because a query may be slow.

use engine::catalog::TableName;
use engine::db::Raw;
use engine::postgres::signals::{autovacuums, dead_rows, query};
use engine::signal::{Kind, Reading};
use ledger::JobState;
use ledger::role::site::Site;
use shared::clock::within;
use shared::service::chain;
use sqlx::postgres::PgConnection;

use super::SAMPLE_LIMIT;

/// Jobs that limit no signal of their tables and whose tables are read all the same, to be shown. A round over hundreds of jobs must stay short,
/// or every reading grows stale and stops all of them.
const MOST_UNLIMITED: usize = 8;

/// Every reading; what did not answer in time has a problem.
pub(super) async fn sample(site: &Site) -> Vec<Reading> {
    let tables = match within(&*site.clock, SAMPLE_LIMIT, tables(site)).await {
        Some(Ok(tables)) => tables,
        // Without rows, whoever limits these signals finds the old ones stale.
        Some(Err(error)) => {
            tracing::warn!(target_name = %site.target.name, error = %chain(&error), "the jobs could not be read");
            return Vec::new();
        }
        None => return Vec::new(),
    };
    let mut readings: Vec<Reading> = tables.iter().map(|table| table.batch_time()).collect();
    let asking = ask(site, &tables, &mut readings);
    let why = match within(&*site.clock, SAMPLE_LIMIT, asking).await {
        Some(Ok(())) => return readings,
        Some(Err(why)) => why,
        None => format!("no answer within {} s", SAMPLE_LIMIT.as_secs()),
    };
    let missing = expected(site, &tables)
        .into_iter()
        .filter(|(kind, source)| !readings.iter().any(|r| r.kind == *kind && r.source == *source));
    let problems: Vec<Reading> = missing
        .map(|(kind, source)| Reading::problem(kind, source, why.clone()))
        .collect();
    readings.extend(problems);
    readings
}

/// A table that a job fills.
struct Filled {
    name: TableName,
    batch_seconds: f64,
}

impl Filled {
    /// Nothing while no batch is made, so that a job that it stopped goes on.
    fn batch_time(&self) -> Reading {
        Reading::of(Kind::BatchTime, self.name.to_string(), self.batch_seconds)
    }
}

async fn tables(site: &Site) -> Result<Vec<Filled>, ledger::Error> {
    let ledger = &site.target.ledger;
    let (mut tables, mut unlimited) = (Vec::new(), 0);
    for job in ledger.unfinished_jobs().await? {
        if job.state != JobState::Backfilling {
            continue;
        }
        let plan = site.plan_of(job.id).await?;
        let throttle = &plan.budget.throttle;
        let limited = throttle.max_dead_percent.is_some()
            || throttle.max_autovacuums.is_some()
            || throttle.max_batch_time.is_some();
        if !limited && unlimited == MOST_UNLIMITED {
            continue;
        }
        let times = ledger.batch_times(job.id).await?;
        for fill in &plan.fills {
            let took = times.iter().find(|(id, _)| *id == fill.id);
            tables.push(Filled {
                name: fill.table.clone(),
                batch_seconds: took.map_or(0.0, |(_, took)| took.as_secs_f64()),
            });
        }
        unlimited += usize::from(!limited);
    }
    Ok(tables)
}

/// What is asked of the server, by kind and source.
fn expected(site: &Site, tables: &[Filled]) -> Vec<(Kind, String)> {
    let of_tables = tables.iter().flat_map(|table| {
        let name = table.name.to_string();
        [(Kind::DeadRows, name.clone()), (Kind::Autovacuums, name)]
    });
    let queries = site.target.throttle.queries.keys();
    of_tables
        .chain(queries.map(|name| (Kind::Query, name.clone())))
        .collect()
}

async fn ask(site: &Site, tables: &[Filled], readings: &mut Vec<Reading>) -> Result<(), String> {
    let queries = &site.target.throttle.queries;
    if tables.is_empty() && queries.is_empty() {
        return Ok(());
    }
    let mut conn = site.target.monitor.acquire().await.map_err(|e| chain(&e))?;
    let Raw::Postgres(conn) = conn.raw() else {
        return Ok(());
    };
    for table in tables {
        readings.push(dead_rows::read(conn, &table.name).await.map_err(|e| chain(&e))?);
        readings.push(
            autovacuums::read(conn, &table.name)
                .await
                .map_err(|e| chain(&e))?,
        );
    }
    for (name, query) in queries {
        readings.push(answer(conn, name, &query.sql).await);
    }
    Ok(())
}

/// One that fails is no reason not to ask the next.
async fn answer(conn: &mut PgConnection, name: &str, sql: &str) -> Reading {
    let read = query::read(conn, name, sql).await;
    read.unwrap_or_else(|error| Reading::problem(Kind::Query, name, chain(&error)))
}
