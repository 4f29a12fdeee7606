//! Whatever is neither a relation nor rows: created and altered, read by its shape more than by its kind.

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::constraints::constraint;
use super::expressions::expression;
use super::tree::{below, child, has, has_token, name, name_of, word_of};
use crate::postgres::action::{Action, AlterType, DomainChange, Name, Object, ObjectChange};

/// `CREATE` of an object.
pub(super) fn create(object: Object, node: &SyntaxNode) -> Action {
    Action::CreateObject {
        object,
        name: first_name(node),
        replace: has::<ast::OrReplace>(node),
        tables: tables(object, node),
    }
}

/// `ALTER` of an object.
pub(super) fn alter(object: Object, node: &SyntaxNode) -> Action {
    Action::AlterObject {
        object,
        name: first_name(node),
        change: node
            .children()
            .find_map(|it| change(&it))
            .unwrap_or(ObjectChange::Define),
        tables: tables(object, node),
    }
}

/// The first child that is a name.
fn first_name(node: &SyntaxNode) -> Name {
    let is_word = |it: &SyntaxNode| {
        ast::OrReplace::can_cast(it.kind())
            || ast::IfNotExists::can_cast(it.kind())
            || ast::IfExists::can_cast(it.kind())
            || ast::Persistence::can_cast(it.kind())
    };
    node.children()
        .find(|it| !is_word(it))
        .map(|it| name(&it))
        .unwrap_or_default()
}

/// What a publication publishes, or what extended statistics are about.
fn tables(object: Object, node: &SyntaxNode) -> Vec<Name> {
    match object {
        Object::Publication => below::<ast::PublicationObjectTable>(node)
            .filter_map(|it| name_of::<ast::TableNameRef>(it.syntax()))
            .collect(),
        Object::Statistics => below::<ast::FromTable>(node)
            .filter_map(|it| name_of::<ast::TableNameRef>(it.syntax()))
            .collect(),
        _ => Vec::new(),
    }
}

/// By the first words of the part that says what changes.
fn change(node: &SyntaxNode) -> Option<ObjectChange> {
    match node.first_token()?.kind() {
        SyntaxKind::RENAME_KW => Some(ObjectChange::Rename {
            to: node
                .children()
                .last()
                .map(|it| name(&it).name)
                .unwrap_or_default(),
        }),
        SyntaxKind::OWNER_KW => Some(ObjectChange::Owner),
        SyntaxKind::SET_KW if has_token(node, SyntaxKind::SCHEMA_KW) => Some(ObjectChange::SetSchema {
            schema: word_of::<ast::SchemaRef>(node).unwrap_or_default(),
        }),
        SyntaxKind::ADD_KW => Some(ObjectChange::Add),
        SyntaxKind::DROP_KW => Some(ObjectChange::Remove),
        _ => None,
    }
}

/// `CREATE SCHEMA`; None if it creates tables and the like in the same statement.
pub(super) fn create_schema(node: &ast::CreateSchema) -> Option<Action> {
    if node.schema_elements().next().is_some() {
        return None;
    }
    let target = node.create_schema_target()?;
    let schema = word_of::<ast::Schema>(target.syntax()).or_else(|| word_of::<ast::Role>(target.syntax()));
    Some(Action::CreateObject {
        object: Object::Schema,
        name: Name::bare(&schema.unwrap_or_default()),
        replace: false,
        tables: Vec::new(),
    })
}

/// `ALTER TYPE`.
pub(super) fn alter_type(node: &ast::AlterType) -> Option<Action> {
    let change = match node.action()? {
        ast::AlterTypeAction::AddValue(it) => AlterType::AddValue {
            value: it.literal().and_then(|it| it.string_value()).unwrap_or_default(),
            if_not_exists: it.if_not_exists().is_some(),
        },
        ast::AlterTypeAction::RenameValue(it) => AlterType::RenameValue {
            from: it.from().and_then(|it| it.string_value()).unwrap_or_default(),
            to: it.to().and_then(|it| it.string_value()).unwrap_or_default(),
        },
        ast::AlterTypeAction::TypeRenameTo(it) => AlterType::Rename {
            to: name_of::<ast::TypeName>(it.syntax())?.name,
        },
        ast::AlterTypeAction::SetSchema(it) => AlterType::SetSchema {
            schema: word_of::<ast::SchemaRef>(it.syntax())?,
        },
        ast::AlterTypeAction::OwnerTo(_) => AlterType::Owner,
        ast::AlterTypeAction::RenameAttribute(it) => AlterType::Attributes {
            breaking: true,
            cascade: super::tree::cascades(it.syntax()),
        },
        ast::AlterTypeAction::AlterTypeAttributeActionList(list) => AlterType::Attributes {
            breaking: list
                .actions()
                .any(|it| !matches!(it, ast::AlterTypeAttributeAction::AddAttribute(_))),
            cascade: list.actions().any(|it| super::tree::cascades(it.syntax())),
        },
        ast::AlterTypeAction::SetOptions(_) => AlterType::SetProperties,
    };
    Some(Action::AlterType {
        name: name(node.type_name_ref()?.syntax()),
        change,
    })
}

/// `ALTER DOMAIN`.
pub(super) fn alter_domain(node: &ast::AlterDomain) -> Option<Action> {
    use ast::AlterDomainAction as A;
    let action = node.action()?;
    let constraint_name = || word_of::<ast::ConstraintNameRef>(action.syntax());
    let change = match &action {
        A::SetDefault(it) => DomainChange::SetDefault(expression(&it.expr()?)),
        A::DropDefault(_) => DomainChange::DropDefault,
        A::SetNotNull(_) => DomainChange::SetNotNull,
        A::DropNotNull(_) => DomainChange::DropNotNull,
        A::AddConstraint(it) => {
            let inner = child::<ast::Constraint>(it.syntax())?;
            DomainChange::AddConstraint(constraint(inner.syntax(), Some(""))?)
        }
        A::DropConstraint(_) => DomainChange::DropConstraint {
            constraint: constraint_name()?,
        },
        A::ValidateConstraint(_) => DomainChange::ValidateConstraint {
            constraint: constraint_name()?,
        },
        A::RenameConstraint(_) => DomainChange::RenameConstraint,
        A::OwnerTo(_) => DomainChange::Owner,
        A::DomainRenameTo(it) => DomainChange::Rename {
            to: name_of::<ast::Domain>(it.syntax())?.name,
        },
        A::SetSchema(it) => DomainChange::SetSchema {
            schema: word_of::<ast::SchemaRef>(it.syntax())?,
        },
    };
    Some(Action::AlterDomain {
        name: name(node.domain_ref()?.syntax()),
        change,
    })
}
