//! What the compiler asks of an engine's language, so that a change is compiled by one text for all engines.
//!
//! Only words are here: how names are quoted, compared and found in an author's SQL. What an engine can do differs more than that,
//! and stands in files of its own ([`super::sqlite`]).

use engine::catalog::{Column, EngineKind, Table, TableName};
use engine::postgres::ident::{self, IdentError};
use engine::{postgres, sqlite};

use super::lexer::significant;
use super::types;

/// A table's name, quoted, and qualified where the engine's statements allow it.
pub(super) fn table(engine: EngineKind, name: &TableName) -> Result<String, IdentError> {
    match engine {
        EngineKind::Postgresql => ident::table(name),
        EngineKind::Sqlite => sqlite::ident::table(name),
    }
}

/// A name, quoted.
pub(super) fn quote(engine: EngineKind, name: &str) -> Result<String, IdentError> {
    match engine {
        EngineKind::Postgresql => ident::quote(name),
        EngineKind::Sqlite => sqlite::ident::quote(name),
    }
}

/// A name so that two that mean the same thing are the same text. SQLite folds the letters of ASCII, quoted or not.
pub(super) fn folded(engine: EngineKind, name: &str) -> String {
    match engine {
        EngineKind::Postgresql => name.to_owned(),
        EngineKind::Sqlite => name.to_ascii_lowercase(),
    }
}

/// Whether two names mean the same thing.
pub(super) fn is_same(engine: EngineKind, one: &str, other: &str) -> bool {
    folded(engine, one) == folded(engine, other)
}

/// The column that a name means.
pub(super) fn column<'a>(engine: EngineKind, table: &'a Table, name: &str) -> Option<&'a Column> {
    table.columns.iter().find(|c| is_same(engine, &c.name, name))
}

/// What could be names in an author's SQL, as the engine understands them.
pub(super) fn words(engine: EngineKind, text: &str) -> Vec<String> {
    match engine {
        EngineKind::Postgresql => significant(text).iter().filter_map(|t| t.name()).collect(),
        EngineKind::Sqlite => super::sqlite::words::all(text),
    }
}

/// Why a text is not one expression, in words for its author.
pub(super) fn one_expression(engine: EngineKind, text: &str) -> Result<(), String> {
    match engine {
        EngineKind::Postgresql => {
            postgres::expression::one_expression(text).map_err(|fault| fault.to_string())
        }
        EngineKind::Sqlite => sqlite::expression::one_expression(text).map_err(|fault| fault.to_string()),
    }
}

/// The type as the catalog spells it, as far as that is known without asking; why it is none otherwise.
pub(super) fn spelled(engine: EngineKind, text: &str) -> Result<String, String> {
    match engine {
        EngineKind::Postgresql => types::spelled(text).map_err(|error| error.to_string()),
        EngineKind::Sqlite => super::sqlite::words::type_name(text),
    }
}
