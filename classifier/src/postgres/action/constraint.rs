//! A constraint as a statement defines it.

use super::{Expression, Name};

/// Of `ADD CONSTRAINT`, of a table's body, or written with a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// `CONSTRAINT name`.
    pub name: Option<String>,
    /// What it demands.
    pub kind: ConstraintKind,
    /// `NOT VALID`: rows that are there are not checked now.
    pub not_valid: bool,
    /// `NOT ENFORCED`, 18 and later: never checked.
    pub not_enforced: bool,
    /// `DEFERRABLE`.
    pub deferrable: bool,
}

/// What a constraint demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// `CHECK (expression)`.
    Check {
        /// The condition.
        expression: Expression,
        /// The columns that the condition alone proves not null: `c IS NOT NULL`, also as one side of an AND.
        proves_not_null: Vec<String>,
    },
    /// `NOT NULL column` as a table constraint, 18 and later.
    NotNull {
        /// The column.
        column: String,
    },
    /// `UNIQUE`.
    Unique {
        /// The columns; empty with `USING INDEX`.
        columns: Vec<String>,
        /// `USING INDEX`.
        using_index: Option<Name>,
    },
    /// `PRIMARY KEY`.
    PrimaryKey {
        /// The columns; empty with `USING INDEX`.
        columns: Vec<String>,
        /// `USING INDEX`.
        using_index: Option<Name>,
    },
    /// `EXCLUDE`.
    Exclude,
    /// `FOREIGN KEY` or `REFERENCES`.
    ForeignKey(ForeignKey),
}

/// A reference to another table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Columns of this table.
    pub columns: Vec<String>,
    /// The table referred to.
    pub references: Name,
    /// Its columns; empty: its primary key.
    pub referenced_columns: Vec<String>,
}
