//! ATTACH and DETACH PARTITION.

use super::outcome::Build;
use crate::postgres::action::Name;
use crate::{Lock, Phase};

/// `ATTACH PARTITION`: the parent goes on, the table that is attached does not, nor does the default partition, which may hold rows that now belong elsewhere.
pub(super) fn attach(build: &mut Build<'_>, parent: &Name, partition: &Name, default: bool, bounds: &str) {
    build.lock(parent, Lock::ShareUpdateExclusiveLock);
    build.lock_tree(partition, Lock::AccessExclusiveLock);
    build.phase(Phase::Expand);
    if !fits(build, partition, bounds, default) {
        build.scan(partition);
    }
    if !default {
        check_default(build, parent, Lock::AccessExclusiveLock);
    }
    lock_keys(build, parent);
}

/// The default partition is locked, and read for rows that belong into the new one.
pub(super) fn check_default(build: &mut Build<'_>, parent: &Name, mode: Lock) {
    let Some(table) = build.table_or_doubt(parent) else {
        return;
    };
    if let Some(default) = &table.default_partition {
        build.lock_catalog(default, mode);
        build.work_on_catalog(default, super::WorkKind::Scan);
    }
}

/// The foreign keys of the parent become the partition's.
fn lock_keys(build: &mut Build<'_>, parent: &Name) {
    let Some(table) = build.table(parent) else { return };
    for constraint in table.constraints.values() {
        if let Some(other) = &constraint.references {
            build.lock_catalog(other, Lock::ShareRowExclusiveLock);
        }
    }
}

/// A valid CHECK says what the bounds say, so that no row is read. Proved only in the form that everybody writes: from one value up to another one, and not null.
fn fits(build: &Build<'_>, partition: &Name, bounds: &str, default: bool) -> bool {
    let values = literals(bounds);
    if default || values.is_empty() {
        return false;
    }
    build
        .world
        .valid_checks(build.facts, partition)
        .iter()
        .any(|check| {
            let text = check.text.as_str();
            let has_values = values.iter().all(|value| literals(text).contains(value));
            let not_null =
                !check.proves_not_null.is_empty() || text.to_uppercase().contains("IS NOT NULL") || {
                    let names = words(text);
                    names
                        .iter()
                        .any(|name| build.world.proven_not_null(build.facts, partition, name))
                };
            let shape = match bounds.to_uppercase().contains(" IN ") {
                true => text.contains('=') || text.to_uppercase().contains(" IN "),
                false => text.contains(">=") && text.contains('<'),
            };
            has_values && not_null && shape
        })
}

/// The numbers and the strings of a text.
fn literals(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (i, part) in text.split('\'').enumerate() {
        if i % 2 == 1 {
            found.push(part.to_owned());
        } else {
            found.extend(
                words(part)
                    .into_iter()
                    .filter(|it| it.chars().all(|c| c.is_ascii_digit())),
            );
        }
    }
    found
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `DETACH PARTITION`. CONCURRENTLY waits in between for all that use the parent, and then locks the partition alone.
pub(super) fn detach(
    build: &mut Build<'_>,
    parent: &Name,
    partition: &Name,
    concurrently: bool,
    finalize: bool,
) {
    let on_parent = if concurrently || finalize {
        Lock::ShareUpdateExclusiveLock
    } else {
        Lock::AccessExclusiveLock
    };
    build.lock(parent, on_parent);
    build.lock_tree(partition, Lock::AccessExclusiveLock);
    build.breaks(parent);
    if concurrently {
        build.alone();
    }
    let Some(table) = build.table_or_doubt(parent) else {
        return;
    };
    if let Some(default) = &table.default_partition {
        build.lock_catalog(default, on_parent);
    }
    // Nothing may refer to a row that leaves.
    for other in &table.referenced_by {
        build.lock_catalog(other, Lock::ShareLock);
    }
}
