//! Triggers, rules, policies; types and domains; publications, statistics, comments; and all that locks no table.

use super::create::users_of_type;
use super::outcome::{Build, WorkKind};
use crate::postgres::Assumption;
use crate::postgres::action::{
    AlterType, CreateTrigger, DomainChange, DropObjects, Name, Object, ObjectChange, Transaction,
};
use crate::postgres::world::from_catalog;
use crate::{Lock, Phase};

/// `CREATE TRIGGER`; those for each row are made on the partitions, too.
pub(super) fn create_trigger(build: &mut Build<'_>, trigger: &CreateTrigger) {
    if trigger.for_each_row {
        build.lock_tree(&trigger.table, Lock::ShareRowExclusiveLock);
    } else {
        build.lock(&trigger.table, Lock::ShareRowExclusiveLock);
    }
    if let Some(other) = &trigger.from {
        build.lock(other, Lock::AccessShareLock);
    }
    build.phase(Phase::Expand);
}

/// Rules, policies, and triggers that are there.
pub(super) fn on_table(build: &mut Build<'_>, table: &Name, change: &ObjectChange) {
    build.lock(table, Lock::AccessExclusiveLock);
    match change {
        ObjectChange::Create { .. } | ObjectChange::Add => build.phase(Phase::Expand),
        ObjectChange::Drop { .. } | ObjectChange::Remove => build.tightens(table),
        ObjectChange::Rename { .. }
        | ObjectChange::SetSchema { .. }
        | ObjectChange::Owner
        | ObjectChange::Define => {}
    }
}

/// `ALTER TYPE`.
pub(super) fn alter_type(build: &mut Build<'_>, change: &AlterType) {
    match change {
        AlterType::AddValue { .. } => build.phase(Phase::Expand),
        AlterType::RenameValue { .. } | AlterType::Rename { .. } | AlterType::SetSchema { .. } => {
            nameless_break(build);
        }
        AlterType::Attributes { breaking: true, .. } => nameless_break(build),
        AlterType::Attributes { breaking: false, .. } => build.phase(Phase::Expand),
        AlterType::Owner | AlterType::SetProperties => {}
    }
}

/// Something that is no table, and that others may use, is gone or is called otherwise.
fn nameless_break(build: &mut Build<'_>) {
    build.breaks(&Name::bare(""));
}

/// `ALTER DOMAIN`: a new constraint is checked in every table that has a column of it.
pub(super) fn alter_domain(build: &mut Build<'_>, domain: &Name, change: &DomainChange) {
    match change {
        DomainChange::AddConstraint(constraint) => {
            build.phase(Phase::Contract);
            if !constraint.not_valid {
                users_of_type(build, domain, Lock::ShareLock, Some(WorkKind::Scan));
            }
        }
        DomainChange::SetNotNull => {
            build.phase(Phase::Contract);
            users_of_type(build, domain, Lock::ShareLock, Some(WorkKind::Scan));
        }
        DomainChange::ValidateConstraint { .. } => {
            let mode = if build.version >= 18 {
                Lock::ShareUpdateExclusiveLock
            } else {
                Lock::ShareLock
            };
            users_of_type(build, domain, mode, Some(WorkKind::Scan));
        }
        DomainChange::SetDefault(_) | DomainChange::DropNotNull | DomainChange::DropConstraint { .. } => {
            build.phase(Phase::Expand);
        }
        DomainChange::DropDefault => build.phase(Phase::Contract),
        DomainChange::Rename { .. } | DomainChange::SetSchema { .. } => nameless_break(build),
        DomainChange::Owner | DomainChange::RenameConstraint => {}
    }
}

/// `CREATE` of anything else.
pub(super) fn create(build: &mut Build<'_>, object: Object, tables: &[Name]) {
    build.phase(Phase::Expand);
    for table in tables {
        build.lock(table, Lock::ShareUpdateExclusiveLock);
    }
    if matches!(
        object,
        Object::Database | Object::Tablespace | Object::Subscription
    ) {
        build.alone();
    }
}

