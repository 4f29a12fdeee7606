//! GRANT, REVOKE, COMMENT and SECURITY LABEL.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::tree::{child, has, name, name_of, table_and_column};
use crate::postgres::action::{Action, Name, Object, Relation};

/// `GRANT`, `REVOKE`.
pub(super) fn grant(revoke: bool, node: &SyntaxNode) -> Action {
    let objects = child::<ast::OnPrivilegeObjectsClause>(node).and_then(|it| it.privilege_objects());
    let tables = match objects {
        Some(ast::PrivilegeObjects::PrivilegeDefault(it)) => names(it.syntax()),
        Some(ast::PrivilegeObjects::PrivilegeTable(it)) => names(it.syntax()),
        _ => Vec::new(),
    };
    Action::Privileges { revoke, tables }
}

fn names(node: &SyntaxNode) -> Vec<Name> {
    node.children().map(|it| name(&it)).collect()
}

/// `ALTER DEFAULT PRIVILEGES`.
pub(super) fn default_privileges(node: &ast::AlterDefaultPrivileges) -> Action {
    Action::Privileges {
        revoke: has::<ast::RevokeDefaultPrivileges>(node.syntax()),
        tables: Vec::new(),
    }
}

/// `COMMENT ON`, `SECURITY LABEL`.
pub(super) fn comment(node: &SyntaxNode) -> Option<Action> {
    let object = node.children().find(|it| {
        ast::CommentObject::can_cast(it.kind()) || ast::SecurityLabelObject::can_cast(it.kind())
    })?;
    let (kind, relation) = target(&object);
    Some(Action::Comment {
        object: kind,
        relation,
    })
}

/// What is commented on, and the relation that it is or belongs to.
fn target(node: &SyntaxNode) -> (Object, Option<Name>) {
    let relation = |kind, name: Option<Name>| (Object::Relation(kind), name);
    if ast::ObjectTable::can_cast(node.kind()) {
        relation(Relation::Table, name_of::<ast::TableNameRef>(node))
    } else if ast::ObjectForeignTable::can_cast(node.kind()) {
        relation(Relation::ForeignTable, name_of::<ast::TableNameRef>(node))
    } else if ast::ObjectView::can_cast(node.kind()) {
        relation(Relation::View, name_of::<ast::ViewRef>(node))
    } else if ast::ObjectMaterializedView::can_cast(node.kind()) {
        relation(Relation::MaterializedView, name_of::<ast::ViewRef>(node))
    } else if ast::ObjectIndex::can_cast(node.kind()) {
        relation(Relation::Index, name_of::<ast::IndexRef>(node))
    } else if ast::ObjectSequence::can_cast(node.kind()) {
        relation(Relation::Sequence, name_of::<ast::SequenceRef>(node))
    } else if let Some(column) = ast::ObjectColumn::cast(node.clone()) {
        let table = column.name().and_then(|it| table_and_column(it.syntax()));
        (Object::Column, table.map(|(table, _)| table))
    } else if ast::ObjectConstraint::can_cast(node.kind()) {
        match name_of::<ast::TableNameRef>(node) {
            Some(table) => (Object::Constraint, Some(table)),
            None => (Object::DomainConstraint, None),
        }
    } else if ast::ObjectTrigger::can_cast(node.kind()) {
        (Object::Trigger, name_of::<ast::RelationNameRef>(node))
    } else if ast::ObjectRule::can_cast(node.kind()) {
        (Object::Rule, name_of::<ast::RelationNameRef>(node))
    } else if ast::ObjectPolicy::can_cast(node.kind()) {
        (Object::Policy, name_of::<ast::TableNameRef>(node))
    } else {
        (other(node), None)
    }
}

/// Of what cannot be locked, only those that somebody asks for are told apart.
fn other(node: &SyntaxNode) -> Object {
    if ast::ObjectFunction::can_cast(node.kind()) {
        Object::Function
    } else if ast::ObjectExtension::can_cast(node.kind()) {
        Object::Extension
    } else if ast::ObjectSchema::can_cast(node.kind()) {
        Object::Schema
    } else if ast::ObjectDatabase::can_cast(node.kind()) {
        Object::Database
    } else {
        Object::Type
    }
}
