//! Connections and statements, whatever the engine: what the ledger and the roles speak to.
//!
//! One statement has one text, in PostgreSQL's spelling and kept to what `dialect` can spell for SQLite; values are
//! bound and read as the same Rust types on both. What an engine alone can do (a trigger's body, a fingerprint, a range of
//! rows) lives in that engine's own modules, which take its own connection: [`Connection::raw`] says which it is.
//!
//! sqlx has an `Any` driver; it knows neither UUIDs, timestamps nor JSON, so every statement would need casts.
//!
//! A transaction that may write takes SQLite's one write lock when it begins ([`Pool::begin`]): one that read first and wanted to
//! write then would fail with SQLITE_BUSY whenever somebody else had written in between, and waiting would not help.

mod connect;
mod dialect;
mod query;
mod row;
mod value;

pub use connect::{ConnectError, connect, connect_alone};
pub use query::{Done, On, Query, Scalar, query, scalar};
pub use row::{At, Column, Row};
pub use value::Value;

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection as _, Postgres, Sqlite};

use crate::catalog::EngineKind;
use crate::postgres::session::{BEGIN, BEGIN_READ_ONLY};
use crate::sqlite::session::BEGIN as BEGIN_IMMEDIATE;

/// Connections of one role to one database.
#[derive(Clone, Debug)]
pub enum Pool {
    /// To a server.
    Postgres(PgPool),
    /// To a file.
    Sqlite(SqlitePool),
}

/// A connection: out of a pool, or the one of a transaction.
#[derive(Debug)]
pub struct Connection(Inner);

#[derive(Debug)]
enum Inner {
    Postgres(PoolConnection<Postgres>),
    PostgresTx(sqlx::Transaction<'static, Postgres>),
    PostgresAlone(Box<PgConnection>),
    SqliteAlone(Box<SqliteConnection>),
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(sqlx::Transaction<'static, Sqlite>),
}

/// A transaction; rolled back when it is dropped.
#[derive(Debug)]
pub struct Transaction(Connection);

/// The driver's own connection.
#[derive(Debug)]
pub enum Raw<'c> {
    /// To a server.
    Postgres(&'c mut PgConnection),
    /// To a file.
    Sqlite(&'c mut SqliteConnection),
}

impl Pool {
    /// Which engine it leads to.
    #[must_use]
    pub fn engine(&self) -> EngineKind {
        match self {
            Self::Postgres(_) => EngineKind::Postgresql,
            Self::Sqlite(_) => EngineKind::Sqlite,
        }
    }

    /// A connection.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn acquire(&self) -> Result<Connection, sqlx::Error> {
        Ok(Connection(match self {
            Self::Postgres(pool) => Inner::Postgres(pool.acquire().await?),
            Self::Sqlite(pool) => Inner::Sqlite(pool.acquire().await?),
        }))
    }

    /// A connection of its own, which no pool gets back: whatever state it is left in, dropping it ends that.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn detached(&self) -> Result<Connection, sqlx::Error> {
        Ok(Connection(match self {
            Self::Postgres(pool) => Inner::PostgresAlone(Box::new(pool.acquire().await?.detach())),
            Self::Sqlite(pool) => Inner::SqliteAlone(Box::new(pool.acquire().await?.detach())),
        }))
    }

    /// A transaction that may write. On PostgreSQL each of its statements has a snapshot of its own; on SQLite it holds the write
    /// lock from the first moment.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        Ok(Transaction(Connection(match self {
            Self::Postgres(pool) => Inner::PostgresTx(pool.begin_with(BEGIN).await?),
            Self::Sqlite(pool) => Inner::SqliteTx(pool.begin_with(BEGIN_IMMEDIATE).await?),
        })))
    }

    /// A transaction that only reads. On PostgreSQL each of its statements has a snapshot of its own; on SQLite all have the first one's.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn begin_reading(&self) -> Result<Transaction, sqlx::Error> {
        Ok(Transaction(Connection(match self {
            Self::Postgres(pool) => Inner::PostgresTx(pool.begin_with(BEGIN_READ_ONLY).await?),
            Self::Sqlite(pool) => Inner::SqliteTx(pool.begin().await?),
        })))
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(pool) => pool.close().await,
        }
    }
}

