//! A script cut into its statements, while it is read: what a dump of any size is classified from.
//!
//! Nothing is parsed here. Only what decides where a statement ends is understood, as the client programs of each [`Dialect`] do:
//! quotes, comments, bodies with semicolons of their own, COPY data, psql's backslash lines. The text that comes out is the author's,
//! letter by letter. It knows the marks by which migration tools part the two directions of a file, and the comments that accept a
//! finding ([`crate::allow`]).
//!
//! Memory is bounded by [`LONGEST`], whatever the file holds. A string that is never closed reaches to the end of the file, as it does
//! for the database; the statement says where it began.
//!
//! Reading order: [`Splitter`] puts `Open` (the statement at hand) together from the tokens of `lexer`, which looks through `window`;
//! `body` knows which semicolons belong to a body, `marks` what comments say.

mod body;
mod dialect;
mod lexer;
mod marks;
mod open;
mod splitter;
#[cfg(test)]
mod tests;
mod verdicts;
mod window;

pub use dialect::Dialect;
pub use splitter::Splitter;
pub use verdicts::{
    MADE_BY_CODE, UNREAD_COMMAND, UNREADABLE, UNREADABLE_FILE, made_by_code, without_session,
};

use crate::allow;

/// The longest statement whose text is kept, in bytes. Of a longer one nothing can be said.
pub const LONGEST: usize = 4 << 20;

/// Of an INSERT with more text than this, in bytes, only the first rows are kept: the others change nothing of what it locks.
pub const LONGEST_INSERT: usize = 64 << 10;

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Where its first token stands, from 1.
    pub line: u64,
    /// As it was written, without what is around it and without the semicolon.
    pub text: String,
    /// What kind of text it is.
    pub kind: Kind,
    /// Which direction of the migration it belongs to.
    pub side: Side,
    /// What its author accepts.
    pub allows: Vec<allow::Comment>,
}

/// What the text of a statement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SQL, whole.
    Sql,
    /// The first rows of an INSERT that is longer than [`LONGEST_INSERT`]; a statement by themselves.
    Rows,
    /// The beginning of a statement that is longer than [`LONGEST`].
    Cut,
    /// What was opened and never closed, and the line where.
    Unclosed(&'static str, u64),
    /// A line for the client program: `\connect`, `.read`.
    Command,
}

/// Direction of a migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// Forward.
    #[default]
    Up,
    /// Back.
    Down,
}

/// Why a script cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is not UTF-8.
    #[error("line {line}, byte {byte} of it: {}", not_utf8(*.found, *.first))]
    NotUtf8 {
        /// The line, from 1.
        line: u64,
        /// The first byte that is wrong, counted in its line from 1.
        byte: u64,
        /// That byte.
        found: u8,
        /// It is the first of the file.
        first: bool,
    },
    /// The file could not be read.
    #[error("line {line}: reading failed")]
    Read {
        /// The line that was reached, from 1.
        line: u64,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Fault {
    /// Where it happened, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        match self {
            Self::NotUtf8 { line, .. } | Self::Read { line, .. } => *line,
        }
    }
}

fn not_utf8(found: u8, first: bool) -> String {
    let guess = match (first, found) {
        (true, 0xFE | 0xFF) => "; it looks like UTF-16, convert it with `iconv -f UTF-16 -t UTF-8`",
        _ => "; convert the file with `iconv -t UTF-8 -f` and the encoding it is in",
    };
    format!("0x{found:02X} is not UTF-8{guess}")
}
