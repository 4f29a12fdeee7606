//! Scripts for the tests of rules, one statement after the other through a real session.

use super::Rule;
use crate::facts::{Column, Table};
use crate::postgres::Session;
use crate::{Facts, Finding, Risk};

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

/// A database with one large table `t`, whose column `a` is part of a view, but for what is changed.
pub(super) fn facts(change: impl FnOnce(&mut Facts, &mut Table)) -> Facts {
    let mut facts = Facts {
        version: 150_004,
        search_path: vec!["public".to_owned()],
        ..Facts::default()
    };
    let column = Column {
        type_name: "integer".to_owned(),
        not_null: false,
        used_by: vec!["view public.v".to_owned()],
    };
    let mut table = Table {
        bytes: 4 << 30,
        columns: [("a".to_owned(), column)].into(),
        ..Table::default()
    };
    change(&mut facts, &mut table);
    facts.tables.insert("public.t".to_owned(), table);
    facts
}

/// How bad each finding of one rule is, on that database.
pub(super) fn risks(rule: &Rule, facts: &Facts, script: &str) -> Vec<Risk> {
    let found = of(rule, Some(facts.clone()), script).into_iter();
    found.map(|finding| finding.risk).collect()
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
