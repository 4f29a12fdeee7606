//! Indexes: from two pragmas, and for expressions and predicates from their text.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{FromRow, Row as _};

use super::Object;
use crate::catalog::{Column, Index};
use crate::postgres::error::Error;
use crate::sqlite::{text, tokens};

/// An index as the pragmas tell it.
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) unique: bool,
    /// `c` of CREATE INDEX, `u` of UNIQUE, `pk` of PRIMARY KEY.
    pub(super) origin: String,
    partial: bool,
    /// Its key, None for an expression.
    pub(super) columns: Vec<Option<String>>,
}

/// One line of the answer: an index with one item of its key.
struct Item {
    name: String,
    unique: bool,
    origin: String,
    partial: bool,
    column: Option<String>,
}

impl FromRow<'_, SqliteRow> for Item {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            name: row.try_get("name")?,
            unique: row.try_get("unique")?,
            origin: row.try_get("origin")?,
            partial: row.try_get("partial")?,
            column: row.try_get("column")?,
        })
    }
}

/// Every index of a table in the order in which they were made.
pub(super) async fn list(conn: &mut SqliteConnection, table: &str) -> Result<Vec<Listed>, Error> {
    const SQL: &str = "/* sluice:engine.catalog_indexes */ \
        SELECT l.name, l.\"unique\", l.origin, l.partial, x.name AS \"column\" \
        FROM pragma_index_list(?1, 'main') AS l, pragma_index_xinfo(l.name, 'main') AS x \
        WHERE x.key \
        ORDER BY l.seq DESC, x.seqno";
    let items: Vec<Item> = text::query_as(SQL)
        .bind(table)
        .fetch_all(conn)
        .await
        .map_err(Error::query(format!("list the indexes of table {table:?}")))?;
    let mut found: Vec<Listed> = Vec::new();
    for item in items {
        match found.last_mut() {
            Some(last) if last.name == item.name => last.columns.push(item.column),
            _ => found.push(Listed {
                name: item.name,
                unique: item.unique,
                origin: item.origin,
                partial: item.partial,
                columns: vec![item.column],
            }),
        }
    }
    Ok(found)
}

/// Those that CREATE INDEX made; the others stand for constraints and come and go with them.
pub(super) fn indexes(
    listed: &[Listed],
    objects: &[Object],
    columns: &[Column],
) -> Result<Vec<Index>, Error> {
    let made = listed.iter().filter(|index| index.origin == "c");
    made.filter_map(|index| {
        let object = objects
            .iter()
            .find(|o| o.kind == "index" && o.name == index.name)?;
        Some(complete(index, object, columns))
    })
    .collect()
}

fn complete(index: &Listed, object: &Object, columns: &[Column]) -> Result<Index, Error> {
    let mut used: Vec<String> = index.columns.iter().flatten().cloned().collect();
    let tokens = object.tokens()?;
    let on = tokens.iter().position(|t| t.is_word("ON")).unwrap_or_default();
    let within = &tokens[on..];
    for i in tokens::column_names(within) {
        used.extend(
            columns
                .iter()
                .filter(|c| within[i].is_name(&c.name))
                .map(|c| c.name.clone()),
        );
    }
    let mut seen = Vec::new();
    used.retain(|name| {
        let new = !seen.contains(name);
        seen.push(name.clone());
        new
    });
    Ok(Index {
        name: index.name.clone(),
        definition: object.text.clone(),
        columns: used,
        unique: index.unique,
        expression_or_partial: index.partial || index.columns.contains(&None),
        constraint: None,
        valid: true,
        comment: None,
    })
}
