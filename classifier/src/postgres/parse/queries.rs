//! Queries: the tables they read, lock and write, the functions they call.

use std::collections::BTreeSet;

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::expressions::called;
use super::tree::{below, child, name, name_of, word, word_of};
use crate::postgres::action::{Name, Query, Volatility};
use crate::postgres::functions;

/// Everything that is read, locked, written or called below a node.
pub(super) fn query(node: &SyntaxNode) -> Query {
    let with: BTreeSet<String> = below::<ast::WithTable>(node)
        .filter_map(|it| word_of::<ast::CteName>(it.syntax()))
        .collect();
    let is_table = |it: &Name| it.schema.is_some() || !with.contains(&it.name);
    let mut query = Query::default();
    for item in below::<ast::RelationFromItem>(node) {
        add(
            &mut query.reads,
            name_of::<ast::RelationNameRef>(item.syntax()).filter(is_table),
        );
    }
    for table in below::<ast::Table>(node) {
        add(
            &mut query.reads,
            name_of::<ast::RelationName>(table.syntax()).filter(is_table),
        );
    }
    for clause in below::<ast::LockingClause>(node) {
        for locked in locked_by(&clause).into_iter().filter(is_table) {
            add(&mut query.locks_rows, Some(locked));
        }
    }
    for target in node.descendants().filter_map(|it| written_by(&it)) {
        add(&mut query.writes, Some(target));
    }
    for function in called(node) {
        if functions::volatility(&function) == Volatility::Unknown {
            add(&mut query.unknown_functions, Some(function));
        }
    }
    query
}

/// The same of a statement that itself writes to `target`, which is not among what WITH writes to.
pub(super) fn query_of_write(node: &SyntaxNode, target: &Name) -> Query {
    let mut query = query(node);
    if let Some(at) = query.writes.iter().position(|it| it == target) {
        query.writes.remove(at);
    }
    query
}

fn add(to: &mut Vec<Name>, name: Option<Name>) {
    if let Some(name) = name.filter(|name| !to.contains(name)) {
        to.push(name);
    }
}

/// The tables whose rows a `FOR UPDATE` locks: all of its query, or those it names, by themselves or by their alias.
fn locked_by(clause: &ast::LockingClause) -> Vec<Name> {
    let Some(select) = clause.syntax().parent() else {
        return Vec::new();
    };
    let Some(from) = child::<ast::FromClause>(&select) else {
        return Vec::new();
    };
    let only: Vec<String> = child::<ast::LockingOf>(clause.syntax())
        .map(|of| {
            below::<ast::NameRef>(of.syntax())
                .map(|it| word(it.syntax()))
                .collect()
        })
        .unwrap_or_default();
    let wanted = |item: &ast::RelationFromItem, table: &Name| {
        let alias = item.alias().and_then(|it| it.name()).map(|it| word(it.syntax()));
        only.is_empty() || only.contains(alias.as_ref().unwrap_or(&table.name))
    };
    below::<ast::RelationFromItem>(from.syntax())
        .filter_map(|item| {
            let table = name_of::<ast::RelationNameRef>(item.syntax())?;
            wanted(&item, &table).then_some(table)
        })
        .collect()
}

/// The table that this very node writes to.
pub(super) fn written_by(node: &SyntaxNode) -> Option<Name> {
    if ast::Insert::can_cast(node.kind()) {
        name_of::<ast::RelationNameRef>(node)
    } else if ast::Update::can_cast(node.kind()) || ast::Delete::can_cast(node.kind()) {
        let relation = child::<ast::RelationName>(node)?;
        Some(name(relation.syntax()))
    } else if ast::Merge::can_cast(node.kind()) {
        name_of::<ast::TableRelationName>(node)
    } else {
        None
    }
}
