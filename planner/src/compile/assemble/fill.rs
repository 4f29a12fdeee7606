//! What a fill is made of: the assignments, the question whether a row is wrong, and what rows are named and ranged by.

use engine::catalog::EngineKind;
use engine::postgres::ident::{IdentError, literal};
use engine::{postgres, sqlite};
use ledger::plan::{Fill, FilledColumn};

use crate::compile::dialect::quote;
use crate::compile::draft::TableDraft;

/// The fill of one table.
pub(super) fn fill(engine: EngineKind, id: usize, table: &TableDraft<'_>) -> Result<Fill, super::Error> {
    let alias = quote(engine, &table.table.name.name)?;
    let pairs = table.ordered_pairs();
    let mut set = Vec::new();
    let mut wrong = Vec::new();
    let mut unrelated = Vec::new();
    for pair in &pairs {
        set.push(postgres::expression::set_sql(&pair.new, &pair.up)?);
        let not_up = wrong_sql(engine, &pair.new, &pair.new_type, &pair.up)?;
        unrelated.push(match &pair.down {
            Some(down) => {
                let not_down = wrong_sql(engine, &down.column, &down.column_type, &down.expression)?;
                format!("(({not_up}) AND ({not_down}))")
            }
            None => not_up.clone(),
        });
        wrong.push(not_up);
    }
    let (key, row) = match engine {
        EngineKind::Postgresql => (key(table, &alias)?, None),
        EngineKind::Sqlite => {
            let row = crate::compile::sqlite::row(table);
            (key_of_sqlite(table, &alias, &row)?, Some(row))
        }
    };
    Ok(Fill {
        id: u32::try_from(id).expect("a plan has fewer than four billion fills"),
        table: table.table.name.clone(),
        key,
        row,
        alias,
        set: set.join(", "),
        wrong: wrong.join(" OR "),
        unrelated: unrelated.join(" OR "),
        columns: pairs
            .into_iter()
            .map(|pair| FilledColumn {
                column: pair.new,
                type_name: pair.new_type,
                up: pair.up,
            })
            .collect(),
    })
}

fn wrong_sql(engine: EngineKind, column: &str, type_name: &str, up: &str) -> Result<String, IdentError> {
    match engine {
        EngineKind::Postgresql => postgres::expression::wrong_sql(column, type_name, up),
        EngineKind::Sqlite => sqlite::expression::wrong_sql(column, up),
    }
}

/// The row's primary key as JSON; its place in the file if it has none.
fn key(table: &TableDraft<'_>, alias: &str) -> Result<String, IdentError> {
    let columns = table.table.primary_key();
    if columns.is_empty() {
        return Ok(format!(
            "pg_catalog.jsonb_build_object('ctid', {alias}.ctid::text)"
        ));
    }
    let pairs: Result<Vec<String>, IdentError> = columns
        .iter()
        .map(|name| {
            Ok(format!(
                "{}, {alias}.{}",
                literal(name),
                postgres::ident::quote(name)?
            ))
        })
        .collect();
    Ok(format!("pg_catalog.jsonb_build_object({})", pairs?.join(", ")))
}

/// The same on SQLite, where a key may hold bytes, which JSON cannot: they are named by their hexadecimal digits.
fn key_of_sqlite(table: &TableDraft<'_>, alias: &str, row: &str) -> Result<String, IdentError> {
    let columns = table.table.primary_key();
    if columns.is_empty() {
        return Ok(format!("json_object('rowid', {alias}.{row})"));
    }
    let pairs: Result<Vec<String>, IdentError> = columns
        .iter()
        .map(|name| {
            let value = format!("{alias}.{}", sqlite::ident::quote(name)?);
            let name = sqlite::ident::literal(name);
            // As the mirror's quarantine writes it, so that a row has one name.
            Ok(format!(
                "{name}, CASE typeof({value}) WHEN 'blob' THEN hex({value}) ELSE {value} END"
            ))
        })
        .collect();
    Ok(format!("json_object({})", pairs?.join(", ")))
}
