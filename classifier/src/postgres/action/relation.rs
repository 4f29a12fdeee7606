//! Tables, indexes, views, sequences: what is created, dropped, built anew.

use super::{Column, Constraint, Name};

/// What a relation is called in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// `TABLE`.
    Table,
    /// `FOREIGN TABLE`.
    ForeignTable,
    /// `VIEW`.
    View,
    /// `MATERIALIZED VIEW`.
    MaterializedView,
    /// `INDEX`.
    Index,
    /// `SEQUENCE`.
    Sequence,
}

/// How long a table lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// An ordinary one.
    Permanent,
    /// `UNLOGGED`: empty after a crash.
    Unlogged,
    /// `TEMPORARY`: of one session.
    Temporary,
}

/// Which rows a partition takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionBound {
    /// Those of `FOR VALUES`.
    Values,
    /// `DEFAULT`: those that no other takes.
    Default,
}

/// `CREATE TABLE` in all its forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    /// The table.
    pub table: Name,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// How long it lives.
    pub persistence: Persistence,
    /// `FOREIGN TABLE`.
    pub foreign: bool,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Constraints that are not written with a column.
    pub constraints: Vec<Constraint>,
    /// `INHERITS`.
    pub inherits: Vec<Name>,
    /// `LIKE`.
    pub like: Vec<Name>,
    /// `PARTITION OF parent`.
    pub partition_of: Option<(Name, PartitionBound)>,
    /// `PARTITION BY`.
    pub partitioned: bool,
    /// `CREATE TABLE AS` and `SELECT INTO`: the tables that are read.
    pub reads: Vec<Name>,
    /// `CREATE TABLE AS` or `SELECT INTO`.
    pub from_query: bool,
}

/// `CREATE INDEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateIndex {
    /// None: the server chooses.
    pub name: Option<String>,
    /// The table.
    pub table: Name,
    /// `CONCURRENTLY`.
    pub concurrently: bool,
    /// `UNIQUE`.
    pub unique: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `ONLY`: on a partitioned table, without its partitions.
    pub only: bool,
    /// `USING method`; None: btree.
    pub method: Option<String>,
    /// What is indexed, each as written: a column or an expression.
    pub keys: Vec<String>,
    /// `WHERE`: not all rows.
    pub partial: bool,
}

/// What is asked of an index by `ALTER INDEX`; a rename and the like are here too, for their locks are weaker than a table's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexChange {
    /// `RENAME TO`.
    Rename {
        /// Its name from now on.
        to: String,
    },
    /// `ATTACH PARTITION`.
    AttachPartition {
        /// The partition's index.
        index: Name,
    },
    /// `SET TABLESPACE`.
    SetTablespace {
        /// Where it goes.
        tablespace: String,
    },
    /// `SET (...)`, `RESET (...)`.
    SetParameters {
        /// Names of the parameters, as `fillfactor`.
        names: Vec<String>,
    },
    /// `ALTER COLUMN n SET STATISTICS`.
    SetStatistics,
    /// `DEPENDS ON EXTENSION`, or `NO DEPENDS`.
    DependsOnExtension,
}

/// `REINDEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reindex {
    /// What is built anew.
    pub target: ReindexTarget,
    /// `CONCURRENTLY`.
    pub concurrently: bool,
}

/// What `REINDEX` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReindexTarget {
    /// `INDEX`.
    Index(Name),
    /// `TABLE`.
    Table(Name),
    /// `SCHEMA`.
    Schema(String),
    /// `DATABASE`.
    Database,
    /// `SYSTEM`: the catalogs.
    System,
}

/// `DROP TABLE` and of other relations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropRelations {
    /// What kind.
    pub relation: Relation,
    /// Which.
    pub names: Vec<Name>,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// `CASCADE`.
    pub cascade: bool,
    /// `DROP INDEX CONCURRENTLY`.
    pub concurrently: bool,
}

/// `CREATE VIEW`, `CREATE MATERIALIZED VIEW`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateView {
    /// The view.
    pub view: Name,
    /// `OR REPLACE`.
    pub replace: bool,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `MATERIALIZED`.
    pub materialized: bool,
    /// `WITH NO DATA`.
    pub no_data: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// The tables that its query reads.
    pub reads: Vec<Name>,
}

/// `REFRESH MATERIALIZED VIEW`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// The view.
    pub view: Name,
    /// `CONCURRENTLY`.
    pub concurrently: bool,
    /// `WITH NO DATA`.
    pub no_data: bool,
}

/// `CREATE TRIGGER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTrigger {
    /// The trigger.
    pub name: String,
    /// The table.
    pub table: Name,
    /// `OR REPLACE`, 14 and later.
    pub replace: bool,
    /// `CONSTRAINT TRIGGER ... FROM table`.
    pub from: Option<Name>,
    /// `FOR EACH ROW`.
    pub for_each_row: bool,
    /// The function that it calls.
    pub function: Name,
}
