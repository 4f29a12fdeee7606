//! The author's own SQL on SQLite, as predicates and assignments.

use super::ident::{self, IdentError};

/// Boolean SQL over one row: `column` is not yet what `up` gives. Never NULL. Compared by the binary collation, so that NOCASE hides
/// nothing, and under the column's affinity, so that what is stored of a value counts as that value.
///
/// # Errors
/// [`IdentError`] for a column that cannot be quoted.
pub fn wrong_sql(column: &str, up: &str) -> Result<String, IdentError> {
    Ok(format!("{} COLLATE BINARY IS NOT ({up})", ident::quote(column)?))
}

/// The assignment that makes `column` right.
///
/// # Errors
/// [`IdentError`] for a column that cannot be quoted.
pub fn set_sql(column: &str, up: &str) -> Result<String, IdentError> {
    Ok(format!("{} = ({up})", ident::quote(column)?))
}
