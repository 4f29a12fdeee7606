//! What the mirror costs a write of the application: the same UPDATE of every row of the copy, with it and without.
//!
//! Every trial is taken back to a savepoint, so all of them meet the same rows. The fastest of each kind counts: what disturbs a
//! trial makes it slower only.

use std::time::Duration;

use engine::postgres::error::{Error, message};
use engine::postgres::ident;
use engine::sql;
use ledger::Plan;
use ledger::plan::Step;
use sqlx::{Connection as _, PgConnection};

use super::{Copy, Failure, explained, run};
use crate::measure::estimate::Mirror;

/// Trials of each kind.
const TRIALS: u32 = 3;
/// With a first pair that took longer there is no second.
const PATIENCE: Duration = Duration::from_secs(3);

/// Puts the mirror in place; Some(why not) if the role may not. Its function lives in the ledger's schema, which the first job makes:
/// before that it is made here, and taken back with everything else, if the owner role may.
pub(super) async fn installed(conn: &mut PgConnection, step: &Step) -> Result<Option<String>, Failure> {
    let mut savepoint = conn.begin().await.map_err(Error::query("set a savepoint"))?;
    let done = install(&mut savepoint, step).await;
    match done {
        Ok(()) => {
            savepoint
                .commit()
                .await
                .map_err(Error::query("release a savepoint"))?;
            Ok(None)
        }
        Err(error) => {
            savepoint
                .rollback()
                .await
                .map_err(Error::query("go back to a savepoint"))?;
            Ok(Some(format!(
                "its function cannot be made in schema `sluice` by the owner role, which the ledger's role lets it do once there is a ledger \
                 ({})",
                message(&error)
            )))
        }
    }
}

async fn install(conn: &mut PgConnection, step: &Step) -> Result<(), sqlx::Error> {
    const MISSING: &str =
        "/* sluice:cli.measure_schema */ SELECT pg_catalog.to_regnamespace('sluice') IS NULL";
    let is_missing: bool = sql::scalar(MISSING).fetch_one(&mut *conn).await?;
    if is_missing {
        sql::execute_script(conn, "CREATE SCHEMA sluice").await?;
    }
    for statement in &step.statements {
        sql::execute_script(conn, statement.clone()).await?;
    }
    Ok(())
}

/// Tries a write with the mirror and without.
pub(super) async fn tried(conn: &mut PgConnection, copy: &Copy, plan: &Plan) -> Result<Mirror, Failure> {
    let Some(column) = written(copy, plan) else {
        return Ok(Mirror::NotMeasured("the table has no column to write".to_owned()));
    };
    // A batch may have declared that the function need not be called.
    run(
        conn,
        "SELECT pg_catalog.set_config('sluice.batch', '', true)",
        || "set the transaction's settings".to_owned(),
    )
    .await?;
    let (mut without, mut with) = (Duration::MAX, Duration::MAX);
    for _ in 0..TRIALS {
        without = without.min(trial(conn, copy, column, Triggers::Disabled).await?);
        match trial(conn, copy, column, Triggers::Enabled).await {
            Ok(took) => with = with.min(took),
            Err(Failure::Database(Error::Query { source, .. })) => {
                return Ok(Mirror::NotMeasured(format!(
                    "a write through it failed ({})",
                    message(&source)
                )));
            }
            Err(error) => return Err(error),
        }
        if without + with > PATIENCE {
            break;
        }
    }
    Ok(Mirror::Measured {
        column: column.to_owned(),
        without,
        with,
    })
}

/// A column that the plan is not about, if there is one.
fn written<'c>(copy: &'c Copy, plan: &Plan) -> Option<&'c str> {
    let table = plan.tables.iter().find(|table| table.name == copy.name);
    let is_key = |name: &str| table.is_some_and(|table| table.key.iter().any(|key| key == name));
    let is_old =
        |name: &str| table.is_some_and(|table| table.relies_on.iter().any(|column| column.name == name));
    let columns = || copy.columns.iter().map(String::as_str);
    columns()
        .find(|name| !is_key(name) && !is_old(name))
        .or_else(|| columns().find(|name| !is_key(name)))
        .or_else(|| columns().next())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Triggers {
    Enabled,
    Disabled,
}

async fn trial(
    conn: &mut PgConnection,
    copy: &Copy,
    column: &str,
    triggers: Triggers,
) -> Result<Duration, Failure> {
    let (table, column) = (&copy.quoted, ident::quote(column).map_err(Error::from)?);
    let mut savepoint = conn.begin().await.map_err(Error::query("set a savepoint"))?;
    let mut tried = Ok(());
    if triggers == Triggers::Disabled {
        let disable = format!("ALTER TABLE {table} DISABLE TRIGGER USER");
        tried = run(&mut savepoint, &disable, || {
            "disable the mirror of the copy".to_owned()
        })
        .await
        .map(|_| ());
    }
    let write = format!("UPDATE ONLY {table} SET {column} = {column}");
    let cost = match tried {
        Ok(()) => explained(&mut savepoint, &write, "try a write of every row").await,
        Err(error) => Err(error.into()),
    };
    savepoint
        .rollback()
        .await
        .map_err(Error::query("go back to a savepoint"))?;
    Ok(Duration::from_secs_f64(cost?.milliseconds / 1000.0))
}
