//! From a name as a spec has it (`track`, `main.track`, `"Odd Name"`) to the table it means.

use sqlx::sqlite::SqliteConnection;

use super::{Object, in_main, named, objects};
use crate::catalog::{TableKind, TableName};
use crate::postgres::catalog::nearest;
use crate::postgres::error::Error;
use crate::sqlite::tokens::{self, TokenKind};
use crate::sqlite::{ident, text};

/// Why a name is not a table that Sluice can change.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Not a name at all.
    #[error(
        "{found:?} is not a table name; write table, main.table, or \"Quoted Name\" for anything but letters, digits and _"
    )]
    NotAName {
        /// What was given.
        found: String,
    },
    /// A table of an attached file or of `temp`.
    #[error(
        "{found:?} is in the schema {schema:?}; only tables of the file itself (main) can be changed, so name that file as the target"
    )]
    OtherSchema {
        /// What was given.
        found: String,
        /// The schema.
        schema: String,
    },
    /// Nothing of that name.
    #[error("there is no table {found:?}{}", or_similar(similar))]
    NotFound {
        /// What was given.
        found: String,
        /// Existing tables with a similar name, nearest first, as they would have to be written.
        similar: Vec<String>,
    },
    /// A view, an index or the like.
    #[error("{found:?} is {kind}; only an ordinary table can be changed")]
    NotATable {
        /// What was given.
        found: String,
        /// What it is: "a view".
        kind: &'static str,
    },
    /// The question could not be asked.
    #[error("could not look the table up")]
    Database(#[source] Error),
}

fn or_similar(similar: &[String]) -> String {
    if similar.is_empty() {
        "; check the name and the file".to_owned()
    } else {
        format!("; did you mean {}?", similar.join(" or "))
    }
}

/// The table that `text` means, as the file spells it.
///
/// # Errors
/// [`ResolveError`], worded for the author of a spec.
pub async fn resolve(conn: &mut SqliteConnection, text: &str) -> Result<TableName, ResolveError> {
    let name = table_part(text)?;
    let objects = objects(&mut *conn).await.map_err(ResolveError::Database)?;
    let not_a_table = |kind| ResolveError::NotATable {
        found: text.to_owned(),
        kind,
    };
    if name
        .get(..7)
        .is_some_and(|begin| begin.eq_ignore_ascii_case("sqlite_"))
    {
        return Err(not_a_table("one of SQLite's own tables"));
    }
    let Some(object) = named(&objects, &name) else {
        let other = objects.iter().find(|o| o.name.eq_ignore_ascii_case(&name));
        return Err(match other.map(|o| o.kind.as_str()) {
            Some("index") => not_a_table("an index"),
            Some("trigger") => not_a_table("a trigger"),
            _ => not_found(text, &name, &objects),
        });
    };
    match object.table_kind() {
        Some(TableKind::View) => Err(not_a_table("a view")),
        Some(TableKind::Foreign) => Err(not_a_table("a virtual table")),
        _ if is_shadow(conn, &object.name).await? => Err(not_a_table("the storage of a virtual table")),
        _ => Ok(in_main(&object.name)),
    }
}

/// The table's part of the name, without quotes.
fn table_part(text: &str) -> Result<String, ResolveError> {
    let not_a_name = || ResolveError::NotAName {
        found: text.to_owned(),
    };
    let tokens = tokens::with_comments(text).map_err(|_| not_a_name())?;
    let is_name = |i: usize| matches!(tokens[i].kind, TokenKind::Word | TokenKind::QuotedName);
    let name = match tokens.as_slice() {
        [name] if is_name(0) => name,
        [schema, dot, name] if is_name(0) && dot.is_symbol(".") && is_name(2) => {
            if !schema.is_name(ident::MAIN) {
                return Err(ResolveError::OtherSchema {
                    found: text.to_owned(),
                    schema: schema.name().unwrap_or_default(),
                });
            }
            name
        }
        _ => return Err(not_a_name()),
    };
    name.name().filter(|name| !name.is_empty()).ok_or_else(not_a_name)
}

/// A virtual table keeps its rows in tables of its own, which look ordinary.
async fn is_shadow(conn: &mut SqliteConnection, name: &str) -> Result<bool, ResolveError> {
    const SQL: &str = "/* sluice:engine.resolve_shadow */ \
        SELECT EXISTS (SELECT 1 FROM pragma_table_list(?1) WHERE schema = 'main' AND type = 'shadow')";
    text::scalar(SQL)
        .bind(name)
        .fetch_one(conn)
        .await
        .map_err(|e| ResolveError::Database(Error::query(format!("look for table {name:?}"))(e)))
}

fn not_found(text: &str, name: &str, objects: &[Object]) -> ResolveError {
    let known: Vec<String> = objects
        .iter()
        .filter(|o| o.table_kind() == Some(TableKind::Ordinary) && !o.name.starts_with("sqlite_"))
        .map(|o| written(&o.name))
        .collect();
    ResolveError::NotFound {
        found: text.to_owned(),
        similar: nearest(name, &known),
    }
}

/// The name as it would have to be written: quoted only where it must be.
fn written(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    let quoted = || ident::quote(name).unwrap_or_else(|_| format!("{name:?}"));
    if plain { name.to_owned() } else { quoted() }
}
