//! Triggers, rules and policies: what belongs to one table.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::expressions::called;
use super::tree::{cascades, child, has, if_exists, name, word_of};
use crate::postgres::action::{Action, CreateTrigger, Name, Object, ObjectChange};

/// `CREATE TRIGGER`.
pub(super) fn create(node: &ast::CreateTrigger) -> Option<Action> {
    Some(Action::CreateTrigger(CreateTrigger {
        name: word_of::<ast::Trigger>(node.syntax())?,
        table: name(node.on_relation()?.syntax()),
        replace: node.or_replace().is_some(),
        from: node.from_table().map(|it| name(it.syntax())),
        for_each_row: matches!(node.trigger_level(), Some(ast::TriggerLevel::ForEachRow(_))),
        function: called(node.call_expr()?.syntax())
            .into_iter()
            .next()
            .unwrap_or_default(),
    }))
}

/// `CREATE RULE`, `CREATE POLICY`.
pub(super) fn create_on_table(node: &SyntaxNode) -> Option<Action> {
    let (object, name) = named(node)?;
    Some(Action::OnTable {
        object,
        name,
        table: table(node)?,
        change: ObjectChange::Create {
            replace: has::<ast::OrReplace>(node),
        },
    })
}

/// `ALTER TRIGGER`, `RULE` or `POLICY`.
pub(super) fn alter(node: &SyntaxNode) -> Option<Action> {
    let (object, name) = named(node)?;
    let renamed = word_below::<ast::TriggerRenameTo, ast::Trigger>(node)
        .or_else(|| word_below::<ast::RuleRenameTo, ast::Rule>(node))
        .or_else(|| word_below::<ast::PolicyRenameTo, ast::Policy>(node));
    Some(Action::OnTable {
        object,
        name,
        table: table(node)?,
        change: match renamed {
            Some(to) => ObjectChange::Rename { to },
            None => ObjectChange::Define,
        },
    })
}

/// `DROP TRIGGER`, `RULE` or `POLICY`.
pub(super) fn drop(node: &SyntaxNode) -> Option<Action> {
    let (object, name) = named(node)?;
    Some(Action::OnTable {
        object,
        name,
        table: table(node)?,
        change: ObjectChange::Drop {
            if_exists: if_exists(node),
            cascade: cascades(node),
        },
    })
}

fn word_below<Outer: AstNode, Inner: AstNode>(node: &SyntaxNode) -> Option<String> {
    word_of::<Inner>(child::<Outer>(node)?.syntax())
}

fn named(node: &SyntaxNode) -> Option<(Object, String)> {
    let trigger = || word_of::<ast::TriggerRef>(node).map(|it| (Object::Trigger, it));
    let rule = || word_of::<ast::RuleRef>(node).or_else(|| word_of::<ast::Rule>(node));
    let policy = || word_of::<ast::PolicyRef>(node).or_else(|| word_of::<ast::Policy>(node));
    trigger()
        .or_else(|| rule().map(|it| (Object::Rule, it)))
        .or_else(|| policy().map(|it| (Object::Policy, it)))
}

fn table(node: &SyntaxNode) -> Option<Name> {
    let on = node.children().find(|it| {
        ast::OnRelation::can_cast(it.kind())
            || ast::OnTable::can_cast(it.kind())
            || ast::RuleOn::can_cast(it.kind())
    })?;
    let relation = on
        .children()
        .find(|it| ast::RelationNameRef::can_cast(it.kind()) || ast::TableNameRef::can_cast(it.kind()))?;
    Some(name(&relation))
}
