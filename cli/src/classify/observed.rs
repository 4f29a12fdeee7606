//! Where the rules and an observation of the same statement disagree, in words.
//!
//! Neither is always right: the rules do not know a function's body, the observation does not know the rows. So both are told, and the reader
//! decides. Compared is the strongest lock on each table; locks on indexes and sequences are nobody's who reads a table.

use std::collections::BTreeMap;

use classifier::{Effect, Lock, TableLock};
use engine::postgres::observe::{self, Observed, Outcome, RelationKind};
use serde::Serialize;

/// What happened to a statement in a copy of the schema, and what of it the rules say otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Each table, materialized view and view once, with the strongest mode.
    pub locks: Vec<TableLock>,
    /// What got a new storage file.
    pub rewrites: Vec<String>,
    /// What was read from one end to the other.
    pub scans: Vec<String>,
    /// It ran in a transaction block; null: that could not be told.
    pub transactional: Option<bool>,
    /// Where the rules and this disagree; what failed or was not run is told here as well.
    pub differences: Vec<String>,
}

impl Seen {
    /// Beside what the rules say.
    #[must_use]
    pub fn new(effect: &Effect, seen: &Observed) -> Self {
        Self {
            locks: strongest(&seen.locks)
                .into_iter()
                .map(|(table, mode)| TableLock { table, mode })
                .collect(),
            rewrites: seen.rewritten.clone(),
            scans: seen.scanned.clone(),
            transactional: seen.transactional,
            differences: differences(effect, seen),
        }
    }
}

/// One sentence for each field in which they differ; what failed or was not run is told as that.
fn differences(effect: &Effect, seen: &Observed) -> Vec<String> {
    let mut found = Vec::new();
    match &seen.outcome {
        Outcome::Done => {}
        Outcome::Failed { sqlstate, message } => {
            found.push(format!("observed: it fails ({sqlstate}): {message}"));
        }
        Outcome::NotRun(reason) => return vec![format!("not observed: {reason}")],
    }
    if let Some(transactional) = seen.transactional
        && transactional != effect.transactional
    {
        let (seen, said) = if transactional {
            ("runs", "cannot run")
        } else {
            ("cannot run", "can run")
        };
        found.push(format!(
            "observed: it {seen} inside a transaction; by the rules it {said} there"
        ));
    }
    if seen.outcome == Outcome::Done {
        found.extend(locks(effect, seen));
        found.extend(work("rewrites", effect.rewrites_table, &seen.rewritten));
        found.extend(work("reads the whole of", effect.scans_table, &seen.scanned));
    }
    found
}

fn work(verb: &str, said: bool, seen: &[String]) -> Option<String> {
    match (said, seen.is_empty()) {
        (true, false) | (false, true) => None,
        (false, false) => Some(format!(
            "observed: it {verb} {}, which the rules do not say",
            seen.join(", ")
        )),
        (true, true) => Some(format!(
            "observed: it {verb} no table; by the rules it {verb} one"
        )),
    }
}

fn locks(effect: &Effect, seen: &Observed) -> Vec<String> {
    let new = strongest(&seen.locks);
    let held = strongest(&seen.held);
    let mut found = Vec::new();
    for (relation, mode) in &new {
        match effect.locks.iter().find(|lock| is(&lock.table, relation)) {
            None => found.push(format!(
                "observed: it takes {} on {relation}, which the rules do not say",
                mode.as_str()
            )),
            // What the transaction has already is not taken twice.
            Some(lock) if lock.mode == *mode || held.get(relation).is_some_and(|held| *held >= lock.mode) => {
            }
            Some(lock) => found.push(format!(
                "observed: it takes {} on {relation}; by the rules {}",
                mode.as_str(),
                lock.mode.as_str()
            )),
        }
    }
    let everything = |table: &str| {
        let all = seen.locks.iter().chain(&seen.held);
        all.map(|lock| &lock.relation).any(|relation| is(table, relation))
    };
    for lock in effect.locks.iter().filter(|lock| !everything(&lock.table)) {
        found.push(format!(
            "observed: it takes no lock on {}; by the rules {}",
            lock.table,
            lock.mode.as_str()
        ));
    }
    found
}

