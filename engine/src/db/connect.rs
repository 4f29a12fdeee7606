//! From a URL to a pool: its scheme says which engine it is.

use secrecy::{ExposeSecret, SecretString};

use super::Pool;
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
