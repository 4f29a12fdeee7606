//! A database that goes away under the application, and comes back.
//!
//! A statement that got no answer may have been carried out or not. A writer's rows are its own, so it can ask: once the
//! database answers again the row is either as it was before the statement or as the statement leaves it. Anything else is a fault.
//! A server that is restarted leaves no session behind that could still commit.

use std::time::Duration;

use engine::db::{self, Connection};

use super::model::{Model, Payload, Shape};
use super::table::Table;

/// What an outage of the database means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outages {
    /// A migration causes none, so a statement that fails is a fault.
    #[default]
    AreFaults,
    /// The test makes them: a writer connects again and finds out what became of its statement.
    AreEndured,
}

/// How a statement that got no answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The rows are as it leaves them.
    Applied,
    /// The rows are as they were.
    NotApplied,
    /// Neither.
    Torn,
}

/// The server is away, or has no room: nothing that the migration could be the reason of.
pub(super) fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("57P") || code.starts_with("08") || code.starts_with("53")),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(100);
/// A test's outage is over by then.
const ATTEMPTS: u32 = 1200;

/// A connection, as soon as there is one.
pub(super) async fn connect_again(url: &str) -> Result<Connection, sqlx::Error> {
    let mut attempts = 0;
    loop {
        match db::connect_alone(url, "application").await {
            Ok(conn) => return Ok(conn),
            Err(error) if attempts == ATTEMPTS || !is_outage(&error) => return Err(error),
            Err(_) => attempts += 1,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Which rows a statement is about, and what it leaves there; None: no row.
pub(super) type After = Vec<(i64, Option<Payload>)>;

/// Reads the rows and says what became of the statement.
pub(super) async fn ask(
    conn: &mut Connection,
    table: &Table,
    before: &Model,
    after: &After,
) -> Result<Outcome, sqlx::Error> {
    let keys: Vec<i64> = after.iter().map(|(key, _)| *key).collect();
    let rows = db::query(table.read_these(Shape::Old))
        .bind(keys.as_slice())
        .fetch_all(conn)
        .await?;
    let mut found = Vec::new();
    for row in rows {
        found.push((
            row.try_get::<i64, _>(0)?,
            row.try_get::<Option<String>, _>(1)?,
            row.try_get::<Option<String>, _>(3)?,
        ));
    }
    // The new side is the migration's.
    let is = |key: i64, expected: Option<&Payload>| match found.iter().find(|(k, ..)| *k == key) {
        Some((_, old, other)) => expected.is_some_and(|row| row.old == *old && row.other == *other),
        None => expected.is_none(),
    };
    let applied = after.iter().all(|(key, row)| is(*key, row.as_ref()));
    let untouched = after.iter().all(|(key, _)| is(*key, before.get(*key)));
    Ok(match (applied, untouched) {
        (true, _) => Outcome::Applied,
        (false, true) => Outcome::NotApplied,
        (false, false) => Outcome::Torn,
    })
}
