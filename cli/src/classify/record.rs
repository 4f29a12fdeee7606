//! What is told of a statement, and of a file that cannot be read: the public JSON, in its order.

use classifier::{Code, Finding, Phase, Risk, Safer, Seconds, TableLock, Verdict};
use serde::Serialize;

use super::observed::Seen;

/// One statement.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    /// As it was named on the command line, or found below what was.
    pub file: &'a str,
    /// Of the statement's first token, from 1.
    pub line: u64,
    /// As it was written.
    pub statement: &'a str,
    /// What it is for.
    pub phase: Phase,
    /// How bad it can be.
    pub risk: Risk,
    /// Which tables it locks, and how.
    pub locks: &'a [TableLock],
    /// A table gets a new storage file.
    pub rewrites_table: bool,
    /// Every row of a table is read.
    pub scans_table: bool,
    /// SELECTs wait.
    pub blocks_reads: bool,
    /// INSERTs, UPDATEs and DELETEs wait.
    pub blocks_writes: bool,
    /// It may run in a transaction.
    pub transactional: bool,
    /// How long its strongest lock is held; null where no database was asked.
    pub expected_lock_seconds: Option<Seconds>,
    /// What to know, worst first.
    pub findings: Vec<Found<'a>>,
    /// What happened when it was run in a copy of the schema; not there where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Seen>,
}

/// One finding.
#[derive(Debug, Serialize)]
pub struct Found<'a> {
    /// Stable.
    pub code: Code,
    /// How bad it makes the statement.
    pub risk: Risk,
    /// What was found.
    pub message: &'a str,
    /// What to write instead.
    pub safer: Option<&'a str>,
    /// Why its author accepts it.
    pub allowed: Option<&'a str>,
}

/// A file that cannot be read, or not to its end.
#[derive(Debug, Serialize)]
pub struct Unreadable {
    /// Which.
    pub file: String,
    /// How far it was read; null if it was not opened.
    pub line: Option<u64>,
    /// The code of the page that says more.
    pub code: Code,
    /// What is wrong with it.
    pub message: String,
}

impl<'a> Record<'a> {
    /// From what the classifier says.
    #[must_use]
    pub fn new(file: &'a str, line: u64, statement: &'a str, verdict: &'a Verdict) -> Self {
        let effect = &verdict.effect;
        Self {
            file,
            line,
            statement,
            phase: effect.phase,
            risk: verdict.risk,
            locks: &effect.locks,
            rewrites_table: effect.rewrites_table,
            scans_table: effect.scans_table,
            blocks_reads: effect.blocks_reads(),
            blocks_writes: effect.blocks_writes(),
            transactional: effect.transactional,
            expected_lock_seconds: verdict.expected_lock_seconds,
            findings: verdict.findings.iter().map(Found::from).collect(),
            observed: None,
        }
    }
}

impl<'a> From<&'a Finding> for Found<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            code: finding.code,
            risk: finding.risk,
            message: &finding.message,
            safer: finding.safer.as_ref().map(|safer| match safer {
                Safer::Sql(text) | Safer::Spec(text) | Safer::Command(text) => text.as_str(),
            }),
            allowed: finding.allowed.as_deref(),
        }
    }
}

/// As the JSON spells it.
#[must_use]
pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Expand => "expand",
        Phase::Contract => "contract",
        Phase::Neutral => "neutral",
        Phase::Data => "data",
        Phase::Unknown => "unknown",
    }
}
