//! Reads the [`Catalog`] of a live database.
//!
//! Each part is one statement that answers JSON in the very shape of the types, so that a saved catalog and a
//! live one cannot drift apart, and no part needs more than the catalog's own world-readable tables: an
//! unprivileged role reads it all.
//!
//! Names inside definitions (types, defaults, constraints) are spelled as the server spells them under the session's
//! search path, which the catalog records; whoever runs such text pins that path. What would break this: reading under
//! one path and running under another.

mod resolve;

pub(crate) use resolve::nearest;
pub use resolve::{ResolveError, resolve};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;

use super::error::Error;
use super::ident;
use crate::catalog::{
    Catalog, Column, Constraint, Dependent, ForeignReference, Index, Leaf, Table, TableKind, TableName,
    Trigger,
};
use crate::sql;

/// Reads the facts of a database and of the tables named; a table that is not there is left out.
///
/// # Errors
/// What the server said, or an answer this build does not understand.
pub async fn read(conn: &mut PgConnection, tables: &[TableName]) -> Result<Catalog, Error> {
    let mut catalog: Catalog = decoded(
        &mut *conn,
        "read the catalog of the database",
        include_str!("catalog/database.sql"),
    )
    .await?;
    if catalog.server_version >= 150_000 {
        catalog.publications_for_schema = schema_publications(&mut *conn, tables).await?;
    }
    for name in tables {
        if catalog.table(name).is_none()
            && let Some(oid) = oid(&mut *conn, name).await?
            && let Some(table) = table(&mut *conn, name, oid).await?
        {
            catalog.tables.push(table);
        }
    }
    Ok(catalog)
}

/// The tables that hold a root's rows now, with their sizes: read anew for every sweep.
/// Empty if the table is gone.
///
/// # Errors
/// What the server said, or a name that cannot be quoted.
pub async fn leaves(conn: &mut PgConnection, table: &TableName) -> Result<Vec<Leaf>, Error> {
    match oid(&mut *conn, table).await? {
        Some(oid) => part(conn, table, oid, LEAVES).await,
        None => Ok(Vec::new()),
    }
}

/// The table's oid, or None if there is no such relation.
///
/// # Errors
/// What the server said, or a name that cannot be quoted.
pub async fn oid(conn: &mut PgConnection, table: &TableName) -> Result<Option<u32>, Error> {
    const SQL: &str = "/* sluice:engine.catalog_oid */ \
        SELECT c.oid::int8 \
        FROM pg_catalog.pg_class AS c \
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'f', 'v', 'm')";
    let found: Option<i64> = sql::scalar(SQL)
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_optional(conn)
        .await
        .map_err(Error::query(format!("look for table {}", shown(table))))?;
    Ok(found.and_then(|oid| u32::try_from(oid).ok()))
}

/// Blocks of a leaf's file now; None if it is gone.
///
/// # Errors
/// What the server said.
pub async fn leaf_blocks(conn: &mut PgConnection, leaf: u32) -> Result<Option<u64>, Error> {
    const SQL: &str = "/* sluice:engine.catalog_leaf_blocks */ \
        SELECT pg_catalog.pg_relation_size($1::oid) / current_setting('block_size')::int8";
    let blocks: Option<i64> = sql::scalar(SQL)
        .bind(i64::from(leaf))
        .fetch_one(conn)
        .await
        .map_err(Error::query("read the size of a table"))?;
    Ok(blocks.map(i64::unsigned_abs))
}

/// The columns of a table with their types, in order; None if it is gone. Waits for no lock on the table, whatever
/// somebody does to it meanwhile.
///
/// # Errors
/// What the server said.
pub async fn column_types(
    conn: &mut PgConnection,
    table: &TableName,
) -> Result<Option<Vec<(String, String)>>, Error> {
    const SQL: &str = "/* sluice:engine.catalog_column_types */ \
        SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod) \
        FROM pg_catalog.pg_attribute AS a \
        WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped \
        ORDER BY a.attnum";
    let Some(oid) = oid(&mut *conn, table).await? else {
        return Ok(None);
    };
    sql::query_as(SQL)
        .bind(i64::from(oid))
        .fetch_all(conn)
        .await
        .map(Some)
        .map_err(Error::query(format!("list the columns of {}", shown(table))))
}

/// One part of what is known about a table: `$1` is its oid, the answer one JSON text.
type Part = &'static str;

