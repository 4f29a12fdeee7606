//! What depends on a table and its columns: views, generated columns, and the bodies of triggers.
//!
//! Found in texts, so a name counts wherever it could mean a column of this table. A trigger that writes the table has an entry without a column, of
//! the kind `trigger`; one whose body names a column has an entry of the kind `trigger body`: SQLite refuses to drop that column.

use super::Object;
use super::triggers::{head, is_users, writes};
use crate::catalog::{Column, Dependent};
use crate::postgres::error::Error;
use crate::sqlite::definition::{ClauseKind, Definition};
use crate::sqlite::tokens::{self, Token, TokenKind};

pub(super) fn of(
    objects: &[Object],
    table: &Object,
    columns: &[Column],
    definition: Option<&Definition<'_>>,
) -> Result<Vec<Dependent>, Error> {
    let mut found = Vec::new();
    for object in objects {
        if object.kind == "view" && object.name != table.name {
            found.extend(view(object, &object.tokens()?, table, columns));
        } else if is_users(object) {
            found.extend(trigger(object, &object.tokens()?, table, columns));
        }
    }
    found.extend(definition.iter().flat_map(|d| generated(d, table)));
    Ok(found)
}

fn view(object: &Object, tokens: &[Token<'_>], table: &Object, columns: &[Column]) -> Vec<Dependent> {
    if !mentions(tokens, &table.name) {
        return Vec::new();
    }
    let kept: Vec<&Column> = if reads_all(tokens) {
        columns.iter().collect()
    } else {
        columns.iter().filter(|c| names(tokens, &c.name)).collect()
    };
    let name = format!("view {}", object.name);
    if kept.is_empty() {
        return vec![dependent("view", name, "")];
    }
    kept.into_iter()
        .map(|c| dependent("view", name.clone(), &c.name))
        .collect()
}

/// `SELECT *` or a natural join: every column counts, even one that is not there yet.
fn reads_all(tokens: &[Token<'_>]) -> bool {
    tokens.windows(2).any(|pair| {
        let list = pair[0].is_any_word(&["SELECT", "DISTINCT", "ALL"])
            || pair[0].is_symbol(",")
            || pair[0].is_symbol(".");
        (pair[1].is_symbol("*") && list) || pair[0].is_word("NATURAL")
    })
}

fn trigger(object: &Object, tokens: &[Token<'_>], table: &Object, columns: &[Column]) -> Vec<Dependent> {
    let own = object.of.eq_ignore_ascii_case(&table.name);
    let name = format!("trigger {} on {}", object.name, object.of);
    let body = &tokens[head(tokens).body..];
    let mut found = Vec::new();
    if writes(body, &table.name) {
        found.push(dependent("trigger", name.clone(), ""));
    }
    let everywhere = mentions(body, &table.name);
    let used = columns.iter().filter(|c| {
        (everywhere && names(body, &c.name))
            || (own && (of_the_row(tokens, &c.name) || updated(tokens, &c.name)))
    });
    found.extend(used.map(|c| dependent("trigger body", name.clone(), &c.name)));
    found
}

/// NEW.column or OLD.column, in WHEN or in the body.
fn of_the_row(tokens: &[Token<'_>], column: &str) -> bool {
    tokens
        .windows(3)
        .any(|w| (w[0].is_name("NEW") || w[0].is_name("OLD")) && w[1].is_symbol(".") && w[2].is_name(column))
}

/// UPDATE OF column
fn updated(tokens: &[Token<'_>], column: &str) -> bool {
    head(tokens)
        .update_of
        .iter()
        .any(|name| name.eq_ignore_ascii_case(column))
}

fn generated(definition: &Definition<'_>, table: &Object) -> Vec<Dependent> {
    let mut found = Vec::new();
    for column in &definition.columns {
        let Some(clause) = column.clause(ClauseKind::Generated) else {
            continue;
        };
        let name = format!("column {} of table {}", column.name, table.name);
        let reads = definition.columns_in(&definition.within_brackets(&clause.tokens));
        found.extend(
            reads
                .iter()
                .map(|read| dependent("generated column", name.clone(), read)),
        );
    }
    found
}

/// The table is named: by a name, or by a string where only a table can stand.
fn mentions(tokens: &[Token<'_>], table: &str) -> bool {
    tokens.iter().enumerate().any(|(i, token)| {
        let before = i.checked_sub(1).map(|before| &tokens[before]);
        let place =
            before.is_some_and(|t| t.is_any_word(&["FROM", "JOIN", "INTO", "UPDATE"]) || t.is_symbol(","));
        token.is_name(table) && (token.kind != TokenKind::Text || place)
    })
}

fn names(tokens: &[Token<'_>], column: &str) -> bool {
    tokens::column_names(tokens)
        .into_iter()
        .any(|i| tokens[i].is_name(column))
}

fn dependent(kind: &str, name: String, column: &str) -> Dependent {
    Dependent {
        kind: kind.to_owned(),
        name,
        column: column.to_owned(),
    }
}