impl Connection {
    /// The driver's own connection, for what one engine alone can do.
    pub fn raw(&mut self) -> Raw<'_> {
        match &mut self.0 {
            Inner::Postgres(conn) => Raw::Postgres(conn),
            Inner::PostgresTx(tx) => Raw::Postgres(tx),
            Inner::PostgresAlone(conn) => Raw::Postgres(conn),
            Inner::SqliteAlone(conn) => Raw::Sqlite(conn),
            Inner::Sqlite(conn) => Raw::Sqlite(conn),
            Inner::SqliteTx(tx) => Raw::Sqlite(tx),
        }
    }

    /// Which engine it leads to.
    #[must_use]
    pub fn engine(&self) -> EngineKind {
        match &self.0 {
            Inner::Postgres(_) | Inner::PostgresTx(_) | Inner::PostgresAlone(_) => EngineKind::Postgresql,
            Inner::Sqlite(_) | Inner::SqliteTx(_) | Inner::SqliteAlone(_) => EngineKind::Sqlite,
        }
    }

    /// Closes it, if it belongs to nobody else.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn close(self) -> Result<(), sqlx::Error> {
        match self.0 {
            Inner::PostgresAlone(conn) => conn.close().await,
            Inner::SqliteAlone(conn) => conn.close().await,
            Inner::Postgres(_) | Inner::PostgresTx(_) | Inner::Sqlite(_) | Inner::SqliteTx(_) => Ok(()),
        }
    }

    /// Begins a transaction that may write, on a connection whose end its holder sees to.
    ///
    /// # Errors
    /// What the database says.
    pub async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let text = match self.engine() {
            EngineKind::Postgresql => BEGIN,
            EngineKind::Sqlite => BEGIN_IMMEDIATE,
        };
        self.execute_script(text).await.map(|_| ())
    }

    /// Runs text that came from a plan or was built of quoted parts: no binds, several statements as well. Rows affected.
    ///
    /// # Errors
    /// What the database says.
    pub async fn execute_script(&mut self, text: impl Into<String>) -> Result<u64, sqlx::Error> {
        match self.raw() {
            Raw::Postgres(conn) => crate::sql::execute_script(conn, text).await,
            Raw::Sqlite(conn) => crate::sqlite::text::execute_script(conn, text).await,
        }
    }
}

/// A connection outside any pool, such as the session of a step.
impl From<PgConnection> for Connection {
    fn from(conn: PgConnection) -> Self {
        Self(Inner::PostgresAlone(Box::new(conn)))
    }
}

impl From<SqliteConnection> for Connection {
    fn from(conn: SqliteConnection) -> Self {
        Self(Inner::SqliteAlone(Box::new(conn)))
    }
}

impl From<PoolConnection<Postgres>> for Connection {
    fn from(conn: PoolConnection<Postgres>) -> Self {
        Self(Inner::Postgres(conn))
    }
}

impl Transaction {
    /// Keeps what was done.
    ///
    /// # Errors
    /// What the database says; [`crate::postgres::error::classify_commit`] tells what it means.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self.0.0 {
            Inner::PostgresTx(tx) => tx.commit().await,
            Inner::SqliteTx(tx) => tx.commit().await,
            Inner::Postgres(_) | Inner::PostgresAlone(_) | Inner::Sqlite(_) | Inner::SqliteAlone(_) => Ok(()),
        }
    }

    /// Throws away what was done.
    ///
    /// # Errors
    /// What the database says.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        match self.0.0 {
            Inner::PostgresTx(tx) => tx.rollback().await,
            Inner::SqliteTx(tx) => tx.rollback().await,
            Inner::Postgres(_) | Inner::PostgresAlone(_) | Inner::Sqlite(_) | Inner::SqliteAlone(_) => Ok(()),
        }
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}
