//! The author's own SQL: is it one expression, does it fit the table, and will it say the same tomorrow?
//!
//! Two gates. [`one_expression`] reads the text with a lexer of its own, so that it can be pasted between parentheses
//! and stay there: no comment, no semicolon, no unbalanced bracket, no parameter. [`check`] lets the *server*
//! decide the rest: it makes the expression a stored generated column of a temporary twin of the table, in a transaction that is always
//! rolled back. The server refuses there whatever is not immutable, a wrong type, an unknown name, a subquery, and remembers
//! which columns are read.
//!
//! What would break it: an expression that depends on a clock, on the session or on other rows. The predicate "this row is wrong" would never become
//! false, and a sweep would never end.

mod check;
mod lexer;

pub use check::{canonical_type, check};
pub use lexer::{Token, TokenKind, one_expression, tokens};

use super::error::Error;
use super::ident::{self, IdentError};

/// The column an expression computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnWanted {
    /// Its type, as the author wrote it.
    pub type_name: String,
}

/// An expression that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// Columns it reads, in the table's order (extra ones last).
    pub reads: Vec<String>,
    /// The wanted type as the server spells it (`format_type`).
    pub type_name: String,
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
    /// A string, quoted name or dollar quote that does not end.
    #[error("{what} that begins at character {at} does not end; close it")]
    Unterminated {
        /// "the string".
        what: &'static str,
        /// Where it begins.
        at: usize,
    },
    /// Volatile, or dependent on session settings.
    #[error(
        "the expression does not always give the same result for the same row{}; {}",
        named(functions),
        CURE
    )]
    NotImmutable {
        /// Functions in it that the server does not call immutable, with their volatility: `now() (stable)`.
        functions: Vec<String>,
        /// What the server said.
        source: sqlx::Error,
    },
    /// A literal such as 'now', which the server replaces by the time of parsing.
    #[error(
        "the literal {literal} becomes the time at which the server reads it, so each run gives another value; write a fixed date"
    )]
    ChangesWithTime {
        /// The literal.
        literal: String,
    },
    /// It gives another type than the column has.
    #[error("the expression gives another type than {wanted}; add a cast, such as (...)::{wanted}")]
    WrongType {
        /// The type of the column.
        wanted: String,
        /// What the server said.
        source: sqlx::Error,
    },
    /// A column that the table does not have.
    #[error("the expression names a column that the table does not have; it has {}", columns.join(", "))]
    UnknownColumn {
        /// The columns it may read.
        columns: Vec<String>,
        /// What the server said.
        source: sqlx::Error,
    },
    /// A function or operator that does not exist for these types.
    #[error(
        "the expression uses a function or operator that does not exist for these types; check its name, its schema and the types, or add casts"
    )]
    UnknownFunction {
        /// What the server said.
        source: sqlx::Error,
    },
    /// It reads a generated column, which is NULL inside BEFORE triggers.
    #[error(
        "the expression reads the generated column {column:?}, which is not yet computed when a trigger runs; use that column's own expression instead"
    )]
    ReadsGenerated {
        /// The column.
        column: String,
    },
    /// A type the server does not know or that a column cannot have.
    #[error(
        "{found:?} is not a type that a column can have; write it as in CREATE TABLE, such as integer, numeric(10,2) or \"My Type\""
    )]
    UnknownType {
        /// What was given.
        found: String,
        /// What the server said, if it was asked.
        source: Option<sqlx::Error>,
    },
    /// There is no such table.
    #[error("the table is gone; check its name")]
    NoTable,
    /// Whatever else the server refuses (subqueries, aggregates, window functions, syntax).
    #[error("the server refuses the expression{}; it must be one value computed from columns of the same row", place(*at))]
    Refused {
        /// Where, if the server said so.
        at: Option<usize>,
        /// What the server said.
        source: sqlx::Error,
    },
    /// The check itself could not be made.
    #[error("the expression could not be checked")]
    Database(#[source] Error),
}

const CURE: &str = "it must not depend on time, chance, other rows or the session's settings: fix the time zone with \
    (created_at AT TIME ZONE 'UTC')::date, give dates by make_date() or a fixed format, or wrap a function of your own that is IMMUTABLE with pinned settings";

