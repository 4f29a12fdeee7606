//! SQLite's tokens, exact where it matters: where a string, a quoted name or a comment begins and ends.
//!
//! It follows `sqlite3GetToken`. Two readers use it: [`super::definition`], which edits the text that the file keeps of a table, and
//! [`super::expression`], which pastes an author's text between parentheses. If this file and SQLite disagreed about where a string
//! ends, an edit would cut into one, or text could leave its parentheses.
//!
//! What a word means is not decided here: SQLite reads most of its keywords as names wherever a keyword cannot stand.

use std::ops::Range;

/// What a token is; white space is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An unquoted name or keyword.
    Word,
    /// `"A name"`, `` `a name` `` or `[a name]`.
    QuotedName,
    /// `'a string'`; where only a name may stand, SQLite reads it as one.
    Text,
    /// `x'00ff'`
    Blob,
    /// A number.
    Number,
    /// `?1`, `:name`, `@name`, `$name`.
    Parameter,
    /// `-- ...` or `/* ... */`.
    Comment,
    /// An operator, a bracket, a comma, a dot or a semicolon.
    Symbol,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// Its text, quotes included.
    pub text: &'a str,
    /// Byte offset in the text.
    pub start: usize,
}

impl Token<'_> {
    /// Its bytes in the text.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// It is this keyword, unquoted, in any case.
    #[must_use]
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// It is one of these keywords.
    #[must_use]
    pub fn is_any_word(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }

    /// It is this operator or bracket.
    #[must_use]
    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == TokenKind::Symbol && self.text == symbol
    }

    /// The name it stands for where a name may stand, without quotes.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self.kind {
            TokenKind::Word => Some(self.text.to_owned()),
            TokenKind::QuotedName | TokenKind::Text => Some(unquoted(self.text)),
            TokenKind::Blob
            | TokenKind::Number
            | TokenKind::Parameter
            | TokenKind::Comment
            | TokenKind::Symbol => None,
        }
    }

    /// It is this name, quoted or not; SQLite ignores the case of ASCII letters, even in quoted names.
    #[must_use]
    pub fn is_name(&self, name: &str) -> bool {
        self.name().is_some_and(|own| own.eq_ignore_ascii_case(name))
    }
}

/// What is not a token. Positions count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A string or a quoted name without an end.
    #[error("{what} that begins at character {at} does not end; close it")]
    Unterminated {
        /// "the string".
        what: &'static str,
        /// Where it begins.
        at: usize,
    },
    /// A character or a number that SQLite does not know.
    #[error("{found:?} at character {at} is not SQL to SQLite; remove it, or quote it")]
    Illegal {
        /// What was found.
        found: String,
        /// Where.
        at: usize,
    },
}

/// The tokens of a text without its comments.
///
/// # Errors
/// [`Error`], with the character at which it goes wrong.
pub fn tokens(text: &str) -> Result<Vec<Token<'_>>, Error> {
    let mut found = with_comments(text)?;
    found.retain(|token| token.kind != TokenKind::Comment);
    Ok(found)
}

/// The tokens of a text with its comments.
///
/// # Errors
/// [`Error`], with the character at which it goes wrong.
pub fn with_comments(text: &str) -> Result<Vec<Token<'_>>, Error> {
    let mut found = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let blank = blank(rest);
        if blank > 0 {
            start += blank;
            continue;
        }
        let (kind, length) = next(text, start)?;
        found.push(Token {
            kind,
            text: &rest[..length],
            start,
        });
        start += length;
    }
    Ok(found)
}

