//! Constraints, written with a column or by themselves.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::expressions::{expression, proves_not_null};
use super::tree::{below, child, name, name_of, word, word_of};
use crate::postgres::action::{Constraint, ConstraintKind, ForeignKey, Name};

/// Reads a constraint that is one of a table, also if it is written with `column`. None: it says something of a column alone (a default, NULL).
pub(super) fn constraint(node: &SyntaxNode, column: Option<&str>) -> Option<Constraint> {
    let kind = kind(node, column)?;
    Some(Constraint {
        name: child::<ast::ConstraintNameClause>(node)
            .and_then(|clause| word_of::<ast::ConstraintName>(clause.syntax())),
        kind,
        not_valid: child::<ast::NotValid>(node).is_some(),
        not_enforced: child::<ast::NotEnforced>(node).is_some(),
        deferrable: child::<ast::DeferrableConstraintOption>(node).is_some()
            || child::<ast::InitiallyDeferredConstraintOption>(node).is_some(),
    })
}

fn kind(node: &SyntaxNode, column: Option<&str>) -> Option<ConstraintKind> {
    let own = || column.map(str::to_owned).into_iter().collect::<Vec<_>>();
    if let Some(check) = ast::CheckConstraint::cast(node.clone()) {
        let condition = check.expr()?;
        return Some(ConstraintKind::Check {
            expression: expression(&condition),
            proves_not_null: proves_not_null(&condition),
        });
    }
    if let Some(not_null) = ast::NotNullConstraint::cast(node.clone()) {
        let named = not_null.column_name_ref().map(|it| word(it.syntax()));
        let column = named.or_else(|| column.map(str::to_owned))?;
        return Some(ConstraintKind::NotNull { column });
    }
    if ast::UniqueConstraint::can_cast(node.kind()) {
        let (columns, using_index) = key(node);
        let columns = if columns.is_empty() { own() } else { columns };
        return Some(ConstraintKind::Unique { columns, using_index });
    }
    if ast::PrimaryKeyConstraint::can_cast(node.kind()) {
        let (columns, using_index) = key(node);
        let columns = if columns.is_empty() { own() } else { columns };
        return Some(ConstraintKind::PrimaryKey { columns, using_index });
    }
    if ast::ExcludeConstraint::can_cast(node.kind()) {
        return Some(ConstraintKind::Exclude);
    }
    foreign_key(node, own()).map(ConstraintKind::ForeignKey)
}

/// The columns of a key, and the index that it takes over.
fn key(node: &SyntaxNode) -> (Vec<String>, Option<Name>) {
    let index = child::<ast::UsingIndexName>(node).and_then(|it| name_of::<ast::IndexRef>(it.syntax()));
    let list = child::<ast::IndexParameters>(node).and_then(|it| it.column_list());
    let columns = list.map(|it| columns(it.syntax())).unwrap_or_default();
    (columns, index)
}

fn foreign_key(node: &SyntaxNode, own: Vec<String>) -> Option<ForeignKey> {
    if let Some(key) = ast::ForeignKeyConstraint::cast(node.clone()) {
        return Some(ForeignKey {
            columns: key
                .from_columns()
                .map(|it| columns(it.syntax()))
                .unwrap_or_default(),
            references: name(key.table_name_ref()?.syntax()),
            referenced_columns: key
                .to_columns()
                .map(|it| columns(it.syntax()))
                .unwrap_or_default(),
        });
    }
    let references = ast::ReferencesConstraint::cast(node.clone())?;
    Some(ForeignKey {
        columns: own,
        references: name(references.table()?.syntax()),
        referenced_columns: references
            .column()
            .map(|it| word(it.syntax()))
            .into_iter()
            .collect(),
    })
}

/// The columns of a list in parentheses.
pub(super) fn columns(node: &SyntaxNode) -> Vec<String> {
    below::<ast::ColumnNameRef>(node)
        .map(|it| word(it.syntax()))
        .collect()
}