fn named(functions: &[String]) -> String {
    if functions.is_empty() {
        String::new()
    } else {
        format!(" because of {}", functions.join(", "))
    }
}

fn place(at: Option<usize>) -> String {
    at.map(|at| format!(" at character {at}")).unwrap_or_default()
}

/// Boolean SQL over one row: `column` is not yet what `up` gives. Never NULL; compares bytes, so that a collation
/// or a type's own idea of equality hides nothing.
///
/// Where equality of a type is equality of its bytes, that is what is asked, because it is several times as fast as comparing images
/// of records. The casts to `record` matter: two bare `ROW(...)` would be compared column by column, with an operator that does not exist.
///
/// # Errors
/// [`IdentError`] for a column that cannot be quoted.
pub fn wrong_sql(column: &str, type_name: &str, up: &str) -> Result<String, IdentError> {
    let (column, value) = (ident::quote(column)?, format!("CAST(({up}) AS {type_name})"));
    Ok(match plain(type_name) {
        Some(plain) => format!("{column}::{plain} IS DISTINCT FROM {value}::{plain}"),
        None => format!("ROW({column})::record *<> ROW({value})::record"),
    })
}

/// The server's own type, as a cast, if two values of it are equal just when their bytes are. Text is under "C", because a collation may call
/// different texts equal; numbers with a scale, floats, intervals, padded characters and documents are not here, for they have equal values of
/// different bytes. The cast keeps out a type of the user's that has such a name.
fn plain(type_name: &str) -> Option<&'static str> {
    let (base, length) = type_name.split_once('(').unwrap_or((type_name, ""));
    Some(match (base, length) {
        ("text" | "character varying", "") => "pg_catalog.text COLLATE \"C\"",
        ("character varying", length) if length.ends_with(')') => "pg_catalog.text COLLATE \"C\"",
        ("smallint", "") => "pg_catalog.int2",
        ("integer", "") => "pg_catalog.int4",
        ("bigint", "") => "pg_catalog.int8",
        ("boolean", "") => "pg_catalog.bool",
        ("date", "") => "pg_catalog.date",
        ("timestamp without time zone", "") => "pg_catalog.timestamp",
        ("timestamp with time zone", "") => "pg_catalog.timestamptz",
        ("uuid", "") => "pg_catalog.uuid",
        ("bytea", "") => "pg_catalog.bytea",
        _ => return None,
    })
}

/// The assignment that makes `column` right.
///
/// # Errors
/// [`IdentError`] for a column that cannot be quoted.
pub fn set_sql(column: &str, up: &str) -> Result<String, IdentError> {
    Ok(format!("{} = ({up})", ident::quote(column)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_row_is_told_by_its_bytes() {
        for (type_name, expected) in [
            (
                "character varying(60)",
                r#""E mail"::pg_catalog.text COLLATE "C" IS DISTINCT FROM CAST((lower(email)) AS character varying(60))::pg_catalog.text COLLATE "C""#,
            ),
            (
                "integer",
                r#""E mail"::pg_catalog.int4 IS DISTINCT FROM CAST((lower(email)) AS integer)::pg_catalog.int4"#,
            ),
            (
                "citext",
                r#"ROW("E mail")::record *<> ROW(CAST((lower(email)) AS citext))::record"#,
            ),
            (
                "numeric(10,2)",
                r#"ROW("E mail")::record *<> ROW(CAST((lower(email)) AS numeric(10,2)))::record"#,
            ),
            (
                "text[]",
                r#"ROW("E mail")::record *<> ROW(CAST((lower(email)) AS text[]))::record"#,
            ),
            (
                "character varying(60)[]",
                r#"ROW("E mail")::record *<> ROW(CAST((lower(email)) AS character varying(60)[]))::record"#,
            ),
        ] {
            assert_eq!(wrong_sql("E mail", type_name, "lower(email)").unwrap(), expected);
        }
        assert_eq!(
            set_sql("seconds", "milliseconds / 1000").unwrap(),
            r#""seconds" = (milliseconds / 1000)"#
        );
    }
}
