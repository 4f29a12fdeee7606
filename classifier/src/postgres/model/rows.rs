//! Statements that read or write rows, and those that look after storage.

use super::outcome::{Build, WorkKind};
use crate::postgres::Assumption;
use crate::postgres::action::{Copy, Delete, Insert, Maintenance, Merge, Name, Query, Update, Volatility};
use crate::postgres::lookup;
use crate::{Lock, Phase};

/// `LOCK TABLE`.
pub(super) fn lock(build: &mut Build<'_>, tables: &[Name], mode: Lock) {
    for table in tables {
        build.lock_tree(table, mode);
    }
}

/// `SELECT` and the like. What a function does that is not built in, only the database knows; one that is not volatile does nothing.
pub(super) fn query(build: &mut Build<'_>, query: &Query) {
    build.phase(Phase::Data);
    tables(build, query);
    if !query.planned_only && calls_unknown(build, query) {
        build.phase(Phase::Unknown);
    }
}

fn calls_unknown(build: &mut Build<'_>, query: &Query) -> bool {
    let mut unknown = false;
    for function in &query.unknown_functions {
        match lookup::of_function(build.facts, function) {
            Volatility::Constant | Volatility::Stable => {}
            Volatility::Volatile => unknown = true,
            Volatility::Unknown => {
                unknown = true;
                build.assume(Assumption::FunctionUnknown {
                    function: function.to_string(),
                });
            }
        }
    }
    unknown
}

fn tables(build: &mut Build<'_>, query: &Query) {
    for table in &query.writes {
        build.lock_tree(table, Lock::RowExclusiveLock);
    }
    for table in &query.locks_rows {
        build.lock_tree(table, Lock::RowShareLock);
    }
    for table in &query.reads {
        build.lock_tree(table, Lock::AccessShareLock);
    }
}

/// `INSERT`.
pub(super) fn insert(build: &mut Build<'_>, insert: &Insert) {
    build.phase(Phase::Data);
    build.lock(&insert.table, Lock::RowExclusiveLock);
    tables(build, &insert.query);
}

/// `UPDATE`: without WHERE it reads every row. With one, whether it does is the planner's choice.
pub(super) fn update(build: &mut Build<'_>, update: &Update) {
    write(build, &update.table, update.condition.as_deref(), &update.query);
}

/// `DELETE`, likewise.
pub(super) fn delete(build: &mut Build<'_>, delete: &Delete) {
    write(build, &delete.table, delete.condition.as_deref(), &delete.query);
}

fn write(build: &mut Build<'_>, table: &Name, condition: Option<&str>, query: &Query) {
    build.phase(Phase::Data);
    build.lock_tree(table, Lock::RowExclusiveLock);
    if condition.is_none() {
        build.scan(table);
    }
    tables(build, query);
}

/// `MERGE`.
pub(super) fn merge(build: &mut Build<'_>, merge: &Merge) {
    build.phase(Phase::Data);
    build.lock_tree(&merge.table, Lock::RowExclusiveLock);
    tables(build, &merge.query);
}

/// `COPY`.
pub(super) fn copy(build: &mut Build<'_>, copy: &Copy) {
    build.phase(Phase::Data);
    match copy {
        Copy::Into(table) => build.lock(table, Lock::RowExclusiveLock),
        Copy::OutOf(table) => {
            build.lock(table, Lock::AccessShareLock);
            build.scan(table);
        }
        Copy::Query(query) => tables(build, query),
    }
}

/// `VACUUM`, `ANALYZE`, `CLUSTER`.
pub(super) fn maintain(build: &mut Build<'_>, maintenance: &Maintenance) {
    match maintenance {
        Maintenance::Vacuum { tables, full } => {
            build.alone();
            if *full {
                rewrite(build, tables);
            } else {
                each(build, tables, Lock::ShareUpdateExclusiveLock);
            }
        }
        // It reads a sample.
        Maintenance::Analyze { tables } => each(build, tables, Lock::ShareUpdateExclusiveLock),
        Maintenance::Cluster { table } => {
            if table.is_none() {
                build.alone();
            }
            rewrite(build, table.as_slice());
        }
    }
}

/// Without a name it is all tables.
fn each(build: &mut Build<'_>, tables: &[Name], mode: Lock) {
    for table in tables {
        build.lock_tree(table, mode);
    }
    if tables.is_empty() {
        let Some(facts) = build.facts else { return };
        for table in facts.tables.keys() {
            build.lock_catalog(table, mode);
        }
    }
}

fn rewrite(build: &mut Build<'_>, tables: &[Name]) {
    each(build, tables, Lock::AccessExclusiveLock);
    for table in tables {
        build.rewrite(table);
    }
    if tables.is_empty() {
        build.work_somewhere(WorkKind::Rewrite);
        build.assume(Assumption::DependentsUnknown {
            table: "every table".to_owned(),
        });
    }
}
