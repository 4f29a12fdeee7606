//! The slow, obvious answer: what a write leaves of a row, worked out one pair after the other with plain variables, as the rules say it and
//! as no trigger of SQLite could.

use std::collections::BTreeMap;

use super::super::{Authority, OnDownError};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
}

pub(super) type Row = BTreeMap<&'static str, Value>;

/// A pair, with functions of Rust where the mirror has SQL.
pub(super) struct Rule {
    pub(super) new: &'static str,
    pub(super) reads: &'static [&'static str],
    pub(super) up: fn(&Row) -> Value,
    pub(super) back: Option<Back>,
}

pub(super) struct Back {
    pub(super) column: &'static str,
    pub(super) down: fn(&Row) -> Value,
    pub(super) not_null: bool,
    pub(super) on_error: OnDownError,
}

/// What a write leaves behind besides the row.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Kind and new column.
    pub(super) notes: Vec<(&'static str, &'static str)>,
    pub(super) counted: bool,
}

/// The write fails as a whole.
#[derive(Debug)]
pub(super) struct Refused;

/// What becomes of a row that was written; `before` is None for an INSERT. `recursive`: the pragma `recursive_triggers`.
pub(super) fn write(
    rules: &[Rule],
    (authority, recursive): (Authority, bool),
    before: Option<&Row>,
    written: &Row,
) -> Result<(Row, Told), Refused> {
    let mut told = Told::default();
    let mut row = written.clone();
    let gave = |column: &str| match before {
        None => written[column] != Value::Null,
        Some(before) => before[column] != written[column],
    };
    let gave_old = |rule: &Rule| rule.reads.iter().any(|column| gave(column));
    for rule in rules {
        let Some(back) = &rule.back else { continue };
        if !gave(rule.new) || !leads(rule, back, &row, (authority, before.is_none()), gave_old(rule)) {
            continue;
        }
        told.counted = true;
        if gave_old(rule) {
            told.notes.push(("conflict", rule.new));
            if authority == Authority::Old {
                continue;
            }
        }
        let value = (back.down)(&row);
        if back.not_null && value == Value::Null {
            match (back.on_error, authority) {
                (OnDownError::Fail, _) => return Err(Refused),
                (OnDownError::Close, Authority::Old) => told.notes.push(("lost", rule.new)),
                (OnDownError::Close, Authority::New) => told.notes.push(("closed", rule.new)),
            }
        } else {
            row.insert(back.column, value);
        }
    }
    for rule in rules {
        refuse(rule, authority, before, &row, &told)?;
    }
    if recursive && authority == Authority::New && before.is_some() {
        row = carried_on(rules, written, &row, gave);
    }
    for rule in rules {
        if follows(rule, authority, before, &row, gave(rule.new)) {
            let value = (rule.up)(&row);
            row.insert(rule.new, value);
        }
    }
    Ok((row, told))
}

/// What the restoring of old columns sets off, where a trigger fires itself: a new side that reads what another pair's `down` restored follows it, for
/// all that the inner activation can tell. So where the application changed an old column of that pair to what its new side says already, the
/// new side is left alone only without recursion; either way the two are related. What the application gave is put back.
fn carried_on(rules: &[Rule], written: &Row, restored: &Row, gave: impl Fn(&str) -> bool) -> Row {
    let mut row = restored.clone();
    for rule in rules {
        if !gave(rule.new) && follows(rule, Authority::New, Some(written), restored, false) {
            let value = (rule.up)(restored);
            row.insert(rule.new, value);
        }
    }
    row
}

/// A new side that was written says something that the old one does not.
fn leads(
    rule: &Rule,
    back: &Back,
    row: &Row,
    (authority, insert): (Authority, bool),
    gave_old: bool,
) -> bool {
    let by_up = row[rule.new] == (rule.up)(row);
    let by_down = row[back.column] == (back.down)(row) && !(back.not_null && row[back.column] == Value::Null);
    match (authority, gave_old) {
        (Authority::Old, _) => !by_up,
        (Authority::New, true) => !by_up && !by_down,
        (Authority::New, false) => insert || !by_up,
    }
}

/// As a NOT NULL column does; but a way back that is closed may leave it empty.
fn refuse(
    rule: &Rule,
    authority: Authority,
    before: Option<&Row>,
    row: &Row,
    told: &Told,
) -> Result<(), Refused> {
    let Some(back) = rule.back.as_ref().filter(|back| back.not_null) else {
        return Ok(());
    };
    let was_empty = before.is_some_and(|before| before[back.column] == Value::Null);
    let closed =
        authority == Authority::New && before.is_none() && told.notes.contains(&("closed", rule.new));
    if row[back.column] == Value::Null && !was_empty && !closed {
        return Err(Refused);
    }
    Ok(())
}

fn follows(rule: &Rule, authority: Authority, before: Option<&Row>, row: &Row, gave_new: bool) -> bool {
    let (Authority::New, Some(back)) = (authority, &rule.back) else {
        return true;
    };
    let Some(before) = before else { return !gave_new };
    let changed = rule.reads.iter().any(|column| before[column] != row[column]);
    // The old column was changed to what the new side says already.
    let says_it = before[back.column] != row[back.column] && row[back.column] == (back.down)(row);
    !gave_new && changed && !says_it
}
