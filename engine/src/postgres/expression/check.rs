//! Lets the server judge an expression, on a temporary twin of the table, and leaves no trace.

mod blame;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgDatabaseError, PgErrorPosition};

use self::blame::{frozen_time, functions_to_blame};
use super::lexer::one_expression;
use super::{ColumnWanted, Expression, Fault};
use crate::catalog::TableName;
use crate::postgres::error::{Error, sqlstate};
use crate::postgres::ident;
use crate::sql;

/// Name of the generated column on the twin; it is longer than any name an author would choose by accident.
const PROBE: &str = "sluice_expression_under_check";

/// Asks the server whether `text`, over the columns of `table` and the `extra` ones (name and type), is one immutable value of the wanted type.
///
/// Needs SELECT on the table and TEMPORARY on the database. Everything happens in a transaction (or savepoint) that is
/// rolled back; the table itself is locked in ACCESS SHARE mode for an instant, waited for at most two seconds.
///
/// # Errors
/// [`Fault`], worded for the author.
pub async fn check(
    conn: &mut PgConnection,
    table: &TableName,
    wanted: &ColumnWanted,
    text: &str,
    extra: &[(String, String)],
) -> Result<Expression, Fault> {
    one_expression(text)?;
    let type_name = canonical_type(&mut *conn, &wanted.type_name).await?;
    let columns = columns(&mut *conn, table).await?;
    if columns.is_empty() {
        return Err(Fault::NoTable);
    }
    let names: Vec<String> = columns
        .iter()
        .map(|c| &c.0)
        .chain(extra.iter().map(|e| &e.0))
        .cloned()
        .collect();
    let probe = Probe {
        table,
        type_name: &type_name,
        text,
        extra,
        names: &names,
    };
    let mut tx = conn.begin().await.map_err(database("begin a transaction"))?;
    let judged = judge(&mut tx, &probe).await;
    // Rolled back whatever the judgement was; a lost connection rolls back by itself.
    let undone = tx.rollback().await.map_err(database("roll the check back"));
    let reads = match judged {
        Err(Refusal::NotImmutable(source)) => {
            let functions = functions_to_blame(conn, text).await?;
            return Err(Fault::NotImmutable { functions, source });
        }
        Err(Refusal::Fault(fault)) => return Err(fault),
        Ok(reads) => reads,
    };
    undone?;
    if let Some((column, _)) = columns
        .iter()
        .find(|(name, generated)| *generated && reads.contains(name))
    {
        return Err(Fault::ReadsGenerated {
            column: column.clone(),
        });
    }
    Ok(Expression { reads, type_name })
}

/// The type as the server spells it, with its modifier: `varchar(24)` becomes `character varying(24)`.
///
/// # Errors
/// [`Fault::UnknownType`], or what the server said.
pub async fn canonical_type(conn: &mut PgConnection, type_name: &str) -> Result<String, Fault> {
    let unknown = |source| Fault::UnknownType {
        found: type_name.to_owned(),
        source,
    };
    // The lexer keeps it inside the CAST; the grammar of CAST keeps out DEFAULT, COLLATE, NOT NULL.
    one_expression(type_name).map_err(|_| unknown(None))?;
    let mut tx = conn.begin().await.map_err(database("begin a transaction"))?;
    let made = async {
        let create = format!("CREATE TEMP TABLE {PROBE} AS SELECT CAST(NULL AS {type_name}) AS c");
        sql::execute_script(&mut tx, create).await?;
        let read = format!(
            "SELECT format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute \
             WHERE attrelid = 'pg_temp.{PROBE}'::regclass AND attname = 'c'"
        );
        sql::scalar::<String>(read).fetch_one(&mut *tx).await
    }
    .await;
    tx.rollback().await.map_err(database("roll the check back"))?;
    made.map_err(|e| match sqlstate(&e).as_deref() {
        // Not permitted to make temporary tables, or a broken connection: not the type's fault.
        None | Some("42501" | "25006") => database("look the type up")(e),
        Some(_) => unknown(Some(e)),
    })
}

fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Fault {
    move |e| Fault::Database(Error::query(doing)(e))
}

/// What is to be judged.
struct Probe<'a> {
    table: &'a TableName,
    type_name: &'a str,
    text: &'a str,
    extra: &'a [(String, String)],
    names: &'a [String],
}

