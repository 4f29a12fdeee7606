//! The one home of SQL text for SQLite that is not a `&'static str`; what [`crate::sql`] is to PostgreSQL.
//!
//! sqlx refuses such text unless somebody vouches for it, and `clippy.toml` bans vouching everywhere else. What goes in here is built
//! from [`super::ident`]-quoted names and from expressions that passed [`super::expression`]; values are bound.
//!
//! Statements made here are not kept prepared: each names another table, and the memory of them would grow for nothing.

use sqlx::query::{Query, QueryAs, QueryScalar};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{FromRow, Sqlite};

/// A query over text built at run time; bind values to it.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is the home of dynamic SQL for SQLite"
)]
pub fn query(text: impl Into<String>) -> Query<'static, Sqlite, SqliteArguments> {
    sqlx::query(sqlx::AssertSqlSafe(text.into())).persistent(false)
}

/// Like [`query`], for rows that become `O`.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is the home of dynamic SQL for SQLite"
)]
pub fn query_as<O>(text: impl Into<String>) -> QueryAs<'static, Sqlite, O, SqliteArguments>
where
    O: for<'r> FromRow<'r, SqliteRow>,
{
    sqlx::query_as(sqlx::AssertSqlSafe(text.into())).persistent(false)
}

/// Like [`query`], for one column.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is the home of dynamic SQL for SQLite"
)]
pub fn scalar<O>(text: impl Into<String>) -> QueryScalar<'static, Sqlite, O, SqliteArguments>
where
    (O,): for<'r> FromRow<'r, SqliteRow>,
{
    sqlx::query_scalar(sqlx::AssertSqlSafe(text.into())).persistent(false)
}

/// Runs statements one after the other, no binds; each is a transaction of its own unless one is open. Returns the rows affected,
/// summed over the statements.
///
/// # Errors
/// What SQLite said; the statements before it remain done unless a transaction is open.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is the home of dynamic SQL for SQLite"
)]
pub async fn execute_script(
    conn: &mut SqliteConnection,
    text: impl Into<String>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(text.into()))
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
