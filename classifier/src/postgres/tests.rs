//! What is expected of statements, in a short form: the phase, the locks, and what else is true of it.
//!
//! `expand t:AX p:SRX rewrite scan alone`: the mode's letters as in the table of measurements; `scan` is every row read, `alone`
//! is not inside of a transaction block.

mod alter_table;
mod facts;
mod fuzz;
mod objects;
mod relations;
mod rows;
mod scripts;

use super::Session;
use crate::{Effect, Facts, Lock, Verdict};

fn letters(lock: Lock) -> &'static str {
    match lock {
        Lock::AccessShareLock => "AS",
        Lock::RowShareLock => "RS",
        Lock::RowExclusiveLock => "RX",
        Lock::ShareUpdateExclusiveLock => "SUX",
        Lock::ShareLock => "S",
        Lock::ShareRowExclusiveLock => "SRX",
        Lock::ExclusiveLock => "X",
        Lock::Write => "W",
        Lock::AccessExclusiveLock => "AX",
    }
}

fn short(effect: &Effect) -> String {
    let mut words = vec![format!("{:?}", effect.phase).to_lowercase()];
    for lock in &effect.locks {
        words.push(format!("{}:{}", lock.table, letters(lock.mode)));
    }
    for (is, word) in [
        (effect.rewrites_table, "rewrite"),
        (effect.scans_table, "scan"),
        (!effect.transactional, "alone"),
    ] {
        words.extend(is.then(|| word.to_owned()));
    }
    words.join(" ")
}

/// Each statement by itself, without facts; all that differ are told at once.
fn check(cases: &[(&str, &str)]) {
    let judged = cases
        .iter()
        .map(|(sql, expected)| (*sql, *expected, Session::new(None).judge(sql)));
    compare(judged);
}

/// The last statement of each script.
fn check_scripts(facts: Option<&Facts>, cases: &[(&[&str], &str)]) {
    let judged = cases.iter().map(|(script, expected)| {
        let last = *script.last().expect("a script has statements");
        (last, *expected, last_verdict(facts, script))
    });
    compare(judged);
}

fn last_verdict(facts: Option<&Facts>, script: &[&str]) -> Verdict {
    let mut session = Session::new(facts.cloned());
    let verdicts = script.iter().map(|sql| session.judge(sql));
    verdicts.last().expect("a script has statements")
}

fn compare<'a>(judged: impl Iterator<Item = (&'a str, &'a str, Verdict)>) {
    let wrong: Vec<String> = judged
        .map(|(sql, expected, verdict)| (sql, expected, short(&verdict.effect)))
        .filter(|(_, expected, found)| expected != found)
        .map(|(sql, expected, found)| format!("{sql}\n  expected {expected}\n  found    {found}"))
        .collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
