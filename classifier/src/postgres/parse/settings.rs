//! Transaction control, SET and RESET.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::tree::{below, child, parts, text, word_of};
use crate::postgres::action::{Action, Scope, Setting, Transaction};

/// `COMMIT`, `END`, `COMMIT PREPARED`.
pub(super) fn commit(node: &ast::Commit) -> Action {
    Action::Transaction(match node {
        ast::Commit::CommitPrepared(_) => Transaction::FinishPrepared,
        ast::Commit::CommitTransaction(it) => Transaction::Commit {
            chain: is_chain(it.chain_clause().as_ref()),
        },
    })
}

/// `ROLLBACK`, `ABORT`, and to a savepoint.
pub(super) fn rollback(node: &ast::Rollback) -> Action {
    Action::Transaction(match node {
        ast::Rollback::RollbackPrepared(_) => Transaction::FinishPrepared,
        ast::Rollback::RollbackToSavepoint(it) => {
            Transaction::RollbackTo(word_of::<ast::SavepointRef>(it.syntax()).unwrap_or_default())
        }
        ast::Rollback::RollbackTransaction(it) => Transaction::Rollback {
            chain: is_chain(it.chain_clause().as_ref()),
        },
    })
}

fn is_chain(clause: Option<&ast::ChainClause>) -> bool {
    matches!(clause, Some(ast::ChainClause::AndChain(_)))
}

/// `SET`.
pub(super) fn set(node: &ast::Set) -> Option<Action> {
    let (name, values) = match node.set_target()? {
        ast::SetTarget::SetConfig(it) => {
            let name = parts(it.config_parameter_ref()?.syntax()).join(".");
            (name, config_values(it.syntax()))
        }
        ast::SetTarget::SetTimeZone(it) => ("timezone".to_owned(), time_zone(&it)),
        ast::SetTarget::SetSchemaValue(it) => ("search_path".to_owned(), literals(it.syntax())),
        ast::SetTarget::SetCatalog(_) | ast::SetTarget::SetXmlOption(_) => return Some(Action::Nothing),
    };
    Some(Action::Setting(Setting::Set {
        name: name.to_lowercase(),
        values,
        scope: scope(node.set_scope().as_ref()),
    }))
}

fn scope(scope: Option<&ast::SetScope>) -> Scope {
    match scope {
        Some(ast::SetScope::LocalScope(_)) => Scope::Local,
        Some(ast::SetScope::SessionScope(_)) | None => Scope::Session,
    }
}

fn config_values(node: &SyntaxNode) -> Vec<String> {
    below::<ast::ConfigValue>(node).map(|it| value(&it)).collect()
}

/// Without quotes.
fn value(value: &ast::ConfigValue) -> String {
    match value {
        ast::ConfigValue::Literal(it) => it.string_value().unwrap_or_else(|| text(it.syntax())),
        ast::ConfigValue::ConfigValueName(it) => super::tree::word(it.syntax()),
        ast::ConfigValue::PrefixExpr(it) => text(it.syntax()),
    }
}

fn literals(node: &SyntaxNode) -> Vec<String> {
    below::<ast::Literal>(node)
        .filter_map(|it| it.string_value())
        .collect()
}

/// `LOCAL` and `DEFAULT` are the session's own.
fn time_zone(node: &ast::SetTimeZone) -> Vec<String> {
    match (node.config_value(), node.cast_expr()) {
        (Some(it), _) => vec![value(&it)],
        (None, Some(it)) => vec![text(it.syntax())],
        (None, None) => Vec::new(),
    }
}

/// `SET ROLE`, `SET SESSION AUTHORIZATION`.
pub(super) fn set_role(node: &SyntaxNode) -> Action {
    let role = below::<ast::RoleRef>(node).map(|it| text(it.syntax())).next();
    Action::Setting(Setting::Set {
        name: "role".to_owned(),
        values: role.into_iter().chain(literals(node)).collect(),
        scope: scope(child::<ast::SetScope>(node).as_ref()),
    })
}

/// `RESET`.
pub(super) fn reset(node: &ast::Reset) -> Option<Action> {
    Some(Action::Setting(match node.reset_target()? {
        ast::ResetTarget::All(_) => Setting::ResetAll,
        ast::ResetTarget::ConfigParameterRef(it) => Setting::Reset {
            name: parts(it.syntax()).join(".").to_lowercase(),
        },
        ast::ResetTarget::ResetTimeZone(_) => Setting::Reset {
            name: "timezone".to_owned(),
        },
        ast::ResetTarget::ResetTransactionIsolation(_) => Setting::Reset {
            name: "transaction_isolation".to_owned(),
        },
    }))
}

/// `DISCARD`.
pub(super) fn discard(node: &ast::Discard) -> Option<Action> {
    Some(Action::Setting(match node.discard_target()? {
        ast::DiscardTarget::DiscardAll(_) => Setting::ResetAll,
        ast::DiscardTarget::DiscardPlans(_)
        | ast::DiscardTarget::DiscardSequences(_)
        | ast::DiscardTarget::DiscardTemp(_) => Setting::Discard,
    }))
}
