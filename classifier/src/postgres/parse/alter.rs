//! ALTER TABLE and what it shares with views, materialized views, foreign tables and sequences.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::columns::column;
use super::constraints::constraint;
use super::expressions::expression;
use super::indexes::parameters;
use super::tree::{cascades, has, if_exists, name, name_of, text, word_of};
use super::types::sql_type;
use super::views::owned_by;
use crate::postgres::action::{Action, Alter, AlterTable, Name, Relation, Switch, TriggerState, Triggers};

/// `ALTER TABLE`, `ALTER FOREIGN TABLE`.
pub(super) fn table(relation: Relation, node: &SyntaxNode) -> Option<Action> {
    if has::<ast::AllInTablespace>(node) {
        return Some(Action::MoveAllInTablespace);
    }
    let target = node.children().find_map(ast::TableRelationName::cast)?;
    let only = target.only_token().is_some();
    let changes: Option<Vec<Alter>> = node
        .children()
        .filter_map(ast::AlterTableAction::cast)
        .map(|it| change(&it))
        .collect();
    altered(relation, node, name(target.syntax()), only, changes?)
}

/// `ALTER VIEW`, `ALTER MATERIALIZED VIEW`.
pub(super) fn view(relation: Relation, node: &SyntaxNode) -> Option<Action> {
    if has::<ast::AllInTablespace>(node) {
        return Some(Action::MoveAllInTablespace);
    }
    let target = name_of::<ast::ViewRef>(node)?;
    let parts = node
        .children()
        .filter(|it| !ast::ViewRef::can_cast(it.kind()) && !ast::IfExists::can_cast(it.kind()));
    let changes: Option<Vec<Alter>> = parts.map(|it| view_change(&it)).collect();
    altered(relation, node, target, false, changes?)
}

/// `ALTER SEQUENCE`: as a table if its name, owner or schema changes.
pub(super) fn sequence(node: &ast::AlterSequence) -> Option<Action> {
    let sequence = name(node.sequence_ref()?.syntax());
    let mut changes = Vec::new();
    for action in node.actions() {
        changes.extend(match action {
            ast::AlterSequenceAction::OwnerTo(it) => owner(it.syntax()),
            ast::AlterSequenceAction::SequenceRenameTo(it) => {
                let to = name_of::<ast::Sequence>(it.syntax())?.name;
                Some(Alter::Rename { to })
            }
            ast::AlterSequenceAction::SetSchema(it) => set_schema(it.syntax()),
            ast::AlterSequenceAction::SetLogged(_) => Some(Alter::SetLogged),
            ast::AlterSequenceAction::SetUnlogged(_) => Some(Alter::SetUnlogged),
            ast::AlterSequenceAction::SequenceOption(_) => None,
        });
    }
    if changes.is_empty() {
        let owned_by = owned_by(node.syntax());
        return Some(Action::AlterSequence { sequence, owned_by });
    }
    altered(Relation::Sequence, node.syntax(), sequence, false, changes)
}

fn altered(
    relation: Relation,
    node: &SyntaxNode,
    table: Name,
    only: bool,
    changes: Vec<Alter>,
) -> Option<Action> {
    (!changes.is_empty()).then(|| {
        Action::AlterTable(AlterTable {
            relation,
            table,
            if_exists: if_exists(node),
            only,
            changes,
        })
    })
}

fn view_change(node: &SyntaxNode) -> Option<Alter> {
    if let Some(rename) = ast::ViewRenameTo::cast(node.clone()) {
        let to = name_of::<ast::View>(rename.syntax())?.name;
        return Some(Alter::Rename { to });
    }
    if let Some(of_column) = ast::AlterViewColumn::cast(node.clone()) {
        let column = word_of::<ast::ColumnNameRef>(node)?;
        return Some(match of_column.alter_view_column_action()? {
            ast::AlterViewColumnAction::DropDefault(_) => Alter::DropDefault { column },
            ast::AlterViewColumnAction::SetDefault(it) => Alter::SetDefault {
                column,
                default: expression(&it.expr()?),
            },
        });
    }
    match ast::AlterTableAction::cast(node.clone()) {
        Some(action) => change(&action),
        None => Some(Alter::Other { text: text(node) }),
    }
}

