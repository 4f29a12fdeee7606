//! ALTER TABLE: the lock of each change, as `AlterTableGetLockLevel` gives it; the strongest stands.

use super::outcome::{Build, WorkKind};
use super::{add_column, alter_type, constraints, partitions};
use crate::postgres::Assumption;
use crate::postgres::action::{Alter, AlterTable, Name, Relation, Switch};
use crate::{Lock, Phase};

/// `ALTER TABLE`.
pub(super) fn alter(build: &mut Build<'_>, statement: &AlterTable) {
    for one in &statement.changes {
        change(build, statement, one);
    }
}

/// Only the database knows which tables that is.
pub(super) fn move_all(build: &mut Build<'_>) {
    build.work_somewhere(WorkKind::Rewrite);
    build.assume(Assumption::DependentsUnknown {
        table: "every table of the tablespace".to_owned(),
    });
}

fn change(build: &mut Build<'_>, statement: &AlterTable, change: &Alter) {
    let table = &statement.table;
    let down = |build: &mut Build<'_>, mode| {
        if statement.only {
            build.lock(table, mode);
        } else {
            build.lock_tree(table, mode);
        }
    };
    match change {
        Alter::AddColumn {
            column,
            if_not_exists,
        } => {
            down(build, Lock::AccessExclusiveLock);
            add_column::add(build, table, column, *if_not_exists);
        }
        Alter::DropColumn { column, cascade, .. } => {
            down(build, Lock::AccessExclusiveLock);
            build.breaks(table);
            constraints::of_dropped_column(build, table, column, *cascade);
        }
        Alter::RenameColumn { .. } => {
            down(build, Lock::AccessExclusiveLock);
            build.breaks(table);
        }
        Alter::Rename { .. } | Alter::SetSchema { .. } => {
            build.lock(table, Lock::AccessExclusiveLock);
            build.breaks(table);
        }
        Alter::SetType {
            column,
            to,
            collation,
            using,
        } => {
            down(build, Lock::AccessExclusiveLock);
            alter_type::set_type(build, table, column, to, collation.is_some(), using.as_ref());
        }
        Alter::SetExpression { .. } => {
            down(build, Lock::AccessExclusiveLock);
            // A virtual column is computed when it is read, but whether this one is virtual only the database knows.
            build.rewrite(table);
            build.tightens(table);
        }
        Alter::SetNotNull { column } => {
            down(build, Lock::AccessExclusiveLock);
            constraints::set_not_null(build, table, column);
        }
        Alter::DropDefault { .. } | Alter::DropIdentity { .. } => {
            down(build, Lock::AccessExclusiveLock);
            build.tightens(table);
        }
        Alter::SetDefault { .. }
        | Alter::DropNotNull { .. }
        | Alter::DropExpression { .. }
        | Alter::AddIdentity { .. } => {
            down(build, Lock::AccessExclusiveLock);
            build.phase(Phase::Expand);
        }
        Alter::AddConstraint(constraint) => constraints::add(build, table, constraint, statement.only),
        Alter::AlterConstraint { enforced, .. } => {
            down(build, Lock::AccessExclusiveLock);
            if *enforced {
                build.scan(table);
                build.tightens(table);
            }
        }
        Alter::ValidateConstraint { constraint } => constraints::validate(build, table, constraint),
        Alter::DropConstraint {
            constraint, cascade, ..
        } => {
            down(build, Lock::AccessExclusiveLock);
            build.phase(Phase::Expand);
            constraints::drop(build, table, constraint, *cascade);
        }
        Alter::Inherit { parent } => {
            build.lock(table, Lock::AccessExclusiveLock);
            build.lock(parent, Lock::ShareUpdateExclusiveLock);
            build.phase(Phase::Expand);
        }
        Alter::NoInherit { parent } => {
            build.lock(table, Lock::AccessExclusiveLock);
            build.lock(parent, Lock::AccessShareLock);
            build.breaks(parent);
        }
        Alter::AttachPartition {
            partition,
            default,
            bounds,
        } => partitions::attach(build, table, partition, *default, bounds),
        Alter::DetachPartition {
            partition,
            concurrently,
            finalize,
        } => partitions::detach(build, table, partition, *concurrently, *finalize),
        Alter::RowSecurity(switch) | Alter::ForceRowSecurity(switch) => {
            build.lock(table, Lock::AccessExclusiveLock);
            match switch {
                Switch::On => build.tightens(table),
                Switch::Off => build.phase(Phase::Expand),
            }
        }
        Alter::Other { .. } => {
            down(build, Lock::AccessExclusiveLock);
            build.phase(Phase::Unknown);
        }
        Alter::RenameConstraint { .. }
        | Alter::SetStorage { .. }
        | Alter::SetCompression { .. }
        | Alter::SetIdentity { .. }
        | Alter::OfType { .. }
        | Alter::NotOf
        | Alter::SetOptions
        | Alter::SetWithoutOids => down(build, Lock::AccessExclusiveLock),
        Alter::SetTrigger { .. } => down(build, Lock::ShareRowExclusiveLock),
        Alter::SetStatistics { .. } | Alter::SetColumnOptions { .. } => {
            down(build, Lock::ShareUpdateExclusiveLock);
        }
        Alter::SetRule { .. } | Alter::Owner { .. } | Alter::ReplicaIdentity => {
            build.lock(table, Lock::AccessExclusiveLock);
        }
        Alter::ClusterOn { .. } | Alter::SetWithoutCluster => {
            build.lock(table, Lock::ShareUpdateExclusiveLock);
        }
        Alter::SetParameters { names } => build.lock(table, parameters(statement.relation, names)),
        Alter::SetAccessMethod { .. }
        | Alter::SetTablespace { .. }
        | Alter::SetLogged
        | Alter::SetUnlogged => {
            move_storage(build, statement.relation, table);
        }
    }
}

/// A partitioned table has no rows of its own to move: its setting is for partitions to come.
fn move_storage(build: &mut Build<'_>, relation: Relation, table: &Name) {
    build.lock(table, Lock::AccessExclusiveLock);
    let without_rows = build.table(table).is_some_and(|it| it.partitioned) || relation == Relation::Sequence;
    if !without_rows {
        build.rewrite(table);
    }
}

/// `AlterTableGetRelOptionsLockLevel`: the options of a view are part of what a query means; those of a table are hints, but one.
fn parameters(relation: Relation, names: &[String]) -> Lock {
    let is_view = relation == Relation::View;
    if is_view || names.iter().any(|it| STRONG.contains(&it.as_str())) {
        Lock::AccessExclusiveLock
    } else {
        Lock::ShareUpdateExclusiveLock
    }
}

/// Parameters that `reloptions.c` changes under the strongest lock.
pub(super) const STRONG: &[&str] = &[
    "autosummarize",
    "buffering",
    "check_option",
    "fastupdate",
    "gin_pending_list_limit",
    "pages_per_range",
    "security_barrier",
    "security_invoker",
    "user_catalog_table",
];
