//! A step: SQL text, how it is run, and the question that tells whether it already happened.

use engine::catalog::TableName;
use engine::postgres::triggers::Authority;
use serde::{Deserialize, Serialize};

/// When a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Additive objects and the triggers; stage `expand`.
    Expand,
    /// What needs every row to be filled (VALIDATE, NOT NULL, unique indexes); the end of stage `backfill`.
    Finish,
    /// New becomes the authority, before the first write moves; stage `flip`.
    Lead,
    /// Old is renamed out of sight, reversibly; stage `contract`.
    Hide,
    /// Old goes for good; stage `contract`.
    Drop,
    /// Gives old its name back, on the way back.
    Unhide,
    /// Takes the triggers, and what would hurt without them, away again; keeps added objects.
    Rollback,
    /// Takes added objects away: with `rollback --discard`.
    Discard,
}

impl Phase {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::Expand,
        Self::Finish,
        Self::Lead,
        Self::Hide,
        Self::Drop,
        Self::Unhide,
        Self::Rollback,
        Self::Discard,
    ];

    /// Whether its steps go forward. Each of them leaves a marker in the ledger, so that the way back knows what is ours.
    #[must_use]
    pub fn is_forward(self) -> bool {
        match self {
            Self::Expand | Self::Finish | Self::Lead | Self::Hide | Self::Drop => true,
            Self::Unhide | Self::Rollback | Self::Discard => false,
        }
    }

    /// The name that task ids and the ledger use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Finish => "finish",
            Self::Lead => "lead",
            Self::Hide => "hide",
            Self::Drop => "drop",
            Self::Unhide => "unhide",
            Self::Rollback => "rollback",
            Self::Discard => "discard",
        }
    }
}

/// How a step is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepMode {
    /// All statements in one transaction with a short lock timeout, retried with jitter.
    Short,
    /// One statement outside a transaction, without lock timeout, watched (CREATE INDEX CONCURRENTLY, VALIDATE).
    Watched,
    /// SQLite: a table is copied into another of its name. All statements in one transaction, on a connection that has
    /// `foreign_keys` off (so that DROP TABLE deletes nothing that points at it) and `legacy_alter_table` on (so that RENAME
    /// leaves the references of other tables alone); both cannot be set inside a transaction. Before the commit
    /// `foreign_key_check` must find no more than it found before the first statement. Holds the one write lock for as long as
    /// the copy takes.
    Rebuild,
}

/// One step of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Number within the plan, from 0.
    pub id: u32,
    /// When.
    pub phase: Phase,
    /// For people: "add column track.seconds".
    pub title: String,
    /// The table it is about, so that one watched operation runs at a time a table.
    pub table: Option<TableName>,
    /// How.
    pub mode: StepMode,
    /// SQL text, in order.
    pub statements: Vec<String>,
    /// A query that answers one boolean: has this step already happened? None for raw SQL without a
    /// question: the ledger's marker, written in the same transaction, then answers.
    pub done: Option<String>,
    /// Statements, each run alone and outside a transaction before a repeated attempt, to clear what a failed one
    /// left behind (DROP INDEX CONCURRENTLY of an invalid index).
    pub cleanup: Vec<String>,
    /// The step forward that this one takes back: unless this job ran that one, there is nothing of ours to take away, and
    /// this step is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<u32>,
    /// What to say when `done` answers yes although this job never ran the step: what is there is somebody else's, and the
    /// step fails. None: then the step counts as done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_ours: Option<String>,
    /// The phase whose steps put something else in the place of what this one made, so that its question answers no from
    /// then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_until: Option<Phase>,
    /// What keeps the step from running, asked before its statements and in their transaction: at the first query that answers
    /// true the transaction is rolled back and the step fails with that message. SQLite cannot raise an error outside a
    /// trigger; on PostgreSQL a statement of the step does it, and this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refuse_if: Vec<RefuseIf>,
    /// Statements that are run only if a query answers true, because what they do may be done already while the rest is not: a
    /// trigger that was dropped by hand is put back without renaming a column again. On PostgreSQL a statement asks by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_if: Vec<OnlyIf>,
    /// Which side is the truth once this step is committed; recorded with the job in the step's own transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
    /// What it locks and risks.
    pub risk: Risk,
}

/// A question whose answer *true* lets a statement run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlyIf {
    /// The statement, by its place in [`Step::statements`].
    pub statement: u32,
    /// A query that answers one boolean.
    pub query: String,
}

/// A question whose answer *true* keeps a step from running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefuseIf {
    /// A query that answers one boolean; on SQLite 0 or 1, never NULL.
    pub query: String,
    /// What was found, why nothing was done, what to do.
    pub message: String,
}

/// What a statement locks and does, as far as it is known without the classifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// Strongest lock on the table, as `pg_locks` names it: `AccessExclusiveLock`; on SQLite `write lock`, which is the whole
    /// file's; None for no lock or unknown.
    pub lock: Option<String>,
    /// The table is rewritten.
    pub rewrites: bool,
    /// The table is scanned.
    pub scans: bool,
    /// How bad it can be.
    pub level: RiskLevel,
    /// Why.
    pub reason: String,
}

/// How bad a statement can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiskLevel {
    /// Catalog only, no lock that blocks anybody.
    None,
    /// A short lock, bounded by the lock timeout.
    Low,
    /// Scans or waits, but blocks neither reads nor writes.
    Medium,
    /// Blocks for as long as it takes.
    High,
    /// Not classified: the highest risk.
    Unknown,
}
