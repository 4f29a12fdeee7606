//! Statements that read or write rows.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::queries::{query, query_of_write, written_by};
use super::statement;
use super::tree::{below, child, name, name_of, text, word, word_of};
use crate::postgres::action::{
    Action, Copy, Delete, Insert, Maintenance, Merge, Name, Query, Scope, Setting, Update,
};

/// `SELECT`, `VALUES`, `TABLE`; a SELECT of nothing but `set_config` is a SET.
pub(super) fn select(node: &SyntaxNode) -> Action {
    set_config(node).unwrap_or_else(|| Action::Query(query(node)))
}

/// `SELECT set_config('name', 'value', is_local)`, as pg_dump writes it.
fn set_config(node: &SyntaxNode) -> Option<Action> {
    let select = ast::Select::cast(node.clone())?;
    if select.from_clause().is_some() || select.with_clause().is_some() {
        return None;
    }
    let clause = select.select_clause()?;
    let mut targets = below::<ast::Target>(clause.syntax());
    let (target, None) = (targets.next()?, targets.next()) else {
        return None;
    };
    let call = child::<ast::CallExpr>(target.syntax())?;
    let function = call
        .syntax()
        .children()
        .next()
        .map(|it| text(&it).to_lowercase())?;
    if function != "set_config" && function != "pg_catalog.set_config" {
        return None;
    }
    let list = child::<ast::ArgList>(call.syntax())?;
    let mut literals = below::<ast::Literal>(list.syntax());
    let (name, value, local) = (literals.next()?, literals.next()?, literals.next()?);
    let value = value.string_value()?;
    Some(Action::Setting(Setting::Set {
        name: name.string_value()?.to_lowercase(),
        values: value
            .split(',')
            .map(|it| it.trim().trim_matches('"').to_owned())
            .collect(),
        scope: if text(local.syntax()).eq_ignore_ascii_case("true") {
            Scope::Local
        } else {
            Scope::Session
        },
    }))
}

/// `INSERT`.
pub(super) fn insert(node: &ast::Insert) -> Option<Action> {
    let table = written_by(node.syntax())?;
    let source = node.insert_source();
    let from_query = match source {
        Some(ast::InsertSource::SelectVariant(ast::SelectVariant::Values(_)))
        | Some(ast::InsertSource::DefaultValues(_))
        | None => false,
        Some(ast::InsertSource::SelectVariant(_)) => true,
    };
    Some(Action::Insert(Insert {
        query: query_of_write(node.syntax(), &table),
        table,
        from_query,
        on_conflict: node.on_conflict_clause().is_some(),
    }))
}

/// `UPDATE`.
pub(super) fn update(node: &ast::Update) -> Option<Action> {
    let table = written_by(node.syntax())?;
    let set = node.set_clause()?;
    Some(Action::Update(Update {
        columns: below::<ast::ColumnTarget>(set.syntax())
            .filter_map(|it| word_of::<ast::ColumnNameRef>(it.syntax()))
            .collect(),
        condition: condition(node.where_clause_or_current_of()),
        query: query_of_write(node.syntax(), &table),
        table,
    }))
}

/// `DELETE`.
pub(super) fn delete(node: &ast::Delete) -> Option<Action> {
    let table = written_by(node.syntax())?;
    Some(Action::Delete(Delete {
        condition: condition(node.where_clause_or_current_of()),
        query: query_of_write(node.syntax(), &table),
        table,
    }))
}

/// `WHERE`, without the word.
fn condition(clause: Option<ast::WhereClauseOrCurrentOf>) -> Option<String> {
    match clause? {
        ast::WhereClauseOrCurrentOf::WhereClause(it) => it.expr().map(|it| text(it.syntax())),
        ast::WhereClauseOrCurrentOf::WhereCurrentOf(it) => Some(text(it.syntax())),
    }
}

/// `MERGE`.
pub(super) fn merge(node: &ast::Merge) -> Option<Action> {
    let table = written_by(node.syntax())?;
    Some(Action::Merge(Merge {
        query: query_of_write(node.syntax(), &table),
        table,
    }))
}

/// `COPY`.
pub(super) fn copy(node: &ast::Copy) -> Option<Action> {
    if let Some(inner) = node.copy_query() {
        return Some(Action::Copy(Copy::Query(query(inner.syntax()))));
    }
    let table = name_of::<ast::TableNameRef>(node.copy_table()?.syntax())?;
    let copy = match node.copy_direction()? {
        ast::CopyDirection::CopyFrom(_) => Copy::Into(table),
        ast::CopyDirection::CopyTo(_) => Copy::OutOf(table),
    };
    Some(Action::Copy(copy))
}

/// `EXPLAIN`: only planned, unless it says ANALYZE.
pub(super) fn explain(node: &ast::Explain) -> Option<Action> {
    let analyze = match node.explain_mode() {
        Some(ast::ExplainMode::ExplainAnalyze(_)) => true,
        Some(ast::ExplainMode::ExplainOptionList(list)) => list.explain_options().any(|option| {
            let name = option.explain_option_name().map(|it| word(it.syntax()));
            let value = option
                .explain_option_value()
                .map(|it| text(it.syntax()).to_lowercase());
            name.is_some_and(|it| it == "analyze" || it == "analyse")
                && !matches!(value.as_deref(), Some("false" | "off" | "0" | "no"))
        }),
        Some(ast::ExplainMode::ExplainVerbose(_)) | None => false,
    };
    let inner = node.explain_stmt()?;
    if analyze {
        return statement::action(&ast::Stmt::cast(inner.syntax().clone())?);
    }
    Some(Action::Query(Query {
        planned_only: true,
        ..query(inner.syntax())
    }))
}

/// `VACUUM`.
pub(super) fn vacuum(node: &ast::Vacuum) -> Action {
    Action::Maintenance(Maintenance::Vacuum {
        tables: tables(node.syntax()),
        full: node.is_full(),
    })
}

/// `ANALYZE`.
pub(super) fn analyze(node: &ast::Analyze) -> Action {
    Action::Maintenance(Maintenance::Analyze {
        tables: tables(node.syntax()),
    })
}

/// `CLUSTER`, also as `CLUSTER index ON table`.
pub(super) fn cluster(node: &ast::Cluster) -> Action {
    let table = match child::<ast::ClusterLegacy>(node.syntax()) {
        Some(legacy) => child::<ast::OnPath>(legacy.syntax()).map(|it| name(it.syntax())),
        None => name_of::<ast::TableNameRef>(node.syntax()),
    };
    Action::Maintenance(Maintenance::Cluster { table })
}

fn tables(node: &SyntaxNode) -> Vec<Name> {
    below::<ast::TableRelationName>(node)
        .map(|it| name(it.syntax()))
        .collect()
}
