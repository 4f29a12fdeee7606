//! The statements of a script, one after the other.

use std::io::BufRead;

use super::lexer::{Token, token};
use super::marks::{self, Mark};
use super::open::{Open, into_text};
use super::window::Window;
use super::{Dialect, Fault, Kind, Side, Statement};
use crate::allow;

/// As much of a client's command as is kept, in bytes.
const LONGEST_COMMAND: usize = 4 << 10;
const SEMICOLON: &[u8] = b";";

/// See the parent module. After a fault there is nothing more.
pub struct Splitter<R> {
    window: Window<R>,
    dialect: Dialect,
    delimiter: Vec<u8>,
    side: Side,
    is_marked: bool,
    is_without_transaction: bool,
    /// The backslash of a command was taken already.
    is_in_command: bool,
    is_over: bool,
}

impl<R: BufRead> Splitter<R> {
    /// Of a script that begins in this direction.
    pub fn new(reader: R, dialect: Dialect, side: Side) -> Self {
        Self {
            window: Window::new(reader),
            dialect,
            delimiter: SEMICOLON.to_vec(),
            side,
            is_marked: false,
            is_without_transaction: false,
            is_in_command: false,
            is_over: false,
        }
    }

    /// By its marks, the script is one of a tool that opens a transaction around each of its directions.
    #[must_use]
    pub fn is_wrapped(&self) -> bool {
        self.is_marked && !self.is_without_transaction
    }

    fn statement(&mut self) -> Option<Statement> {
        let mut open = Open::new(self.side);
        if std::mem::take(&mut self.is_in_command) {
            return Some(self.command(open.allows));
        }
        loop {
            if !open.is_started() && self.is_at_dot_command() {
                return Some(self.command(open.allows));
            }
            open.listen();
            let line = self.window.line();
            let starts_line = self.window.is_at_line_start();
            match token(&mut self.window, self.dialect, &self.delimiter, &mut open.text) {
                Token::Blank => open.ignore(),
                Token::Comment { text, closed } => {
                    let ends = self.comment(&mut open, line, &text);
                    open.ignore();
                    if !closed {
                        open.accept(line);
                        open.is_unclosed("comment", line);
                    }
                    if ends {
                        return open.finish();
                    }
                }
                Token::Word(word) if word == "delimiter" && starts_line && self.takes_delimiter(&open) => {
                    self.new_delimiter();
                    open.ignore();
                }
                Token::Word(word) => {
                    open.word(&word, self.dialect);
                    open.accept(line);
                }
                Token::Quoted { what, closed } => {
                    open.mark(b'\'');
                    open.accept(line);
                    if !closed {
                        open.is_unclosed(what, line);
                    }
                }
                Token::Mark(mark) => {
                    open.mark(mark);
                    open.accept(line);
                }
                Token::Backslash if !open.is_started() => return Some(self.command(open.allows)),
                Token::Backslash => {
                    // `\g` and its kin send what is there; anything else in the middle nobody but psql understands.
                    if self.window.peek(0) == Some(b'g') {
                        self.is_in_command = true;
                        return open.finish();
                    }
                    open.text.push(b'\\');
                    open.mark(b'\\');
                    open.accept(line);
                }
                Token::Delimiter if self.delimiter == SEMICOLON && open.body.is_open() => {
                    open.text.push(b';');
                    open.mark(b';');
                    open.accept(line);
                }
                Token::Delimiter if open.is_started() => return self.ended(open),
                Token::Delimiter => open.ignore(),
                Token::End => {
                    return if self.window.is_faulty() {
                        None
                    } else {
                        open.finish()
                    };
                }
            }
        }
    }

