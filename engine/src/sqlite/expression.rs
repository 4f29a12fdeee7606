//! The author's own SQL on SQLite: what it may be, and the predicates and assignments that are made of it.
//!
//! A trigger of SQLite cannot catch an error: an expression that raises one makes the application's own write fail. Nor does SQLite
//! say whether an expression always gives the same result. So [`check`] allows by name, and refuses what it does not know: every function
//! must be on a list of those that are deterministic and give a value for any input, queries and the clock are refused, and so are operators
//! that raise. What is left SQLite itself reads, without running it, and says whether the names exist.
//!
//! What breaks it: an application that defines a function of its own under the name of a built-in one, or sets `case_sensitive_like`,
//! computes something else in its triggers than the fill does here. The verifier sees that. And its own SQLite may be older than this
//! one: [`Expression::newer`] says what an old one would not know. A value of more than SQLite's limit of 10^9 bytes still
//! raises, whatever the function.

mod check;
mod functions;
mod gate;
mod types;

pub use check::{check, one_expression};
pub use types::{canonical_type, is_strict_type};

use super::ident::{self, IdentError};
use crate::postgres::error::Error;

/// An expression that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// Columns it reads, as the table spells them, in its order (extra ones last).
    pub reads: Vec<String>,
    /// What a SQLite older than 3.35 or some later version does not know, with the version it came in: `concat (3.44)`. The application's triggers
    /// run in *its* SQLite.
    pub newer: Vec<String>,
}

/// What is wrong with an expression. Positions count characters from 1.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Nothing there.
    #[error("the expression is empty; write one SQL expression over the table's columns")]
    Empty,
    /// Something that cannot be part of one expression.
    #[error("{what} at character {at} cannot be part of an expression; {todo}")]
    NotAllowed {
        /// What was found: "a comment".
        what: String,
        /// Where.
        at: usize,
        /// What to do.
        todo: &'static str,
    },
    /// A bracket without its partner.
    #[error("the bracket {bracket:?} at character {at} has no partner; balance the brackets")]
    Unbalanced {
        /// The bracket.
        bracket: char,
        /// Where.
        at: usize,
    },
    /// Not SQL.
    #[error("the expression cannot be read")]
    Tokens(#[from] super::tokens::Error),
    /// A function that may fail, or give another result the next time.
    #[error("the function {name} at character {at} cannot be used: {why}; {todo}")]
    Function {
        /// Its name.
        name: String,
        /// Where.
        at: usize,
        /// What is wrong with it: "it raises an error for the smallest integer".
        why: &'static str,
        /// What to do.
        todo: &'static str,
    },
    /// A column that the table does not have. In double quotes, SQLite would take it for a string.
    #[error("the expression names {name}, which is no column of the table; it has {}{}", columns.join(", "), as_string(name))]
    UnknownColumn {
        /// The name as it was written.
        name: String,
        /// The columns it may read.
        columns: Vec<String>,
    },
    /// Anything else that SQLite refuses.
    #[error("SQLite refuses the expression; correct it")]
    Refused {
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// Not the name of a type.
    #[error(
        "{found:?} is not a type; write words, such as TEXT, with at most two numbers in brackets, such as DECIMAL(10, 2)"
    )]
    UnknownType {
        /// What was given.
        found: String,
    },
    /// The question could not be asked.
    #[error("could not check the expression")]
    Database(#[source] Error),
}

fn as_string(name: &str) -> &'static str {
    if name.starts_with('"') {
        " (for a string, write single quotes)"
    } else {
        ""
    }
}

/// Boolean SQL over one row: `column` is not yet what `up` gives. Never NULL. Compared by the binary collation, so that NOCASE hides
/// nothing, and under the column's affinity, so that what is stored of a value counts as that value.
///
/// # Errors
/// [`IdentError`] for a column that cannot be quoted.
pub fn wrong_sql(column: &str, up: &str) -> Result<String, IdentError> {
    Ok(format!("{} COLLATE BINARY IS NOT +({up})", ident::quote(column)?))
}

/// The assignment that makes `column` right.
///
/// # Errors
/// [`IdentError`] for a column that cannot be quoted.
pub fn set_sql(column: &str, up: &str) -> Result<String, IdentError> {
    Ok(format!("{} = ({up})", ident::quote(column)?))
}

#[cfg(test)]
mod tests;
