//! Quoting: the only place where a name or a value becomes SQL text for SQLite.
//!
//! Identifiers are always quoted with double quotes, which every version reads as a name where a name may stand. There is no limit to
//! their length.

pub use crate::postgres::ident::IdentError;

use crate::catalog::TableName;

/// The schema of the file that was opened; Sluice works in no attached one.
pub const MAIN: &str = "main";

/// `name` as a quoted identifier: `Odd "Name"` becomes `"Odd ""Name"""`.
///
/// # Errors
/// [`IdentError`] for a name that SQLite cannot have.
pub fn quote(name: &str) -> Result<String, IdentError> {
    if name.is_empty() {
        return Err(IdentError::Empty);
    }
    if name.contains('\0') {
        return Err(IdentError::Nul {
            name: name.to_owned(),
        });
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// A table's name, quoted: `"track"`. Not qualified, because a trigger's body may not qualify the tables it writes.
///
/// # Errors
/// [`IdentError`] for a name that SQLite cannot have.
pub fn table(name: &TableName) -> Result<String, IdentError> {
    quote(&name.name)
}

/// A string literal: `it's` becomes `'it''s'`. For places that cannot bind: triggers, questions of a plan.
#[must_use]
pub fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_stay_within_their_quotes() {
        assert_eq!(quote(r#"a "b" c"#).unwrap(), r#""a ""b"" c""#);
        assert_eq!(quote(""), Err(IdentError::Empty));
        assert!(matches!(quote("a\0b"), Err(IdentError::Nul { .. })));
        assert_eq!(literal("it's"), "'it''s'");
    }
}
