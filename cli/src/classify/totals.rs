//! What a run comes to: how many of what, and whether it fails a pipeline.

use std::collections::BTreeMap;

use classifier::{Code, Risk, script};
use serde::Serialize;

use super::record::{Record, Unreadable};

/// What the database would not even begin with: a run that has met it fails.
const UNPARSED: Code = Code(2001);

/// Counts, in the form of the JSON output's `summary`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Files that were opened.
    pub files: u64,
    /// Statements that were judged.
    pub statements: u64,
    /// Statements by their risk, `none` to `critical`.
    pub risks: BTreeMap<Risk, u64>,
    /// Files and statements of the way back that were left out.
    pub left_out: u64,
    /// Files that could not be read, or not to their end.
    pub unreadable: u64,
    /// Something was met at which the run fails.
    #[serde(skip)]
    pub fails: bool,
}

impl Totals {
    /// With a line for every risk.
    #[must_use]
    pub fn new() -> Self {
        let risks = [Risk::None, Risk::Low, Risk::Medium, Risk::High, Risk::Critical];
        Self {
            risks: risks.map(|risk| (risk, 0)).into(),
            ..Self::default()
        }
    }

    /// Counts a statement. It fails the run if it cannot be parsed, or is as bad as the level.
    pub fn statement(&mut self, record: &Record<'_>, level: Option<Risk>) {
        self.statements += 1;
        *self.risks.entry(record.risk).or_default() += 1;
        let standing = || record.findings.iter().filter(|finding| finding.allowed.is_none());
        let is_unparsed =
            standing().any(|finding| finding.code == UNPARSED || finding.code == script::UNREADABLE.code);
        let is_as_bad = level.is_some_and(|level| {
            standing().any(|finding| finding.risk >= level) || (level > Risk::None && record.risk >= level)
        });
        self.fails |= is_unparsed || is_as_bad;
    }

    /// Counts a file that cannot be read.
    pub fn fault(&mut self, _: &Unreadable) {
        self.unreadable += 1;
        self.fails = true;
    }

    /// In one line, for people.
    #[must_use]
    pub fn line(&self) -> String {
        let risks: Vec<String> = self
            .risks
            .iter()
            .rev()
            .filter(|(_, count)| **count > 0)
            .map(|(risk, count)| format!("{count} {}", risk.as_str()))
            .collect();
        let mut line = format!(
            "{} in {}",
            counted(self.statements, "statement"),
            counted(self.files, "file")
        );
        if !risks.is_empty() {
            line = format!("{line}, by risk: {}", risks.join(", "));
        }
        if self.unreadable > 0 {
            line = format!("{line}; {} cannot be read", counted(self.unreadable, "file"));
        }
        if self.left_out > 0 {
            line = format!("{line}; {} of the way back left out (--down)", self.left_out);
        }
        line
    }
}

fn counted(count: u64, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}