fn owner(node: &SyntaxNode) -> Option<Alter> {
    Some(Alter::Owner {
        role: word_of::<ast::RoleRef>(node).unwrap_or_default(),
    })
}

fn set_schema(node: &SyntaxNode) -> Option<Alter> {
    Some(Alter::SetSchema {
        schema: word_of::<ast::SchemaRef>(node)?,
    })
}

fn change(action: &ast::AlterTableAction) -> Option<Alter> {
    use ast::AlterTableAction as A;
    let node = action.syntax();
    Some(match action {
        A::AddColumn(it) => Alter::AddColumn {
            column: Box::new(column(node)?),
            if_not_exists: it.if_not_exists().is_some(),
        },
        A::DropColumn(it) => Alter::DropColumn {
            column: word_of::<ast::ColumnNameRef>(node)?,
            if_exists: it.if_exists().is_some(),
            cascade: cascades(node),
        },
        A::AlterColumn(it) => return column_change(it),
        A::RenameColumn(_) => Alter::RenameColumn {
            from: word_of::<ast::ColumnNameRef>(node)?,
            to: word_of::<ast::ColumnName>(node)?,
        },
        A::TableRenameTo(_) => Alter::Rename {
            to: name_of::<ast::TableName>(node)?.name,
        },
        A::RenameConstraint(_) => Alter::RenameConstraint {
            from: word_of::<ast::ConstraintNameRef>(node)?,
            to: word_of::<ast::ConstraintName>(node)?,
        },
        A::AddConstraint(it) => Alter::AddConstraint(constraint(it.constraint()?.syntax(), None)?),
        A::AlterConstraint(_) => Alter::AlterConstraint {
            constraint: word_of::<ast::ConstraintNameRef>(node)?,
            enforced: has::<ast::Enforced>(node),
        },
        A::ValidateConstraint(_) => Alter::ValidateConstraint {
            constraint: word_of::<ast::ConstraintNameRef>(node)?,
        },
        A::DropConstraint(it) => Alter::DropConstraint {
            constraint: word_of::<ast::ConstraintNameRef>(node)?,
            if_exists: it.if_exists().is_some(),
            cascade: cascades(node),
        },
        A::AttachPartition(it) => Alter::AttachPartition {
            partition: name_of::<ast::TableNameRef>(node)?,
            default: matches!(it.partition_type()?, ast::PartitionType::PartitionDefault(_)),
            bounds: text(it.partition_type()?.syntax()),
        },
        A::DetachPartition(it) => Alter::DetachPartition {
            partition: name_of::<ast::TableNameRef>(node)?,
            concurrently: matches!(
                it.detach_partition_option(),
                Some(ast::DetachPartitionOption::DetachConcurrently(_))
            ),
            finalize: matches!(
                it.detach_partition_option(),
                Some(ast::DetachPartitionOption::DetachFinalize(_))
            ),
        },
        A::EnableTrigger(it) => trigger(it.trigger_target(), TriggerState::Enabled)?,
        A::DisableTrigger(it) => trigger(it.trigger_target(), TriggerState::Disabled)?,
        A::EnableAlwaysTrigger(_) => named_trigger(node, TriggerState::Always)?,
        A::EnableReplicaTrigger(_) => named_trigger(node, TriggerState::Replica)?,
        A::EnableRule(_) => rule(node, TriggerState::Enabled)?,
        A::DisableRule(_) => rule(node, TriggerState::Disabled)?,
        A::EnableAlwaysRule(_) => rule(node, TriggerState::Always)?,
        A::EnableReplicaRule(_) => rule(node, TriggerState::Replica)?,
        A::EnableRls(_) => Alter::RowSecurity(Switch::On),
        A::DisableRls(_) => Alter::RowSecurity(Switch::Off),
        A::ForceRls(_) => Alter::ForceRowSecurity(Switch::On),
        A::NoForceRls(_) => Alter::ForceRowSecurity(Switch::Off),
        A::InheritTable(_) => Alter::Inherit {
            parent: name_of::<ast::TableNameRef>(node)?,
        },
        A::NoInheritTable(_) => Alter::NoInherit {
            parent: name_of::<ast::TableNameRef>(node)?,
        },
        A::OfType(it) => Alter::OfType {
            type_name: name(it.ty()?.syntax()),
        },
        A::NotOf(_) => Alter::NotOf,
        A::OwnerTo(_) => return owner(node),
        A::SetSchema(_) => return set_schema(node),
        A::ClusterOn(_) => Alter::ClusterOn {
            index: name_of::<ast::IndexRef>(node)?.name,
        },
        A::SetWithoutCluster(_) => Alter::SetWithoutCluster,
        A::SetWithoutOids(_) => Alter::SetWithoutOids,
        A::SetAccessMethod(_) => Alter::SetAccessMethod {
            method: word_of::<ast::AccessMethodRef>(node),
        },
        A::SetTablespace(_) => Alter::SetTablespace {
            tablespace: word_of::<ast::TablespaceRef>(node)?,
        },
        A::SetLogged(_) => Alter::SetLogged,
        A::SetUnlogged(_) => Alter::SetUnlogged,
        A::SetOptions(_) | A::ResetOptions(_) => Alter::SetParameters {
            names: parameters(node),
        },
        A::ReplicaIdentity(_) => Alter::ReplicaIdentity,
        A::AlterOptionList(_) => Alter::SetOptions,
        A::OptionItemList(_) | A::MergePartitions(_) | A::SplitPartition(_) => {
            Alter::Other { text: text(node) }
        }
    })
}

