//! What a database says about the tables a migration touches, as plain values.
//!
//! A [`Catalog`] can be read from a live database or from a file (`sluice plan --catalog`), so the
//! planner's compiler is a pure function over it. It holds the named tables only, but everything
//! about them that decides whether a change is safe: what depends on a column, what replicates the
//! table, what would fire when it is written.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of database behind a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// PostgreSQL 12 and later.
    Postgresql,
    /// SQLite 3.35 and later, as it is compiled into this program.
    Sqlite,
}

/// A schema-qualified name, unquoted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// Schema.
    pub schema: String,
    /// Table.
    pub name: String,
}

/// For people; SQL takes [`crate::postgres::ident::table`].
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// Facts about a database and the tables that were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Which engine.
    pub engine: EngineKind,
    /// `server_version_num`, such as 150018.
    pub server_version: u32,
    /// Name of the database.
    pub database: String,
    /// The schemas on the session's search path, in order; expressions are pinned to it.
    pub search_path: Vec<String>,
    /// The tables, each once.
    pub tables: Vec<Table>,
    /// Publications FOR ALL TABLES (they would publish our ledger too).
    pub publications_for_all_tables: Vec<String>,
    /// Publications FOR TABLES IN SCHEMA of a schema one of the tables lives in, as `(publication, schema)`.
    #[serde(default)]
    pub publications_for_schema: Vec<(String, String)>,
    /// Logical replication slots.
    pub logical_slots: Vec<String>,
    /// Enabled event triggers.
    pub event_triggers: Vec<String>,
}

impl Catalog {
    /// The table of that name, if it was asked for and exists.
    #[must_use]
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.iter().find(|t| t.name == *name)
    }
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: TableName,
    /// `pg_class.oid`.
    pub oid: u32,
    /// What kind of relation it is.
    pub kind: TableKind,
    /// Owner role.
    pub owner: String,
    /// Row security is enabled.
    pub row_security: bool,
    /// Row security is forced for the owner too.
    pub force_row_security: bool,
    /// Names of row security policies.
    pub policies: Vec<String>,
    /// `d`efault, `n`othing, `f`ull or `i`ndex.
    pub replica_identity: char,
    /// Columns in order, dropped ones left out.
    pub columns: Vec<Column>,
    /// Constraints of every kind on this table.
    pub constraints: Vec<Constraint>,
    /// Indexes, those behind constraints included.
    pub indexes: Vec<Index>,
    /// User triggers (ours and internal ones left out).
    pub triggers: Vec<Trigger>,
    /// Foreign keys of other tables that point here.
    pub referenced_by: Vec<ForeignReference>,
    /// Views, policies, rules, functions' bodies are not listed; what the catalog's dependencies know, is.
    pub dependents: Vec<Dependent>,
    /// Publications that name this table.
    pub publications: Vec<String>,
    /// Direct parents by inheritance or partitioning.
    pub parents: Vec<TableName>,
    /// Tables that hold the rows: the table itself, or its leaf partitions.
    pub leaves: Vec<Leaf>,
    /// Columns of the partition key, for a partitioned table (of any level below too).
    pub partition_columns: Vec<String>,
    /// The planner's estimate of rows over all leaves; -1 where it was never analyzed.
    pub estimated_rows: i64,
    /// SQLite: the CREATE TABLE statement as the file has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
}

impl Table {
    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The primary key's columns in order; empty without one.
    #[must_use]
    pub fn primary_key(&self) -> &[String] {
        self.constraints
            .iter()
            .find(|c| c.kind == ConstraintKind::PrimaryKey)
            .map_or(&[], |c| c.columns.as_slice())
    }
}

