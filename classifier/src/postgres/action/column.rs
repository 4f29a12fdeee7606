//! A column as a statement defines it.

use super::{Constraint, Name, SqlType};

/// Of `CREATE TABLE` and `ADD COLUMN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type; `serial` and the like as written.
    pub type_name: SqlType,
    /// `DEFAULT`.
    pub default: Option<Expression>,
    /// `NOT NULL`, also by `PRIMARY KEY`, `serial` or an identity.
    pub not_null: bool,
    /// `GENERATED ALWAYS AS (expression)` or an identity.
    pub generated: Option<Generated>,
    /// `COLLATE`.
    pub collation: Option<Name>,
    /// `CHECK`, `UNIQUE`, `PRIMARY KEY`, `REFERENCES` written with the column, each naming this column; NOT NULL is not among them.
    pub constraints: Vec<Constraint>,
}

/// Where a value comes from that nobody writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Generated {
    /// `STORED`: kept in the row.
    Stored(Expression),
    /// `VIRTUAL`, 18 and later: computed when read.
    Virtual(Expression),
    /// `AS IDENTITY`.
    Identity,
}

/// An expression that a statement brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// As written.
    pub text: String,
    /// What can be told from the text and the built-in functions alone; see [`Context::volatility`](crate::postgres::Context::volatility)
    /// for what the database adds.
    pub volatility: Volatility,
    /// Functions that it calls and that are not built in.
    pub unknown_functions: Vec<Name>,
    /// Columns and other names that it mentions without calling them.
    pub columns: Vec<String>,
}

/// How often an expression must be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Volatility {
    /// Once and for all: a literal, or immutable functions of literals.
    Constant,
    /// Once for a statement: `now()`.
    Stable,
    /// It calls a function of which only the database knows.
    Unknown,
    /// For each row: `random()`, `nextval()`.
    Volatile,
}
