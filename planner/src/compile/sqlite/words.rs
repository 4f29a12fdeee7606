//! SQLite's words in what an author wrote: names, one expression, a type.
//!
//! Where a word ends, [`engine::sqlite::tokens`] knows; SQLite itself judges the rest, when it is asked.

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

/// Why a text is not one expression that stays within the parentheses it is put into.
pub(in crate::compile) fn one_expression(text: &str) -> Result<(), String> {
    let tokens = tokens(text).map_err(|error| error.to_string())?;
    if tokens.is_empty() {
        return Err("expected an expression, found nothing".to_owned());
    }
    let mut depth = 0_u32;
    for token in &tokens {
        let at_top = depth == 0;
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.checked_sub(1).ok_or("a closing bracket has no opening one before it")?;
        } else if token.is_symbol(";") {
            return Err("found a semicolon; write a single expression without it".to_owned());
        } else if at_top && token.is_symbol(",") {
            return Err("found a comma; write one value, because several need several changes".to_owned());
        } else if token.kind == TokenKind::Parameter {
            return Err(format!("found the parameter {}; write its value instead", token.text));
        }
    }
    if depth > 0 {
        return Err("an opening bracket has no closing one after it".to_owned());
    }
    Ok(())
}

/// A type's words with one space between them; why it is none otherwise.
pub(in crate::compile) fn type_name(text: &str) -> Result<String, String> {
    const CLAUSES: &[&str] = &[
        "CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS",
    ];
    let tokens = tokens(text).map_err(|error| error.to_string())?;
    let open = tokens.iter().position(|t| t.is_symbol("(")).unwrap_or(tokens.len());
    let (words, modifier) = tokens.split_at(open);
    let is_plain = |t: &Token<'_>| matches!(t.kind, TokenKind::Word | TokenKind::QuotedName) && !t.is_any_word(CLAUSES);
    if words.is_empty() || !words.iter().all(is_plain) {
        return Err("expected only a type, such as `INTEGER`, `TEXT` or `NUMERIC(10,2)`; defaults and constraints come later".to_owned());
    }
    let size = |t: &Token<'_>| t.kind == TokenKind::Number || t.is_symbol("-") || t.is_symbol("+") || t.is_symbol(",");
    let is_size = match modifier {
        [] => true,
        [_, inside @ .., close] => close.is_symbol(")") && !inside.is_empty() && inside.iter().all(size),
        [_] => false,
    };
    if !is_size {
        return Err("expected at most two numbers in the brackets of a type, such as `NUMERIC(10,2)`".to_owned());
    }
    let words: Vec<&str> = words.iter().map(|t| t.text).collect();
    Ok(words.join(" ") + &modifier.iter().map(|t| t.text).collect::<String>())
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
    fn an_expression_stays_within_its_parentheses() {
        for text in ["milliseconds / 1000", "[a b] || ')' || max(a, b)", "CASE WHEN a THEN 1 END"] {
            assert_eq!(one_expression(text), Ok(()), "{text}");
        }
        for text in ["", "a)", "(a", "a, b", "a; b", "?1", "'a"] {
            assert!(one_expression(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_type_is_only_a_type() {
        assert_eq!(type_name("numeric ( 10, 2 )").as_deref(), Ok("numeric(10,2)"));
        assert_eq!(type_name("UNSIGNED  BIG INT").as_deref(), Ok("UNSIGNED BIG INT"));
        for text in ["", "INTEGER NOT NULL", "INT DEFAULT 0", "INT; DROP TABLE t", "TEXT COLLATE NOCASE", "INT()", "'TEXT'"] {
            assert!(type_name(text).is_err(), "{text}");
        }
    }
}
