//! Indexes: built, built anew, altered.

use super::alter_table::STRONG;
use super::outcome::{Build, WorkKind};
use crate::postgres::Assumption;
use crate::postgres::action::{CreateIndex, IndexChange, Name, Reindex, ReindexTarget};
use crate::postgres::world::from_catalog;
use crate::{Lock, Phase};

/// `CREATE INDEX`.
pub(super) fn create(build: &mut Build<'_>, index: &CreateIndex) {
    if index.concurrently {
        build.alone();
    }
    let exists = index.name.as_ref().is_some_and(|name| {
        build
            .table(&index.table)
            .is_some_and(|it| it.indexes.contains_key(name))
    });
    let mode = if index.concurrently {
        Lock::ShareUpdateExclusiveLock
    } else {
        Lock::ShareLock
    };
    if index.only {
        build.lock(&index.table, mode);
    } else {
        build.lock_tree(&index.table, mode);
    }
    if index.if_not_exists && exists {
        return;
    }
    if index.unique {
        build.tightens(&index.table);
    } else {
        build.phase(Phase::Expand);
    }
    let only_parent = index.only && build.table(&index.table).is_none_or(|it| it.partitioned);
    if !only_parent {
        build.build_index(&index.table);
    }
}

/// The table that an index belongs to, if the script or the database says.
pub(super) fn table_of(build: &Build<'_>, index: &Name) -> Option<Name> {
    if let Some(known) = build.world.index(build.facts, index) {
        return Some(known.table.clone());
    }
    let facts = build.facts?;
    let path = match &index.schema {
        Some(schema) => vec![schema.clone()],
        None => build.world.search_path(build.facts),
    };
    let has_it = |schema: &str| {
        facts.tables.iter().find_map(|(name, table)| {
            let full = from_catalog(name);
            let here = full.schema.as_deref() == Some(schema) && table.indexes.contains_key(&index.name);
            here.then_some(full)
        })
    };
    path.iter().find_map(|schema| has_it(schema))
}

/// `ALTER INDEX`: the table is not locked.
pub(super) fn alter(build: &mut Build<'_>, index: &Name, change: &IndexChange) {
    if table_of(build, index).is_some_and(|table| build.is_new(&table)) {
        return;
    }
    match change {
        IndexChange::Rename { .. } | IndexChange::SetStatistics => {
            build.lock(index, Lock::ShareUpdateExclusiveLock);
        }
        IndexChange::AttachPartition { index: partition } => {
            build.lock(index, Lock::ShareUpdateExclusiveLock);
            build.lock(partition, Lock::AccessExclusiveLock);
            for table in [table_of(build, index), table_of(build, partition)]
                .into_iter()
                .flatten()
            {
                build.lock(&table, Lock::AccessShareLock);
            }
        }
        IndexChange::SetTablespace { .. } => {
            build.lock(index, Lock::AccessExclusiveLock);
            build.new_file(index);
        }
        IndexChange::SetParameters { names } => {
            let strong = names.iter().any(|it| STRONG.contains(&it.as_str()));
            build.lock(
                index,
                if strong {
                    Lock::AccessExclusiveLock
                } else {
                    Lock::ShareUpdateExclusiveLock
                },
            );
        }
        IndexChange::DependsOnExtension => build.lock(index, Lock::AccessExclusiveLock),
    }
}

/// `REINDEX`. The lock on the table leaves reads alone; that on the index does not, for whoever plans a query opens every index of its tables.
pub(super) fn reindex(build: &mut Build<'_>, reindex: &Reindex) {
    let concurrently = reindex.concurrently;
    let mode = if concurrently {
        Lock::ShareUpdateExclusiveLock
    } else {
        Lock::ShareLock
    };
    match &reindex.target {
        ReindexTarget::Table(table) => {
            build.lock_tree(table, mode);
            build.build_index(table);
            if !concurrently && !build.is_new(table) {
                build.blocks_plans();
            }
        }
        ReindexTarget::Index(index) => of_index(build, index, concurrently, mode),
        ReindexTarget::Schema(_) | ReindexTarget::Database => {
            build.alone();
            everything(build, &reindex.target, mode);
            if !concurrently {
                build.blocks_plans();
            }
        }
        ReindexTarget::System => build.alone(),
    }
    if concurrently {
        build.alone();
    }
}

fn of_index(build: &mut Build<'_>, index: &Name, concurrently: bool, mode: Lock) {
    let table = table_of(build, index);
    let on_index = if concurrently {
        Lock::ShareUpdateExclusiveLock
    } else {
        Lock::AccessExclusiveLock
    };
    match table {
        Some(table) if build.is_new(&table) => {}
        Some(table) => {
            build.lock(&table, mode);
            build.lock(index, on_index);
            build.build_index(&table);
        }
        None => {
            build.lock(index, on_index);
            build.work_somewhere(WorkKind::BuildIndex);
            build.assume(Assumption::TableOfIndexUnknown {
                index: index.to_string(),
            });
        }
    }
}

/// One table after the other; each in a transaction of its own.
fn everything(build: &mut Build<'_>, target: &ReindexTarget, mode: Lock) {
    let Some(facts) = build.facts else {
        build.work_somewhere(WorkKind::BuildIndex);
        build.assume(Assumption::DependentsUnknown {
            table: "every table".to_owned(),
        });
        return;
    };
    for name in facts.tables.keys() {
        let here = match target {
            ReindexTarget::Schema(schema) => from_catalog(name).schema.as_ref() == Some(schema),
            ReindexTarget::Table(_)
            | ReindexTarget::Index(_)
            | ReindexTarget::Database
            | ReindexTarget::System => true,
        };
        if here {
            build.lock_catalog(name, mode);
            build.work_on_catalog(name, WorkKind::BuildIndex);
        }
    }
}
