//! A table's own text: the CREATE TABLE statement as the file keeps it, read, and edited without disturbing the rest.
//!
//! SQLite can neither drop a NOT NULL nor tell what a CHECK reads, and its pragmas know nothing of STRICT or of a constraint's name. All that is
//! in the text, and what SQLite cannot alter is altered by giving it a new one. So [`Definition::parse`] finds the parts with their
//! places, and five functions return a changed text: [`without_not_null`], [`without_column`], [`with_column`],
//! [`with_column_renamed`] and [`with_name`]. Comments, quotes and layout outside the change stay as they were.
//!
//! It reads what SQLite has accepted, following the grammar in `parse.y`; it is no judge of text that SQLite would refuse. Whoever uses an
//! edited text lets SQLite read it before anything depends on it.
//!
//! What breaks it: a clause that a later version adds. Unknown words are passed over, not taken for something else.

mod edit;
mod read;

use std::ops::Range;

pub use edit::{with_column, with_column_renamed, with_name, without_column, without_not_null};

use super::tokens::{self, Token};
use crate::catalog::ConstraintKind;
use crate::postgres::ident::IdentError;

/// A CREATE TABLE statement, read. Spans are byte ranges of its text, token ranges are indexes into [`Definition::tokens`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition<'a> {
    /// The text that was read.
    pub text: &'a str,
    /// Its tokens without comments.
    pub tokens: Vec<Token<'a>>,
    /// The table's name, without quotes.
    pub name: String,
    /// Where the name is, without a schema before it.
    pub name_span: Range<usize>,
    /// The columns in order.
    pub columns: Vec<ColumnDefinition>,
    /// The constraints after the columns.
    pub constraints: Vec<TableConstraint>,
    /// WITHOUT ROWID
    pub without_rowid: bool,
    /// STRICT
    pub strict: bool,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// Its name, without quotes.
    pub name: String,
    /// Where the name is.
    pub name_span: Range<usize>,
    /// From the name to the last token of the column, without the comma.
    pub span: Range<usize>,
    /// The tokens of the same.
    pub tokens: Range<usize>,
    /// Where the type is; empty, behind the name, without one.
    pub type_span: Range<usize>,
    /// What follows the type, in order.
    pub clauses: Vec<Clause>,
}

/// One clause of a column, such as `CONSTRAINT positive CHECK (price > 0)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// What it is.
    pub kind: ClauseKind,
    /// The name that CONSTRAINT gave it.
    pub name: Option<String>,
    /// Where it is, from CONSTRAINT on if it is named.
    pub span: Range<usize>,
    /// The tokens of the clause alone, without its name.
    pub tokens: Range<usize>,
    /// For REFERENCES: what it points at.
    pub references: Option<Reference>,
}

/// What a clause of a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClauseKind {
    /// NOT NULL
    NotNull,
    /// NULL, which says nothing
    Null,
    /// DEFAULT
    Default,
    /// PRIMARY KEY
    PrimaryKey,
    /// UNIQUE
    Unique,
    /// CHECK
    Check,
    /// REFERENCES
    References,
    /// `[NOT] DEFERRABLE`, of the REFERENCES before it
    Deferrable,
    /// COLLATE
    Collate,
    /// [GENERATED ALWAYS] AS
    Generated,
}

/// One constraint after the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableConstraint {
    /// PRIMARY KEY, UNIQUE, CHECK or FOREIGN KEY.
    pub kind: ConstraintKind,
    /// The name that CONSTRAINT gave it.
    pub name: Option<String>,
    /// The columns it names, as the table spells them; of a CHECK those in its expression.
    pub columns: Vec<String>,
    /// Where it is, from CONSTRAINT on if it is named, without a comma.
    pub span: Range<usize>,
    /// The tokens of the constraint alone, without its name.
    pub tokens: Range<usize>,
    /// For a FOREIGN KEY: what it points at.
    pub references: Option<Reference>,
}

/// What a foreign key points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The table, without quotes.
    pub table: String,
    /// Its token.
    pub table_token: usize,
    /// The tokens between the brackets after it; empty without them.
    pub list: Range<usize>,
    /// Where DEFERRABLE or NOT DEFERRABLE and what belongs to it is.
    pub deferrable: Option<Range<usize>>,
}