/// Indexes of the tokens that may name a column in an expression or a query: names that are no function, no qualifier, no collation
/// and no type of a CAST. Keywords are among them, because a column can be called `key` or `end`.
#[must_use]
pub fn column_names(tokens: &[Token<'_>]) -> Vec<usize> {
    let types = cast_types(tokens);
    let is_column = |i: &usize| {
        let name = matches!(tokens[*i].kind, TokenKind::Word | TokenKind::QuotedName);
        let called = tokens
            .get(i + 1)
            .is_some_and(|t| t.is_symbol("(") || t.is_symbol("."));
        let collation = *i > 0 && tokens[*i - 1].is_word("COLLATE");
        name && !called && !collation && !types[*i]
    };
    (0..tokens.len()).filter(is_column).collect()
}

/// For each token: it belongs to the type of a CAST, with the AS before it.
#[must_use]
pub fn cast_types(tokens: &[Token<'_>]) -> Vec<bool> {
    // For each open bracket: it is the one of a CAST, and its AS was seen.
    let mut open: Vec<(bool, bool)> = Vec::new();
    let mut found = Vec::with_capacity(tokens.len());
    for (i, token) in tokens.iter().enumerate() {
        if token.is_symbol(")") {
            open.pop();
        } else if token.is_word("AS")
            && let Some(last) = open.last_mut()
        {
            last.1 = true;
        }
        found.push(open.iter().any(|(cast, seen)| *cast && *seen));
        if token.is_symbol("(") {
            open.push((i > 0 && tokens[i - 1].is_word("CAST"), false));
        }
    }
    found
}

/// Characters before a byte offset, from 1.
#[must_use]
pub fn character(text: &str, offset: usize) -> usize {
    text[..offset].chars().count() + 1
}

/// Bytes of white space at the beginning: a vertical tab counts only after another, and a byte order mark counts alone.
fn blank(rest: &str) -> usize {
    if rest.starts_with('\u{feff}') {
        return '\u{feff}'.len_utf8();
    }
    if !rest.starts_with([' ', '\t', '\n', '\r', '\x0c']) {
        return 0;
    }
    run(rest, 0, |b| matches!(b, b' ' | b'\t'..=b'\r'))
}

/// Where the run of bytes that belong, from `at` on, ends. Every byte of a character beyond ASCII belongs to names, so no
/// character is cut.
fn run(rest: &str, at: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let bytes = rest.as_bytes();
    (at..bytes.len())
        .find(|i| !belongs(bytes[*i]))
        .unwrap_or(bytes.len())
}

fn in_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || !b.is_ascii()
}

/// Kind and length of the token that begins at `start`, where no white space is.
fn next(text: &str, start: usize) -> Result<(TokenKind, usize), Error> {
    let rest = &text[start..];
    let bytes = rest.as_bytes();
    let second = bytes.get(1).copied().unwrap_or_default();
    let illegal = |length: usize| Error::Illegal {
        found: rest[..length].to_owned(),
        at: character(text, start),
    };
    let unterminated = |what| Error::Unterminated {
        what,
        at: character(text, start),
    };
    match bytes[0] {
        b'-' if second == b'-' => Ok((TokenKind::Comment, run(rest, 0, |b| b != b'\n'))),
        // At the very end of the text, SQLite reads these two characters as operators.
        b'/' if second == b'*' && rest.len() > 2 => {
            let end = rest[2..].find("*/").map_or(rest.len(), |n| n + 4);
            Ok((TokenKind::Comment, end))
        }
        b'\'' => {
            let end = quoted(rest, b'\'').ok_or_else(|| unterminated("the string"))?;
            Ok((TokenKind::Text, end))
        }
        quote @ (b'"' | b'`') => {
            let end = quoted(rest, quote).ok_or_else(|| unterminated("the quoted name"))?;
            Ok((TokenKind::QuotedName, end))
        }
        b'[' => {
            let end = rest.find(']').ok_or_else(|| unterminated("the quoted name"))?;
            Ok((TokenKind::QuotedName, end + 1))
        }
        b'x' | b'X' if second == b'\'' => {
            let end = run(rest, 2, |b| b.is_ascii_hexdigit());
            if bytes.get(end) == Some(&b'\'') && end % 2 == 0 {
                Ok((TokenKind::Blob, end + 1))
            } else {
                Err(illegal(end))
            }
        }
        b'?' => Ok((TokenKind::Parameter, run(rest, 1, |b| b.is_ascii_digit()))),
        b'$' | b'@' | b':' | b'#' => Ok((TokenKind::Parameter, run(rest, 1, in_name))),
        b if b.is_ascii_digit() || (b == b'.' && second.is_ascii_digit()) => {
            let end = number(rest);
            match run(rest, end, in_name) {
                after if after > end => Err(illegal(after)),
                _ => Ok((TokenKind::Number, end)),
            }
        }
        b if in_name(b) => Ok((TokenKind::Word, run(rest, 1, in_name))),
        _ => {
            let length = symbol(rest);
            if length == 0 {
                return Err(illegal(1));
            }
            Ok((TokenKind::Symbol, length))
        }
    }
}

/// End of a text in quotes, in which the doubled quote stands for itself.
fn quoted(rest: &str, quote: u8) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = 1;
    loop {
        at = run(rest, at, |b| b != quote) + 1;
        if at > bytes.len() {
            return None;
        }
        if bytes.get(at) != Some(&quote) {
            return Some(at);
        }
        at += 1;
    }
}

/// End of a number: hexadecimal, or decimal with fraction and exponent; `_` may stand between digits.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digits = |at| run(rest, at, |b| b.is_ascii_digit() || b == b'_');
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    if bytes[0] == b'0'
        && matches!(bytes.get(1), Some(b'x' | b'X'))
        && bytes.get(2).is_some_and(u8::is_ascii_hexdigit)
    {
        return run(rest, 3, |b| b.is_ascii_hexdigit() || b == b'_');
    }
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    let exponent = matches!(bytes.get(end), Some(b'e' | b'E'));
    let signed = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
    if exponent && (is_digit(end + 1) || (signed && is_digit(end + 2))) {
        end = digits(end + 2);
    }
    end
}

/// Length of the operator at the beginning; 0 if SQLite has none.
fn symbol(rest: &str) -> usize {
    const LONG: [&str; 10] = ["->>", "->", "==", "<=", "<>", "<<", ">=", ">>", "!=", "||"];
    if let Some(long) = LONG.iter().find(|s| rest.starts_with(**s)) {
        return long.len();
    }
    usize::from(rest.starts_with([
        '(', ')', ';', '+', '-', '*', '/', '%', '=', '<', '>', '|', ',', '&', '~', '.',
    ]))
}

/// A name or string without its quotes.
fn unquoted(text: &str) -> String {
    let inner = &text[1..text.len() - 1];
    match text.as_bytes()[0] {
        b'"' => inner.replace("\"\"", "\""),
        b'`' => inner.replace("``", "`"),
        b'\'' => inner.replace("''", "'"),
        _ => inner.to_owned(),
    }
}

#[cfg(test)]
mod tests;
