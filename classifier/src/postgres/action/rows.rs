//! Statements that read or write rows, and those that look after storage.

use super::Name;

/// `SELECT` and the like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Tables that are read, those of subqueries, too, each once; names of WITH queries are not among them.
    pub reads: Vec<Name>,
    /// Tables whose rows it locks (`FOR UPDATE` and its weaker forms).
    pub locks_rows: Vec<Name>,
    /// Tables that INSERT, UPDATE, DELETE or MERGE inside WITH writes to.
    pub writes: Vec<Name>,
    /// Functions it calls that are not built in: they can do anything.
    pub unknown_functions: Vec<Name>,
    /// `EXPLAIN` without `ANALYZE`: only planned, not run.
    pub planned_only: bool,
}

/// `INSERT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insert {
    /// The table.
    pub table: Name,
    /// Its query or its values.
    pub query: Query,
    /// The rows come from a query and not from `VALUES`.
    pub from_query: bool,
    /// `ON CONFLICT`.
    pub on_conflict: bool,
}

/// `UPDATE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The table.
    pub table: Name,
    /// Columns that are set.
    pub columns: Vec<String>,
    /// `WHERE`, as written.
    pub condition: Option<String>,
    /// What else it reads.
    pub query: Query,
}

/// `DELETE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// The table.
    pub table: Name,
    /// `WHERE`, as written.
    pub condition: Option<String>,
    /// What else it reads.
    pub query: Query,
}

/// `MERGE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The table.
    pub table: Name,
    /// What it reads.
    pub query: Query,
}

/// `COPY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copy {
    /// `COPY table FROM`.
    Into(Name),
    /// `COPY table TO`.
    OutOf(Name),
    /// `COPY (query) TO`.
    Query(Query),
}

/// `VACUUM`, `ANALYZE`, `CLUSTER`; no table: all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maintenance {
    /// `VACUUM`.
    Vacuum {
        /// The tables.
        tables: Vec<Name>,
        /// `FULL`: written anew.
        full: bool,
    },
    /// `ANALYZE`.
    Analyze {
        /// The tables.
        tables: Vec<Name>,
    },
    /// `CLUSTER`.
    Cluster {
        /// The table.
        table: Option<Name>,
    },
}