impl<'a> Definition<'a> {
    /// Reads a CREATE TABLE statement.
    ///
    /// # Errors
    /// [`Error`] if it is none, or not one that SQLite could have accepted.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        read::definition(text)
    }

    /// The column of that name, in any case.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// The columns of the primary key in order; empty without one.
    #[must_use]
    pub fn primary_key(&self) -> Vec<String> {
        let own = self
            .columns
            .iter()
            .find(|c| c.clause(ClauseKind::PrimaryKey).is_some());
        let of_table = self
            .constraints
            .iter()
            .find(|c| c.kind == ConstraintKind::PrimaryKey);
        match (own, of_table) {
            (Some(column), _) => vec![column.name.clone()],
            (None, Some(constraint)) => constraint.columns.clone(),
            (None, None) => Vec::new(),
        }
    }

    /// The columns that an expression reads, as the table spells them, in the table's order. Its tokens are a range of [`Definition::tokens`].
    #[must_use]
    pub fn columns_in(&self, expression: &Range<usize>) -> Vec<String> {
        let tokens = &self.tokens[expression.clone()];
        let found = tokens::column_names(tokens);
        let named = |column: &&ColumnDefinition| found.iter().any(|i| tokens[*i].is_name(&column.name));
        self.columns
            .iter()
            .filter(named)
            .map(|c| c.name.clone())
            .collect()
    }

    /// The tokens between the outermost brackets of a CHECK, a GENERATED or a DEFAULT: its expression.
    #[must_use]
    pub fn within_brackets(&self, range: &Range<usize>) -> Range<usize> {
        let open = range.clone().find(|i| self.tokens[*i].is_symbol("("));
        let close = range.clone().rev().find(|i| self.tokens[*i].is_symbol(")"));
        match (open, close) {
            (Some(open), Some(close)) if open < close => open + 1..close,
            _ => range.end..range.end,
        }
    }

    /// The text of some tokens with what stands between them.
    #[must_use]
    pub fn text_of(&self, range: &Range<usize>) -> &'a str {
        &self.text[self.span_of(range)]
    }

    /// Where some tokens are; empty if there are none.
    fn span_of(&self, range: &Range<usize>) -> Range<usize> {
        span_of(&self.tokens, range)
    }
}

impl ColumnDefinition {
    /// The first clause of that kind.
    #[must_use]
    pub fn clause(&self, kind: ClauseKind) -> Option<&Clause> {
        self.clauses.iter().find(|c| c.kind == kind)
    }
}

fn span_of(tokens: &[Token<'_>], range: &Range<usize>) -> Range<usize> {
    match tokens[range.clone()] {
        [] => 0..0,
        [only] => only.span(),
        [first, .., last] => first.start..last.span().end,
    }
}

/// Why a definition cannot be read, or not be changed as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not SQL.
    #[error("the definition of the table cannot be read")]
    Tokens(#[from] tokens::Error),
    /// Not a table with a list of columns.
    #[error(
        "the text is not CREATE TABLE with a list of columns: {found:?}; only ordinary tables can be changed"
    )]
    NotATable {
        /// Its beginning.
        found: String,
    },
    /// Another clause than SQLite knows in this place.
    #[error(
        "the definition of the table has {found:?} at character {at}, where it cannot stand; let SQLite accept the definition first"
    )]
    Unexpected {
        /// The token, or "the end".
        found: String,
        /// Where, counted from 1.
        at: usize,
    },
    /// No such column.
    #[error("the table {table:?} has no column {column:?}; check the name")]
    NoSuchColumn {
        /// The column.
        column: String,
        /// The table.
        table: String,
    },
    /// The name is in use.
    #[error("the table {table:?} already has a column {column:?}; choose another name")]
    ColumnExists {
        /// The column.
        column: String,
        /// The table.
        table: String,
    },
    /// A table has at least one column.
    #[error("the column {column:?} is the only one of its table; drop the table instead")]
    OnlyColumn {
        /// The column.
        column: String,
    },
    /// What should be appended is not one column.
    #[error("{found:?} is not the definition of one column; write a name, a type and its clauses")]
    NotAColumn {
        /// What was given.
        found: String,
    },
    /// A name that cannot be quoted.
    #[error("a name cannot be used")]
    Ident(#[from] IdentError),
}

#[cfg(test)]
mod tests;
