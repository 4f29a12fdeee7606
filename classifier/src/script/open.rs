//! The statement at hand: its text so far, and what was seen of it.

use super::body::Body;
use super::{Dialect, Kind, LONGEST, LONGEST_INSERT, Side, Statement};
use crate::allow;

/// Text that is kept, up to a limit.
#[derive(Debug, Default)]
pub(super) struct Text {
    bytes: Vec<u8>,
    /// Where the last token that is neither blank nor comment ended.
    end: usize,
    /// Where the last row of an INSERT ended that is kept.
    rows: usize,
    is_cut: bool,
    is_on: bool,
}

impl Text {
    /// Keeps a byte, if the statement has begun.
    pub(super) fn push(&mut self, byte: u8) {
        if !self.is_on {
            return;
        }
        if self.bytes.len() < LONGEST && !(self.rows > 0 && self.bytes.len() > LONGEST_INSERT) {
            self.bytes.push(byte);
        } else {
            self.is_cut = true;
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) text: Text,
    pub(super) body: Body,
    pub(super) allows: Vec<allow::Comment>,
    pub(super) side: Side,
    line: u64,
    has_values: bool,
    is_fed_by_client: bool,
    unclosed: Option<(&'static str, u64)>,
}

impl Open {
    pub(super) fn new(side: Side) -> Self {
        Self {
            text: Text::default(),
            body: Body::default(),
            allows: Vec::new(),
            side,
            line: 0,
            has_values: false,
            is_fed_by_client: false,
            unclosed: None,
        }
    }

    pub(super) fn is_started(&self) -> bool {
        self.line > 0
    }

    /// The next token may be the first.
    pub(super) fn listen(&mut self) {
        self.text.is_on = true;
    }

    /// The token was none: what it left is forgotten, if nothing was before it.
    pub(super) fn ignore(&mut self) {
        if !self.is_started() {
            self.text.bytes.clear();
            self.text.is_on = false;
        }
    }

    /// The token was one, in that line.
    pub(super) fn accept(&mut self, line: u64) {
        if self.line == 0 {
            self.line = line;
        }
        self.text.end = self.text.bytes.len();
    }

    /// A word was read.
    pub(super) fn word(&mut self, word: &str, dialect: Dialect) {
        let copies = self.body.head().first().is_some_and(|first| first == "copy");
        if copies && word == "stdin" {
            self.is_fed_by_client = true;
        }
        self.body.word(word, dialect);
        let inserts = self
            .body
            .head()
            .first()
            .is_some_and(|first| matches!(first.as_str(), "insert" | "replace"));
        if inserts && self.body.is_outside() && matches!(word, "values" | "value") {
            self.has_values = true;
        }
    }

    /// Anything else was read that is part of the statement.
    pub(super) fn mark(&mut self, mark: u8) {
        self.body.mark(mark);
        let ends_row = mark == b')' && self.has_values && self.body.is_outside();
        if ends_row && self.text.bytes.len() <= LONGEST_INSERT {
            self.text.rows = self.text.bytes.len();
        }
    }

    /// Something was opened that the script does not close.
    pub(super) fn is_unclosed(&mut self, what: &'static str, line: u64) {
        self.unclosed = Some((what, line));
    }

    /// What follows is data: `COPY ... FROM stdin`.
    pub(super) fn is_fed_by_client(&self) -> bool {
        self.is_fed_by_client
    }

    /// As it is told; None if nothing was there.
    pub(super) fn finish(self) -> Option<Statement> {
        if self.line == 0 {
            return None;
        }
        let Text {
            mut bytes,
            end,
            rows,
            is_cut,
            ..
        } = self.text;
        let kind = match self.unclosed {
            Some((what, line)) => Kind::Unclosed(what, line),
            None if is_cut && rows > 0 => Kind::Rows,
            None if is_cut => Kind::Cut,
            None => Kind::Sql,
        };
        bytes.truncate(if kind == Kind::Rows { rows } else { end });
        Some(Statement {
            line: self.line,
            text: into_text(bytes).trim_end().to_owned(),
            kind,
            side: self.side,
            allows: self.allows,
        })
    }
}

/// A cut may have gone through a character.
pub(super) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let whole = error.utf8_error().valid_up_to();
        let mut bytes = error.into_bytes();
        bytes.truncate(whole);
        String::from_utf8(bytes).unwrap_or_default()
    })
}
