//! The answers, as values.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A database as it is now. Names are those of the catalog, `schema.table`.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveFacts {
    /// The server's version as a number, `150004`.
    pub version: u32,
    /// `TimeZone` of a new session of this role; None: it could not be told.
    pub timezone: Option<String>,
    /// Where an unqualified name is looked for, in this order.
    pub search_path: Vec<String>,
    /// Seconds since the oldest open transaction of this database began, prepared ones included, but for our own.
    pub oldest_transaction: Option<f64>,
    /// Standbys that follow.
    pub replicas: u32,
    /// By `schema.table`.
    pub tables: BTreeMap<String, Table>,
    /// `pg_proc.provolatile` by name, the worst of all overloads.
    pub functions: BTreeMap<String, char>,
    /// Domains with a constraint, also one of a domain below, by name.
    pub constrained_domains: Vec<String>,
    /// What this role could not see.
    pub unseen: Vec<Unseen>,
}

/// What a role could not see, so that nothing is taken for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Others' sessions.
    Sessions,
    /// One session has `track_activities` off.
    HiddenSession,
    /// The time zone of new sessions.
    TimeZone,
    /// Definitions of constraints: somebody has one of the tables to himself.
    Definitions,
}

impl Unseen {
    /// What was not seen, and what to do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Sessions => {
                "how long other transactions have been open cannot be seen by this role: GRANT pg_monitor TO it"
            }
            Self::HiddenSession => "a session has track_activities off: it may have a transaction open",
            Self::Definitions => {
                "somebody has one of the tables to himself: what its constraints say could not be read"
            }
            Self::TimeZone => {
                "the time zone of new sessions cannot be seen by this role; it is taken for other than UTC: ALTER ROLE ... SET timezone"
            }
        }
    }
}

/// One table, materialized view or partitioned table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Size of its rows, TOAST and its index included, in bytes; of all its partitions.
    pub bytes: u64,
    /// Size of its indexes, in bytes; of all its partitions.
    pub index_bytes: u64,
    /// As last counted; None: it, or one of its partitions, was never analyzed.
    pub rows: Option<u64>,
    /// Rows written in a second: the larger of a long-term mean and what was counted just now.
    pub writes_per_second: Option<f64>,
    /// It is partitioned.
    pub partitioned: bool,
    /// Its partitions of all levels.
    pub partitions: Vec<String>,
    /// Its default partition.
    pub default_partition: Option<String>,
    /// Columns by name.
    pub columns: BTreeMap<String, Column>,
    /// Constraints by name.
    pub constraints: BTreeMap<String, Constraint>,
    /// Indexes by name, with whether they are valid.
    pub indexes: BTreeMap<String, bool>,
    /// Publications that publish it, one of its partitions, or what it is a partition of.
    pub publications: Vec<String>,
    /// Views, rules, policies, functions that depend on it or name it in their text: `view public.v`.
    pub dependents: Vec<String>,
    /// Tables whose foreign keys point here.
    pub referenced_by: Vec<String>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Column {
    /// As `format_type` spells it.
    pub type_name: String,
    /// NOT NULL.
    pub not_null: bool,
    /// What keeps its type from being changed.
    pub used_by: Vec<String>,
}

/// One constraint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Constraint {
    /// `pg_constraint.contype`.
    pub kind: char,
    /// Validated.
    pub valid: bool,
    /// `pg_get_constraintdef`; empty: not seen ([`Unseen::Definitions`]).
    pub definition: String,
    /// Where a foreign key points.
    pub references: Option<String>,
    /// Columns of this table it is about, in its order.
    pub columns: Vec<String>,
}
