//! Quoting: the only place where a name or a value becomes SQL text.
//!
//! Identifiers are always quoted, so reserved words, spaces, upper case and non-ASCII need no thought.
//! The server silently cuts names at 63 bytes, so that two long names become one: longer ones are refused.
//! Literals are only for places that cannot bind (`CREATE FUNCTION`, simple protocol).

use crate::catalog::TableName;

/// Longest identifier in bytes (`NAMEDATALEN - 1`).
pub const MAX_BYTES: usize = 63;

/// Why a text cannot be a PostgreSQL identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentError {
    /// Nothing there.
    #[error("an empty name cannot be an identifier; give the object a name")]
    Empty,
    /// A NUL character.
    #[error("the name {name:?} contains a NUL character, which no database can store; remove it")]
    Nul {
        /// What was given.
        name: String,
    },
    /// More than [`MAX_BYTES`].
    #[error(
        "the name {name:?} has {bytes} bytes; PostgreSQL would silently cut it at {MAX_BYTES} and could hit another object, so shorten it"
    )]
    TooLong {
        /// What was given.
        name: String,
        /// Its length in bytes.
        bytes: usize,
    },
}

/// `name` as a quoted identifier: `Odd "Name"` becomes `"Odd ""Name"""`.
///
/// # Errors
/// [`IdentError`] for a name that PostgreSQL cannot have.
pub fn quote(name: &str) -> Result<String, IdentError> {
    if name.is_empty() {
        return Err(IdentError::Empty);
    }
    if name.contains('\0') {
        return Err(IdentError::Nul {
            name: name.to_owned(),
        });
    }
    if name.len() > MAX_BYTES {
        return Err(IdentError::TooLong {
            name: name.to_owned(),
            bytes: name.len(),
        });
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// A table's name, quoted and qualified: `"music"."track"`.
///
/// # Errors
/// [`IdentError`] for either part.
pub fn table(name: &TableName) -> Result<String, IdentError> {
    Ok(format!("{}.{}", quote(&name.schema)?, quote(&name.name)?))
}

/// Several identifiers, quoted and separated by commas.
///
/// # Errors
/// [`IdentError`] for the first that fails.
pub fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<String, IdentError> {
    let quoted: Result<Vec<_>, _> = names.into_iter().map(|n| quote(n)).collect();
    Ok(quoted?.join(", "))
}

/// The text of a pinned `search_path`: the schemas in order, then `pg_temp` *last*, so that nobody's
/// temporary table shadows one of them (without naming it, the server would search it first).
///
/// # Errors
/// [`IdentError`] for the first schema that fails.
pub fn search_path(schemas: &[String]) -> Result<String, IdentError> {
    let last = "pg_temp".to_owned();
    list(
        schemas
            .iter()
            .filter(|s| **s != last)
            .chain(std::iter::once(&last)),
    )
}

/// `text` as a string literal that reads the same under either `standard_conforming_strings`.
///
/// A NUL cannot be in a PostgreSQL text at all; it is left out.
#[must_use]
pub fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    let escape = text.contains('\\');
    if escape {
        quoted.push('E');
    }
    quoted.push('\'');
    for c in text.chars().filter(|c| *c != '\0') {
        if c == '\'' || (escape && c == '\\') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the server's lexer does to a quoted identifier; None if it does not end where it should.
    fn unquote(quoted: &str) -> Option<String> {
        let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let mut out = String::new();
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            if c == '"' && chars.next() != Some('"') {
                return None;
            }
            out.push(c);
        }
        Some(out)
    }

    /// What the server's lexer does to a literal, with `standard_conforming_strings` on or off.
    fn unliteral(quoted: &str, standard: bool) -> Option<String> {
        let (escapes, rest) = match quoted.strip_prefix('E') {
            Some(rest) => (true, rest),
            None => (!standard, quoted),
        };
        let inner = rest.strip_prefix('\'')?.strip_suffix('\'')?;
        let mut out = String::new();
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            match c {
                '\'' if chars.next() != Some('\'') => return None,
                '\\' if escapes => out.push(chars.next()?),
                c => out.push(c),
            }
        }
        Some(out)
    }

    #[test]
    fn names_that_the_server_would_change_are_refused() {
        assert_eq!(quote(""), Err(IdentError::Empty));
        assert!(matches!(quote("a\0b"), Err(IdentError::Nul { .. })));
        assert!(quote(&"x".repeat(63)).is_ok());
        assert!(matches!(
            quote(&"x".repeat(64)),
            Err(IdentError::TooLong { bytes: 64, .. })
        ));
        assert!(matches!(
            quote(&"é".repeat(32)),
            Err(IdentError::TooLong { bytes: 64, .. })
        ));
    }

    #[test]
    fn tables_are_quoted_part_by_part() {
        let name = TableName {
            schema: "My.Schema".into(),
            name: "select".into(),
        };
        assert_eq!(table(&name).unwrap(), r#""My.Schema"."select""#);
    }

    #[test]
    fn the_temporary_schema_is_searched_last_and_once() {
        let path = search_path(&["pg_temp".into(), "a b".into(), "public".into()]).unwrap();
        assert_eq!(path, r#""a b", "public", "pg_temp""#);
        assert_eq!(search_path(&[]).unwrap(), r#""pg_temp""#);
    }

    proptest! {
        #[test]
        fn a_quoted_name_reads_back_as_itself(name in "\\PC{1,20}|[\"'\\\\a ]{1,20}") {
            prop_assume!(name.len() <= MAX_BYTES);
            prop_assert_eq!(unquote(&quote(&name).unwrap()), Some(name));
        }

        #[test]
        fn a_literal_reads_back_as_itself_under_either_setting(text in "\\PC*|[\"'\\\\a\n]{0,20}") {
            prop_assume!(!text.contains('\0'));
            prop_assert_eq!(unliteral(&literal(&text), true), Some(text.clone()));
            prop_assert_eq!(unliteral(&literal(&text), false), Some(text));
        }
    }
}
