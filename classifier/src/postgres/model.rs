//! What a statement does on the server: the lock model.
//!
//! Each family of statements says which lock it takes on which table, what it rewrites and what it reads, as measured on PostgreSQL 15 and,
//! where versions differ or nothing was measured, as PostgreSQL's own source and manual say
//! (`AlterTableGetLockLevel` in `tablecmds.c` for ALTER TABLE). What depends on the catalog is asked of the facts; without them the worse is
//! taken, and said as an [`Assumption`].
//! Not here: the row locks and the weak locks on other tables that foreign keys take when single rows are written, for nobody waits for those
//! on a table; locks on catalogs; locks on indexes, sequences and views that the statement does not name.

mod add_column;
mod alter_table;
mod alter_type;
mod assumption;
mod constraints;
mod conversion;
mod create;
mod drops;
mod indexes;
mod objects;
mod outcome;
mod partitions;
mod rows;

pub use assumption::Assumption;
pub(crate) use outcome::{Outcome, Work, WorkKind};

use super::action::Action;
use super::world::World;
use crate::postgres::model::outcome::Build;
use crate::{Facts, Phase};

/// The server's version where nobody has said.
pub(crate) const ASSUMED_VERSION: u32 = 15;

/// The major version, of those that the model knows.
pub(crate) fn version(facts: Option<&Facts>) -> u32 {
    match facts.map(|facts| facts.version / 10_000) {
        None | Some(0) => ASSUMED_VERSION,
        Some(version) => version.clamp(12, 18),
    }
}

/// What the statement does, after what the script has done so far.
pub(crate) fn outcome(action: &Action, world: &World, facts: Option<&Facts>) -> Outcome {
    let mut build = Build::new(world, facts);
    match action {
        Action::CreateTable(table) => create::table(&mut build, table),
        Action::AlterTable(table) => alter_table::alter(&mut build, table),
        Action::MoveAllInTablespace => alter_table::move_all(&mut build),
        Action::DropRelations(drop) => drops::relations(&mut build, drop),
        Action::CreateIndex(index) => indexes::create(&mut build, index),
        Action::AlterIndex { index, change } => indexes::alter(&mut build, index, change),
        Action::Reindex(reindex) => indexes::reindex(&mut build, reindex),
        Action::CreateView(view) => create::view(&mut build, view),
        Action::Refresh(refresh) => create::refresh(&mut build, refresh),
        Action::CreateSequence { owned_by, .. } => create::sequence(&mut build, None, owned_by.as_ref()),
        Action::AlterSequence { sequence, owned_by } => {
            create::sequence(&mut build, Some(sequence), owned_by.as_ref());
        }
        Action::CreateTrigger(trigger) => objects::create_trigger(&mut build, trigger),
        Action::OnTable { table, change, .. } => objects::on_table(&mut build, table, change),
        Action::AlterType { change, .. } => objects::alter_type(&mut build, change),
        Action::AlterDomain { name, change } => objects::alter_domain(&mut build, name, change),
        Action::CreateObject { object, tables, .. } => objects::create(&mut build, *object, tables),
        Action::AlterObject {
            object,
            name,
            change,
            tables,
        } => objects::alter(&mut build, *object, name, change, tables),
        Action::DropObjects(drop) => objects::drop(&mut build, drop),
        Action::Comment { object, relation } => objects::comment(&mut build, *object, relation.as_ref()),
        Action::Privileges { revoke, .. } => {
            build.phase(if *revoke { Phase::Contract } else { Phase::Expand });
        }
        Action::Truncate { tables, cascade } => drops::truncate(&mut build, tables, *cascade),
        Action::LockTable { tables, mode, .. } => rows::lock(&mut build, tables, *mode),
        Action::Query(query) => rows::query(&mut build, query),
        Action::Insert(insert) => rows::insert(&mut build, insert),
        Action::Update(update) => rows::update(&mut build, update),
        Action::Delete(delete) => rows::delete(&mut build, delete),
        Action::Merge(merge) => rows::merge(&mut build, merge),
        Action::Copy(copy) => rows::copy(&mut build, copy),
        Action::Maintenance(maintenance) => rows::maintain(&mut build, maintenance),
        Action::Transaction(transaction) => objects::transaction(&mut build, transaction),
        Action::Setting(_) | Action::Nothing => {}
        Action::Opaque { .. } | Action::Unread { .. } => build.phase(Phase::Unknown),
    }
    build.finish()
}