enum Refusal {
    /// Needs one more question, which a failed transaction cannot answer.
    NotImmutable(sqlx::Error),
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

async fn judge(conn: &mut PgConnection, probe: &Probe<'_>) -> Result<Vec<String>, Refusal> {
    let twin = twin(conn, probe).await?;
    let begin = format!(
        "ALTER TABLE {twin} ADD COLUMN {PROBE} {} GENERATED ALWAYS AS (",
        probe.type_name
    );
    let offset = begin.chars().count();
    if let Err(error) = sql::execute_script(conn, format!("{begin}{}) STORED", probe.text)).await {
        return Err(refusal(error, probe, offset));
    }
    frozen_time(conn, &twin, probe.text).await?;
    Ok(reads(conn, &twin, probe.names).await?)
}

/// The twin has the table's own name, so that `track.milliseconds` works as it will in the fill and the trigger.
async fn twin(conn: &mut PgConnection, probe: &Probe<'_>) -> Result<String, Fault> {
    let bad_name = |e| Fault::Database(Error::Ident(e));
    let table = ident::table(probe.table).map_err(bad_name)?;
    let twin = format!("pg_temp.{}", ident::quote(&probe.table.name).map_err(bad_name)?);
    let mut text = format!(
        "/* sluice:engine.expression_check */ SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '10s'; \
         SET LOCAL standard_conforming_strings = on; CREATE TEMP TABLE {} (LIKE {table}",
        ident::quote(&probe.table.name).map_err(bad_name)?
    );
    for (name, type_name) in probe.extra {
        one_expression(type_name).map_err(|_| Fault::UnknownType {
            found: type_name.clone(),
            source: None,
        })?;
        text.push_str(&format!(
            ", {} {type_name}",
            ident::quote(name).map_err(bad_name)?
        ));
    }
    text.push(')');
    sql::execute_script(conn, text).await.map_err(database(
        "make a temporary twin of the table (needs SELECT on it and TEMPORARY on the database)",
    ))?;
    Ok(twin)
}

fn refusal(error: sqlx::Error, probe: &Probe<'_>, offset: usize) -> Refusal {
    let at = position(&error)
        .and_then(|p| p.checked_sub(offset))
        .filter(|p| *p > 0);
    match sqlstate(&error).as_deref() {
        None => Refusal::Fault(database("check the expression")(error)),
        Some("42P17") => Refusal::NotImmutable(error),
        Some("42804") => Fault::WrongType {
            wanted: probe.type_name.to_owned(),
            source: error,
        }
        .into(),
        Some("42703" | "42P01") => Fault::UnknownColumn {
            columns: probe.names.to_vec(),
            source: error,
        }
        .into(),
        Some("42883") => Fault::UnknownFunction { source: error }.into(),
        Some(code) if code.starts_with("42") || code.starts_with("22") || code == "0A000" => {
            Fault::Refused { at, source: error }.into()
        }
        Some(_) => Refusal::Fault(database("check the expression")(error)),
    }
}

fn position(error: &sqlx::Error) -> Option<usize> {
    match error
        .as_database_error()?
        .try_downcast_ref::<PgDatabaseError>()?
        .position()?
    {
        PgErrorPosition::Original(n) => Some(n),
        PgErrorPosition::Internal { .. } => None,
    }
}

/// Columns of the table with whether they are generated.
async fn columns(conn: &mut PgConnection, table: &TableName) -> Result<Vec<(String, bool)>, Fault> {
    const SQL: &str = "/* sluice:engine.expression_columns */ \
        SELECT a.attname::text, a.attgenerated <> '' \
        FROM pg_catalog.pg_attribute AS a \
        JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid \
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped \
        ORDER BY a.attnum";
    sql::query_as(SQL)
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_all(conn)
        .await
        .map_err(database("list the table's columns"))
}

/// The columns that the probe depends on, in the order of `names`.
async fn reads(conn: &mut PgConnection, twin: &str, names: &[String]) -> Result<Vec<String>, Fault> {
    const SQL: &str = "/* sluice:engine.expression_reads */ \
        SELECT DISTINCT a.attname::text \
        FROM pg_catalog.pg_attribute AS p \
        JOIN pg_catalog.pg_attrdef AS ad ON ad.adrelid = p.attrelid AND ad.adnum = p.attnum \
        JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = p.attrelid \
            AND ((d.classid = 'pg_attrdef'::regclass AND d.objid = ad.oid) \
                OR (d.classid = 'pg_class'::regclass AND d.objid = p.attrelid AND d.objsubid = p.attnum)) \
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.attrelid AND a.attnum = d.refobjsubid \
        WHERE p.attrelid = $1::regclass AND p.attname = $2 AND a.attnum > 0 AND a.attnum <> p.attnum";
    let found: Vec<String> = sql::scalar(SQL)
        .bind(twin)
        .bind(PROBE)
        .fetch_all(conn)
        .await
        .map_err(database("see which columns the expression reads"))?;
    Ok(names.iter().filter(|n| found.contains(n)).cloned().collect())
}