const TABLE: Part = include_str!("catalog/table.sql");
const COLUMNS: Part = include_str!("catalog/columns.sql");
const CONSTRAINTS: Part = include_str!("catalog/constraints.sql");
const INDEXES: Part = include_str!("catalog/indexes.sql");
const TRIGGERS: Part = include_str!("catalog/triggers.sql");
const REFERENCED_BY: Part = include_str!("catalog/referenced_by.sql");
const DEPENDENTS: Part = include_str!("catalog/dependents.sql");
const LEAVES: Part = include_str!("catalog/leaves.sql");

/// What `table.sql` answers; the rest of [`Table`] comes in parts of its own.
#[derive(Serialize, Deserialize)]
struct Head {
    name: TableName,
    oid: u32,
    kind: TableKind,
    owner: String,
    row_security: bool,
    force_row_security: bool,
    policies: Vec<String>,
    replica_identity: char,
    publications: Vec<String>,
    parents: Vec<TableName>,
    partition_columns: Vec<String>,
    estimated_rows: i64,
}

async fn table(conn: &mut PgConnection, name: &TableName, oid: u32) -> Result<Option<Table>, Error> {
    let Some(head) = optional_part::<Head>(&mut *conn, name, oid, TABLE).await? else {
        return Ok(None);
    };
    let columns: Vec<Column> = part(&mut *conn, name, oid, COLUMNS).await?;
    let constraints: Vec<Constraint> = part(&mut *conn, name, oid, CONSTRAINTS).await?;
    let indexes: Vec<Index> = part(&mut *conn, name, oid, INDEXES).await?;
    let triggers: Vec<Trigger> = part(&mut *conn, name, oid, TRIGGERS).await?;
    let referenced_by: Vec<ForeignReference> = part(&mut *conn, name, oid, REFERENCED_BY).await?;
    let dependents: Vec<Dependent> = part(&mut *conn, name, oid, DEPENDENTS).await?;
    let leaves: Vec<Leaf> = part(&mut *conn, name, oid, LEAVES).await?;
    Ok(Some(Table {
        name: head.name,
        oid: head.oid,
        kind: head.kind,
        owner: head.owner,
        row_security: head.row_security,
        force_row_security: head.force_row_security,
        policies: head.policies,
        replica_identity: head.replica_identity,
        columns,
        constraints,
        indexes,
        triggers,
        referenced_by,
        dependents,
        publications: head.publications,
        parents: head.parents,
        leaves,
        partition_columns: head.partition_columns,
        estimated_rows: head.estimated_rows,
        definition: None,
    }))
}

async fn schema_publications(
    conn: &mut PgConnection,
    tables: &[TableName],
) -> Result<Vec<(String, String)>, Error> {
    let doing = "read the publications of whole schemas";
    let schemas: Vec<&str> = tables.iter().map(|t| t.schema.as_str()).collect();
    let json: String = sql::scalar(include_str!("catalog/schema_publications.sql"))
        .bind(schemas)
        .fetch_one(conn)
        .await
        .map_err(Error::query(doing))?;
    serde_json::from_str(&json).map_err(|source| Error::Shape {
        doing: doing.to_owned(),
        source,
    })
}

async fn decoded<T: DeserializeOwned>(conn: &mut PgConnection, doing: &str, text: Part) -> Result<T, Error> {
    let json: String = sql::scalar(text)
        .fetch_one(conn)
        .await
        .map_err(Error::query(doing))?;
    serde_json::from_str(&json).map_err(|source| Error::Shape {
        doing: doing.to_owned(),
        source,
    })
}

async fn part<T: DeserializeOwned + Default>(
    conn: &mut PgConnection,
    table: &TableName,
    oid: u32,
    text: Part,
) -> Result<T, Error> {
    Ok(optional_part(conn, table, oid, text).await?.unwrap_or_default())
}

async fn optional_part<T: DeserializeOwned>(
    conn: &mut PgConnection,
    table: &TableName,
    oid: u32,
    text: Part,
) -> Result<Option<T>, Error> {
    let doing = || format!("read the catalog of {}", shown(table));
    let json: Option<String> = sql::scalar(text)
        .bind(i64::from(oid))
        .fetch_optional(conn)
        .await
        .map_err(Error::query(doing()))?;
    json.map(|json| serde_json::from_str(&json))
        .transpose()
        .map_err(|source| Error::Shape {
            doing: doing(),
            source,
        })
}

/// The name as messages show it.
fn shown(table: &TableName) -> String {
    ident::table(table).unwrap_or_else(|_| format!("{:?}.{:?}", table.schema, table.name))
}
