//! The one home of SQL text that is not a `&'static str`.
//!
//! sqlx refuses such text unless somebody vouches for it. Sluice runs SQL that it compiled (plans) or
//! that names a user's tables, so somebody must: this module does, and `clippy.toml` bans
//! `AssertSqlSafe` everywhere else. What goes in here is built from
//! [`crate::postgres::ident`]-quoted identifiers, from expressions that passed
//! [`crate::postgres::expression`], and from plans stored by their hash; values are bound.
//!
//! Statements made here are never cached by name: behind PgBouncer in transaction mode the next
//! statement may meet another server. That also holds for *unnamed* ones outside a transaction (sqlx parses and executes
//! in two round trips), so whoever may be pooled opens a transaction first, or uses [`execute_script`].

use std::borrow::Cow;

use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::{Query, QueryAs, QueryScalar};
use sqlx::{Database, FromRow, IntoArguments, Postgres, Row as _};

/// A query over text built at run time; bind values to it.
#[expect(clippy::disallowed_methods, reason = "this module is the home of dynamic SQL")]
pub fn query(text: impl Into<String>) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(sqlx::AssertSqlSafe(text.into())).persistent(false)
}

/// Like [`query`], for rows that become `O`.
#[expect(clippy::disallowed_methods, reason = "this module is the home of dynamic SQL")]
pub fn query_as<O>(text: impl Into<String>) -> QueryAs<'static, Postgres, O, PgArguments>
where
    O: for<'r> FromRow<'r, PgRow>,
{
    sqlx::query_as(sqlx::AssertSqlSafe(text.into())).persistent(false)
}

/// Like [`query`], for one column.
#[expect(clippy::disallowed_methods, reason = "this module is the home of dynamic SQL")]
pub fn scalar<O>(text: impl Into<String>) -> QueryScalar<'static, Postgres, O, PgArguments>
where
    (O,): for<'r> FromRow<'r, PgRow>,
{
    sqlx::query_scalar(sqlx::AssertSqlSafe(text.into())).persistent(false)
}

/// Runs text over the simple protocol: one round trip, no binds. Several statements form one implicit
/// transaction; what may not run in one (CREATE INDEX CONCURRENTLY) is sent alone.
///
/// Returns the rows affected, summed over the statements.
///
/// # Errors
/// What the server said.
#[expect(clippy::disallowed_methods, reason = "this module is the home of dynamic SQL")]
pub async fn execute_script(conn: &mut PgConnection, text: impl Into<String>) -> Result<u64, sqlx::Error> {
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(text.into()))
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}

/// The first column of the first row of a statement over the simple protocol, as text: one round trip, which needs no session behind a
/// pooler.
///
/// # Errors
/// What the server said, and that there is no row.
pub async fn ask_simply(conn: &mut PgConnection, text: &'static str) -> Result<String, sqlx::Error> {
    sqlx::raw_sql(text).fetch_one(conn).await?.try_get(0)
}

/// Every row of a statement over the simple protocol, which leaves no prepared statement behind.
///
/// # Errors
/// What the server said.
pub(crate) async fn fetch_simply(
    conn: &mut PgConnection,
    text: &'static str,
) -> Result<Vec<PgRow>, sqlx::Error> {
    sqlx::raw_sql(text).fetch_all(conn).await
}

/// A statement of [`crate::db`], with its values.
#[expect(clippy::disallowed_methods, reason = "this module is the home of dynamic SQL")]
pub(crate) fn with<DB, A>(text: Cow<'static, str>, arguments: A) -> Query<'static, DB, A>
where
    DB: Database,
    A: IntoArguments<DB>,
{
    match text {
        Cow::Borrowed(text) => sqlx::query_with(text, arguments),
        Cow::Owned(text) => sqlx::query_with(sqlx::AssertSqlSafe(text), arguments),
    }
}
