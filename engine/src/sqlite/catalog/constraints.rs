//! Constraints: what the pragmas tell of keys and foreign keys, with the names that only the text has, and CHECKs from the text.
//!
//! Most constraints of SQLite have no name. Such a one is called by what it says: `UNIQUE ("name")`.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{FromRow, Row as _};

use super::indexes::Listed;
use super::{Declared, Object, in_main, named};
use crate::catalog::{Constraint, ConstraintKind, ForeignReference, TableName};
use crate::postgres::error::Error;
use crate::sqlite::definition::{ClauseKind, Definition};
use crate::sqlite::{ident, text};

/// PRIMARY KEY and UNIQUE.
pub(super) fn keys(
    declared: &[Declared],
    listed: &[Listed],
    definition: Option<&Definition<'_>>,
) -> Vec<Constraint> {
    let mut key: Vec<&Declared> = declared.iter().filter(|c| c.key > 0).collect();
    key.sort_by_key(|c| c.key);
    let key: Vec<String> = key.into_iter().map(|c| c.name.clone()).collect();
    let mut found = Vec::new();
    if !key.is_empty() {
        found.push(keyed(ConstraintKind::PrimaryKey, key, definition));
    }
    let unique = listed.iter().filter(|index| index.origin == "u");
    found.extend(unique.map(|index| {
        let columns = index.columns.iter().flatten().cloned().collect();
        keyed(ConstraintKind::Unique, columns, definition)
    }));
    found
}

fn keyed(kind: ConstraintKind, columns: Vec<String>, definition: Option<&Definition<'_>>) -> Constraint {
    let (word, clause) = match kind {
        ConstraintKind::PrimaryKey => ("PRIMARY KEY", ClauseKind::PrimaryKey),
        _ => ("UNIQUE", ClauseKind::Unique),
    };
    let name = definition.and_then(|definition| {
        let of_table = definition
            .constraints
            .iter()
            .find(|c| c.kind == kind && c.columns == columns)
            .and_then(|c| c.name.clone());
        let of_column = || match columns.as_slice() {
            [only] => definition.column(only)?.clause(clause)?.name.clone(),
            _ => None,
        };
        of_table.or_else(of_column)
    });
    let text = format!("{word} {}", bracketed(&columns));
    constraint(kind, name, columns, text)
}

/// CHECKs of columns and of the table.
pub(super) fn checks(definition: &Definition<'_>) -> Vec<Constraint> {
    let clauses = definition.columns.iter().flat_map(|c| &c.clauses);
    let of_columns = clauses
        .filter(|c| c.kind == ClauseKind::Check)
        .map(|c| (&c.name, &c.tokens));
    let of_table = definition
        .constraints
        .iter()
        .filter(|c| c.kind == ConstraintKind::Check);
    of_columns
        .chain(of_table.map(|c| (&c.name, &c.tokens)))
        .map(|(name, tokens)| {
            let columns = definition.columns_in(&definition.within_brackets(tokens));
            let text = definition.text_of(tokens).to_owned();
            constraint(ConstraintKind::Check, name.clone(), columns, text)
        })
        .collect()
}

fn constraint(
    kind: ConstraintKind,
    name: Option<String>,
    columns: Vec<String>,
    definition: String,
) -> Constraint {
    Constraint {
        name: name.unwrap_or_else(|| definition.clone()),
        kind,
        columns,
        definition,
        validated: true,
        references: None,
        comment: None,
    }
}

fn bracketed(columns: &[String]) -> String {
    let quoted: Vec<String> = columns.iter().map(|c| quoted(c)).collect();
    format!("({})", quoted.join(", "))
}

/// For display: SQLite has no column whose name could not be quoted.
fn quoted(name: &str) -> String {
    ident::quote(name).unwrap_or_else(|_| format!("{name:?}"))
}

/// One column of a foreign key.
struct Part {
    id: i64,
    table: String,
    from: String,
    /// None: the primary key of the other table.
    to: Option<String>,
    on_update: String,
    on_delete: String,
}

impl FromRow<'_, SqliteRow> for Part {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            table: row.try_get("table")?,
            from: row.try_get("from")?,
            to: row.try_get("to")?,
            on_update: row.try_get("on_update")?,
            on_delete: row.try_get("on_delete")?,
        })
    }
}

/// A whole foreign key.
struct ForeignKey {
    constraint: Constraint,
    references: TableName,
    /// Empty: the primary key.
    to: Vec<String>,
}

/// The foreign keys of a table.
pub(super) async fn foreign(
    conn: &mut SqliteConnection,
    objects: &[Object],
    object: &Object,
) -> Result<Vec<Constraint>, Error> {
    let keys = foreign_keys(conn, objects, object).await?;
    Ok(keys.into_iter().map(|key| key.constraint).collect())
}

