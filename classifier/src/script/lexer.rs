//! One token after the other, as coarse as the end of a statement needs it.
//!
//! A quote that never closes runs to the end of the script: so it does for the database, and a guess at where it should have ended
//! would let the rest be read as something that it is not.

use std::io::BufRead;

use super::window::Window;
use super::{Dialect, open::Text};

/// As much of a comment as is kept, in bytes: an accepting comment is a line.
const LONGEST_COMMENT: usize = 4 << 10;
/// The longest word that means anything here, in bytes, and the longest tag of a dollar quote.
const LONGEST_WORD: usize = 128;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Blanks and line ends.
    Blank,
    /// A comment without its marks; `closed` is false where the script ended in it.
    Comment { text: String, closed: bool },
    /// A word or a number, in lower case.
    Word(String),
    /// A string or a quoted name; false if the script ended in it.
    Quoted { what: &'static str, closed: bool },
    /// Any other character.
    Mark(u8),
    /// The end of a statement.
    Delimiter,
    /// A backslash that begins a command of psql.
    Backslash,
    /// The end of the script.
    End,
}

/// Reads the next token and keeps its text.
pub(super) fn token<R: BufRead>(
    window: &mut Window<R>,
    dialect: Dialect,
    delimiter: &[u8],
    text: &mut Text,
) -> Token {
    let Some(first) = window.peek(0) else {
        return Token::End;
    };
    if window.is_next(delimiter) {
        for _ in delimiter {
            window.take();
        }
        return Token::Delimiter;
    }
    let second = window.peek(1);
    match first {
        b' ' | b'\t' | b'\r' | b'\n' | b'\x0b' | b'\x0c' => blank(window, text),
        0xEF if window.is_next("\u{feff}".as_bytes()) => blank(window, text),
        b'-' if second == Some(b'-') && begins_comment(window, dialect) => line_comment(window, 2, text),
        b'#' if dialect.is_mysql() => line_comment(window, 1, text),
        b'/' if second == Some(b'*') && !is_executable(window, dialect) => {
            block_comment(window, dialect, text)
        }
        b'\'' | b'"' | b'`' | b'[' if closing(dialect, first).is_some() => quoted(window, dialect, text),
        b'e' | b'E' if second == Some(b'\'') && dialect == Dialect::Postgres => {
            keep(window, text);
            until_quote(window, b'\'', Escapes::Backslash, "string", text)
        }
        b'$' if dialect == Dialect::Postgres => dollar(window, text),
        b'\\' if dialect == Dialect::Postgres => {
            window.take();
            Token::Backslash
        }
        _ if is_word(first) => word(window, text),
        _ => {
            keep(window, text);
            Token::Mark(first)
        }
    }
}

/// What stands between one mark and its next occurrence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// Only the mark itself, doubled.
    Doubled,
    /// A backslash takes away the meaning of whatever follows, too.
    Backslash,
}

