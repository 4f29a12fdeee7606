//! CREATE INDEX, ALTER INDEX, REINDEX.

use squawk_syntax::ast::{self, AstNode};

use super::tree::{child, name, name_of, text, word, word_of};
use crate::postgres::action::{Action, CreateIndex, IndexChange, Reindex, ReindexTarget};

/// `CREATE INDEX`.
pub(super) fn create(node: &ast::CreateIndex) -> Option<Action> {
    let relation = node.table_relation_name()?;
    let method = child::<ast::UsingMethod>(node.syntax());
    Some(Action::CreateIndex(CreateIndex {
        name: word_of::<ast::Index>(node.syntax()),
        table: name(relation.syntax()),
        concurrently: node.concurrently_token().is_some(),
        unique: node.unique_token().is_some(),
        if_not_exists: node.if_not_exists().is_some(),
        only: relation.only_token().is_some(),
        method: method.and_then(|it| word_of::<ast::AccessMethodRef>(it.syntax())),
        keys: node
            .partition_item_list()?
            .partition_items()
            .filter_map(|item| item.expr())
            .map(|key| match &key {
                ast::Expr::NameRef(column) => word(column.syntax()),
                other => text(other.syntax()),
            })
            .collect(),
        partial: node.where_clause().is_some(),
    }))
}

/// `ALTER INDEX`.
pub(super) fn alter(node: &ast::AlterIndex) -> Option<Action> {
    if node.all_in_tablespace().is_some() {
        return Some(Action::MoveAllInTablespace);
    }
    let index = name(node.index_ref()?.syntax());
    let change = match node.action()? {
        ast::AlterIndexAction::IndexRenameTo(it) => IndexChange::Rename {
            to: name_of::<ast::Index>(it.syntax())?.name,
        },
        ast::AlterIndexAction::AttachIndexPartition(it) => IndexChange::AttachPartition {
            index: name_of::<ast::IndexRef>(it.syntax())?,
        },
        ast::AlterIndexAction::SetTablespace(it) => IndexChange::SetTablespace {
            tablespace: word_of::<ast::TablespaceRef>(it.syntax())?,
        },
        ast::AlterIndexAction::SetOptions(it) => IndexChange::SetParameters {
            names: parameters(it.syntax()),
        },
        ast::AlterIndexAction::ResetOptions(it) => IndexChange::SetParameters {
            names: parameters(it.syntax()),
        },
        ast::AlterIndexAction::AlterSetStatistics(_) => IndexChange::SetStatistics,
        ast::AlterIndexAction::DependsOnExtension(_) | ast::AlterIndexAction::NoDependsOnExtension(_) => {
            IndexChange::DependsOnExtension
        }
    };
    Some(Action::AlterIndex { index, change })
}

/// The names in `SET (name = value)`, with the namespace of TOAST's in front.
pub(super) fn parameters(node: &squawk_syntax::SyntaxNode) -> Vec<String> {
    super::tree::below::<ast::AttributeOption>(node)
        .filter_map(|it| word_of::<ast::AttributeName>(it.syntax()))
        .collect()
}

/// `REINDEX`.
pub(super) fn reindex(node: &ast::Reindex) -> Option<Action> {
    let target = match node.reindex_target()? {
        ast::ReindexTarget::ReindexTargetIndex(it) => ReindexTarget::Index(name(it.index_ref()?.syntax())),
        ast::ReindexTarget::ReindexTargetTable(it) => {
            ReindexTarget::Table(name(it.table_name_ref()?.syntax()))
        }
        ast::ReindexTarget::ReindexTargetSchema(it) => ReindexTarget::Schema(word(it.schema_ref()?.syntax())),
        ast::ReindexTarget::ReindexTargetDatabase(_) => ReindexTarget::Database,
        ast::ReindexTarget::ReindexTargetSystem(_) => ReindexTarget::System,
    };
    Some(Action::Reindex(Reindex {
        target,
        concurrently: node.is_concurrently(),
    }))
}