/// The foreign keys of *other* tables that point at this one.
pub(super) async fn referenced_by(
    conn: &mut SqliteConnection,
    objects: &[Object],
    object: &Object,
    declared: &[Declared],
) -> Result<Vec<ForeignReference>, Error> {
    let own = in_main(&object.name);
    let mut key: Vec<&Declared> = declared.iter().filter(|c| c.key > 0).collect();
    key.sort_by_key(|c| c.key);
    let spelled = |name: &String| {
        let known = declared.iter().find(|c| c.name.eq_ignore_ascii_case(name));
        known.map_or_else(|| name.clone(), |c| c.name.clone())
    };
    let mut found = Vec::new();
    for other in objects
        .iter()
        .filter(|o| o.kind == "table" && o.page > 0 && o.name != object.name)
    {
        for foreign in foreign_keys(&mut *conn, objects, other).await? {
            if foreign.references != own {
                continue;
            }
            let columns = if foreign.to.is_empty() {
                key.iter().map(|c| c.name.clone()).collect()
            } else {
                foreign.to.iter().map(spelled).collect()
            };
            found.push(ForeignReference {
                table: in_main(&other.name),
                constraint: foreign.constraint.name,
                columns,
            });
        }
    }
    Ok(found)
}

async fn foreign_keys(
    conn: &mut SqliteConnection,
    objects: &[Object],
    object: &Object,
) -> Result<Vec<ForeignKey>, Error> {
    // SQLite numbers them backwards.
    const SQL: &str = "/* sluice:engine.catalog_foreign_keys */ \
        SELECT id, \"table\", \"from\", \"to\", on_update, on_delete \
        FROM pragma_foreign_key_list(?1, 'main') \
        ORDER BY id DESC, seq";
    let parts: Vec<Part> = text::query_as(SQL)
        .bind(&object.name)
        .fetch_all(conn)
        .await
        .map_err(Error::query(format!(
            "list the foreign keys of table {:?}",
            object.name
        )))?;
    // Of a table that nobody asked for, a text that cannot be read costs no more than names.
    let written = object
        .definition()
        .ok()
        .flatten()
        .map(|d| written(&d))
        .unwrap_or_default();
    let keys: Vec<&[Part]> = parts.chunk_by(|a, b| a.id == b.id).collect();
    // Only if both readings see as many do they speak of the same ones.
    let same = keys.len() == written.len();
    let keys = keys.into_iter().enumerate().filter_map(|(i, parts)| {
        let written = written.get(i).filter(|_| same).cloned().unwrap_or_default();
        foreign_key(objects, parts, written)
    });
    Ok(keys.collect())
}

/// What only the text tells of a foreign key.
#[derive(Clone, Default)]
struct Written {
    name: Option<String>,
    deferrable: Option<String>,
}

/// The foreign keys in the order of the text.
fn written(definition: &Definition<'_>) -> Vec<Written> {
    let clauses = definition
        .columns
        .iter()
        .flat_map(|c| &c.clauses)
        .map(|c| (&c.name, &c.references));
    let constraints = definition.constraints.iter().map(|c| (&c.name, &c.references));
    clauses
        .chain(constraints)
        .filter_map(|(name, reference)| {
            let deferrable = reference.as_ref()?.deferrable.clone();
            Some(Written {
                name: name.clone(),
                deferrable: deferrable.map(|span| definition.text[span].to_owned()),
            })
        })
        .collect()
}

fn foreign_key(objects: &[Object], parts: &[Part], written: Written) -> Option<ForeignKey> {
    let first = parts.first()?;
    let from: Vec<String> = parts.iter().map(|p| p.from.clone()).collect();
    let to: Vec<String> = parts.iter().filter_map(|p| p.to.clone()).collect();
    let references = in_main(named(objects, &first.table).map_or(&first.table, |o| &o.name));
    let mut text = format!(
        "FOREIGN KEY {} REFERENCES {}",
        bracketed(&from),
        quoted(&references.name)
    );
    if !to.is_empty() {
        text.push_str(&format!(" {}", bracketed(&to)));
    }
    for (event, action) in [("UPDATE", &first.on_update), ("DELETE", &first.on_delete)] {
        if action != "NO ACTION" {
            text.push_str(&format!(" ON {event} {action}"));
        }
    }
    if let Some(deferrable) = written.deferrable {
        text.push_str(&format!(" {deferrable}"));
    }
    let mut constraint = constraint(ConstraintKind::ForeignKey, written.name, from, text);
    constraint.references = Some(references.clone());
    Some(ForeignKey {
        constraint,
        references,
        to,
    })
}
