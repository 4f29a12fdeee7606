//! Migrations of Alembic, which are Python: the SQL that they hold as text, and the calls whose SQL nobody knows before they run.
//!
//! Nothing is run. `op.execute("...")` with a plain string, a name that one was given to, or `text("...")` around either is SQL; every other
//! operation, and SQL that is put together, is told as unknown. What breaks it: SQL that other modules run.

mod order;
mod python;

pub use order::{Head, head, in_order};

use std::collections::BTreeMap;
use std::ops::Range;

use classifier::allow;
use classifier::script::Side;

use python::{Kind, Token, tokens};

/// What `op` answers without running anything.
const HARMLESS: [&str; 4] = ["f", "get_bind", "get_context", "inline_literal"];

/// A call that runs SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where the SQL begins, or the call, from 1.
    pub line: u64,
    /// Where the SQL ends, or the call.
    pub last_line: u64,
    /// Where the call ends.
    pub call_ends: u64,
    /// The call, as it is written.
    pub call: String,
    /// What is called: `op.add_column`.
    pub name: String,
    /// Its SQL, if that is plain text.
    pub sql: Option<String>,
    /// Which direction it belongs to.
    pub side: Side,
    /// It runs outside of the migration's transaction.
    pub is_autocommit: bool,
    /// What its author accepts.
    pub allows: Vec<allow::Comment>,
}

/// Every call that runs SQL, in order.
#[must_use]
pub fn pieces(source: &str) -> Vec<Piece> {
    let mut reader = Reader {
        source,
        tokens: tokens(source),
        names: BTreeMap::new(),
        pending: Vec::new(),
        found: Vec::new(),
        side: Side::Up,
        indent: 0,
        autocommit: None,
    };
    reader.read();
    reader.found
}

/// A plain string, and where it stands.
#[derive(Clone, Debug)]
struct Literal {
    text: String,
    lines: Range<u64>,
}

struct Reader<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    names: BTreeMap<String, Literal>,
    pending: Vec<allow::Comment>,
    found: Vec<Piece>,
    side: Side,
    indent: usize,
    /// How far the block is set in whose statements run without a transaction.
    autocommit: Option<usize>,
}

