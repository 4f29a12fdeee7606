//! What a statement binds.

use serde_json::Value as Json;
use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use uuid::Uuid;

/// A bound value. On SQLite a UUID and a document are text, a list is a JSON array.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// boolean
    Bool(Option<bool>),
    /// integer
    Int(Option<i32>),
    /// bigint
    BigInt(Option<i64>),
    /// double precision
    Double(Option<f64>),
    /// text
    Text(Option<String>),
    /// uuid
    Uuid(Option<Uuid>),
    /// json or jsonb
    Json(Option<Json>),
    /// text[]
    Texts(Vec<String>),
    /// uuid[]
    Uuids(Vec<Uuid>),
    /// bigint[]
    BigInts(Vec<i64>),
}

impl Value {
    pub(super) fn add_to_postgres(self, arguments: &mut PgArguments) -> Result<(), sqlx::Error> {
        let added = match self {
            Self::Bool(v) => arguments.add(v),
            Self::Int(v) => arguments.add(v),
            Self::BigInt(v) => arguments.add(v),
            Self::Double(v) => arguments.add(v),
            Self::Text(v) => arguments.add(v),
            Self::Uuid(v) => arguments.add(v),
            Self::Json(v) => arguments.add(v),
            Self::Texts(v) => arguments.add(v),
            Self::Uuids(v) => arguments.add(v),
            Self::BigInts(v) => arguments.add(v),
        };
        added.map_err(sqlx::Error::Encode)
    }

    pub(super) fn add_to_sqlite(self, arguments: &mut SqliteArguments) -> Result<(), sqlx::Error> {
        let added = match self {
            Self::Bool(v) => Arguments::add(arguments, v),
            Self::Int(v) => Arguments::add(arguments, v),
            Self::BigInt(v) => Arguments::add(arguments, v),
            Self::Double(v) => Arguments::add(arguments, v),
            Self::Text(v) => Arguments::add(arguments, v),
            Self::Uuid(v) => Arguments::add(arguments, v.map(|id| id.to_string())),
            Self::Json(v) => Arguments::add(arguments, v.map(|document| document.to_string())),
            Self::Texts(v) => Arguments::add(arguments, Json::from(v).to_string()),
            Self::Uuids(v) => {
                let ids: Vec<String> = v.iter().map(Uuid::to_string).collect();
                Arguments::add(arguments, Json::from(ids).to_string())
            }
            Self::BigInts(v) => Arguments::add(arguments, Json::from(v).to_string()),
        };
        added.map_err(sqlx::Error::Encode)
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Bool(Some(v))
    }
}

impl From<i32> for Value {
    fn from(v: i32) -> Self {
        Self::Int(Some(v))
    }
}

impl From<Option<i32>> for Value {
    fn from(v: Option<i32>) -> Self {
        Self::Int(v)
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::BigInt(Some(v))
    }
}

impl From<Option<i64>> for Value {
    fn from(v: Option<i64>) -> Self {
        Self::BigInt(v)
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Self::Double(Some(v))
    }
}

impl From<Option<f64>> for Value {
    fn from(v: Option<f64>) -> Self {
        Self::Double(v)
    }
}

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Self::Text(Some(v.to_owned()))
    }
}

impl From<String> for Value {
    fn from(v: String) -> Self {
        Self::Text(Some(v))
    }
}

impl From<&String> for Value {
    fn from(v: &String) -> Self {
        Self::Text(Some(v.clone()))
    }
}

impl From<Option<&str>> for Value {
    fn from(v: Option<&str>) -> Self {
        Self::Text(v.map(str::to_owned))
    }
}

impl From<Option<String>> for Value {
    fn from(v: Option<String>) -> Self {
        Self::Text(v)
    }
}

impl From<&Option<String>> for Value {
    fn from(v: &Option<String>) -> Self {
        Self::Text(v.clone())
    }
}

impl From<Uuid> for Value {
    fn from(v: Uuid) -> Self {
        Self::Uuid(Some(v))
    }
}

impl From<Option<Uuid>> for Value {
    fn from(v: Option<Uuid>) -> Self {
        Self::Uuid(v)
    }
}

impl From<Json> for Value {
    fn from(v: Json) -> Self {
        Self::Json(Some(v))
    }
}

impl From<&Json> for Value {
    fn from(v: &Json) -> Self {
        Self::Json(Some(v.clone()))
    }
}

impl From<Option<Json>> for Value {
    fn from(v: Option<Json>) -> Self {
        Self::Json(v)
    }
}

impl From<&[&str]> for Value {
    fn from(v: &[&str]) -> Self {
        Self::Texts(v.iter().map(|&text| text.to_owned()).collect())
    }
}

impl From<&[String]> for Value {
    fn from(v: &[String]) -> Self {
        Self::Texts(v.to_vec())
    }
}

impl From<&[Uuid]> for Value {
    fn from(v: &[Uuid]) -> Self {
        Self::Uuids(v.to_vec())
    }
}

impl From<&[i64]> for Value {
    fn from(v: &[i64]) -> Self {
        Self::BigInts(v.to_vec())
    }
}
