//! Names of types. SQLite accepts nearly any words; a STRICT table only six.

use super::Fault;
use crate::sqlite::tokens::{Token, TokenKind, tokens};

/// Words that end a type, because a clause of the column begins with them.
const CLAUSES: [&str; 16] = [
    "CONSTRAINT",
    "DEFAULT",
    "NULL",
    "NOT",
    "PRIMARY",
    "UNIQUE",
    "CHECK",
    "REFERENCES",
    "COLLATE",
    "GENERATED",
    "ALWAYS",
    "AS",
    "DEFERRABLE",
    "ON",
    "AUTOINCREMENT",
    "FOREIGN",
];

/// The types of a STRICT table.
const STRICT: [&str; 6] = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"];

/// The name of a type as it was written, with single spaces: words, then at most two numbers in brackets.
///
/// # Errors
/// [`Fault::UnknownType`] for anything else.
pub fn canonical_type(text: &str) -> Result<String, Fault> {
    let unknown = || Fault::UnknownType {
        found: text.to_owned(),
    };
    let all = tokens(text).map_err(|_| unknown())?;
    let words = all.iter().take_while(|t| t.kind == TokenKind::Word).count();
    let (name, size) = all.split_at(words);
    if name.is_empty()
        || name.iter().any(|t| t.is_any_word(&CLAUSES))
        || text.contains("--")
        || text.contains("/*")
    {
        return Err(unknown());
    }
    let name = name.iter().map(|t| t.text).collect::<Vec<_>>().join(" ");
    if size.is_empty() {
        return Ok(name);
    }
    let sizes = sizes(size).ok_or_else(unknown)?;
    Ok(format!("{name}({})", sizes.join(", ")))
}

/// The numbers of `(n)` or `(n, m)`, with their signs.
fn sizes(tokens: &[Token<'_>]) -> Option<Vec<String>> {
    let [open, inner @ .., close] = tokens else {
        return None;
    };
    if !open.is_symbol("(") || !close.is_symbol(")") {
        return None;
    }
    let parts: Vec<&[Token<'_>]> = inner.split(|t| t.is_symbol(",")).collect();
    let number = |part: &&[Token<'_>]| match part {
        [number] if number.kind == TokenKind::Number => Some(number.text.to_owned()),
        [sign, number]
            if (sign.is_symbol("-") || sign.is_symbol("+")) && number.kind == TokenKind::Number =>
        {
            Some(format!("{}{}", sign.text, number.text))
        }
        _ => None,
    };
    (parts.len() <= 2)
        .then(|| parts.iter().map(number).collect())
        .flatten()
}

/// A STRICT table may have a column of this type.
#[must_use]
pub fn is_strict_type(name: &str) -> bool {
    STRICT.iter().any(|known| known.eq_ignore_ascii_case(name))
}
