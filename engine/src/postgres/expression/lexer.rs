//! A lexer for PostgreSQL expressions, exact where it matters: where a string, a quoted name or a comment begins and ends.
//!
//! It follows the server's own scanner under `standard_conforming_strings = on`, which every session of ours pins.
//! If the two disagreed about where a string ends, text could leave the parentheses it is pasted into.

use super::Fault;

/// What a token is; white space is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An unquoted name or keyword.
    Word,
    /// `"A name"`.
    QuotedName,
    /// A string of any kind, dollar quotes included.
    Text,
    /// A number.
    Number,
    /// Any other single character.
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

/// The text is one expression that can be pasted between parentheses and stays there.
///
/// # Errors
/// [`Fault`], with the character at which it goes wrong.
pub fn one_expression(text: &str) -> Result<(), Fault> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Err(Fault::Empty);
    }
    let mut open: Vec<(char, usize)> = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        if token.kind != TokenKind::Symbol {
            continue;
        }
        let at = character(text, token.start);
        match token.text {
            "(" => open.push((')', at)),
            "[" => open.push((']', at)),
            ")" | "]" => close(&mut open, token.text, at)?,
            ";" => {
                return Err(not_allowed(
                    "a semicolon",
                    at,
                    "write a single expression without it",
                ));
            }
            "," if open.is_empty() => {
                return Err(not_allowed(
                    "a comma",
                    at,
                    "write one value; several need several changes",
                ));
            }
            ":" if is_psql_variable(&tokens, i, &open) => {
                return Err(not_allowed("a psql variable", at, "write its value instead"));
            }
            _ => {}
        }
    }
    match open.first() {
        Some((expected, at)) => Err(Fault::Unbalanced {
            bracket: if *expected == ')' { '(' } else { '[' },
            at: *at,
        }),
        None => Ok(()),
    }
}

fn close(open: &mut Vec<(char, usize)>, bracket: &str, at: usize) -> Result<(), Fault> {
    let bracket = if bracket == ")" { ')' } else { ']' };
    match open.pop() {
        Some((expected, _)) if expected == bracket => Ok(()),
        _ => Err(Fault::Unbalanced { bracket, at }),
    }
}

/// A colon followed at once by a name, outside brackets (there it is a slice) and not part of `::` or `:=`.
fn is_psql_variable(tokens: &[Token<'_>], i: usize, open: &[(char, usize)]) -> bool {
    let token = tokens[i];
    let touches = |t: &Token<'_>| t.start == token.start + 1;
    let doubled = i > 0 && tokens[i - 1].text == ":" && tokens[i - 1].start + 1 == token.start;
    let sliced = open.last().is_some_and(|(expected, _)| *expected == ']');
    !doubled
        && !sliced
        && tokens
            .get(i + 1)
            .is_some_and(|next| touches(next) && next.kind != TokenKind::Symbol)
}

fn not_allowed(what: impl Into<String>, at: usize, todo: &'static str) -> Fault {
    Fault::NotAllowed {
        what: what.into(),
        at,
        todo,
    }
}

/// Characters before a byte offset, from 1.
fn character(text: &str, offset: usize) -> usize {
    text[..offset].chars().count() + 1
}

/// The tokens of a text.
///
/// # Errors
/// [`Fault`] for comments, parameters, NUL, and what does not end.
pub fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if is_space(c) {
            at += c.len_utf8();
            continue;
        }
        let (kind, end) = next(text, at, c)?;
        found.push(Token {
            kind,
            text: &text[at..end],
            start: at,
        });
        at = end;
    }
    Ok(found)
}

/// The white space of the server's scanner; any other (such as a no-break space) is part of a name to it.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_name_part(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit() || c == '$'
}

fn next(text: &str, at: usize, c: char) -> Result<(TokenKind, usize), Fault> {
    let rest = &text[at..];
    match c {
        '\0' => Err(not_allowed("a NUL character", character(text, at), "remove it")),
        '\'' => Ok((TokenKind::Text, string_end(text, at, at, Escapes::None)?)),
        '"' => Ok((TokenKind::QuotedName, quoted_name_end(text, at)?)),
        '$' => dollar(text, at),
        '-' if rest.starts_with("--") => Err(comment(text, at)),
        '/' if rest.starts_with("/*") => Err(comment(text, at)),
        c if c.is_ascii_digit() => {
            let digits = |c: char| c.is_ascii_digit() || c == '.' || c == '_';
            Ok((TokenKind::Number, span(text, at, digits)))
        }
        c if is_name_start(c) => word(text, at),
        c => Ok((TokenKind::Symbol, at + c.len_utf8())),
    }
}

