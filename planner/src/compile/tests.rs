//! What compiles, what is refused, and what never changes.

mod golden;
mod order;
mod refusals;
mod sqlite;

use engine::catalog::{Catalog, Table};
use ledger::plan::Plan;

use super::*;

/// Tables `track` and `customer` of the examples' saved catalogs.
fn catalog() -> Catalog {
    let mut catalog: Catalog =
        serde_json::from_str(include_str!("../../../examples/track-seconds.catalog.json")).unwrap();
    let other: Catalog =
        serde_json::from_str(include_str!("../../../examples/fax-to-fax-number.catalog.json")).unwrap();
    catalog.tables.extend(other.tables);
    catalog
}

/// One table of a catalog, to be changed.
fn table<'a>(catalog: &'a mut Catalog, name: &str) -> &'a mut Table {
    catalog.tables.iter_mut().find(|t| t.name.name == name).unwrap()
}

fn spec(changes: &str) -> Spec {
    let text = format!("name = \"a\"\n{changes}");
    Spec::from_toml(&text, "a.toml").unwrap_or_else(|faults| panic!("{}", shown(&faults)))
}

fn shown(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

/// Compiles as `--catalog` does.
fn compiled(changes: &str, catalog: &Catalog) -> Result<Plan, Vec<Fault>> {
    let spec = spec(changes);
    let expressions = Expressions::guess(&spec, catalog);
    compile(&spec, catalog, &expressions, &Acknowledged::default())
}

fn plan(changes: &str, catalog: &Catalog) -> Plan {
    compiled(changes, catalog).unwrap_or_else(|faults| panic!("{}", shown(&faults)))
}

/// An `add_column` on `track` with these further keys.
fn add(keys: &str) -> String {
    format!("[[change]]\nkind = \"add_column\"\ntable = \"track\"\n{keys}\n")
}

/// A `rename_column` on `customer`.
fn rename(from: &str, to: &str) -> String {
    format!("[[change]]\nkind = \"rename_column\"\ntable = \"customer\"\nfrom = '{from}'\nto = '{to}'\n")
}

const SECONDS: &str = "column = \"seconds\"\ntype = \"int\"\nup = \"milliseconds / 1000\"";
