//! The compiler: a spec and a catalog become a plan, or every reason why not.
//!
//! [`compile`] is pure: the same spec, catalog and expressions give the same plan, byte for byte, so a
//! plan can be looked at without a database and its hash means something. What only a database can tell
//! (does this expression parse, which columns does it read) comes in as [`Expressions`], read by
//! [`resolve_and_check`], or guessed by [`Expressions::guess`] for `sluice plan --catalog`.
//!
//! Order is the point of a plan. Columns are added, then the mirror is installed, and only then
//! constraints are carried: a constraint on a column that nobody fills yet would make the
//! application's writes fail. On the way back they go in the very transaction that takes the mirror away, first.
//! Nothing volatile (row counts, oids) goes into a plan: its hash must outlive an ANALYZE.
//!
//! One entry for all engines: what SQLite has of its own is in `sqlite` and `assemble/sqlite`, how names and words differ in `dialect`.

mod add_column;
mod assemble;
mod carry;
mod dialect;
mod done;
mod draft;
mod input;
mod lexer;
mod live;
mod names;
mod notices;
mod raw;
mod refuse;
mod rename_column;
mod rewrite;
mod sqlite;
mod trigger_name;
mod types;

use engine::catalog::{Catalog, EngineKind};
use ledger::plan::Plan;

pub use input::{Acknowledged, Checked, Expressions, Side};
pub use live::{compile_for_copy, compile_live, compile_live_sqlite, resolve_and_check, unfiltered};

use crate::kinds::Change;
use crate::spec::{Fault, Spec};
use draft::Draft;

/// Compiles a spec for the database that the catalog describes.
///
/// # Errors
/// Every fault, each with the line of the spec that it is about.
pub fn compile(
    spec: &Spec,
    catalog: &Catalog,
    expressions: &Expressions,
    acknowledged: &Acknowledged,
) -> Result<Plan, Vec<Fault>> {
    let mut draft = Draft::new(spec, catalog, expressions, acknowledged);
    match catalog.engine {
        EngineKind::Postgresql => changes(&mut draft),
        EngineKind::Sqlite => sqlite::compile(&mut draft),
    }
    assemble::plan(draft)
}

/// Every change, and what follows from all of them, on PostgreSQL.
fn changes(draft: &mut Draft<'_>) {
    refuse::tables(draft);
    refuse::overlaps(draft);
    let spec = draft.spec;
    for (index, declared) in spec.changes.iter().enumerate() {
        match &declared.change {
            Change::AddColumn(change) => add_column::compile(draft, index, change),
            Change::RenameColumn(change) => rename_column::compile(draft, index, change),
            Change::Sql(change) => raw::compile(draft, index, change),
        }
    }
    trigger_name::choose(draft);
    notices::add(draft);
}

#[cfg(test)]
mod tests;
