//! What every rule says about itself, in every dialect: the text of its page, and the examples that prove it.
//!
//! A rule is one file: its [`Page`] and the function that finds it. A test over all of them runs the example, which must be found, and
//! the safer form, which must not.

pub(crate) mod opaque;
pub(crate) mod spec;
pub(crate) mod unreadable;

use crate::{Code, Effect, Finding, Phase, Risk, Safer, Verdict};

/// The documentation of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its stable code; no two rules have the same.
    pub code: Code,
    /// A line that says what was found.
    pub title: &'static str,
    /// The risk it usually means; facts can say otherwise.
    pub risk: Risk,
    /// Why it matters, and what to do, for a reader who has never met it.
    pub why: &'static str,
    /// A script that it finds something in.
    pub example: &'static str,
    /// What to write instead: a script that it finds nothing in, a spec, or a command line.
    pub safer: &'static str,
    /// It finds something only where the database was asked; the example alone shows it to nobody.
    pub needs_facts: bool,
}

impl Page {
    /// A finding of this rule, of its usual risk.
    pub(crate) fn found(&self, message: impl Into<String>) -> Finding {
        Finding {
            code: self.code,
            risk: self.risk,
            message: message.into(),
            safer: None,
            allowed: None,
        }
    }
}

impl Finding {
    /// The same, with SQL to write instead.
    pub(crate) fn instead(self, sql: impl Into<String>) -> Self {
        self.with(Safer::Sql(sql.into()))
    }

    /// The same, with what to do instead.
    pub(crate) fn with(self, safer: Safer) -> Self {
        Self {
            safer: Some(safer),
            ..self
        }
    }

    /// The same, as bad as that.
    pub(crate) fn of(self, risk: Risk) -> Self {
        Self { risk, ..self }
    }
}

/// The verdict that an effect and its findings make, worst first.
pub(crate) fn verdict(effect: Effect, mut findings: Vec<Finding>) -> Verdict {
    findings.sort_by(|a, b| b.risk.cmp(&a.risk).then(a.code.cmp(&b.code)));
    Verdict {
        risk: risk(&effect, &findings),
        effect,
        expected_lock_seconds: None,
        findings,
    }
}

/// The verdict on what could not be read.
pub(crate) fn unknown(finding: Finding) -> Verdict {
    let effect = Effect {
        transactional: false,
        ..Effect::nothing(Phase::Unknown)
    };
    Verdict {
        risk: Risk::Critical,
        ..verdict(effect, vec![finding])
    }
}

/// The risk of a statement: the worst of its findings that nobody has allowed, and of its locks.
#[must_use]
pub(crate) fn risk(effect: &Effect, findings: &[Finding]) -> Risk {
    let found = findings
        .iter()
        .filter(|finding| finding.allowed.is_none())
        .map(|finding| finding.risk)
        .max();
    let changes_schema = !matches!(effect.phase, Phase::Data);
    let locks =
        match changes_schema && (effect.blocks_writes() || effect.rewrites_table || effect.scans_table) {
            true => Risk::Low,
            false => Risk::None,
        };
    found.unwrap_or(Risk::None).max(locks)
}

#[cfg(test)]
pub(crate) mod tests;
