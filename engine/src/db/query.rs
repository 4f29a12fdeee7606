//! A statement with its values, for either engine.

use std::borrow::Cow;
use std::marker::PhantomData;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;

use super::{Column, Connection, Pool, Raw, Row, Transaction, Value, dialect};

/// Where a statement runs.
#[derive(Debug)]
pub enum On<'c> {
    /// On any connection of a pool.
    Pool(&'c Pool),
    /// On this one.
    Connection(&'c mut Connection),
}

impl<'c> From<&'c Pool> for On<'c> {
    fn from(pool: &'c Pool) -> Self {
        Self::Pool(pool)
    }
}

impl<'c> From<&'c mut Connection> for On<'c> {
    fn from(conn: &'c mut Connection) -> Self {
        Self::Connection(conn)
    }
}

impl<'c> From<&'c mut Transaction> for On<'c> {
    fn from(tx: &'c mut Transaction) -> Self {
        Self::Connection(tx)
    }
}

/// A statement; bind values to it in the order of `$1`, `$2`, ...
#[derive(Debug)]
pub struct Query {
    text: Cow<'static, str>,
    values: Vec<Value>,
    persistent: bool,
}

/// A statement that answers one column.
#[derive(Debug)]
pub struct Scalar<T> {
    query: Query,
    of: PhantomData<T>,
}

/// What a statement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    rows: u64,
}

impl Done {
    /// Rows it inserted, changed or deleted.
    #[must_use]
    pub fn rows_affected(self) -> u64 {
        self.rows
    }
}

/// A statement. Text that is built at run time is never cached by name, because behind a pooler the next transaction may meet
/// another server.
pub fn query(text: impl Into<Cow<'static, str>>) -> Query {
    let text = text.into();
    Query {
        persistent: matches!(text, Cow::Borrowed(_)),
        text,
        values: Vec::new(),
    }
}

/// A statement that answers one column.
pub fn scalar<T: Column>(text: impl Into<Cow<'static, str>>) -> Scalar<T> {
    Scalar {
        query: query(text),
        of: PhantomData,
    }
}

impl Query {
    /// Binds the next value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Whether the server may keep the statement prepared; not where the route may be pooled.
    #[must_use]
    pub fn persistent(self, persistent: bool) -> Self {
        Self { persistent, ..self }
    }

    /// Runs it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn execute<'c>(self, on: impl Into<On<'c>>) -> Result<Done, sqlx::Error> {
        let mut held;
        let raw = match on.into() {
            On::Pool(pool) => {
                held = pool.acquire().await?;
                held.raw()
            }
            On::Connection(conn) => conn.raw(),
        };
        let rows = match raw {
            Raw::Postgres(conn) => self.postgres()?.execute(conn).await?.rows_affected(),
            Raw::Sqlite(conn) => self.sqlite()?.execute(conn).await?.rows_affected(),
        };
        Ok(Done { rows })
    }

    /// Every row.
    ///
    /// # Errors
    /// What the database says.
    pub async fn fetch_all<'c>(self, on: impl Into<On<'c>>) -> Result<Vec<Row>, sqlx::Error> {
        match on.into() {
            On::Pool(pool) => self.rows(pool.acquire().await?.raw()).await,
            On::Connection(conn) => self.rows(conn.raw()).await,
        }
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn fetch_optional<'c>(self, on: impl Into<On<'c>>) -> Result<Option<Row>, sqlx::Error> {
        match on.into() {
            On::Pool(pool) => self.first(pool.acquire().await?.raw()).await,
            On::Connection(conn) => self.first(conn.raw()).await,
        }
    }

    /// The first row.
    ///
    /// # Errors
    /// What the database says, and that there is none.
    pub async fn fetch_one<'c>(self, on: impl Into<On<'c>>) -> Result<Row, sqlx::Error> {
        self.fetch_optional(on).await?.ok_or(sqlx::Error::RowNotFound)
    }

    async fn rows(self, raw: Raw<'_>) -> Result<Vec<Row>, sqlx::Error> {
        Ok(match raw {
            Raw::Postgres(conn) => {
                let rows = self.postgres()?.fetch_all(conn).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
            Raw::Sqlite(conn) => {
                let rows = self.sqlite()?.fetch_all(conn).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
        })
    }

    async fn first(self, raw: Raw<'_>) -> Result<Option<Row>, sqlx::Error> {
        Ok(match raw {
            Raw::Postgres(conn) => self.postgres()?.fetch_optional(conn).await?.map(Row::Postgres),
            Raw::Sqlite(conn) => self.sqlite()?.fetch_optional(conn).await?.map(Row::Sqlite),
        })
    }

    fn postgres(self) -> Result<sqlx::query::Query<'static, sqlx::Postgres, PgArguments>, sqlx::Error> {
        let mut arguments = PgArguments::default();
        for value in self.values {
            value.add_to_postgres(&mut arguments)?;
        }
        Ok(crate::sql::with(self.text, arguments).persistent(self.persistent))
    }

    fn sqlite(self) -> Result<sqlx::query::Query<'static, sqlx::Sqlite, SqliteArguments>, sqlx::Error> {
        let mut arguments = SqliteArguments::default();
        for value in self.values {
            value.add_to_sqlite(&mut arguments)?;
        }
        Ok(crate::sql::with(dialect::sqlite(&self.text).into(), arguments).persistent(self.persistent))
    }
}

impl<T: Column> Scalar<T> {
    /// Binds the next value.
    #[must_use]
    pub fn bind(self, value: impl Into<Value>) -> Self {
        Self {
            query: self.query.bind(value),
            ..self
        }
    }

    /// See [`Query::persistent`].
    #[must_use]
    pub fn persistent(self, persistent: bool) -> Self {
        Self {
            query: self.query.persistent(persistent),
            ..self
        }
    }

    /// The value of the first row.
    ///
    /// # Errors
    /// What the database says, that there is no row, or that it is of another type.
    pub async fn fetch_one<'c>(self, on: impl Into<On<'c>>) -> Result<T, sqlx::Error> {
        self.query.fetch_one(on).await?.try_get(0)
    }

    /// The value of the first row, if there is one.
    ///
    /// # Errors
    /// What the database says, or that it is of another type.
    pub async fn fetch_optional<'c>(self, on: impl Into<On<'c>>) -> Result<Option<T>, sqlx::Error> {
        self.query
            .fetch_optional(on)
            .await?
            .map(|row| row.try_get(0))
            .transpose()
    }

    /// The value of every row.
    ///
    /// # Errors
    /// What the database says, or that one is of another type.
    pub async fn fetch_all<'c>(self, on: impl Into<On<'c>>) -> Result<Vec<T>, sqlx::Error> {
        self.query
            .fetch_all(on)
            .await?
            .iter()
            .map(|row| row.try_get(0))
            .collect()
    }
}
