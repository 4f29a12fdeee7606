//! SQLite's names in what an author wrote.
//!
//! Where a word ends, [`engine::sqlite::tokens`] knows; SQLite itself judges the rest, when it is asked.

use engine::sqlite::expression::{canonical_type, is_strict_type};
use engine::sqlite::tokens::{Token, TokenKind, tokens};

/// What could be names in an author's SQL, as they are written; nothing of a text that is no SQL, which is refused elsewhere.
pub(in crate::compile) fn all(text: &str) -> Vec<String> {
    let tokens = tokens(text).unwrap_or_default();
    let names = tokens.iter().filter(|t| t.kind != TokenKind::Text);
    names.filter_map(|token| token.name()).collect()
}

/// `track`, `main.track`, `[Odd Name]`; None if it is not a name.
pub(in crate::compile) fn parts(text: &str) -> Option<(Option<String>, String)> {
    let words = tokens(text).ok()?;
    let name = |token: &Token<'_>| token.name().filter(|_| token.kind != TokenKind::Text);
    match words.as_slice() {
        [table] => Some((None, name(table)?)),
        [schema, dot, table] if dot.is_symbol(".") => Some((Some(name(schema)?), name(table)?)),
        _ => None,
    }
}

/// A type as SQLite will spell it once a column has it: as it is written, but for the names that it keeps as a number. Why it is none
/// otherwise.
pub(in crate::compile) fn type_name(text: &str) -> Result<String, String> {
    let name = canonical_type(text).map_err(|fault| fault.to_string())?;
    Ok(if is_strict_type(&name) {
        name.to_ascii_uppercase()
    } else {
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_s_name_is_read_as_sqlite_reads_it() {
        let check = |text: &str, expected: Option<(Option<&str>, &str)>| {
            let expected = expected.map(|(schema, name)| (schema.map(str::to_owned), name.to_owned()));
            assert_eq!(parts(text), expected, "{text}");
        };
        check("Track", Some((None, "Track")));
        check("main.[Odd Name]", Some((Some("main"), "Odd Name")));
        check("a.b.c", None);
        check("'a'", None);
    }
    #[test]
    fn a_type_is_spelled_as_the_file_will_spell_it() {
        assert_eq!(type_name("integer").as_deref(), Ok("INTEGER"));
        assert_eq!(type_name("varchar ( 20 )").as_deref(), Ok("varchar(20)"));
        assert!(type_name("INTEGER DEFAULT 0").is_err());
    }
}
