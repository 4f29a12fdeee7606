//! As much of Python's tokens as tells strings, comments and calls apart.

use std::ops::Range;

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Where it begins, from 1.
    pub(super) line: u64,
    /// Where it ends.
    pub(super) last_line: u64,
    pub(super) bytes: Range<usize>,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name(String),
    /// A string; None where its text is made when it runs, or it never ends.
    Text {
        text: Option<String>,
    },
    Mark(char),
    /// A line begins outside of all brackets, set in so far.
    Line(usize),
    Comment(String),
}

/// Every token.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        source,
        at: 0,
        line: 1,
        depth: 0,
        found: Vec::new(),
    };
    lexer.begin_line();
    while let Some(next) = lexer.peek() {
        lexer.token(next);
    }
    lexer.found
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: u64,
    depth: usize,
    found: Vec<Token>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn push(&mut self, kind: Kind, start: usize, line: u64) {
        self.found.push(Token {
            kind,
            line,
            last_line: self.line,
            bytes: start..self.at,
        });
    }

    /// Blank lines and comments do not begin one.
    fn begin_line(&mut self) {
        let indent = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        let begins = self.rest()[indent..].chars().next();
        if self.depth == 0 && !matches!(begins, None | Some('\n' | '\r' | '#')) {
            self.push(Kind::Line(indent), self.at, self.line);
        }
    }

    fn token(&mut self, next: char) {
        let (start, line) = (self.at, self.line);
        match next {
            '\n' => {
                self.take();
                self.begin_line();
            }
            '\\' if self.rest().starts_with("\\\n") => {
                self.take();
                self.take();
            }
            '#' => {
                let end = self.rest().find('\n').unwrap_or(self.rest().len());
                let text = self.rest()[..end].to_owned();
                self.at += end;
                self.push(Kind::Comment(text), start, line);
            }
            '\'' | '"' => self.string("", start, line),
            _ if next.is_alphabetic() || next == '_' => {
                let rest = self.rest();
                let end = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                let word = rest[..end].to_owned();
                self.at += end;
                let is_prefix = word.len() <= 2 && word.chars().all(|c| "rRbBuUfFtT".contains(c));
                if is_prefix && matches!(self.peek(), Some('\'' | '"')) {
                    self.string(&word.to_ascii_lowercase(), start, line);
                } else {
                    self.push(Kind::Name(word), start, line);
                }
            }
            _ => {
                self.take();
                match next {
                    '(' | '[' | '{' => self.depth += 1,
                    ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                if !next.is_whitespace() {
                    self.push(Kind::Mark(next), start, line);
                }
            }
        }
    }

    fn string(&mut self, prefix: &str, start: usize, line: u64) {
        let quote = self.peek().unwrap_or('"');
        let triple = [quote; 3].iter().collect::<String>();
        let close = if self.rest().starts_with(&triple) {
            triple
        } else {
            quote.to_string()
        };
        self.at += close.len();
        let is_raw = prefix.contains('r');
        let mut text = String::new();
        let mut is_closed = false;
        while let Some(next) = self.peek() {
            if self.rest().starts_with(&close) {
                self.at += close.len();
                is_closed = true;
                break;
            }
            if next == '\n' && close.len() == 1 {
                break;
            }
            self.take();
            match next {
                '\\' if is_raw => {
                    text.push('\\');
                    text.extend(self.take());
                }
                '\\' => self.escape(&mut text),
                _ => text.push(next),
            }
        }
        let is_made = prefix.contains('b') || (prefix.contains(['f', 't']) && text.contains('{'));
        let text = (is_closed && !is_made).then_some(text);
        self.push(Kind::Text { text }, start, line);
    }

    fn escape(&mut self, text: &mut String) {
        match self.take() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('\n') | None => {}
            Some(escaped @ ('\\' | '\'' | '"')) => text.push(escaped),
            Some(other) => {
                text.push('\\');
                text.push(other);
            }
        }
    }
}
