//! Views, materialized views and sequences.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::queries::query;
use super::tables::persistence;
use super::tree::{below, has_token, name, name_of, table_and_column};
use crate::postgres::action::{Action, CreateView, Name, Persistence, Refresh};

/// `CREATE VIEW`.
pub(super) fn create(node: &ast::CreateView) -> Option<Action> {
    let view = name_of::<ast::View>(node.syntax())?;
    Some(Action::CreateView(CreateView {
        replace: node.or_replace().is_some(),
        temporary: persistence(node.syntax(), &view) == Persistence::Temporary,
        materialized: false,
        no_data: false,
        if_not_exists: false,
        reads: without_itself(query(node.query()?.syntax()).reads, &view),
        view,
    }))
}

/// A recursive view reads itself.
fn without_itself(reads: Vec<Name>, view: &Name) -> Vec<Name> {
    reads.into_iter().filter(|it| it != view).collect()
}

/// `CREATE MATERIALIZED VIEW`.
pub(super) fn create_materialized(node: &ast::CreateMaterializedView) -> Option<Action> {
    Some(Action::CreateView(CreateView {
        view: name_of::<ast::View>(node.syntax())?,
        replace: false,
        temporary: false,
        materialized: true,
        no_data: is_no_data(node.data_option().as_ref()),
        if_not_exists: node.if_not_exists().is_some(),
        reads: query(node.query()?.syntax()).reads,
    }))
}

fn is_no_data(option: Option<&ast::DataOption>) -> bool {
    matches!(option, Some(ast::DataOption::WithNoData(_)))
}

/// `REFRESH MATERIALIZED VIEW`.
pub(super) fn refresh(node: &ast::Refresh) -> Option<Action> {
    Some(Action::Refresh(Refresh {
        view: name(node.view_ref()?.syntax()),
        concurrently: has_token(node.syntax(), squawk_syntax::SyntaxKind::CONCURRENTLY_KW),
        no_data: is_no_data(node.data_option().as_ref()),
    }))
}

/// `CREATE SEQUENCE`.
pub(super) fn create_sequence(node: &ast::CreateSequence) -> Option<Action> {
    Some(Action::CreateSequence {
        sequence: name_of::<ast::Sequence>(node.syntax())?,
        owned_by: owned_by(node.syntax()),
    })
}

/// `OWNED BY table.column`.
pub(super) fn owned_by(node: &SyntaxNode) -> Option<(Name, String)> {
    let option = below::<ast::OptionOwnedBy>(node).next()?;
    let column = below::<ast::QualifiedColumnNameRef>(option.syntax()).next()?;
    table_and_column(column.syntax())
}
