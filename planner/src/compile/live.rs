//! What only the target can tell: which tables the names mean, whether the expressions hold, how types are spelled.
//!
//! Every question is asked even if an earlier one was answered with a fault, so that an author mends a spec
//! once. Nothing is changed: expressions are tried in transactions that are always rolled back.

mod copy;
mod sqlite;

pub use copy::compile_for_copy;
pub use sqlite::compile_live_sqlite;

use std::collections::BTreeSet;

use engine::catalog::{Catalog, TableKind, TableName};
use engine::postgres::catalog::{self, ResolveError};
use engine::postgres::expression::{self, ColumnWanted};
use engine::sql;
use ledger::plan::Plan;
use sqlx::{Connection as _, PgConnection};

use super::input::{Acknowledged, Checked, Expressions, Side};
use super::{names, types};
use crate::kinds::{AddColumn, Change};
use crate::spec::{Code, Fault, Spec};

/// Reads the catalog of the spec's tables and has the target check its types and expressions.
///
/// # Errors
/// Every fault that the target knows of.
pub async fn resolve_and_check(
    conn: &mut PgConnection,
    spec: &Spec,
) -> Result<(Catalog, Expressions), Vec<Fault>> {
    let asked = ask(conn, spec).await.map_err(|fault| vec![fault])?;
    if asked.faults.is_empty() {
        Ok((asked.catalog, asked.expressions))
    } else {
        Err(asked.faults)
    }
}

/// Compiles a spec for a live target: the faults of target and compiler together.
///
/// # Errors
/// Every fault, in the order of lines.
pub async fn compile_live(
    conn: &mut PgConnection,
    spec: &Spec,
    acknowledged: &Acknowledged,
) -> Result<Plan, Vec<Fault>> {
    let asked = ask(conn, spec).await.map_err(|fault| vec![fault])?;
    let compiled = super::compile(spec, &asked.catalog, &asked.expressions, acknowledged);
    merged(asked.faults, compiled)
}

/// The faults that the target told, and those of the compiler that they do not explain.
fn merged(mut faults: Vec<Fault>, compiled: Result<Plan, Vec<Fault>>) -> Result<Plan, Vec<Fault>> {
    if faults.is_empty() {
        return compiled;
    }
    // Where the target has said what is wrong with a key, the compiler can only guess at it.
    let told: BTreeSet<Option<String>> = faults.iter().map(|fault| fault.key.clone()).collect();
    faults.extend(
        compiled
            .err()
            .into_iter()
            .flatten()
            .filter(|fault| !told.contains(&fault.key)),
    );
    faults.sort_by_key(|fault| fault.line);
    Err(faults)
}

/// The tables on which this session reads every row although row security is enabled: ask it of the *data* role.
///
/// # Errors
/// What the database said.
pub async fn unfiltered(
    conn: &mut PgConnection,
    tables: &[TableName],
) -> Result<BTreeSet<TableName>, sqlx::Error> {
    const SQL: &str = "/* sluice:planner.unfiltered */ \
        SELECT pg_catalog.row_security_active(c.oid) \
        FROM pg_catalog.pg_class AS c \
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relname = $2";
    let mut unfiltered = BTreeSet::new();
    for table in tables {
        let active: Option<bool> = sql::scalar(SQL)
            .bind(&table.schema)
            .bind(&table.name)
            .fetch_optional(&mut *conn)
            .await?;
        if active == Some(false) {
            unfiltered.insert(table.clone());
        }
    }
    Ok(unfiltered)
}

/// What the target answered.
struct Asked {
    catalog: Catalog,
    expressions: Expressions,
    faults: Vec<Fault>,
}

/// In one transaction: the route may be pooled. What may fail on the way is asked under a savepoint of its own.
async fn ask(conn: &mut PgConnection, spec: &Spec) -> Result<Asked, Fault> {
    let begun = conn.begin().await;
    let mut tx = begun.map_err(|error| spec.fault(0, "table", Code::Database, error.to_string()))?;
    let conn: &mut PgConnection = &mut tx;
    let mut faults = Vec::new();
    let mut tables: Vec<TableName> = Vec::new();
    for (index, declared) in spec.changes.iter().enumerate() {
        let Some(text) = declared.change.table() else {
            continue;
        };
        match catalog::resolve(conn, text).await {
            Ok(name) if tables.contains(&name) => {}
            Ok(name) => tables.push(name),
            Err(ResolveError::Database(error)) => return Err(database(spec, index, &error)),
            Err(error @ ResolveError::NotATable { .. }) => {
                faults.push(spec.fault(index, "table", Code::NotATable, chain(&error)));
            }
            Err(error) => faults.push(spec.fault(index, "table", Code::NoTable, chain(&error))),
        }
    }
    let catalog = catalog::read(conn, &tables)
        .await
        .map_err(|error| database(spec, 0, &error))?;
    // What the target refuses to judge keeps the guess, so that the compiler does not complain of what follows from it.
    let expressions = Expressions {
        checked: Checked::ByDatabase,
        ..Expressions::guess(spec, &catalog)
    };
    let mut asked = Asked {
        catalog,
        expressions,
        faults,
    };
    for (index, declared) in spec.changes.iter().enumerate() {
        if let Change::AddColumn(change) = &declared.change {
            asked.add_column(conn, (spec, index), change).await?;
        }
    }
    Ok(asked)
}

