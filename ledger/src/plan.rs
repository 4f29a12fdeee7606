//! The plan: everything a job may ever execute, decided before anything is touched.
//!
//! A plan is immutable and known by its hash. The roles that execute it know nothing of change
//! kinds: a [`Step`] is SQL text with the question that tells whether it already happened, a
//! [`Fill`] is the SQL that makes a row right and the question whether it is wrong. A newer binary
//! never re-derives other SQL than what is already installed, because it never derives any.

mod batch;
mod cutover;
mod step;
mod throttle;

use std::ops::Range;
use std::time::Duration;

use engine::catalog::{EngineKind, TableName};
use engine::postgres::triggers::Authority;
use proto::PlanHash;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::job::JobState;

pub use cutover::{Contract, Flip, MIRROR_STAYS, Sides};
pub use step::{OnlyIf, Phase, RefuseIf, Risk, RiskLevel, Step, StepMode};
pub use throttle::Throttle;

/// Version of the plan document; a reader refuses one that is newer.
pub const FORMAT: u32 = 1;

/// What a spec compiles to for one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// See [`FORMAT`].
    pub format: u32,
    /// The spec's `name`.
    pub name: String,
    /// The kind of database it was compiled for.
    pub engine: EngineKind,
    /// Ten hexadecimal digits: objects are called `sluice_<tag>_<n>`. Derived from the spec and the tables' names.
    pub tag: String,
    /// The spec, as JSON with every default filled in.
    pub spec: serde_json::Value,
    /// The schemas that expressions are pinned to, in order.
    pub search_path: Vec<String>,
    /// The tables it touches.
    pub tables: Vec<PlannedTable>,
    /// Statements forward and back, in the order of execution within each phase.
    pub steps: Vec<Step>,
    /// What to fill, one entry a table.
    pub fills: Vec<Fill>,
    /// What its reader should know before approving.
    pub notices: Vec<Notice>,
    /// Where the job waits for a named approval, by the phase that it guards.
    pub gates: Vec<Gate>,
    /// The load budget.
    pub budget: Budget,
    /// How reads and writes move to new; None: there is nothing that could move.
    pub flip: Option<Flip>,
    /// How old goes away; None: nothing is dropped.
    pub contract: Option<Contract>,
    /// How long the verifier keeps watching before the job is done.
    pub watch: Duration,
    /// The state in which the job comes to rest: `done`, or `flipped` where the mirror has to stay.
    pub last_state: JobState,
}

/// A table the plan touches, with what it relies on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTable {
    /// The root table.
    pub name: TableName,
    /// Primary key columns; empty if there is none (rows are then named by ctid in reports).
    pub key: Vec<String>,
    /// Columns (with their types) that must stay as they are: the old side, and the new one once it exists.
    pub relies_on: Vec<ReliedColumn>,
    /// Names of the triggers that we install on it.
    pub triggers: Vec<String>,
}

/// A column that must stay as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReliedColumn {
    /// Column.
    pub name: String,
    /// `format_type` of it; on SQLite as it is declared.
    pub type_name: String,
    /// It exists only once `expand` is done.
    pub added: bool,
    /// The contract hides it, and then drops it.
    #[serde(default)]
    pub replaced: bool,
}

/// The backfill of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Number within the plan, from 0.
    pub id: u32,
    /// Root table.
    pub table: TableName,
    /// Quoted alias that the SQL below uses for the row: the root table's own name.
    pub alias: String,
    /// `"seconds" = (milliseconds / 1000), ...`
    pub set: String,
    /// Boolean SQL over one row: it is not right yet. Never NULL. Compares bytes.
    pub wrong: String,
    /// Boolean SQL over one row: neither side follows from the other, in either direction. What is wrong once new is the authority.
    pub unrelated: String,
    /// Key columns for reports, as a `jsonb` expression over one row; on SQLite the text of a JSON object.
    pub key: String,
    /// Quoted column that ranges of rows are cut by, an integer that is unique and never changes: SQLite's row id under the name
    /// that this table does not hide. None: blocks of the table's file (PostgreSQL's `ctid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// Per column what is found and what is expected, for mismatch reports.
    pub columns: Vec<FilledColumn>,
}

impl Fill {
    /// What its chunks are ranges of, in a few words: see "How a table is cut" in `ARCHITECTURE.md`.
    #[must_use]
    pub const fn cut_by(&self) -> &'static str {
        if self.row.is_some() {
            "ranges of row ids"
        } else {
            "ranges of blocks of the table's files"
        }
    }
}

/// One column that a fill computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilledColumn {
    /// The new column, unquoted.
    pub column: String,
    /// Its type with modifier.
    pub type_name: String,
    /// The author's expression, new from old.
    pub up: String,
}

/// Something the reader of a plan should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable code, such as `SL-PREPARED-STAR`.
    pub code: String,
    /// What, why it matters, what to do.
    pub message: String,
    /// The job waits for an approval because of it.
    pub needs_approval: bool,
}

/// A place where the job waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Name, used by `sluice approve JOB --gate NAME`: `expand`, ...
    pub name: String,
    /// The phase that may not begin before.
    pub before: Phase,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
}

/// The load budget and the throttle's limits of one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Chunks in flight.
    pub max_parallel: u32,
    /// Rows a second over all workers; None: not limited.
    pub max_rows_per_second: Option<u64>,
    /// Bytes of write-ahead log a second over all workers; None: not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wal_bytes_per_second: Option<u64>,
    /// Above this replica lag nothing is written.
    pub max_replica_lag: Duration,
    /// What the other signals may show.
    #[serde(default, skip_serializing_if = "Throttle::is_empty")]
    pub throttle: Throttle,
    /// A batch aims at this time.
    pub target_batch: Duration,
}

impl Fill {
    /// SQL for "this row lies in these blocks"; see [`engine::relation::within`].
    #[must_use]
    pub fn within(&self, range: &Range<u64>) -> String {
        engine::relation::within(&self.alias, self.row.as_deref(), range)
    }

    /// A leaf as it stands after FROM or UPDATE: itself alone, under the alias of the SQL here.
    #[must_use]
    pub fn only(&self, leaf: &str) -> String {
        let only = if self.row.is_some() { "" } else { "ONLY " };
        format!("{only}{leaf} AS {}", self.alias)
    }
}

impl Plan {
    /// The plan as a check reads it: while new is the authority a row is wrong only if neither side follows from the other.
    #[must_use]
    pub fn judged_under(&self, authority: Authority) -> Self {
        let mut plan = self.clone();
        if authority == Authority::New {
            for fill in &mut plan.fills {
                fill.wrong.clone_from(&fill.unrelated);
            }
        }
        plan
    }

    /// SHA-256 over the plan's JSON (fields in declaration order, maps sorted): its identity.
    ///
    /// # Panics
    /// Never: every field serialises to JSON.
    #[must_use]
    pub fn hash(&self) -> PlanHash {
        let json = self.to_json();
        let digest = Sha256::digest(json.as_bytes());
        PlanHash(digest.iter().map(|b| format!("{b:02x}")).collect())
    }

    /// The document that is stored and hashed.
    ///
    /// # Panics
    /// Never: every field serialises to JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("every field of a plan serialises to JSON")
    }

    /// The steps of one phase, in order.
    pub fn steps_of(&self, phase: Phase) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |s| s.phase == phase)
    }

    /// The gate before a phase, if there is one.
    #[must_use]
    pub fn gate_before(&self, phase: Phase) -> Option<&Gate> {
        self.gates.iter().find(|g| g.before == phase)
    }
}