fn comment(text: &str, at: usize) -> Fault {
    not_allowed(
        "a comment",
        character(text, at),
        "remove it, or put a space between the operators",
    )
}

fn span(text: &str, at: usize, belongs: impl Fn(char) -> bool) -> usize {
    text[at..].find(|c| !belongs(c)).map_or(text.len(), |n| at + n)
}

/// A name, or a string whose letter (E, B, X, N, U&) stands directly before its quote.
fn word(text: &str, at: usize) -> Result<(TokenKind, usize), Fault> {
    let end = span(text, at, is_name_part);
    let word = &text[at..end];
    let rest = &text[end..];
    if rest.starts_with('\'') && word.eq_ignore_ascii_case("e") {
        return Ok((TokenKind::Text, string_end(text, at, end, Escapes::Backslash)?));
    }
    if rest.starts_with('\'') && ["b", "x", "n"].iter().any(|p| word.eq_ignore_ascii_case(p)) {
        return Ok((TokenKind::Text, string_end(text, at, end, Escapes::None)?));
    }
    if word.eq_ignore_ascii_case("u") && (rest.starts_with("&'") || rest.starts_with("&\"")) {
        return Err(not_allowed(
            "a U& string or name",
            character(text, at),
            "write the characters themselves, or E'\\uXXXX'",
        ));
    }
    Ok((TokenKind::Word, end))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Backslash,
}

/// End of a string that begins (with its prefix) at `start` and whose quote is at `quote`. A string goes on after white
/// space that holds a line break, and keeps its kind.
fn string_end(text: &str, start: usize, quote: usize, escapes: Escapes) -> Result<usize, Fault> {
    let unterminated = || Fault::Unterminated {
        what: "the string",
        at: character(text, start),
    };
    let mut at = quote + 1;
    loop {
        let c = text[at..].chars().next().ok_or_else(unterminated)?;
        at += c.len_utf8();
        if c == '\\' && escapes == Escapes::Backslash {
            at += text[at..].chars().next().ok_or_else(unterminated)?.len_utf8();
        } else if c == '\'' {
            if text[at..].starts_with('\'') {
                at += 1;
            } else if let Some(quote) = continuation(text, at) {
                at = quote + 1;
            } else {
                return Ok(at);
            }
        }
    }
}

/// The quote with which a string goes on after its end at `at`.
fn continuation(text: &str, at: usize) -> Option<usize> {
    let end = span(text, at, is_space);
    (text[at..end].contains(['\n', '\r']) && text[end..].starts_with('\'')).then_some(end)
}

fn quoted_name_end(text: &str, start: usize) -> Result<usize, Fault> {
    let mut at = start + 1;
    while let Some(n) = text[at..].find('"') {
        at += n + 1;
        if !text[at..].starts_with('"') {
            return Ok(at);
        }
        at += 1;
    }
    Err(Fault::Unterminated {
        what: "the quoted name",
        at: character(text, start),
    })
}

/// `$1`, or a dollar quote, or a lone dollar sign.
fn dollar(text: &str, start: usize) -> Result<(TokenKind, usize), Fault> {
    let after = &text[start + 1..];
    if after.starts_with(|c: char| c.is_ascii_digit()) {
        let what = format!(
            "the parameter {}",
            &text[start..span(text, start + 1, |c| c.is_ascii_digit())]
        );
        return Err(not_allowed(
            what,
            character(text, start),
            "write a value or a column instead",
        ));
    }
    let tag = if after.starts_with('$') || after.starts_with(is_name_start) {
        span(text, start + 1, |c| is_name_part(c) && c != '$')
    } else {
        start + 1
    };
    if !text[tag..].starts_with('$') {
        return Ok((TokenKind::Symbol, start + 1));
    }
    let quote = &text[start..=tag];
    let body = tag + 1;
    match text[body..].find(quote) {
        Some(n) => Ok((TokenKind::Text, body + n + quote.len())),
        None => Err(Fault::Unterminated {
            what: "the dollar-quoted string",
            at: character(text, start),
        }),
    }
}

#[cfg(test)]
mod tests;
