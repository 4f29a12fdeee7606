//! What the database says about the tables that a script names: values, asked by somebody else.
//!
//! Without them everything is judged as if the tables were large and busy.

use std::collections::BTreeMap;

/// A database as it is now. Names are those of the catalog, `schema.table`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The server's version as a number, `150004`; decides what rewrites.
    pub version: u32,
    /// `TimeZone` of a new session of the role that runs migrations.
    pub timezone: String,
    /// Where an unqualified name is looked for, in this order.
    pub search_path: Vec<String>,
    /// Seconds since the oldest transaction that is open began, other than ours.
    pub oldest_transaction: Option<f64>,
    /// Replicas that are streaming.
    pub replicas: u32,
    /// By `schema.table`.
    pub tables: BTreeMap<String, Table>,
    /// Volatility of functions by name, as `pg_proc.provolatile` (`i`, `s`, `v`), the worst of all overloads.
    pub functions: BTreeMap<String, char>,
    /// Domains with a constraint, by name.
    pub constrained_domains: Vec<String>,
}

/// One table, materialized view or partitioned table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Size of its rows, with TOAST, in bytes.
    pub bytes: u64,
    /// Size of its indexes, in bytes.
    pub index_bytes: u64,
    /// `pg_class.reltuples`; None: never analyzed.
    pub rows: Option<u64>,
    /// Rows written in a second, as far as the statistics tell.
    pub writes_per_second: Option<f64>,
    /// It has partitions.
    pub partitioned: bool,
    /// Its partitions, as `schema.table`, all levels.
    pub partitions: Vec<String>,
    /// Its default partition.
    pub default_partition: Option<String>,
    /// Columns by name.
    pub columns: BTreeMap<String, Column>,
    /// Constraints by name.
    pub constraints: BTreeMap<String, Constraint>,
    /// Indexes by name, with whether they are valid.
    pub indexes: BTreeMap<String, bool>,
    /// Publications that publish it.
    pub publications: Vec<String>,
    /// What depends on it: views, functions, policies, by a name that a person reads (`view public.v`).
    pub dependents: Vec<String>,
    /// Tables whose foreign keys point here.
    pub referenced_by: Vec<String>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// As `format_type` spells it.
    pub type_name: String,
    /// NOT NULL.
    pub not_null: bool,
    /// Views, policies, rules that name it: a change of its type fails.
    pub used_by: Vec<String>,
}

/// One constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// `pg_constraint.contype`.
    pub kind: char,
    /// Validated.
    pub valid: bool,
    /// `pg_get_constraintdef`.
    pub definition: String,
    /// Where a foreign key points, `schema.table`.
    pub references: Option<String>,
    /// Columns of this table it is about.
    pub columns: Vec<String>,
}
