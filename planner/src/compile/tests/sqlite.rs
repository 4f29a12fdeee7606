//! Plans for SQLite: what is in them, what is refused, and every step of them on a real file.

mod drop;
mod file;
mod guard;
mod live;
mod order;
mod refusals;
mod run;

use super::*;

/// The tables of a file of that schema.
pub(super) async fn catalog_of(schema: &str) -> Catalog {
    file::File::with(schema).await.catalog().await
}

/// The tables of the application that the tests change.
pub(super) const CHINOOK: &str = include_str!("sqlite/chinook.sql");

fn rename_of(table: &str, from: &str, to: &str) -> String {
    rename(from, to).replace("\"customer\"", &format!("{table:?}"))
}

const BOTH_WAYS: &str = "column = \"Seconds\"\ntype = \"INTEGER\"\nup = \"Milliseconds / 1000\"\ndown = \"Seconds * 1000\"\nreplaces = \"milliseconds\"";
