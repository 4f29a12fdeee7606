//! Columns, of CREATE TABLE and ADD COLUMN, which differ in the tree and not in what they say.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::constraints::constraint;
use super::expressions::expression;
use super::tree::{child, name_of, word_of};
use super::types::sql_type;
use crate::postgres::action::{Column, ConstraintKind, Generated};

/// Reads a column from the node that holds its name, its type and its clauses side by side.
pub(super) fn column(node: &SyntaxNode) -> Option<Column> {
    let name = word_of::<ast::ColumnName>(node)?;
    let type_name = child::<ast::Type>(node)
        .map(|it| sql_type(&it))
        .unwrap_or_default();
    let collate = child::<ast::Collate>(node);
    let mut column = Column {
        not_null: type_name.is_serial(),
        name,
        type_name,
        default: None,
        generated: None,
        collation: collate.and_then(|it| name_of::<ast::CollationRef>(it.syntax())),
        constraints: Vec::new(),
    };
    for clause in node.children() {
        add_clause(&mut column, &clause);
    }
    Some(column)
}

fn add_clause(column: &mut Column, clause: &SyntaxNode) {
    if let Some(default) = ast::DefaultConstraint::cast(clause.clone()) {
        column.default = default.expr().map(|it| expression(&it));
    } else if let Some(generated) = ast::GeneratedConstraint::cast(clause.clone()) {
        column.generated = generated.generated_as().and_then(|it| generation(&it));
        column.not_null |= column.generated == Some(Generated::Identity);
    } else if let Some(constraint) = constraint(clause, Some(&column.name)) {
        match constraint.kind {
            ConstraintKind::NotNull { .. } => column.not_null = true,
            ConstraintKind::PrimaryKey { .. } => {
                column.not_null = true;
                column.constraints.push(constraint);
            }
            ConstraintKind::Check { .. }
            | ConstraintKind::Unique { .. }
            | ConstraintKind::Exclude
            | ConstraintKind::ForeignKey(_) => column.constraints.push(constraint),
        }
    }
}

/// Stored where neither is said and the version is below 18; there VIRTUAL is meant. We take the worse.
fn generation(generated: &ast::GeneratedAs) -> Option<Generated> {
    match generated {
        ast::GeneratedAs::GeneratedIdentity(_) => Some(Generated::Identity),
        ast::GeneratedAs::GeneratedStored(it) => {
            let of = expression(&it.expr()?);
            match it.generated_kind() {
                Some(ast::GeneratedKind::Virtual(_)) => Some(Generated::Virtual(of)),
                Some(ast::GeneratedKind::Stored(_)) | None => Some(Generated::Stored(of)),
            }
        }
    }
}
