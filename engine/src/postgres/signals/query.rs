//! One number that a configured query answers: whatever an operator knows to be a sign of pressure.
//!
//! It runs as the monitor role, in a transaction that can only read and within a limit of its own. Its text comes from the settings, never
//! from a spec.

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};
use crate::sql;

const SETTINGS: &str = "/* sluice:signal.query_settings */ \
    SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '800ms'; SET LOCAL lock_timeout = '200ms'";

/// Runs it.
///
/// # Errors
/// What the server said, also if the query gives several rows or something else than a number.
pub async fn read(conn: &mut PgConnection, name: &str, text: &str) -> Result<Reading, Error> {
    let doing = format!("run the query {name}");
    let mut tx = conn.begin().await.map_err(Error::query(doing.clone()))?;
    sql::execute_script(&mut tx, SETTINGS)
        .await
        .map_err(Error::query(doing.clone()))?;
    let text = text.trim().trim_end_matches(';');
    // A line of its own ends a comment at the end of the text.
    let question = format!("/* sluice:signal.query */ SELECT CAST((\n{text}\n) AS double precision)");
    let value: Option<f64> = sql::scalar(question)
        .fetch_one(&mut *tx)
        .await
        .map_err(Error::query(doing.clone()))?;
    tx.rollback().await.map_err(Error::query(doing))?;
    Ok(match value.filter(|value| value.is_finite()) {
        Some(value) => Reading::of(Kind::Query, name, value),
        None => Reading::problem(Kind::Query, name, "it gives no number"),
    })
}
