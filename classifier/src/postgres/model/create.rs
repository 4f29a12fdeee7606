//! CREATE of tables, views and sequences, and REFRESH: what they lock that was there before.

use super::outcome::{Build, WorkKind};
use super::{constraints, partitions};
use crate::postgres::Assumption;
use crate::postgres::action::{CreateTable, CreateView, Name, Persistence, Refresh};
use crate::{Lock, Phase};

/// `CREATE TABLE` in all its forms.
pub(super) fn table(build: &mut Build<'_>, table: &CreateTable) {
    if table.if_not_exists
        && table.persistence != Persistence::Temporary
        && build.table(&table.table).is_some()
    {
        // It is there: nothing happens.
        return;
    }
    let inline = table.columns.iter().flat_map(|column| &column.constraints);
    constraints::of_new_table(build, &mut inline.chain(&table.constraints));
    if let Some((parent, bound)) = &table.partition_of {
        build.lock(parent, Lock::AccessExclusiveLock);
        if *bound == crate::postgres::action::PartitionBound::Values {
            partitions::check_default(build, parent, Lock::AccessExclusiveLock);
        }
        of_parent(build, parent);
    }
    for parent in &table.inherits {
        build.lock(parent, Lock::ShareUpdateExclusiveLock);
    }
    for other in table.like.iter().chain(&table.reads) {
        build.lock(other, Lock::AccessShareLock);
    }
    if table.from_query {
        for other in &table.reads {
            build.scan(other);
        }
    }
}

/// The foreign keys of the parent become the partition's.
fn of_parent(build: &mut Build<'_>, parent: &Name) {
    let Some(table) = build.table(parent) else { return };
    for constraint in table.constraints.values() {
        if let Some(other) = &constraint.references {
            build.lock_catalog(other, Lock::ShareRowExclusiveLock);
        }
    }
}

/// `CREATE VIEW`, `CREATE MATERIALIZED VIEW`: the tables that the query names are locked as a SELECT locks them.
pub(super) fn view(build: &mut Build<'_>, view: &CreateView) {
    build.phase(Phase::Expand);
    let exists = build.table(&view.view).is_some();
    if view.if_not_exists && exists {
        return;
    }
    // Whether there is one to replace is not known without facts; then it is taken to be there.
    if view.replace && !view.temporary {
        build.lock(&view.view, Lock::AccessExclusiveLock);
    }
    for table in &view.reads {
        build.lock(table, Lock::AccessShareLock);
        if view.materialized && !view.no_data {
            build.scan(table);
        }
    }
}

/// `REFRESH MATERIALIZED VIEW`.
pub(super) fn refresh(build: &mut Build<'_>, refresh: &Refresh) {
    let mode = if refresh.concurrently {
        Lock::ExclusiveLock
    } else {
        Lock::AccessExclusiveLock
    };
    build.lock(&refresh.view, mode);
    if refresh.no_data {
        build.new_file(&refresh.view);
    } else if refresh.concurrently {
        // The new rows are compared with the old ones.
        build.scan(&refresh.view);
    } else {
        build.rewrite(&refresh.view);
    }
}

/// `CREATE SEQUENCE`, or `ALTER SEQUENCE` of one that is there.
pub(super) fn sequence(build: &mut Build<'_>, altered: Option<&Name>, owned_by: Option<&(Name, String)>) {
    match altered {
        Some(sequence) => build.lock(sequence, Lock::ShareRowExclusiveLock),
        None => build.phase(Phase::Expand),
    }
    if let Some((table, _)) = owned_by {
        build.lock(table, Lock::AccessShareLock);
    }
}

/// Tables of which only their type is named are those with a column of it.
pub(super) fn users_of_type(build: &mut Build<'_>, type_name: &Name, mode: Lock, work: Option<WorkKind>) {
    let Some(facts) = build.facts else {
        if let Some(kind) = work {
            build.work_somewhere(kind);
        }
        build.assume(Assumption::DependentsUnknown {
            table: type_name.to_string(),
        });
        return;
    };
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    for (name, table) in &facts.tables {
        if table
            .columns
            .values()
            .any(|it| bare(&it.type_name) == type_name.name)
        {
            build.lock_catalog(name, mode);
            if let Some(kind) = work {
                build.work_on_catalog(name, kind);
            }
        }
    }
}
