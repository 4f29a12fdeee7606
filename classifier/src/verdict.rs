//! What is said of one statement: the answer of every dialect, and what all outputs are made from.
//!
//! The fields are those of the JSON output, in its order; the names are part of the public format and stay.

use serde::{Deserialize, Serialize};

use crate::{Code, Lock};

/// What a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Adds or loosens: what runs today goes on running.
    Expand,
    /// Takes away, renames or tightens: what still uses the old shape breaks.
    Contract,
    /// Changes nothing that an application sees.
    Neutral,
    /// Reads or writes rows.
    Data,
    /// Nobody can tell: it could not be parsed, or its body is run and not read.
    Unknown,
}

/// How bad a statement can be for the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// No lock that blocks anybody.
    None,
    /// Blocks for an instant, or works long without blocking.
    Low,
    /// Blocks for an instant behind which a queue can form, or breaks what was prepared.
    Medium,
    /// Blocks for as long as the work takes, or breaks running code.
    High,
    /// Blocks everybody for as long as the work takes, loses data, or cannot be judged.
    Critical,
}

impl Risk {
    /// As the JSON spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A lock on one table, the strongest that the statement takes there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableLock {
    /// As the statement names it (without quotes; qualified only if it was), or as the catalog does where the statement does not name it.
    pub table: String,
    /// The mode.
    pub mode: Lock,
}

/// Something to know about a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which rule found it.
    pub code: Code,
    /// How bad it makes the statement.
    pub risk: Risk,
    /// What was found on what, why it matters.
    pub message: String,
    /// What to write instead.
    pub safer: Option<Safer>,
    /// Why it is accepted, if the author said so.
    pub allowed: Option<String>,
}

/// The safer form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safer {
    /// SQL to run instead; statements that must not share a transaction are apart by a comment that says so.
    Sql(String),
    /// A Sluice spec that does it.
    Spec(String),
    /// A command line of a tool that does it, with a comment where its user has to fill something in.
    Command(String),
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// What it is for.
    pub phase: Phase,
    /// Each table once, those named first in the order of the statement. Only tables that exist before the script and are not
    /// temporary: nobody waits for what the script itself has created.
    pub locks: Vec<TableLock>,
    /// A table that exists before the script gets a new storage file.
    pub rewrites_table: bool,
    /// Every row of such a table is read.
    pub scans_table: bool,
    /// It may run inside a transaction block.
    pub transactional: bool,
}

impl Effect {
    /// One that touches nothing.
    #[must_use]
    pub fn nothing(phase: Phase) -> Self {
        Self {
            phase,
            locks: Vec::new(),
            rewrites_table: false,
            scans_table: false,
            transactional: true,
        }
    }

    /// An application's SELECT on one of the tables waits.
    #[must_use]
    pub fn blocks_reads(&self) -> bool {
        self.locks.iter().any(|lock| lock.mode.blocks_reads())
    }

    /// An application's INSERT, UPDATE or DELETE on one of the tables waits.
    #[must_use]
    pub fn blocks_writes(&self) -> bool {
        self.locks.iter().any(|lock| lock.mode.blocks_writes())
    }
}

/// A range of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// At least.
    pub low: f64,
    /// At most, as far as can be told.
    pub high: f64,
}

/// Everything said of one statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What it does.
    pub effect: Effect,
    /// The worst of its findings that is not allowed, and of its locks.
    pub risk: Risk,
    /// How long its strongest lock is held, once it is there; only where the database was asked.
    pub expected_lock_seconds: Option<Seconds>,
    /// What to know, worst first.
    pub findings: Vec<Finding>,
}
