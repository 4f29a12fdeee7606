//! CREATE TABLE in all its forms, TRUNCATE, LOCK.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::columns::column;
use super::constraints::constraint;
use super::queries::query;
use super::tree::{below, cascades, child, has, name, name_of};
use crate::Lock;
use crate::postgres::action::{Action, CreateTable, Name, PartitionBound, Persistence};

/// `CREATE TABLE` and `CREATE FOREIGN TABLE`.
pub(super) fn create(node: &SyntaxNode) -> Option<Action> {
    let mut table = empty(node, name_of::<ast::TableName>(node)?);
    table.foreign = ast::CreateForeignTable::can_cast(node.kind());
    table.partitioned = has::<ast::PartitionBy>(node);
    if let Some(list) = child::<ast::TableArgList>(node) {
        for part in list.syntax().children() {
            if ast::Column::can_cast(part.kind()) {
                table.columns.extend(column(&part));
            } else if let Some(like) = ast::LikeClause::cast(part.clone()) {
                table.like.extend(name_of::<ast::RelationNameRef>(like.syntax()));
            } else {
                table.constraints.extend(constraint(&part, None));
            }
        }
    }
    if let Some(inherits) = child::<ast::Inherits>(node) {
        table.inherits = below::<ast::TableNameRef>(inherits.syntax())
            .map(|it| name(it.syntax()))
            .collect();
    }
    if let Some(of) = child::<ast::PartitionOf>(node) {
        let bound = match child::<ast::PartitionType>(node) {
            Some(ast::PartitionType::PartitionDefault(_)) => PartitionBound::Default,
            _ => PartitionBound::Values,
        };
        table.partition_of = Some((name_of::<ast::TableNameRef>(of.syntax())?, bound));
    }
    Some(Action::CreateTable(Box::new(table)))
}

/// `CREATE TABLE AS`.
pub(super) fn create_as(node: &ast::CreateTableAs) -> Option<Action> {
    let mut table = empty(node.syntax(), name_of::<ast::TableName>(node.syntax())?);
    match node.query()? {
        ast::CreateTableAsQuery::SelectVariant(select) => table.reads = query(select.syntax()).reads,
        ast::CreateTableAsQuery::Execute(_) => return None,
    }
    table.from_query = true;
    Some(Action::CreateTable(Box::new(table)))
}

/// `SELECT ... INTO`.
pub(super) fn select_into(node: &ast::SelectInto) -> Option<Action> {
    let into = node.into_clause()?;
    let mut table = empty(into.syntax(), name_of::<ast::TableName>(into.syntax())?);
    table.reads = query(node.syntax()).reads;
    table.from_query = true;
    Some(Action::CreateTable(Box::new(table)))
}

fn empty(node: &SyntaxNode, table: Name) -> CreateTable {
    CreateTable {
        persistence: persistence(node, &table),
        table,
        if_not_exists: has::<ast::IfNotExists>(node),
        foreign: false,
        columns: Vec::new(),
        constraints: Vec::new(),
        inherits: Vec::new(),
        like: Vec::new(),
        partition_of: None,
        partitioned: false,
        reads: Vec::new(),
        from_query: false,
    }
}

/// `TEMPORARY`, `UNLOGGED`, or neither; the schema of temporary tables can also be named.
pub(super) fn persistence(node: &SyntaxNode, table: &Name) -> Persistence {
    match child::<ast::Persistence>(node) {
        Some(ast::Persistence::Temp(_)) => Persistence::Temporary,
        _ if table.schema.as_deref() == Some("pg_temp") => Persistence::Temporary,
        Some(ast::Persistence::Unlogged(_)) => Persistence::Unlogged,
        None => Persistence::Permanent,
    }
}

/// `TRUNCATE`.
pub(super) fn truncate(node: &ast::Truncate) -> Action {
    Action::Truncate {
        tables: below::<ast::TableNameRef>(node.syntax())
            .map(|it| name(it.syntax()))
            .collect(),
        cascade: cascades(node.syntax()),
    }
}

/// `LOCK TABLE`.
pub(super) fn lock(node: &ast::Lock) -> Action {
    let mode = match node.lock_mode_clause().and_then(|it| it.lock_mode()) {
        Some(ast::LockMode::AccessShare(_)) => Lock::AccessShareLock,
        Some(ast::LockMode::RowShare(_)) => Lock::RowShareLock,
        Some(ast::LockMode::RowExclusive(_)) => Lock::RowExclusiveLock,
        Some(ast::LockMode::ShareUpdateExclusive(_)) => Lock::ShareUpdateExclusiveLock,
        Some(ast::LockMode::Share(_)) => Lock::ShareLock,
        Some(ast::LockMode::ShareRowExclusive(_)) => Lock::ShareRowExclusiveLock,
        Some(ast::LockMode::Exclusive(_)) => Lock::ExclusiveLock,
        Some(ast::LockMode::AccessExclusive(_)) | None => Lock::AccessExclusiveLock,
    };
    Action::LockTable {
        tables: below::<ast::RelationNameRef>(node.syntax())
            .map(|it| name(it.syntax()))
            .collect(),
        mode,
        nowait: node.nowait().is_some(),
    }
}