impl Reader<'_> {
    fn read(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.step(at);
        }
    }

    /// Looks at what begins there; gives where to look next.
    fn step(&mut self, at: usize) -> usize {
        match &self.tokens[at].kind {
            Kind::Line(indent) => {
                self.indent = *indent;
                if self.autocommit.is_some_and(|outer| self.indent <= outer) {
                    self.autocommit = None;
                }
                self.definition(at + 1);
                self.assignment(at + 1);
                at + 1
            }
            Kind::Comment(text) => {
                let comment = allow::read(text.trim_start_matches('#'), self.tokens[at].line);
                self.accept(comment);
                at + 1
            }
            Kind::Name(name) if name == "autocommit_block" => {
                self.autocommit = Some(self.indent);
                at + 1
            }
            Kind::Name(name) => {
                let name = name.clone();
                self.call(at, &name)
            }
            Kind::Text { .. } | Kind::Mark(_) => at + 1,
        }
    }

    /// Behind a call on its line, a comment is about it; otherwise about what follows.
    fn accept(&mut self, comment: Option<allow::Comment>) {
        let Some(comment) = comment else { return };
        match self.found.last_mut() {
            Some(last) if last.call_ends == comment.line => last.allows.push(comment),
            _ => self.pending.push(comment),
        }
    }

    fn name(&self, at: usize) -> Option<&str> {
        match &self.tokens.get(at)?.kind {
            Kind::Name(name) => Some(name),
            Kind::Text { .. } | Kind::Mark(_) | Kind::Line(_) | Kind::Comment(_) => None,
        }
    }

    fn is_mark(&self, at: usize, mark: char) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.kind == Kind::Mark(mark))
    }

    fn definition(&mut self, at: usize) {
        if self.indent == 0 && self.name(at) == Some("def") {
            self.side = match self.name(at + 1) {
                Some("downgrade") => Side::Down,
                _ => Side::Up,
            };
        }
    }

    /// `NAME = "..."`, and nothing behind.
    fn assignment(&mut self, at: usize) {
        let Some(name) = self.name(at).map(str::to_owned) else {
            return;
        };
        if !self.is_mark(at + 1, '=') || self.is_mark(at + 2, '=') {
            return;
        }
        match self.literal(at + 2) {
            Some((literal, end)) if self.ends_line(end) => drop(self.names.insert(name, literal)),
            _ => drop(self.names.remove(&name)),
        }
    }

    fn ends_line(&self, at: usize) -> bool {
        self.tokens
            .get(at)
            .is_none_or(|token| matches!(token.kind, Kind::Line(_) | Kind::Comment(_)))
    }

    /// `op.add_column(...)`, `connection.execute(...)`; the method's name stands there.
    fn call(&mut self, at: usize, method: &str) -> usize {
        if at == 0 || !self.is_mark(at - 1, '.') || !self.is_mark(at + 1, '(') {
            return at + 1;
        }
        let object = at.checked_sub(2).and_then(|object| self.name(object));
        let executes = method == "execute";
        if !executes && (object != Some("op") || HARMLESS.contains(&method)) {
            return at + 1;
        }
        let (start, name) = match object {
            Some(object) => (at - 2, format!("{object}.{method}")),
            None => (at, method.to_owned()),
        };
        let end = self.closing(at + 1);
        self.comments(at + 1..end);
        let literal = self
            .literal(at + 2)
            .filter(|(_, after)| executes && (self.is_mark(*after, ')') || self.is_mark(*after, ',')))
            .map(|(literal, _)| literal);
        let (first, last) = (&self.tokens[start], &self.tokens[end]);
        let lines = literal
            .as_ref()
            .map_or(first.line..last.last_line, |literal| literal.lines.clone());
        self.found.push(Piece {
            line: lines.start,
            last_line: lines.end,
            call_ends: last.last_line,
            call: self
                .source
                .get(first.bytes.start..last.bytes.end)
                .unwrap_or_default()
                .to_owned(),
            name,
            sql: literal.map(|literal| literal.text),
            side: self.side,
            is_autocommit: self.autocommit.is_some(),
            allows: std::mem::take(&mut self.pending),
        });
        end + 1
    }

    /// Comments within a call are about it.
    fn comments(&mut self, within: Range<usize>) {
        for token in &self.tokens[within] {
            if let Kind::Comment(text) = &token.kind {
                self.pending
                    .extend(allow::read(text.trim_start_matches('#'), token.line));
            }
        }
    }

    /// The parenthesis that closes the one there; the last token if none does.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                Kind::Mark('(' | '[' | '{') => depth += 1,
                Kind::Mark(')' | ']' | '}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at;
                    }
                }
                Kind::Mark(_) | Kind::Name(_) | Kind::Text { .. } | Kind::Line(_) | Kind::Comment(_) => {}
            }
        }
        self.tokens.len() - 1
    }

    /// A plain string that begins there, and what comes after it.
    fn literal(&self, at: usize) -> Option<(Literal, usize)> {
        let comments = self.tokens.get(at..)?.iter();
        let at = at
            + comments
                .take_while(|token| matches!(token.kind, Kind::Comment(_)))
                .count();
        if let Some(name) = self.name(at) {
            if name == "text" && self.is_mark(at + 1, '(') {
                return self.within(at + 2);
            }
            if self.is_mark(at + 1, '.') && self.name(at + 2) == Some("text") && self.is_mark(at + 3, '(') {
                return self.within(at + 4);
            }
            return self.names.get(name).map(|literal| (literal.clone(), at + 1));
        }
        if self.is_mark(at, '(') {
            return self.within(at + 1);
        }
        self.joined(at)
    }

    /// One with a parenthesis behind it.
    fn within(&self, at: usize) -> Option<(Literal, usize)> {
        let (literal, after) = self.literal(at)?;
        let after = if self.is_mark(after, ',') {
            after + 1
        } else {
            after
        };
        self.is_mark(after, ')').then_some((literal, after + 1))
    }

    /// Strings that stand one behind the other, or with a plus between them, are one.
    fn joined(&self, mut at: usize) -> Option<(Literal, usize)> {
        let mut joined: Option<Literal> = None;
        loop {
            match &self.tokens.get(at).map(|token| &token.kind) {
                Some(Kind::Text { text: Some(text) }) => {
                    let token = &self.tokens[at];
                    let literal = joined.get_or_insert_with(|| Literal {
                        text: String::new(),
                        lines: token.line..token.line,
                    });
                    literal.text.push_str(text);
                    literal.lines.end = token.last_line;
                    at += 1;
                }
                Some(Kind::Text { text: None }) => return None,
                Some(Kind::Comment(_)) if joined.is_some() => at += 1,
                Some(Kind::Mark('+')) if joined.is_some() => at += 1,
                Some(Kind::Name(_) | Kind::Mark(_) | Kind::Line(_) | Kind::Comment(_)) | None => break,
            }
        }
        joined.map(|literal| (literal, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIGRATION: &str = r#"
"""add fax

op.execute("not this")
"""
from alembic import op
import sqlalchemy as sa

revision = "b2"
down_revision = "a1"

INDEX = "CREATE INDEX CONCURRENTLY i ON customer (fax)"

def upgrade() -> None:
    # op.execute("nor this")
    op.execute("ALTER TABLE customer ADD COLUMN fax text")
    op.execute('''
        UPDATE customer SET fax = 'it''s';
        -- sluice: allow SL2101 the table is small
        ALTER TABLE customer DROP COLUMN phone
    ''')
    op.execute(sa.text("SELECT 1 " "AS one"))
    # sluice: allow SL2007 checked by hand
    op.add_column("customer", sa.Column(op.f("x"), sa.Text()))
    op.execute(f"DROP TABLE {name}")
    with op.get_context().autocommit_block():
        op.execute(INDEX)  # sluice: allow SL2102 so it is
    op.get_bind().execute("SELECT 2")
    op.execute("SELECT %s" % 3)

def downgrade():
    op.execute(r"DROP \n")
"#;

    #[test]
    fn text_is_sql_and_everything_else_is_unknown() {
        let found = pieces(MIGRATION);
        let told: Vec<(u64, &str, Option<&str>)> = found
            .iter()
            .map(|one| (one.line, one.name.as_str(), one.sql.as_deref().map(str::trim)))
            .collect();
        assert_eq!(
            told[0],
            (16, "op.execute", Some("ALTER TABLE customer ADD COLUMN fax text"))
        );
        assert_eq!((told[1].0, found[1].last_line), (17, 21));
        assert!(
            told[1]
                .2
                .is_some_and(|sql| sql.starts_with("UPDATE") && sql.ends_with("phone"))
        );
        assert_eq!(told[2], (22, "op.execute", Some("SELECT 1 AS one")));
        assert_eq!(told[3], (24, "op.add_column", None));
        assert_eq!(
            found[3].call,
            "op.add_column(\"customer\", sa.Column(op.f(\"x\"), sa.Text()))"
        );
        assert_eq!(found[3].allows.len(), 1);
        assert_eq!(told[4], (25, "op.execute", None));
        assert_eq!(told[5].2, Some("CREATE INDEX CONCURRENTLY i ON customer (fax)"));
        assert!(found[5].is_autocommit && found[5].allows.len() == 1);
        assert!(!found[6].is_autocommit);
        assert_eq!(told[7], (29, "op.execute", None));
        assert_eq!(told[8].2, Some(r"DROP \n"));
        let down = found.iter().filter(|one| one.side == Side::Down).count();
        assert_eq!((found.len(), down), (9, 1));
    }

    #[test]
    fn nothing_panics_on_what_is_not_python() {
        for source in [
            "",
            "op.execute(",
            "op.execute('",
            "op.",
            "'''",
            "op.execute(text(",
            "\\",
            "é op.execute(\"é",
            "x = ",
            "f'",
        ] {
            let _ = pieces(source);
            for end in 0..MIGRATION.len() {
                if let Some(source) = MIGRATION.get(..end) {
                    let _ = pieces(source);
                }
            }
        }
    }
}
