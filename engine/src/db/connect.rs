//! From a URL to a pool: its scheme says which engine it is.

use secrecy::{ExposeSecret, SecretString};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::SqliteConnection;

use super::{Connection, Pool};
use crate::postgres::error::Class;
use crate::postgres::session::{self, SessionOptions};
use crate::sqlite;

/// Why there is no connection. Never holds the password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// To a server.
    #[error(transparent)]
    Postgres(#[from] session::ConnectError),
    /// To a file.
    #[error(transparent)]
    Sqlite(#[from] sqlite::session::ConnectError),
}

impl ConnectError {
    /// What it means for a retry.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Postgres(error) => error.class(),
            Self::Sqlite(_) => Class::Permanent,
        }
    }
}

/// A pool for the database of a URL.
///
/// # Errors
/// [`ConnectError`], which says where it was tried.
pub async fn connect(url: &SecretString, options: &SessionOptions) -> Result<Pool, ConnectError> {
    let text = url.expose_secret();
    if sqlite::session::is_url(text) {
        let pool = sqlite::session::connect_pool(text, options.max_connections).await?;
        return Ok(Pool::Sqlite(pool));
    }
    Ok(Pool::Postgres(session::connect_pool(url, options).await?))
}

/// One connection outside any pool, as an application makes it.
///
/// # Errors
/// What the driver says.
pub async fn connect_alone(url: &str, application_name: &str) -> Result<Connection, sqlx::Error> {
    if sqlite::session::is_url(url) {
        let path =
            sqlite::session::path_of(url).map_err(|error| sqlx::Error::Configuration(Box::new(error)))?;
        let conn = SqliteConnection::connect_with(&sqlite::session::options(&path)).await?;
        return Ok(conn.into());
    }
    let options: PgConnectOptions = url.parse()?;
    let conn = PgConnection::connect_with(&options.application_name(application_name)).await?;
    Ok(conn.into())
}