fn keep<R: BufRead>(window: &mut Window<R>, text: &mut Text) -> Option<u8> {
    let byte = window.take()?;
    text.push(byte);
    Some(byte)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn blank<R: BufRead>(window: &mut Window<R>, text: &mut Text) -> Token {
    if window.peek(0) == Some(0xEF) {
        // A byte order mark is three bytes.
        keep(window, text);
        keep(window, text);
        keep(window, text);
    }
    while let Some(b' ' | b'\t' | b'\r' | b'\n' | b'\x0b' | b'\x0c') = window.peek(0) {
        keep(window, text);
    }
    Token::Blank
}

/// MySQL reads `5--3` as arithmetic.
fn begins_comment<R: BufRead>(window: &mut Window<R>, dialect: Dialect) -> bool {
    !dialect.is_mysql()
        || window
            .peek(2)
            .is_none_or(|third| third.is_ascii_whitespace() || third.is_ascii_control())
}

/// MySQL runs what is in `/*! ... */`, and mysqldump writes most of its settings so.
fn is_executable<R: BufRead>(window: &mut Window<R>, dialect: Dialect) -> bool {
    dialect.is_mysql() && (window.peek(2) == Some(b'!') || window.is_next(b"/*M!"))
}

fn line_comment<R: BufRead>(window: &mut Window<R>, marks: usize, text: &mut Text) -> Token {
    for _ in 0..marks {
        keep(window, text);
    }
    let mut said = Vec::new();
    while window.peek(0).is_some_and(|byte| byte != b'\n') {
        if let Some(byte) = keep(window, text) {
            remember(&mut said, byte);
        }
    }
    comment(&said, true)
}

fn block_comment<R: BufRead>(window: &mut Window<R>, dialect: Dialect, text: &mut Text) -> Token {
    keep(window, text);
    keep(window, text);
    let mut depth = 1_usize;
    let mut said = Vec::new();
    while let Some(byte) = keep(window, text) {
        match (byte, window.peek(0)) {
            (b'*', Some(b'/')) => {
                keep(window, text);
                depth -= 1;
                if depth == 0 {
                    return comment(&said, true);
                }
            }
            (b'/', Some(b'*')) if dialect == Dialect::Postgres => {
                keep(window, text);
                depth += 1;
            }
            _ => remember(&mut said, byte),
        }
    }
    // SQLite takes the end of the script for the end of the comment.
    comment(&said, dialect == Dialect::Sqlite)
}

fn remember(said: &mut Vec<u8>, byte: u8) {
    if said.len() < LONGEST_COMMENT {
        said.push(byte);
    }
}

fn comment(said: &[u8], closed: bool) -> Token {
    Token::Comment {
        text: String::from_utf8_lossy(said).into_owned(),
        closed,
    }
}

/// What closes a quote, if that character opens one.
fn closing(dialect: Dialect, open: u8) -> Option<u8> {
    match (open, dialect) {
        (b'\'' | b'"', _) => Some(open),
        (b'`', Dialect::Mysql | Dialect::Mariadb | Dialect::Sqlite) => Some(b'`'),
        (b'[', Dialect::Sqlite) => Some(b']'),
        _ => None,
    }
}

fn quoted<R: BufRead>(window: &mut Window<R>, dialect: Dialect, text: &mut Text) -> Token {
    let open = window.peek(0).unwrap_or_default();
    let close = closing(dialect, open).unwrap_or(open);
    let escapes = if dialect.is_mysql() && open != b'`' {
        Escapes::Backslash
    } else {
        Escapes::Doubled
    };
    let what = if open == b'\'' { "string" } else { "quoted name" };
    until_quote(window, close, escapes, what, text)
}

fn until_quote<R: BufRead>(
    window: &mut Window<R>,
    close: u8,
    escapes: Escapes,
    what: &'static str,
    text: &mut Text,
) -> Token {
    keep(window, text);
    let closed = loop {
        let Some(byte) = keep(window, text) else {
            break false;
        };
        if byte == b'\\' && escapes == Escapes::Backslash {
            keep(window, text);
        } else if byte == close {
            // Brackets cannot be doubled.
            if close == b']' || window.peek(0) != Some(close) {
                break true;
            }
            keep(window, text);
        }
    };
    Token::Quoted { what, closed }
}

/// `$tag$ ... $tag$`; a `$` that begins none is a mark, as in `$1`.
fn dollar<R: BufRead>(window: &mut Window<R>, text: &mut Text) -> Token {
    let mut tag = vec![b'$'];
    loop {
        match window.peek(tag.len()) {
            Some(b'$') => break,
            Some(byte)
                if is_word(byte)
                    && tag.len() < LONGEST_WORD
                    && !(tag.len() == 1 && byte.is_ascii_digit()) =>
            {
                tag.push(byte);
            }
            _ => {
                keep(window, text);
                return Token::Mark(b'$');
            }
        }
    }
    tag.push(b'$');
    for _ in &tag {
        keep(window, text);
    }
    loop {
        if window.is_next(&tag) {
            for _ in &tag {
                keep(window, text);
            }
            break Token::Quoted {
                what: "dollar-quoted string",
                closed: true,
            };
        }
        if keep(window, text).is_none() {
            break Token::Quoted {
                what: "dollar-quoted string",
                closed: false,
            };
        }
    }
}

fn word<R: BufRead>(window: &mut Window<R>, text: &mut Text) -> Token {
    let mut word = Vec::new();
    while window.peek(0).is_some_and(|byte| is_word(byte) || byte == b'$') {
        if let Some(byte) = keep(window, text)
            && word.len() < LONGEST_WORD
        {
            word.push(byte.to_ascii_lowercase());
        }
    }
    Token::Word(String::from_utf8_lossy(&word).into_owned())
}
