//! Scripts for the tests of rules, one statement after the other through a real session.

use super::Rule;
use crate::postgres::Session;
use crate::{Facts, Finding};

/// All findings of a script without a semicolon inside of a statement.
pub(super) fn run(facts: Option<Facts>, script: &str) -> Vec<Finding> {
    let mut session = Session::new(facts);
    let statements = script
        .split_inclusive(';')
        .filter(|statement| !statement.trim().is_empty());
    statements
        .flat_map(|statement| session.judge(statement).findings)
        .collect()
}

/// The findings of one rule.
pub(super) fn of(rule: &Rule, facts: Option<Facts>, script: &str) -> Vec<Finding> {
    let found = run(facts, script).into_iter();
    found.filter(|finding| finding.code == rule.page.code).collect()
}

/// The rule finds something in each of the first, and nothing in the others.
pub(super) fn check(rule: &Rule, found: &[&str], silent: &[&str]) {
    for script in found {
        assert!(
            !of(rule, None, script).is_empty(),
            "{} finds nothing in\n{script}\nbut {:?}",
            rule.page.code,
            run(None, script)
        );
    }
    for script in silent {
        let findings = of(rule, None, script);
        assert!(
            findings.is_empty(),
            "{} in\n{script}\n{findings:?}",
            rule.page.code
        );
    }
}

/// What is to be run instead, for the first finding of the rule.
pub(super) fn safer(rule: &Rule, script: &str) -> crate::Safer {
    let finding = of(rule, None, script).into_iter().next();
    finding.and_then(|finding| finding.safer).expect(script)
}
