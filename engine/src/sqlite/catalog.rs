//! Reads the [`Catalog`] of a SQLite file.
//!
//! The pragmas tell columns, indexes and foreign keys; the rest (constraints with their names, collations, what triggers and views
//! mention) is only in the statements that the file keeps, so those are read, with SQLite's own rules for names: the case of
//! ASCII letters does not matter, and an answer spells a name as the file does.
//!
//! What is found in text errs on the side of too much: a view that joins two tables with a column of the same name counts for both.
//! What breaks it: tables in attached files and in `temp`, which this file does not know of.

mod constraints;
mod dependents;
mod indexes;
mod resolve;
mod triggers;

pub use resolve::{ResolveError, resolve};

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{FromRow, Row as _};

use super::definition::{ClauseKind, Definition};
use super::tokens::{self, Token};
use super::{ident, ranges, text};
use crate::catalog::{Catalog, Column, EngineKind, Leaf, Table, TableKind, TableName};
use crate::postgres::error::Error;

/// One entry of `sqlite_schema`.
#[derive(Clone, Debug)]
struct Object {
    /// `table`, `index`, `view` or `trigger`.
    kind: String,
    name: String,
    /// The table that an index or a trigger belongs to.
    of: String,
    /// Where the storage begins; 0 for a virtual table, a view and a trigger.
    page: i64,
    /// The statement that made it; empty for the index of a constraint.
    text: String,
}

impl FromRow<'_, SqliteRow> for Object {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            kind: row.try_get("kind")?,
            name: row.try_get("name")?,
            of: row.try_get("of")?,
            page: row.try_get("page")?,
            text: row.try_get("text")?,
        })
    }
}

impl Object {
    fn table_kind(&self) -> Option<TableKind> {
        match (self.kind.as_str(), self.page) {
            ("table", 0) => Some(TableKind::Foreign),
            ("table", _) => Some(TableKind::Ordinary),
            ("view", _) => Some(TableKind::View),
            _ => None,
        }
    }

    fn tokens(&self) -> Result<Vec<Token<'_>>, Error> {
        tokens::tokens(&self.text).map_err(|e| unreadable(&self.kind, &self.name, e))
    }

    /// None for what is not an ordinary table.
    fn definition(&self) -> Result<Option<Definition<'_>>, Error> {
        (self.table_kind() == Some(TableKind::Ordinary))
            .then(|| Definition::parse(&self.text).map_err(|e| unreadable(&self.kind, &self.name, e)))
            .transpose()
    }
}

fn unreadable(kind: &str, name: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::query(format!("read the definition of {kind} {name:?}"))(sqlx::Error::Decode(source.into()))
}

/// A name in the file's own schema.
fn in_main(name: &str) -> TableName {
    TableName {
        schema: ident::MAIN.to_owned(),
        name: name.to_owned(),
    }
}

/// Reads the facts of a file and of the tables named; a table that is not there is left out.
///
/// # Errors
/// What SQLite said, or a definition that this build cannot read.
pub async fn read(conn: &mut SqliteConnection, tables: &[TableName]) -> Result<Catalog, Error> {
    let mut catalog = file(&mut *conn).await?;
    let objects = objects(&mut *conn).await?;
    for name in tables {
        if let Some(object) = named(&objects, &name.name)
            && catalog.table(&in_main(&object.name)).is_none()
            && let Some(table) = table(&mut *conn, &objects, object).await?
        {
            catalog.tables.push(table);
        }
    }
    Ok(catalog)
}

/// What holds the table's rows: itself, with how many positions it has (0 if it is empty, or has no column that gives positions).
/// Empty if the table is gone, or stores nothing.
///
/// # Errors
/// What SQLite said, or a definition that this build cannot read.
pub async fn leaves(conn: &mut SqliteConnection, table: &TableName) -> Result<Vec<Leaf>, Error> {
    let objects = objects(&mut *conn).await?;
    match named(&objects, &table.name) {
        Some(object) => leaf(conn, object).await.map(|leaf| leaf.into_iter().collect()),
        None => Ok(Vec::new()),
    }
}

/// The columns of a table with their types as declared, in order; None if it is gone.
///
/// # Errors
/// What SQLite said.
pub async fn column_types(
    conn: &mut SqliteConnection,
    table: &TableName,
) -> Result<Option<Vec<(String, String)>>, Error> {
    let columns = declared(conn, &table.name).await?;
    let types: Vec<(String, String)> = columns.into_iter().map(|c| (c.name, c.type_name)).collect();
    Ok((!types.is_empty()).then_some(types))
}

async fn file(conn: &mut SqliteConnection) -> Result<Catalog, Error> {
    const SQL: &str = "/* sluice:engine.catalog_database */ \
        SELECT sqlite_version(), coalesce((SELECT file FROM pragma_database_list WHERE name = 'main'), '')";
    let (version, path): (String, String) = text::query_as(SQL)
        .fetch_one(conn)
        .await
        .map_err(Error::query("read the catalog of the file"))?;
    let name = std::path::Path::new(&path).file_name();
    Ok(Catalog {
        engine: EngineKind::Sqlite,
        server_version: number(&version),
        database: name.map_or_else(
            || ":memory:".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        ),
        search_path: Vec::new(),
        tables: Vec::new(),
        publications_for_all_tables: Vec::new(),
        publications_for_schema: Vec::new(),
        logical_slots: Vec::new(),
        event_triggers: Vec::new(),
    })
}

/// `3.51.3` as 3051003, SQLite's own way to number its versions.
fn number(version: &str) -> u32 {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    next() * 1_000_000 + next() * 1_000 + next()
}

