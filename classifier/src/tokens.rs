//! The words of a statement of MySQL, MariaDB or SQLite, each with where it stands.
//!
//! Why a lexer of our own: the readers cut parts of the statement out to build the safer form from, so they need places in bytes,
//! and a comment that the server executes (`/*!50100 ... */`) must be read like the rest. What would break it: a quoting rule missed
//! here shifts every word behind it; so a quote or comment that never ends is a [`Fault`], and the statement is not judged.

mod cursor;

pub(crate) use cursor::{Cursor, Name, list, quote};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string.
    Text,
    /// A number.
    Number,
    /// One character of punctuation.
    Symbol,
}

/// A token, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// Where it begins, in bytes.
    pub(crate) start: usize,
}

impl Token<'_> {
    /// The place behind it, in bytes.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// It is this keyword.
    pub(crate) fn is(&self, word: &str) -> bool {
        match self.kind {
            Kind::Word | Kind::Symbol => self.text.eq_ignore_ascii_case(word),
            Kind::Quoted | Kind::Text | Kind::Number => false,
        }
    }
}

/// Which quotes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// Names in backquotes, strings in either quote, with backslashes.
    MySql,
    /// Names in double quotes, backquotes or brackets; strings in single quotes.
    Sqlite,
}

/// Where a text ends too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// In bytes.
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// All tokens of a statement.
pub(crate) fn lex(sql: &str, quoting: Quoting) -> Result<Vec<Token<'_>>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    // Inside a comment that is executed: its end is skipped like a blank.
    let mut executed = false;
    while let Some(c) = sql[at..].chars().next() {
        let rest = &sql[at..];
        if c.is_whitespace() || c == '\u{feff}' {
            at += c.len_utf8();
        } else if is_line_comment(rest, quoting) {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if let (Quoting::MySql, Some(length)) = (quoting, executed_comment(rest)) {
            executed = true;
            at += length;
        } else if executed && rest.starts_with("*/") {
            executed = false;
            at += 2;
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let end = comment.find("*/").ok_or(Fault {
                at,
                what: "a comment does not end",
            })?;
            at += end + 4;
        } else {
            let (kind, length) = token(rest, c, quoting).map_err(|what| Fault { at, what })?;
            tokens.push(Token {
                kind,
                text: &rest[..length],
                start: at,
            });
            at += length;
        }
    }
    Ok(tokens)
}

fn is_line_comment(rest: &str, quoting: Quoting) -> bool {
    match quoting {
        Quoting::Sqlite => rest.starts_with("--"),
        Quoting::MySql => {
            let dashes = rest.strip_prefix("--");
            rest.starts_with('#')
                || dashes.is_some_and(|after| after.is_empty() || after.starts_with(char::is_whitespace))
        }
    }
}

/// The length of `/*!50100` or `/*M!100100`, what opens a comment that the server executes.
fn executed_comment(rest: &str) -> Option<usize> {
    let opened = ["/*!", "/*M!"]
        .into_iter()
        .find(|opening| rest.starts_with(opening))?;
    let digits = rest[opened.len()..]
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count();
    Some(opened.len() + digits)
}

/// The kind and length of the token that begins here with `c`.
fn token(rest: &str, c: char, quoting: Quoting) -> Result<(Kind, usize), &'static str> {
    let backslash = quoting == Quoting::MySql;
    match (c, quoting) {
        ('`', _) => quoted(rest, '`', false).map(|length| (Kind::Quoted, length)),
        ('"', Quoting::Sqlite) => quoted(rest, '"', false).map(|length| (Kind::Quoted, length)),
        ('[', Quoting::Sqlite) => {
            let end = rest.find(']').ok_or("a name in brackets does not end")?;
            Ok((Kind::Quoted, end + 1))
        }
        ('\'' | '"', _) => quoted(rest, c, backslash).map(|length| (Kind::Text, length)),
        (c, _) if c.is_ascii_digit() => Ok((
            Kind::Number,
            run(rest, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_'),
        )),
        (c, _) if is_word(c) || c == '@' => Ok((Kind::Word, run(rest, |c| is_word(c) || c == '@'))),
        (c, _) => Ok((Kind::Symbol, c.len_utf8())),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

fn run(rest: &str, belongs: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !belongs(c)).unwrap_or(rest.len())
}

/// The length of what stands in quotes that are doubled inside.
fn quoted(rest: &str, quote: char, backslash: bool) -> Result<usize, &'static str> {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if backslash && c == '\\' {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Ok(at + c.len_utf8());
        }
    }
    Err("a quote is not closed")
}

/// The line of a place, from 1.
pub(crate) fn line_of(sql: &str, at: usize) -> usize {
    let before = sql.as_bytes().get(..at).unwrap_or(sql.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, quoting: Quoting, expected: &[&str]) {
        let tokens = lex(sql, quoting).expect(sql);
        let texts: Vec<_> = tokens.iter().map(|token| token.text).collect();
        assert_eq!(texts, expected, "{sql}");
    }

    #[test]
    fn quotes_and_comments_of_each_engine() {
        check(
            "a `b``c` 'd\\'e' -- f\ng#h\n--i",
            Quoting::MySql,
            &["a", "`b``c`", "'d\\'e'", "g", "-", "-", "i"],
        );
        check(
            "a \"b\"\"c\" [d e] 'f\\' --g\nh",
            Quoting::Sqlite,
            &["a", "\"b\"\"c\"", "[d e]", "'f\\'", "h"],
        );
        check("x /* y */ z", Quoting::Sqlite, &["x", "z"]);
        check(
            "t.c=1.5e3,(?)",
            Quoting::Sqlite,
            &["t", ".", "c", "=", "1.5e3", ",", "(", "?", ")"],
        );
    }

    #[test]
    fn a_comment_that_the_server_executes_is_read() {
        check(
            "/*!40000 ALTER TABLE t DISABLE KEYS */",
            Quoting::MySql,
            &["ALTER", "TABLE", "t", "DISABLE", "KEYS"],
        );
        check("/*M!100100 SET x = 1 */", Quoting::MySql, &["SET", "x", "=", "1"]);
    }

    #[test]
    fn what_does_not_end_is_a_fault_at_its_place() {
        assert_eq!(lex("a 'b", Quoting::MySql).map_err(|fault| fault.at), Err(2));
        assert_eq!(lex("a /* b", Quoting::Sqlite).map_err(|fault| fault.at), Err(2));
        assert_eq!(lex("[b", Quoting::Sqlite).map_err(|fault| fault.at), Err(0));
    }
}