/// Whether a name as the rules tell it, qualified or not, is this relation.
fn is(said: &str, relation: &str) -> bool {
    said == relation || relation.split_once('.').is_some_and(|(_, name)| name == said)
}

fn strongest(locks: &[observe::Lock]) -> BTreeMap<String, Lock> {
    let mut found = BTreeMap::new();
    for lock in locks {
        let mode = match lock.kind {
            RelationKind::Table | RelationKind::MaterializedView | RelationKind::View => {
                Lock::of_postgres(&lock.mode)
            }
            RelationKind::Index | RelationKind::Sequence | RelationKind::Other => None,
        };
        if let Some(mode) = mode {
            let known = found.entry(lock.relation.clone()).or_insert(mode);
            *known = (*known).max(mode);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use classifier::Phase;

    use super::*;

    fn said(locks: &[(&str, Lock)], rewrites_table: bool) -> Effect {
        let lock = |(table, mode): &(&str, Lock)| TableLock {
            table: (*table).to_owned(),
            mode: *mode,
        };
        Effect {
            locks: locks.iter().map(lock).collect(),
            rewrites_table,
            ..Effect::nothing(Phase::Expand)
        }
    }

    fn seen(locks: &[(&str, Lock)], rewritten: &[&str]) -> Observed {
        let lock = |(relation, mode): &(&str, Lock)| observe::Lock {
            relation: (*relation).to_owned(),
            kind: RelationKind::Table,
            mode: mode.as_str().to_owned(),
        };
        Observed {
            outcome: Outcome::Done,
            transactional: Some(true),
            locks: locks.iter().map(lock).collect(),
            held: Vec::new(),
            rewritten: rewritten.iter().map(ToString::to_string).collect(),
            scanned: Vec::new(),
        }
    }

    #[test]
    fn what_agrees_is_not_told() {
        let effect = said(
            &[("t", Lock::AccessExclusiveLock), ("s.u", Lock::ShareLock)],
            true,
        );
        let mut observed = seen(
            &[
                ("public.t", Lock::AccessShareLock),
                ("public.t", Lock::AccessExclusiveLock),
                ("s.u", Lock::ShareLock),
            ],
            &["public.t"],
        );
        assert_eq!(differences(&effect, &observed), Vec::<String>::new());
        // Held since an earlier statement.
        observed.held = std::mem::take(&mut observed.locks);
        assert_eq!(differences(&effect, &observed), Vec::<String>::new());
    }

    #[test]
    fn each_field_that_differs_is_one_sentence() {
        let effect = said(&[("t", Lock::ShareLock), ("gone", Lock::ShareLock)], true);
        let mut observed = seen(
            &[
                ("public.t", Lock::AccessExclusiveLock),
                ("public.more", Lock::RowShareLock),
            ],
            &[],
        );
        observed.transactional = Some(false);
        assert_eq!(
            differences(&effect, &observed),
            [
                "observed: it cannot run inside a transaction; by the rules it can run there",
                "observed: it takes RowShareLock on public.more, which the rules do not say",
                "observed: it takes AccessExclusiveLock on public.t; by the rules ShareLock",
                "observed: it takes no lock on gone; by the rules ShareLock",
                "observed: it rewrites no table; by the rules it rewrites one",
            ]
        );
    }

    #[test]
    fn a_statement_that_was_not_run_or_failed_says_so() {
        let effect = said(&[("t", Lock::ShareLock)], false);
        let mut observed = seen(&[], &[]);
        observed.outcome = Outcome::NotRun("it acts on the whole server".to_owned());
        assert_eq!(
            differences(&effect, &observed),
            ["not observed: it acts on the whole server"]
        );
        observed.outcome = Outcome::Failed {
            sqlstate: "42P01".to_owned(),
            message: "no t".to_owned(),
        };
        observed.transactional = None;
        assert_eq!(
            differences(&effect, &observed),
            ["observed: it fails (42P01): no t"]
        );
    }
}