    /// Takes what a comment says; true if the statement ends here although nothing closed it.
    fn comment(&mut self, open: &mut Open, line: u64, text: &str) -> bool {
        open.allows.extend(allow::read(text, line));
        let mark = marks::read(text);
        self.is_marked |= mark.is_some();
        match mark {
            Some(Mark::Begins(side)) => {
                self.side = side;
                if !open.is_started() {
                    open.side = side;
                }
                open.is_started()
            }
            Some(Mark::NoTransaction) => {
                self.is_without_transaction = true;
                false
            }
            None => false,
        }
    }

    /// After the semicolon: a comment on the same line is still about this statement, and data may follow.
    fn ended(&mut self, mut open: Open) -> Option<Statement> {
        while let Some(b' ' | b'\t') = self.window.peek(0) {
            self.window.take();
        }
        let line = self.window.line();
        let is_comment =
            self.window.is_next(b"--") || (self.dialect.is_mysql() && self.window.peek(0) == Some(b'#'));
        if is_comment {
            let mut said = Vec::new();
            while let Some(byte) = self.window.peek(0).filter(|byte| *byte != b'\n') {
                if said.len() < LONGEST_COMMAND {
                    said.push(byte);
                }
                self.window.take();
            }
            let text = into_text(said);
            open.allows
                .extend(allow::read(text.trim_start_matches(['-', '#']), line));
            if let Some(Mark::Begins(side)) = marks::read(text.trim_start_matches(['-', '#'])) {
                self.side = side;
            }
        }
        if self.dialect == Dialect::Postgres && open.is_fed_by_client() {
            self.skip_data();
        }
        open.finish()
    }

    /// The lines up to `\.`, as COPY reads them.
    fn skip_data(&mut self) {
        let mut more = self.window.skip_line();
        while more {
            let ends =
                self.window.is_next(b"\\.") && matches!(self.window.peek(2), None | Some(b'\r' | b'\n'));
            more = self.window.skip_line() && !ends;
        }
    }

    /// sqlite3 takes a line that begins with a dot for itself.
    fn is_at_dot_command(&mut self) -> bool {
        self.dialect == Dialect::Sqlite
            && self.window.is_at_line_start()
            && self.window.peek(0) == Some(b'.')
            && self.window.peek(1).is_some_and(|byte| byte.is_ascii_alphabetic())
    }

    /// The rest of the line, which is for the client.
    fn command(&mut self, allows: Vec<allow::Comment>) -> Statement {
        let line = self.window.line();
        let mut text = match self.dialect {
            Dialect::Postgres => vec![b'\\'],
            Dialect::Mysql | Dialect::Mariadb | Dialect::Sqlite => Vec::new(),
        };
        while let Some(byte) = self.window.peek(0).filter(|byte| *byte != b'\n') {
            if text.len() < LONGEST_COMMAND {
                text.push(byte);
            }
            self.window.take();
        }
        Statement {
            line,
            text: into_text(text).trim_end().to_owned(),
            kind: Kind::Command,
            side: self.side,
            allows,
        }
    }

    fn takes_delimiter(&mut self, open: &Open) -> bool {
        self.dialect.is_mysql() && !open.is_started() && matches!(self.window.peek(0), Some(b' ' | b'\t'))
    }

    /// `DELIMITER //`: mysql reads the rest of the line up to a blank.
    fn new_delimiter(&mut self) {
        let mut delimiter = Vec::new();
        while let Some(byte) = self.window.peek(0).filter(|byte| *byte != b'\n') {
            self.window.take();
            let blank = byte.is_ascii_whitespace();
            if blank && !delimiter.is_empty() {
                break;
            }
            // mysql itself takes no longer one.
            if !blank && delimiter.len() < 15 {
                delimiter.push(byte);
            }
        }
        if !delimiter.is_empty() {
            self.delimiter = delimiter;
        }
    }
}

impl<R: BufRead> Iterator for Splitter<R> {
    type Item = Result<Statement, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        if let Some(statement) = self.statement() {
            return Some(Ok(statement));
        }
        self.is_over = true;
        self.window.fault().map(Err)
    }
}
