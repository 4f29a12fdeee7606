//! A fault: what is wrong with a spec, or with a spec on this database.
//!
//! One type for both, because an author mends both in the same file. The code is stable: it can be
//! searched for, and a program may act on it.

use std::fmt;

use serde::Serialize;

/// The stable code of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Code {
    /// The text is not TOML.
    #[serde(rename = "SL1001")]
    Syntax,
    /// A key that does not exist.
    #[serde(rename = "SL1002")]
    UnknownKey,
    /// A required key is not there.
    #[serde(rename = "SL1003")]
    MissingKey,
    /// A value of the wrong type.
    #[serde(rename = "SL1004")]
    Type,
    /// A value of the right type that is malformed or out of range.
    #[serde(rename = "SL1005")]
    Value,
    /// A kind of change that does not exist.
    #[serde(rename = "SL1006")]
    UnknownKind,
    /// Keys that do not go together.
    #[serde(rename = "SL1007")]
    Contradiction,
    /// The table does not exist.
    #[serde(rename = "SL1101")]
    NoTable,
    /// The relation is not a table that Sluice can change.
    #[serde(rename = "SL1102")]
    NotATable,
    /// Row security could hide rows.
    #[serde(rename = "SL1103")]
    RowSecurity,
    /// The table is published.
    #[serde(rename = "SL1104")]
    Published,
    /// A publication FOR ALL TABLES would publish the ledger.
    #[serde(rename = "SL1105")]
    PublishedAll,
    /// Updates of the table cannot be replicated.
    #[serde(rename = "SL1106")]
    ReplicaIdentity,
    /// The table has parents or children by inheritance, or is a partition.
    #[serde(rename = "SL1107")]
    Inheritance,
    /// The column does not exist.
    #[serde(rename = "SL1108")]
    NoColumn,
    /// The new column exists already.
    #[serde(rename = "SL1109")]
    ColumnExists,
    /// No name for our trigger sorts after the user's.
    #[serde(rename = "SL1110")]
    TriggerOrder,
    /// The expression cannot be used.
    #[serde(rename = "SL1111")]
    Expression,
    /// The type cannot be used.
    #[serde(rename = "SL1112")]
    ColumnType,
    /// Two changes of the spec are in each other's way.
    #[serde(rename = "SL1113")]
    Overlap,
    /// Something about a renamed column cannot be carried to the new one.
    #[serde(rename = "SL1114")]
    NotCarried,
    /// Raw SQL that cannot be run as a step.
    #[serde(rename = "SL1115")]
    RawSql,
    /// The database could not be asked.
    #[serde(rename = "SL1190")]
    Database,
    /// The server is too old, or cannot be written.
    #[serde(rename = "SL1191")]
    Unsuitable,
    /// The database was asked and said no; it would say no again.
    #[serde(rename = "SL1192")]
    DatabaseRefused,
}

impl Code {
    /// As it is printed and searched for.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "SL1001",
            Self::UnknownKey => "SL1002",
            Self::MissingKey => "SL1003",
            Self::Type => "SL1004",
            Self::Value => "SL1005",
            Self::UnknownKind => "SL1006",
            Self::Contradiction => "SL1007",
            Self::NoTable => "SL1101",
            Self::NotATable => "SL1102",
            Self::RowSecurity => "SL1103",
            Self::Published => "SL1104",
            Self::PublishedAll => "SL1105",
            Self::ReplicaIdentity => "SL1106",
            Self::Inheritance => "SL1107",
            Self::NoColumn => "SL1108",
            Self::ColumnExists => "SL1109",
            Self::TriggerOrder => "SL1110",
            Self::Expression => "SL1111",
            Self::ColumnType => "SL1112",
            Self::Overlap => "SL1113",
            Self::NotCarried => "SL1114",
            Self::RawSql => "SL1115",
            Self::Database => "SL1190",
            Self::Unsuitable => "SL1191",
            Self::DatabaseRefused => "SL1192",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that is wrong, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Stable code.
    pub code: Code,
    /// The spec's file; None when it came as a message.
    pub file: Option<String>,
    /// The line, counted from 1; None when it came as a message.
    pub line: Option<u32>,
    /// The key it is about: `[[change]] 1 up`.
    pub key: Option<String>,
    /// What was found, why it matters, what to do.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}: ")?,
            (Some(file), None) => write!(f, "{file}: ")?,
            (None, _) => {}
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl std::error::Error for Fault {}