/// `ALTER` of anything else.
pub(super) fn alter(
    build: &mut Build<'_>,
    object: Object,
    name: &Name,
    change: &ObjectChange,
    tables: &[Name],
) {
    for table in tables {
        build.lock(table, Lock::ShareUpdateExclusiveLock);
    }
    if object == Object::System {
        build.alone();
    }
    match (object, change) {
        // A script that is not read here, or all that a role owns.
        (Object::Extension, ObjectChange::Define) | (Object::Owned, _) => build.phase(Phase::Unknown),
        (Object::Role | Object::Database | Object::Tablespace, ObjectChange::Rename { .. }) => {
            nameless_break(build);
        }
        (_, ObjectChange::Rename { .. } | ObjectChange::SetSchema { .. }) => {
            if object == Object::Schema {
                build.assume(Assumption::DependentsUnknown {
                    table: name.to_string(),
                });
            }
            nameless_break(build);
        }
        (_, ObjectChange::Add | ObjectChange::Create { .. }) => build.phase(Phase::Expand),
        (_, ObjectChange::Remove | ObjectChange::Drop { .. }) => build.phase(Phase::Contract),
        (_, ObjectChange::Owner | ObjectChange::Define) => {}
    }
}

/// `DROP` of anything else.
pub(super) fn drop(build: &mut Build<'_>, drop: &DropObjects) {
    match drop.object {
        Object::Owned => build.phase(Phase::Unknown),
        Object::Schema if drop.cascade => schema(build, &drop.names),
        Object::Database | Object::Tablespace | Object::Subscription => {
            build.alone();
            nameless_break(build);
        }
        Object::Domain | Object::Type if drop.cascade => {
            for name in &drop.names {
                users_of_type(build, name, Lock::AccessExclusiveLock, None);
            }
            nameless_break(build);
        }
        // Only the planner uses them; their table is locked, which they do not name.
        Object::Statistics => {
            for name in &drop.names {
                build.assume(Assumption::DependentsUnknown {
                    table: name.to_string(),
                });
            }
        }
        _ => {
            if drop.cascade {
                for name in &drop.names {
                    build.assume(Assumption::DependentsUnknown {
                        table: name.to_string(),
                    });
                }
            }
            nameless_break(build);
        }
    }
}

/// With every table in it.
fn schema(build: &mut Build<'_>, names: &[Name]) {
    nameless_break(build);
    let Some(facts) = build.facts else {
        for name in names {
            build.assume(Assumption::DependentsUnknown {
                table: name.to_string(),
            });
        }
        return;
    };
    for table in facts.tables.keys() {
        let of = from_catalog(table).schema;
        if names.iter().any(|it| Some(&it.name) == of.as_ref()) {
            build.lock_catalog(table, Lock::AccessExclusiveLock);
        }
    }
}

/// `COMMENT ON`: what the comment is on keeps its shape meanwhile; of what belongs to a table, the table is only opened.
pub(super) fn comment(build: &mut Build<'_>, object: Object, relation: Option<&Name>) {
    let Some(relation) = relation else { return };
    let mode = match object {
        Object::Trigger | Object::Rule | Object::Policy | Object::Constraint => Lock::AccessShareLock,
        _ => Lock::ShareUpdateExclusiveLock,
    };
    build.lock(relation, mode);
}

/// Only the end of a prepared transaction must stand alone.
pub(super) fn transaction(build: &mut Build<'_>, transaction: &Transaction) {
    match transaction {
        Transaction::FinishPrepared => build.alone(),
        Transaction::Begin
        | Transaction::Commit { .. }
        | Transaction::Rollback { .. }
        | Transaction::Savepoint(_)
        | Transaction::Release(_)
        | Transaction::RollbackTo(_)
        | Transaction::Prepare
        | Transaction::Characteristics => {}
    }
}