async fn objects(conn: &mut SqliteConnection) -> Result<Vec<Object>, Error> {
    const SQL: &str = "/* sluice:engine.catalog_objects */ \
        SELECT type AS kind, name, tbl_name AS \"of\", coalesce(rootpage, 0) AS page, coalesce(sql, '') AS text \
        FROM main.sqlite_schema \
        ORDER BY rowid";
    text::query_as(SQL)
        .fetch_all(conn)
        .await
        .map_err(Error::query("list what the file holds"))
}

/// The table or view of that name.
fn named<'o>(objects: &'o [Object], name: &str) -> Option<&'o Object> {
    objects
        .iter()
        .find(|o| o.table_kind().is_some() && o.name.eq_ignore_ascii_case(name))
}

/// A column as a pragma tells it.
#[derive(Debug)]
struct Declared {
    name: String,
    type_name: String,
    not_null: bool,
    default: Option<String>,
    /// Its place in the primary key, from 1; 0 outside.
    key: i64,
    generated: bool,
}

impl FromRow<'_, SqliteRow> for Declared {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            name: row.try_get("name")?,
            type_name: row.try_get("type_name")?,
            not_null: row.try_get("not_null")?,
            default: row.try_get("default")?,
            key: row.try_get("key")?,
            generated: row.try_get("generated")?,
        })
    }
}

async fn declared(conn: &mut SqliteConnection, table: &str) -> Result<Vec<Declared>, Error> {
    const SQL: &str = "/* sluice:engine.catalog_columns */ \
        SELECT name, type AS type_name, \"notnull\" AS not_null, dflt_value AS \"default\", pk AS key, hidden IN (2, 3) AS generated \
        FROM pragma_table_xinfo(?1, 'main') \
        ORDER BY cid";
    text::query_as(SQL)
        .bind(table)
        .fetch_all(conn)
        .await
        .map_err(Error::query(format!("list the columns of table {table:?}")))
}

async fn table(
    conn: &mut SqliteConnection,
    objects: &[Object],
    object: &Object,
) -> Result<Option<Table>, Error> {
    let Some(kind) = object.table_kind() else {
        return Ok(None);
    };
    let definition = object.definition()?;
    let declared = declared(&mut *conn, &object.name).await?;
    let columns: Vec<Column> = declared.iter().map(|d| column(d, definition.as_ref())).collect();
    let listed = indexes::list(&mut *conn, &object.name).await?;
    let mut constraints = constraints::keys(&declared, &listed, definition.as_ref());
    constraints.extend(constraints::foreign(&mut *conn, objects, object).await?);
    constraints.extend(definition.iter().flat_map(constraints::checks));
    Ok(Some(Table {
        name: in_main(&object.name),
        oid: page(object),
        kind,
        owner: String::new(),
        row_security: false,
        force_row_security: false,
        policies: Vec::new(),
        replica_identity: 'd',
        indexes: indexes::indexes(&listed, objects, &columns)?,
        triggers: triggers::on(objects, object)?,
        referenced_by: constraints::referenced_by(&mut *conn, objects, object, &declared).await?,
        dependents: dependents::of(objects, object, &columns, definition.as_ref())?,
        columns,
        constraints,
        publications: Vec::new(),
        parents: Vec::new(),
        leaves: leaf(&mut *conn, object).await?.into_iter().collect(),
        partition_columns: Vec::new(),
        estimated_rows: estimated_rows(conn, objects, object).await?,
        definition: Some(object.text.clone()),
    }))
}

fn column(declared: &Declared, definition: Option<&Definition<'_>>) -> Column {
    Column {
        name: declared.name.clone(),
        type_name: declared.type_name.clone(),
        constrained_domain: false,
        collation: definition.and_then(|d| collation(d, &declared.name)),
        not_null: declared.not_null,
        default: declared.default.clone(),
        owns_sequence: false,
        identity: false,
        generated: declared.generated,
        comment: None,
        grants: Vec::new(),
        statistics_target: None,
        options: Vec::new(),
        storage: None,
    }
}

/// The collation of a column, unquoted, unless it is BINARY, which every column has by itself.
fn collation(definition: &Definition<'_>, column: &str) -> Option<String> {
    let clauses = &definition.column(column)?.clauses;
    // The last one counts.
    let clause = clauses.iter().rfind(|c| c.kind == ClauseKind::Collate)?;
    let name = definition.tokens[clause.tokens.clone()].last()?.name()?;
    (!name.eq_ignore_ascii_case("BINARY")).then_some(name)
}

fn page(object: &Object) -> u32 {
    u32::try_from(object.page).unwrap_or_default()
}

async fn leaf(conn: &mut SqliteConnection, object: &Object) -> Result<Option<Leaf>, Error> {
    let Some(definition) = object.definition()? else {
        return Ok(None);
    };
    let blocks = match ranges::row_column_of(&definition) {
        Some(row) => ranges::bound(conn, &ident::quote(&object.name)?, &row).await?,
        None => 0,
    };
    Ok(Some(Leaf {
        oid: page(object),
        name: in_main(&object.name),
        blocks,
    }))
}

/// What ANALYZE counted, the largest of its indexes' numbers, since a partial one has fewer; -1 if it never ran.
async fn estimated_rows(
    conn: &mut SqliteConnection,
    objects: &[Object],
    object: &Object,
) -> Result<i64, Error> {
    const SQL: &str = "/* sluice:engine.catalog_estimate */ \
        SELECT coalesce(max(CAST(stat AS INTEGER)), -1) \
        FROM main.sqlite_stat1 \
        WHERE tbl = ?1 COLLATE NOCASE";
    if named(objects, "sqlite_stat1").is_none() {
        return Ok(-1);
    }
    text::scalar(SQL)
        .bind(&object.name)
        .fetch_one(conn)
        .await
        .map_err(Error::query(format!(
            "read the estimate for table {:?}",
            object.name
        )))
}

#[cfg(test)]
mod tests;