/// What kind of relation a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// An ordinary, permanent table.
    Ordinary,
    /// A partitioned table.
    Partitioned,
    /// An unlogged table.
    Unlogged,
    /// A temporary table.
    Temporary,
    /// A foreign table.
    Foreign,
    /// A view or a materialized view.
    View,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// `format_type`, with the type modifier: `character varying(24)`.
    pub type_name: String,
    /// The type is a domain, or has one below it, with constraints.
    pub constrained_domain: bool,
    /// Collation, schema-qualified and quoted, if it is not the type's own default.
    pub collation: Option<String>,
    /// NOT NULL.
    pub not_null: bool,
    /// Default expression as the catalog prints it.
    pub default: Option<String>,
    /// The default calls a sequence that this column owns (serial).
    pub owns_sequence: bool,
    /// GENERATED ... AS IDENTITY.
    pub identity: bool,
    /// GENERATED ALWAYS AS ... STORED or VIRTUAL.
    pub generated: bool,
    /// COMMENT ON COLUMN.
    pub comment: Option<String>,
    /// Privileges granted on this column alone.
    pub grants: Vec<ColumnGrant>,
    /// `SET STATISTICS` target, if set.
    pub statistics_target: Option<i32>,
    /// `SET (n_distinct = ...)` and the like.
    pub options: Vec<String>,
    /// Storage strategy if it differs from the type's own, as ALTER TABLE spells it.
    pub storage: Option<String>,
}

/// A privilege on one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnGrant {
    /// Role, or `PUBLIC`.
    pub grantee: String,
    /// SELECT, INSERT, UPDATE or REFERENCES.
    pub privilege: String,
    /// WITH GRANT OPTION.
    pub grantable: bool,
}

/// The kind of a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConstraintKind {
    /// PRIMARY KEY
    PrimaryKey,
    /// UNIQUE
    Unique,
    /// CHECK
    Check,
    /// FOREIGN KEY of this table
    ForeignKey,
    /// EXCLUDE
    Exclusion,
    /// A constraint trigger
    Trigger,
}

/// One constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Its name.
    pub name: String,
    /// What kind.
    pub kind: ConstraintKind,
    /// Columns of this table it names, in order.
    pub columns: Vec<String>,
    /// `pg_get_constraintdef`.
    pub definition: String,
    /// Validated.
    pub validated: bool,
    /// For a foreign key: the table it points at.
    pub references: Option<TableName>,
    /// COMMENT ON CONSTRAINT.
    pub comment: Option<String>,
}

/// One index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// `pg_get_indexdef`.
    pub definition: String,
    /// Plain columns, included ones, and columns that expressions or the predicate use.
    pub columns: Vec<String>,
    /// UNIQUE.
    pub unique: bool,
    /// An expression index or a partial one.
    pub expression_or_partial: bool,
    /// The constraint it stands behind, if any.
    pub constraint: Option<String>,
    /// Valid and ready.
    pub valid: bool,
    /// COMMENT ON INDEX.
    pub comment: Option<String>,
}

/// One user trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name; BEFORE triggers fire in the order of their names.
    pub name: String,
    /// `pg_get_triggerdef`.
    pub definition: String,
    /// BEFORE ... FOR EACH ROW.
    pub before_row: bool,
    /// Fires on UPDATE.
    pub on_update: bool,
    /// Fires on INSERT.
    pub on_insert: bool,
    /// `O`rigin, `D`isabled, `R`eplica or `A`lways.
    pub enabled: char,
    /// Columns of UPDATE OF.
    pub update_of: Vec<String>,
}

/// A foreign key elsewhere that points at this table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignReference {
    /// The table that has the constraint.
    pub table: TableName,
    /// The constraint.
    pub constraint: String,
    /// Columns of *this* table it points at.
    pub columns: Vec<String>,
}

/// Something that depends on a column of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependent {
    /// `view`, `materialized view`, `policy`, `rule`, `generated column`, `statistics`, `publication`, ...
    pub kind: String,
    /// Its name, as `pg_describe_object` words it.
    pub name: String,
    /// The column it depends on.
    pub column: String,
}

/// A table that holds rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its name.
    pub name: TableName,
    /// Size in blocks of 8192 bytes.
    pub blocks: u64,
}
