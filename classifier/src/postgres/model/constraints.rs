//! Constraints: added, validated, dropped.

use super::outcome::Build;
use crate::postgres::Assumption;
use crate::postgres::action::{Constraint, ConstraintKind, ForeignKey, Name};
use crate::{Lock, Phase};

/// `ADD CONSTRAINT`.
pub(super) fn add(build: &mut Build<'_>, table: &Name, constraint: &Constraint, only: bool) {
    let mode = match constraint.kind {
        ConstraintKind::ForeignKey(_) => Lock::ShareRowExclusiveLock,
        ConstraintKind::Check { .. }
        | ConstraintKind::NotNull { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Exclude => Lock::AccessExclusiveLock,
    };
    if only {
        build.lock(table, mode);
    } else {
        build.lock_tree(table, mode);
    }
    let checked = !constraint.not_valid && !constraint.not_enforced;
    match &constraint.kind {
        ConstraintKind::Check { .. } => {
            build.tightens(table);
            if checked {
                build.scan(table);
            }
        }
        ConstraintKind::NotNull { column } => {
            build.tightens(table);
            if checked && !build.world.proven_not_null(build.facts, table, column) {
                build.scan(table);
            }
        }
        // The index has refused what the constraint would refuse.
        ConstraintKind::Unique {
            using_index: Some(_), ..
        } => {}
        ConstraintKind::PrimaryKey {
            using_index: Some(index),
            ..
        } => key_of_index(build, table, index),
        ConstraintKind::Unique { .. } | ConstraintKind::PrimaryKey { .. } | ConstraintKind::Exclude => {
            build.tightens(table);
            build.build_index(table);
        }
        ConstraintKind::ForeignKey(key) => add_foreign_key(build, table, key, checked),
    }
}

/// A primary key over an index is instant if its columns are NOT NULL; else they are made so, and every row is read.
fn key_of_index(build: &mut Build<'_>, table: &Name, index: &Name) {
    build.tightens(table);
    let keys = build.world.index(build.facts, index).map(|it| it.keys.clone());
    match keys.filter(|_| build.facts.is_some()) {
        Some(keys) => {
            if !keys
                .iter()
                .all(|key| build.world.proven_not_null(build.facts, table, key))
            {
                build.scan(table);
            }
        }
        None if build.is_new(table) => {}
        None => build.assume(Assumption::NotNullUnknown {
            table: table.to_string(),
        }),
    }
}

fn add_foreign_key(build: &mut Build<'_>, table: &Name, key: &ForeignKey, checked: bool) {
    lock_referenced(build, &key.references, Lock::ShareRowExclusiveLock);
    build.tightens(table);
    if checked && !build.is_new(table) {
        build.scan(table);
        // The rows of both are joined.
        build.scan(&key.references);
    }
}

/// The table that a foreign key refers to, with its partitions.
pub(super) fn lock_referenced(build: &mut Build<'_>, table: &Name, mode: Lock) {
    build.lock_tree(table, mode);
}

/// `SET NOT NULL`.
pub(super) fn set_not_null(build: &mut Build<'_>, table: &Name, column: &str) {
    let already = build
        .table(table)
        .and_then(|it| it.columns.get(column))
        .is_some_and(|it| it.not_null);
    if !already {
        build.tightens(table);
    }
    if !build.world.proven_not_null(build.facts, table, column) {
        build.scan(table);
    }
}

/// `VALIDATE CONSTRAINT`.
pub(super) fn validate(build: &mut Build<'_>, table: &Name, constraint: &str) {
    build.lock_tree(table, Lock::ShareUpdateExclusiveLock);
    match build.world.constraint(build.facts, table, constraint) {
        Some(known) if known.valid => {}
        Some(known) => {
            build.scan(table);
            if let Some(other) = &known.references {
                build.lock(other, Lock::RowShareLock);
            }
        }
        None => {
            build.scan(table);
            if !build.is_new(table) {
                build.assume(unknown(table, constraint));
            }
        }
    }
}

/// What goes with a constraint that is dropped: the other table of a foreign key is locked as this one is.
pub(super) fn drop(build: &mut Build<'_>, table: &Name, constraint: &str, cascade: bool) {
    match build.world.constraint(build.facts, table, constraint) {
        Some(known) => {
            if let Some(other) = &known.references {
                build.lock(other, Lock::AccessExclusiveLock);
            }
        }
        None if build.is_new(table) => {}
        None => build.assume(unknown(table, constraint)),
    }
    let Some(own) = build.table(table) else { return };
    let is_key = own
        .constraints
        .get(constraint)
        .is_some_and(|it| matches!(it.kind, 'p' | 'u'));
    if cascade && is_key {
        for other in &own.referenced_by {
            build.lock_catalog(other, Lock::AccessExclusiveLock);
        }
    }
}

fn unknown(table: &Name, constraint: &str) -> Assumption {
    Assumption::ConstraintUnknown {
        table: table.to_string(),
        constraint: constraint.to_owned(),
    }
}

/// The constraints over a column go with it.
pub(super) fn of_dropped_column(build: &mut Build<'_>, table: &Name, column: &str, cascade: bool) {
    let Some(own) = build.table_or_doubt(table) else {
        return;
    };
    for constraint in own
        .constraints
        .values()
        .filter(|it| it.columns.iter().any(|it| it == column))
    {
        if let Some(other) = &constraint.references {
            build.lock_catalog(other, Lock::AccessExclusiveLock);
        }
        if cascade && matches!(constraint.kind, 'p' | 'u') {
            for other in &own.referenced_by {
                build.lock_catalog(other, Lock::AccessExclusiveLock);
            }
        }
    }
}

/// What is created with constraints locks the tables that those refer to.
pub(super) fn of_new_table(build: &mut Build<'_>, constraints: &mut dyn Iterator<Item = &Constraint>) {
    for constraint in constraints {
        if let ConstraintKind::ForeignKey(key) = &constraint.kind {
            lock_referenced(build, &key.references, Lock::ShareRowExclusiveLock);
        }
    }
    build.phase(Phase::Expand);
}