impl Asked {
    async fn add_column(
        &mut self,
        conn: &mut PgConnection,
        (spec, index): (&Spec, usize),
        change: &AddColumn,
    ) -> Result<(), Fault> {
        // The compiler says why it is no type; the target would only be asked about the beginning of it.
        if types::spelled(&change.type_name).is_err() || !self.type_of(conn, (spec, index), change).await? {
            return Ok(());
        }
        let Ok(table) = names::table_of(&self.catalog, &change.table) else {
            return Ok(());
        };
        let is_table = matches!(
            table.kind,
            TableKind::Ordinary | TableKind::Partitioned | TableKind::Unlogged
        );
        let (Some(up), true, None) = (&change.up, is_table, table.column(&change.column)) else {
            return Ok(());
        };
        let table = table.clone();
        let new_type = self.expressions.types.get(&index).cloned().unwrap_or_default();
        let wanted = ColumnWanted {
            type_name: new_type.clone(),
        };
        let checked = expression::check(conn, &table.name, &wanted, up, &[]).await;
        self.take((spec, index), Side::Up, checked)?;
        let reads = self
            .expressions
            .reads
            .get(&(index, Side::Up))
            .cloned()
            .unwrap_or_default();
        let restored = change.replaces.as_ref().or(if let [only] = reads.as_slice() {
            Some(only)
        } else {
            None
        });
        let restored = restored.and_then(|name| table.column(name));
        if let (Some(down), Some(column)) = (&change.down, restored) {
            let wanted = ColumnWanted {
                type_name: column.type_name.clone(),
            };
            let extra = [(change.column.clone(), new_type)];
            let checked = expression::check(conn, &table.name, &wanted, down, &extra).await;
            self.take((spec, index), Side::Down, checked)?;
        }
        Ok(())
    }

    /// How the target spells the type; false after a fault.
    async fn type_of(
        &mut self,
        conn: &mut PgConnection,
        (spec, index): (&Spec, usize),
        change: &AddColumn,
    ) -> Result<bool, Fault> {
        let asked = is_constrained(conn, &change.type_name).await;
        let is_constrained = match asked {
            Ok(answer) => answer,
            // What the server cannot even read as a type, the next question puts into better words.
            Err(sqlx::Error::Database(_)) => None,
            Err(error) => return Err(spec.fault(index, "type", Code::Database, error.to_string())),
        };
        if is_constrained == Some(true) {
            let message = format!(
                "{} is a domain with constraints: adding a column of such a type rewrites the table under a lock; use its base type",
                change.type_name
            );
            self.faults
                .push(spec.fault(index, "type", Code::ColumnType, message));
            return Ok(false);
        }
        match expression::canonical_type(conn, &change.type_name).await {
            Ok(name) => {
                self.expressions.types.insert(index, name);
                Ok(true)
            }
            Err(expression::Fault::Database(error)) => Err(database(spec, index, &error)),
            Err(error) => {
                self.faults
                    .push(spec.fault(index, "type", Code::ColumnType, chain(&error)));
                Ok(false)
            }
        }
    }

    fn take(
        &mut self,
        (spec, index): (&Spec, usize),
        side: Side,
        checked: Result<expression::Expression, expression::Fault>,
    ) -> Result<(), Fault> {
        match checked {
            Ok(expression) => {
                let reads = match side {
                    Side::Up => expression.reads,
                    // The new column is not one of the table's yet.
                    Side::Down => {
                        let new = spec.changes[index].change.new_column().unwrap_or_default();
                        expression.reads.into_iter().filter(|name| name != new).collect()
                    }
                };
                self.expressions.reads.insert((index, side), reads);
                Ok(())
            }
            Err(expression::Fault::Database(error)) => Err(database(spec, index, &error)),
            Err(error) => {
                self.faults
                    .push(spec.fault(index, side.key(), Code::Expression, chain(&error)));
                Ok(())
            }
        }
    }
}

/// Under a savepoint, because the server raises an error for what it cannot read as a type.
async fn is_constrained(conn: &mut PgConnection, type_name: &str) -> Result<Option<bool>, sqlx::Error> {
    let mut tx = conn.begin().await?;
    let asked = sql::scalar(CONSTRAINED)
        .bind(type_name)
        .fetch_optional(&mut *tx)
        .await;
    tx.rollback().await?;
    asked
}

/// A domain, or one over a domain, that refuses some values.
const CONSTRAINED: &str = "/* sluice:planner.constrained_domain */ \
    WITH RECURSIVE chain AS ( \
        SELECT t.oid, t.typbasetype, t.typnotnull FROM pg_catalog.pg_type AS t \
        WHERE t.oid = pg_catalog.to_regtype($1)::oid AND t.typtype = 'd' \
        UNION ALL \
        SELECT t.oid, t.typbasetype, t.typnotnull FROM chain \
        JOIN pg_catalog.pg_type AS t ON t.oid = chain.typbasetype AND t.typtype = 'd' \
    ) \
    SELECT COALESCE(pg_catalog.bool_or(chain.typnotnull \
        OR EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.contypid = chain.oid)), false) \
    FROM chain";

/// An error with its causes, on one line; of the driver only what the server said.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        if let Some(said) = next
            .downcast_ref::<sqlx::Error>()
            .and_then(sqlx::Error::as_database_error)
        {
            text.push_str(said.message());
            break;
        }
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

fn database(spec: &Spec, index: usize, error: &engine::postgres::Error) -> Fault {
    let code = if error.class().is_retryable() {
        Code::Database
    } else {
        Code::DatabaseRefused
    };
    spec.fault(index, "table", code, chain(error))
}