fn column_change(it: &ast::AlterColumn) -> Option<Alter> {
    use ast::AlterColumnOption as O;
    let column = word_of::<ast::ColumnNameRef>(it.syntax())?;
    Some(match it.option()? {
        O::SetDefault(of) => Alter::SetDefault {
            default: expression(&of.expr()?),
            column,
        },
        O::DropDefault(_) => Alter::DropDefault { column },
        O::SetNotNull(_) => Alter::SetNotNull { column },
        O::DropNotNull(_) => Alter::DropNotNull { column },
        O::SetType(of) => Alter::SetType {
            to: sql_type(&of.ty()?),
            collation: of
                .collate()
                .and_then(|it| name_of::<ast::CollationRef>(it.syntax())),
            using: of.using_expr().and_then(|it| it.expr()).map(|it| expression(&it)),
            column,
        },
        O::SetExpression(of) => Alter::SetExpression {
            expression: expression(&of.expr()?),
            column,
        },
        O::DropExpression(_) => Alter::DropExpression { column },
        O::AddGenerated(_) => Alter::AddIdentity { column },
        O::DropIdentity(_) => Alter::DropIdentity { column },
        O::Restart(_) | O::SetGenerated(_) | O::SetGeneratedOptions(_) | O::SetSequenceOption(_) => {
            Alter::SetIdentity { column }
        }
        O::SetStatistics(_) => Alter::SetStatistics { column },
        O::SetOptions(_) | O::ResetOptions(_) => Alter::SetColumnOptions { column },
        O::SetOptionsList(_) => Alter::SetOptions,
        O::SetStorage(_) => Alter::SetStorage { column },
        O::SetCompression(_) => Alter::SetCompression { column },
        O::Inherit(_) | O::NoInherit(_) => Alter::Other {
            text: text(it.syntax()),
        },
    })
}

fn trigger(target: Option<ast::TriggerTarget>, state: TriggerState) -> Option<Alter> {
    let triggers = match target? {
        ast::TriggerTarget::All(_) => Triggers::All,
        ast::TriggerTarget::User(_) => Triggers::User,
        ast::TriggerTarget::TriggerRef(it) => Triggers::Named(super::tree::word(it.syntax())),
    };
    Some(Alter::SetTrigger { triggers, state })
}

fn named_trigger(node: &SyntaxNode, state: TriggerState) -> Option<Alter> {
    let triggers = Triggers::Named(word_of::<ast::TriggerRef>(node)?);
    Some(Alter::SetTrigger { triggers, state })
}

fn rule(node: &SyntaxNode, state: TriggerState) -> Option<Alter> {
    let rule = word_of::<ast::RuleRef>(node)?;
    Some(Alter::SetRule { rule, state })
}
