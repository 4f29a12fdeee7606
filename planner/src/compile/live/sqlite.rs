//! What only the file can tell on SQLite: which tables the names mean, and whether the expressions hold.
//!
//! Every question is asked even if an earlier one was answered with a fault. One deferred transaction, which is rolled back: it
//! reads one state of the file, takes no lock that a writer would wait for, and writes nothing.

use engine::catalog::{Catalog, Table, TableKind, TableName};
use engine::postgres::error::Error;
use engine::sqlite::catalog::{self, ResolveError};
use engine::sqlite::expression::{self, Fault as ExpressionFault};
use engine::sqlite::{ident, ranges};
use ledger::plan::Plan;
use sqlx::{Connection as _, SqliteConnection};

use super::{chain, merged};
use crate::compile::input::{Acknowledged, Checked, Expressions, Side};
use crate::compile::{dialect, names};
use crate::kinds::{AddColumn, Change};
use crate::spec::{Code, Fault, Spec};
use engine::catalog::EngineKind;

/// Compiles a spec for a live file: the faults of file and compiler together.
///
/// # Errors
/// Every fault, in the order of lines.
pub async fn compile_live_sqlite(
    conn: &mut SqliteConnection,
    spec: &Spec,
    acknowledged: &Acknowledged,
) -> Result<Plan, Vec<Fault>> {
    let asked = ask(conn, spec).await.map_err(|fault| vec![fault])?;
    let compiled = crate::compile::compile(spec, &asked.catalog, &asked.expressions, acknowledged);
    merged(asked.faults, compiled)
}

/// What the file answered.
struct Asked {
    catalog: Catalog,
    expressions: Expressions,
    faults: Vec<Fault>,
}

async fn ask(conn: &mut SqliteConnection, spec: &Spec) -> Result<Asked, Fault> {
    let refused = |error: sqlx::Error| spec.fault(0, "table", Code::Database, error.to_string());
    let mut tx = conn.begin().await.map_err(refused)?;
    let asked = ask_in(&mut tx, spec).await;
    tx.rollback().await.map_err(refused)?;
    asked
}

async fn ask_in(conn: &mut SqliteConnection, spec: &Spec) -> Result<Asked, Fault> {
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
    // What the file refuses to judge keeps the guess, so that the compiler does not complain of what follows from it.
    let expressions = Expressions {
        checked: Checked::ByDatabase,
        ..Expressions::guess(spec, &catalog)
    };
    let mut asked = Asked {
        catalog,
        expressions,
        faults,
    };
    asked.rows_at_zero(conn, spec).await?;
    for (index, declared) in spec.changes.iter().enumerate() {
        if let Change::AddColumn(change) = &declared.change {
            asked.add_column(conn, (spec, index), change).await?;
        }
    }
    Ok(asked)
}

impl Asked {
    /// Rows whose number is 0 or less are one batch, whatever their count, and the application waits for a batch.
    async fn rows_at_zero(&mut self, conn: &mut SqliteConnection, spec: &Spec) -> Result<(), Fault> {
        for table in &self.catalog.tables {
            let named = |text: Option<&str>| {
                let found = text.and_then(|text| names::table_of(&self.catalog, text).ok());
                found.is_some_and(|found| found.name == table.name)
            };
            let index = spec
                .changes
                .iter()
                .position(|declared| named(declared.change.table()))
                .unwrap_or_default();
            let (Some(row), Ok(quoted)) = (ranges::row_column(table), ident::table(&table.name)) else {
                continue;
            };
            let rows = ranges::rows_at_zero(conn, &quoted, &row)
                .await
                .map_err(|error| database(spec, index, &error))?;
            if rows >= ranges::COUNTED_AT_ZERO {
                let message = format!(
                    "{} has more than {} rows whose number (`{row}`) is 0 or less, and those would have to be one batch; number them from 1 first",
                    table.name.name,
                    ranges::COUNTED_AT_ZERO - 1
                );
                self.faults
                    .push(spec.fault(index, "table", Code::Unsuitable, message));
            }
        }
        Ok(())
    }

    async fn add_column(
        &mut self,
        conn: &mut SqliteConnection,
        (spec, index): (&Spec, usize),
        change: &AddColumn,
    ) -> Result<(), Fault> {
        let Ok(table) = names::table_of(&self.catalog, &change.table) else {
            return Ok(());
        };
        let is_new = dialect::column(EngineKind::Sqlite, table, &change.column).is_none();
        let (Some(up), TableKind::Ordinary, true) = (&change.up, table.kind, is_new) else {
            return Ok(());
        };
        let table = table.clone();
        self.check(conn, (spec, index, Side::Up), &table, (up, &[]))
            .await?;
        if let Some(down) = &change.down {
            let new_type = self.expressions.types.get(&index).cloned().unwrap_or_default();
            let extra = [(change.column.clone(), new_type)];
            self.check(conn, (spec, index, Side::Down), &table, (down, &extra))
                .await?;
        }
        Ok(())
    }

    async fn check(
        &mut self,
        conn: &mut SqliteConnection,
        (spec, index, side): (&Spec, usize, Side),
        table: &Table,
        (text, extra): (&str, &[(String, String)]),
    ) -> Result<(), Fault> {
        // The compiler says itself what is no expression at all.
        if expression::one_expression(text).is_err() {
            return Ok(());
        }
        match expression::check(conn, table, text, extra).await {
            Ok(checked) => {
                // The new column is not one of the table's yet.
                let reads = checked
                    .reads
                    .into_iter()
                    .filter(|name| table.column(name).is_some());
                self.expressions.reads.insert((index, side), reads.collect());
                if !checked.newer.is_empty() {
                    self.expressions.newer.insert((index, side), checked.newer);
                }
                Ok(())
            }
            Err(ExpressionFault::Database(error)) => Err(database(spec, index, &error)),
            Err(error) => {
                self.faults
                    .push(spec.fault(index, side.key(), Code::Expression, chain(&error)));
                Ok(())
            }
        }
    }
}

fn database(spec: &Spec, index: usize, error: &Error) -> Fault {
    let code = if error.class().is_retryable() {
        Code::Database
    } else {
        Code::DatabaseRefused
    };
    spec.fault(index, "table", code, chain(error))
}
