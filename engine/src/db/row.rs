//! A row, and reading its columns as the same Rust types from both engines.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

/// One row of an answer.
#[derive(Debug)]
pub enum Row {
    /// Of a server.
    Postgres(PgRow),
    /// Of a file.
    Sqlite(SqliteRow),
}

/// Which column.
#[derive(Clone, Copy, Debug)]
pub enum At<'n> {
    /// By its name.
    Name(&'n str),
    /// By its place, from 0.
    Place(usize),
}

impl<'n> From<&'n str> for At<'n> {
    fn from(name: &'n str) -> Self {
        Self::Name(name)
    }
}

impl From<usize> for At<'_> {
    fn from(place: usize) -> Self {
        Self::Place(place)
    }
}

impl Row {
    /// The value of a column.
    ///
    /// # Errors
    /// There is no such column, it is NULL, or of another type.
    pub fn try_get<'n, T: Column, A: Into<At<'n>>>(&self, at: A) -> Result<T, sqlx::Error> {
        T::read(self, at.into())
    }
}

/// What a column can be read as.
pub trait Column: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// There is no such column, it is NULL, or of another type.
    fn read(row: &Row, at: At<'_>) -> Result<Self, sqlx::Error>;
}

/// What a column that is not NULL can be read as.
trait Known: Sized {
    fn known(row: &Row, at: At<'_>) -> Result<Option<Self>, sqlx::Error>;
}

impl<T: Known> Column for T {
    fn read(row: &Row, at: At<'_>) -> Result<Self, sqlx::Error> {
        T::known(row, at)?.ok_or_else(|| sqlx::Error::ColumnDecode {
            index: format!("{at:?}"),
            source: Box::new(sqlx::error::UnexpectedNullError),
        })
    }
}

impl<T: Known> Column for Option<T> {
    fn read(row: &Row, at: At<'_>) -> Result<Self, sqlx::Error> {
        T::known(row, at)
    }
}

/// A type that both drivers read by themselves. Unchecked on SQLite, whose values have types and whose columns do not.
macro_rules! known {
    ($($plain:ty),*) => {$(
        impl Known for $plain {
            fn known(row: &Row, at: At<'_>) -> Result<Option<Self>, sqlx::Error> {
                match (row, at) {
                    (Row::Postgres(row), At::Name(name)) => row.try_get(name),
                    (Row::Postgres(row), At::Place(place)) => row.try_get(place),
                    (Row::Sqlite(row), At::Name(name)) => row.try_get_unchecked(name),
                    (Row::Sqlite(row), At::Place(place)) => row.try_get_unchecked(place),
                }
            }
        }
    )*};
}

known!(bool, i32, i64, f64, String);

/// A type that is text on SQLite.
macro_rules! text {
    ($($of:ty, $parse:expr);*) => {$(
        impl Known for $of {
            fn known(row: &Row, at: At<'_>) -> Result<Option<Self>, sqlx::Error> {
                match (row, at) {
                    (Row::Postgres(row), At::Name(name)) => row.try_get(name),
                    (Row::Postgres(row), At::Place(place)) => row.try_get(place),
                    (Row::Sqlite(_), _) => {
                        let text: Option<String> = String::known(row, at)?;
                        let parse = $parse;
                        text.map(|text| parse(&text)).transpose()
                    }
                }
            }
        }
    )*};
}

text!(
    Uuid, |text: &str| text.parse::<Uuid>().map_err(decode);
    serde_json::Value, |text: &str| serde_json::from_str(text).map_err(decode);
    jiff_sqlx::Timestamp, |text: &str| text
        .parse::<jiff::Timestamp>()
        .map(jiff_sqlx::Timestamp::from)
        .map_err(decode)
);

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
