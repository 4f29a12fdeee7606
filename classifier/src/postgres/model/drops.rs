//! DROP and TRUNCATE of relations.

use super::outcome::Build;
use crate::postgres::Assumption;
use crate::postgres::action::{DropRelations, Name, Relation};
use crate::{Lock, Phase};

/// `DROP TABLE`, `VIEW`, `INDEX` and so on.
pub(super) fn relations(build: &mut Build<'_>, drop: &DropRelations) {
    for name in &drop.names {
        match drop.relation {
            Relation::Index => index(build, name, drop.concurrently),
            Relation::Table | Relation::ForeignTable => table(build, name, drop.cascade),
            Relation::View | Relation::MaterializedView | Relation::Sequence => {
                build.lock(name, Lock::AccessExclusiveLock);
                gone(build, name);
            }
        }
    }
    if drop.concurrently {
        build.alone();
    }
}

/// What the script itself has created and drops again, nobody misses.
fn gone(build: &mut Build<'_>, name: &Name) {
    if !build.is_new(name) {
        build.breaks(name);
    }
}

/// A table goes with its foreign keys, whose triggers are on the other table; and with its partitions.
fn table(build: &mut Build<'_>, name: &Name, cascade: bool) {
    build.lock_tree(name, Lock::AccessExclusiveLock);
    gone(build, name);
    for known in build.world.foreign_keys(build.facts, name) {
        build.lock(&known, Lock::AccessExclusiveLock);
    }
    let Some((own_name, own)) = build.world.table(build.facts, name) else {
        if !build.is_new(name) {
            build.assume(Assumption::DependentsUnknown {
                table: name.to_string(),
            });
        }
        return;
    };
    for constraint in own.constraints.values() {
        if let Some(other) = &constraint.references {
            build.lock_catalog(other, Lock::AccessExclusiveLock);
        }
    }
    if cascade {
        for other in &own.referenced_by {
            build.lock_catalog(other, Lock::AccessExclusiveLock);
        }
    }
    parent(build, own_name);
}

/// A partition is taken out of its parent: the one of all its ancestors that has the fewest partitions.
fn parent(build: &mut Build<'_>, partition: &str) {
    let Some(facts) = build.facts else { return };
    let ancestors = facts
        .tables
        .iter()
        .filter(|(_, it)| it.partitions.iter().any(|it| it == partition));
    let Some((name, parent)) = ancestors.min_by_key(|(_, it)| it.partitions.len()) else {
        return;
    };
    build.lock_catalog(name, Lock::AccessExclusiveLock);
    if let Some(default) = &parent.default_partition {
        build.lock_catalog(default, Lock::AccessExclusiveLock);
    }
}

/// An index locks its table.
fn index(build: &mut Build<'_>, name: &Name, concurrently: bool) {
    let mode = if concurrently {
        Lock::ShareUpdateExclusiveLock
    } else {
        Lock::AccessExclusiveLock
    };
    match super::indexes::table_of(build, name) {
        Some(table) => {
            build.lock(&table, mode);
            if !build.is_new(&table) {
                build.phase(Phase::Contract);
            }
        }
        None => {
            build.lock(name, mode);
            build.phase(Phase::Contract);
            build.assume(Assumption::TableOfIndexUnknown {
                index: name.to_string(),
            });
        }
    }
}

/// `TRUNCATE`: a new, empty file for each.
pub(super) fn truncate(build: &mut Build<'_>, tables: &[Name], cascade: bool) {
    build.phase(Phase::Data);
    for table in tables {
        build.lock_tree(table, Lock::AccessExclusiveLock);
        build.new_file(table);
        if cascade {
            cascade_from(build, table);
        }
    }
}

/// All that refer to it, and all that refer to those.
fn cascade_from(build: &mut Build<'_>, table: &Name) {
    let (Some(facts), Some(own)) = (build.facts, build.table_or_doubt(table)) else {
        return;
    };
    let mut seen: Vec<&str> = Vec::new();
    let mut next: Vec<&str> = own.referenced_by.iter().map(String::as_str).collect();
    while let Some(name) = next.pop() {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        build.lock_catalog(name, Lock::AccessExclusiveLock);
        let further = facts.tables.get(name).map_or(&[][..], |it| &it.referenced_by);
        next.extend(further.iter().map(String::as_str));
    }
}
