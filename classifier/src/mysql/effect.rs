//! What a statement does, from what it asks for: the metadata lock on each table, and whether rows are read or written anew.
//!
//! The mode named is the one held while the work lasts, so it says what the LOCK clause says. Every change of a table's definition begins
//! and ends with EXCLUSIVE for an instant besides; that is told by a rule of its own, because behind a long transaction the instant is
//! not one.

use super::action::{Action, Alter, Clause, DefaultValue, IndexKind, LockClause};
use super::online::Online;
use crate::tokens::Name;
use crate::{Effect, Lock, Phase, TableLock};

/// The effect; `online` is how an ALTER is carried out, `exists` whether a table was there before the script.
pub(crate) fn effect(action: &Action, online: Option<Online>, exists: impl Fn(&Name) -> bool) -> Effect {
    let mut effect = Effect::nothing(phase(action));
    let mut lock = |name: &Name, mode: Lock| {
        let table = name.to_string();
        if exists(name) && !effect.locks.iter().any(|lock| lock.table == table) {
            effect.locks.push(TableLock { table, mode });
        }
    };
    match action {
        Action::Alter(alter) => {
            let mode = online.map_or(Lock::SharedUpgradable, |online| mode(online.lock));
            lock(&alter.table, mode);
            for clause in &alter.clauses {
                match clause {
                    Clause::AddForeignKey { references } => lock(references, Lock::SharedUpgradable),
                    Clause::Rename(to) => lock(to, Lock::Exclusive),
                    _ => {}
                }
            }
            let touched = exists(&alter.table);
            effect.rewrites_table = touched && online.is_some_and(|online| online.rewrites);
            effect.scans_table = touched && online.is_some_and(|online| online.scans);
        }
        Action::CreateTable { references, .. } => references
            .iter()
            .for_each(|parent| lock(parent, Lock::SharedUpgradable)),
        Action::DropTable {
            tables,
            temporary: false,
        } => tables.iter().for_each(|table| lock(table, Lock::Exclusive)),
        Action::RenameTable(pairs) => pairs.iter().for_each(|(from, _)| lock(from, Lock::Exclusive)),
        Action::Truncate(table) | Action::CreateTrigger(table) => lock(table, Lock::Exclusive),
        Action::Optimize(tables) => {
            tables
                .iter()
                .for_each(|table| lock(table, Lock::SharedUpgradable));
            effect.rewrites_table = tables.iter().any(&exists);
            effect.scans_table = effect.rewrites_table;
        }
        Action::Inspect(tables) => tables.iter().for_each(|table| lock(table, Lock::SharedRead)),
        Action::Repair(tables) => tables
            .iter()
            .for_each(|table| lock(table, Lock::SharedNoReadWrite)),
        Action::Insert { table, .. } | Action::Load(table) => lock(table, Lock::SharedWrite),
        Action::Update(change) | Action::Delete(change) => {
            lock(&change.table, Lock::SharedWrite);
            effect.scans_table = change.whole && exists(&change.table);
        }
        Action::LockTables(tables) => {
            for (table, writes) in tables {
                lock(
                    table,
                    if *writes {
                        Lock::SharedNoReadWrite
                    } else {
                        Lock::SharedReadOnly
                    },
                );
            }
        }
        Action::DropTable { temporary: true, .. }
        | Action::Create { .. }
        | Action::Drop { .. }
        | Action::DropTrigger
        | Action::Select { .. }
        | Action::Set(_)
        | Action::Begin
        | Action::End
        | Action::Opaque(_)
        | Action::Neutral => {}
    }
    effect.transactional = !commits(action);
    effect
}

fn mode(lock: LockClause) -> Lock {
    match lock {
        LockClause::None => Lock::SharedUpgradable,
        LockClause::Shared => Lock::SharedNoWrite,
        LockClause::Exclusive => Lock::Exclusive,
    }
}

/// It ends the transaction that is open, whether or not it works.
pub(crate) fn commits(action: &Action) -> bool {
    match action {
        Action::Alter(_)
        | Action::RenameTable(_)
        | Action::Truncate(_)
        | Action::Optimize(_)
        | Action::Inspect(_)
        | Action::Repair(_)
        | Action::Create { .. }
        | Action::Drop { .. }
        | Action::CreateTrigger(_)
        | Action::DropTrigger
        | Action::LockTables(_) => true,
        Action::CreateTable { temporary, .. } | Action::DropTable { temporary, .. } => !temporary,
        Action::Insert { .. }
        | Action::Update(_)
        | Action::Delete(_)
        | Action::Load(_)
        | Action::Select { .. }
        | Action::Set(_)
        | Action::Begin
        | Action::End
        | Action::Opaque(_)
        | Action::Neutral => false,
    }
}

fn phase(action: &Action) -> Phase {
    match action {
        Action::Alter(alter) => altered(alter),
        Action::CreateTable { .. } | Action::Create { replace: false, .. } => Phase::Expand,
        Action::DropTable { temporary: true, .. } => Phase::Neutral,
        Action::DropTable { .. }
        | Action::RenameTable(_)
        | Action::Drop { .. }
        | Action::Create { replace: true, .. } => Phase::Contract,
        Action::CreateTrigger(_) => Phase::Expand,
        Action::DropTrigger => Phase::Contract,
        Action::Truncate(_)
        | Action::Insert { .. }
        | Action::Update(_)
        | Action::Delete(_)
        | Action::Load(_)
        | Action::Select { .. } => Phase::Data,
        Action::Optimize(_)
        | Action::Inspect(_)
        | Action::Repair(_)
        | Action::LockTables(_)
        | Action::Set(_)
        | Action::Begin
        | Action::End
        | Action::Neutral => Phase::Neutral,
        Action::Opaque(_) => Phase::Unknown,
    }
}

/// The worst of its clauses: one that tightens makes it contract, one that adds makes it expand.
fn altered(alter: &Alter) -> Phase {
    let rank = |phase: &Phase| match phase {
        Phase::Contract => 2,
        Phase::Expand => 1,
        Phase::Neutral | Phase::Data | Phase::Unknown => 0,
    };
    alter
        .clauses
        .iter()
        .map(clause_phase)
        .max_by_key(rank)
        .unwrap_or(Phase::Neutral)
}

fn clause_phase(clause: &Clause) -> Phase {
    match clause {
        Clause::AddColumn { column, .. } => {
            let filled =
                column.default != DefaultValue::None || column.auto_increment || column.generated.is_some();
            match column.not_null && !filled || column.key.is_some() && !column.auto_increment {
                true => Phase::Contract,
                false => Phase::Expand,
            }
        }
        Clause::DropColumn(_)
        | Clause::RenameColumn { .. }
        | Clause::ModifyColumn { .. }
        | Clause::Default { drops: true, .. }
        | Clause::AddIndex {
            kind: IndexKind::Unique,
            ..
        }
        | Clause::AddPrimaryKey
        | Clause::AddForeignKey { .. }
        | Clause::AddCheck
        | Clause::EnforceCheck { enforced: true }
        | Clause::Convert
        | Clause::Rename(_)
        | Clause::Visibility
        | Clause::Partition { loses_rows: true, .. }
        | Clause::Tablespace { discards: true } => Phase::Contract,
        Clause::Default { drops: false, .. }
        | Clause::AddIndex { .. }
        | Clause::DropForeignKey(_)
        | Clause::DropConstraint(_)
        | Clause::DropPrimaryKey
        | Clause::EnforceCheck { enforced: false }
        | Clause::Tablespace { discards: false } => Phase::Expand,
        Clause::DropIndex(_)
        | Clause::RenameIndex
        | Clause::IndexVisibility
        | Clause::Rebuild { .. }
        | Clause::Order
        | Clause::Option(_)
        | Clause::Partition {
            loses_rows: false, ..
        }
        | Clause::Keys => Phase::Neutral,
    }
}
