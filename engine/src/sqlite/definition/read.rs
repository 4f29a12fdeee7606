//! Reads a CREATE TABLE statement, clause by clause, in the order of SQLite's grammar.

mod cursor;

use std::ops::Range;

use cursor::Reader;

use super::{Clause, ClauseKind, ColumnDefinition, Definition, Error, Reference, TableConstraint, span_of};
use crate::catalog::ConstraintKind;
use crate::sqlite::tokens::{self, Token};

/// Words with which a constraint of the table begins; SQLite reads none of them as a name.
const CONSTRAINT_WORDS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

pub(super) fn definition(text: &str) -> Result<Definition<'_>, Error> {
    let mut reader = Reader {
        text,
        tokens: tokens::tokens(text)?,
        at: 0,
    };
    let name = reader.head()?;
    let mut columns = Vec::new();
    while !reader.peek_any(&CONSTRAINT_WORDS) {
        columns.push(reader.column()?);
        if !reader.eat_symbol(",") {
            break;
        }
    }
    let mut found = Vec::new();
    while !reader.peek_symbol(")") {
        found.extend(reader.constraint()?);
        reader.eat_symbol(",");
    }
    reader.symbol(")")?;
    let options = reader.tokens.get(reader.at..).unwrap_or_default();
    let without_rowid = options
        .windows(2)
        .any(|w| w[0].is_word("WITHOUT") && w[1].is_word("ROWID"));
    let strict = options.iter().any(|t| t.is_word("STRICT"));
    let mut read = Definition {
        text,
        name: reader.tokens[name].name().unwrap_or_default(),
        name_span: reader.tokens[name].span(),
        tokens: reader.tokens,
        columns,
        constraints: Vec::new(),
        without_rowid,
        strict,
    };
    read.constraints = found.into_iter().map(|found| found.complete(&read)).collect();
    Ok(read)
}

/// A constraint whose columns are not yet looked up.
struct Found {
    kind: ConstraintKind,
    name: Option<String>,
    /// From CONSTRAINT on.
    whole: Range<usize>,
    /// Without its name.
    tokens: Range<usize>,
    /// Between the first brackets.
    list: Range<usize>,
    references: Option<Reference>,
}

impl Found {
    fn complete(self, definition: &Definition<'_>) -> TableConstraint {
        let columns = match self.kind {
            ConstraintKind::Check => definition.columns_in(&self.list),
            _ => list_items(&definition.tokens, &self.list)
                .into_iter()
                .filter_map(|i| definition.tokens[i].name())
                .map(|name| definition.column(&name).map_or(name, |c| c.name.clone()))
                .collect(),
        };
        TableConstraint {
            kind: self.kind,
            name: self.name,
            columns,
            span: definition.span_of(&self.whole),
            tokens: self.tokens,
            references: self.references,
        }
    }
}

/// The first token of each item between brackets.
pub(super) fn list_items(tokens: &[Token<'_>], list: &Range<usize>) -> Vec<usize> {
    let first = |i: &usize| *i == list.start || tokens[*i - 1].is_symbol(",");
    list.clone().filter(first).collect()
}

impl Reader<'_> {
    /// `CREATE [TEMP] TABLE [IF NOT EXISTS] [schema .] name (`; returns the token of the name.
    fn head(&mut self) -> Result<usize, Error> {
        let head = self.eat_word("CREATE") && {
            let _ = self.eat_word("TEMP") || self.eat_word("TEMPORARY");
            self.eat_word("TABLE")
        };
        if head && self.peek_word("IF") && self.tokens.get(self.at + 1).is_some_and(|t| t.is_word("NOT")) {
            self.at += 3;
        }
        let qualified = self.tokens.get(self.at + 1).is_some_and(|t| t.is_symbol("."));
        let name = if qualified { self.at + 2 } else { self.at };
        let named = self.tokens.get(name).is_some_and(|t| t.name().is_some());
        self.at = name + 1;
        if head && named && self.eat_symbol("(") {
            return Ok(name);
        }
        Err(Error::NotATable {
            found: self.text.chars().take(60).collect(),
        })
    }

    fn column(&mut self) -> Result<ColumnDefinition, Error> {
        let start = self.at;
        let name = self.name()?;
        let type_start = self.at;
        while !self.at_end_of_column() && !self.peek_clause() {
            self.skip()?;
        }
        let type_end = self.at;
        let mut clauses = Vec::new();
        while !self.at_end_of_column() {
            clauses.extend(self.clause()?);
        }
        let name_span = self.tokens[start].span();
        let type_span = if type_end > type_start {
            span_of(&self.tokens, &(type_start..type_end))
        } else {
            name_span.end..name_span.end
        };
        Ok(ColumnDefinition {
            name,
            name_span,
            span: span_of(&self.tokens, &(start..self.at)),
            tokens: start..self.at,
            type_span,
            clauses,
        })
    }

    fn at_end_of_column(&self) -> bool {
        self.at >= self.tokens.len() || self.peek_symbol(",") || self.peek_symbol(")")
    }

    fn peek_clause(&self) -> bool {
        let next = self.tokens.get(self.at + 1);
        self.peek_any(&[
            "CONSTRAINT",
            "DEFAULT",
            "NULL",
            "NOT",
            "PRIMARY",
            "UNIQUE",
            "CHECK",
            "REFERENCES",
            "DEFERRABLE",
            "COLLATE",
            "AS",
        ]) || (self.peek_word("GENERATED") && next.is_some_and(|t| t.is_word("ALWAYS")))
    }

    /// One clause; None for a name that names nothing, which SQLite accepts.
    fn clause(&mut self) -> Result<Option<Clause>, Error> {
        let whole = self.at;
        let name = self.constraint_name()?;
        let start = self.at;
        if self.at_end_of_column() || self.peek_word("CONSTRAINT") {
            return Ok(None);
        }
        let mut references = None;
        let kind = if self.eat_word("NOT") {
            if self.eat_word("DEFERRABLE") {
                self.initially()?;
                ClauseKind::Deferrable
            } else {
                self.word("NULL")?;
                ClauseKind::NotNull
            }
        } else if self.eat_word("NULL") {
            ClauseKind::Null
        } else if self.eat_word("DEFAULT") {
            let _ = self.eat_symbol("+") || self.eat_symbol("-");
            self.skip()?;
            ClauseKind::Default
        } else if self.eat_word("PRIMARY") {
            self.word("KEY")?;
            let _ = self.eat_word("ASC") || self.eat_word("DESC");
            ClauseKind::PrimaryKey
        } else if self.eat_word("UNIQUE") {
            ClauseKind::Unique
        } else if self.eat_word("CHECK") {
            self.group()?;
            ClauseKind::Check
        } else if self.peek_word("REFERENCES") {
            references = Some(self.references()?);
            ClauseKind::References
        } else if self.eat_word("DEFERRABLE") {
            self.initially()?;
            ClauseKind::Deferrable
        } else if self.eat_word("COLLATE") {
            self.skip()?;
            ClauseKind::Collate
        } else {
            self.generated()?;
            ClauseKind::Generated
        };
        self.on_conflict()?;
        if kind == ClauseKind::PrimaryKey {
            self.eat_word("AUTOINCREMENT");
        }
        Ok(Some(Clause {
            kind,
            name,
            span: span_of(&self.tokens, &(whole..self.at)),
            tokens: start..self.at,
            references,
        }))
    }

    /// `[GENERATED ALWAYS] AS (...) [STORED | VIRTUAL]`
    fn generated(&mut self) -> Result<(), Error> {
        if self.eat_word("GENERATED") {
            self.word("ALWAYS")?;
        }
        self.word("AS")?;
        self.group()?;
        let _ = self.eat_word("STORED") || self.eat_word("VIRTUAL");
        Ok(())
    }

    /// One constraint of the table; None for a name that names nothing.
    fn constraint(&mut self) -> Result<Option<Found>, Error> {
        let whole = self.at;
        let name = self.constraint_name()?;
        let start = self.at;
        let kind = if self.eat_word("PRIMARY") {
            self.word("KEY")?;
            ConstraintKind::PrimaryKey
        } else if self.eat_word("UNIQUE") {
            ConstraintKind::Unique
        } else if self.eat_word("CHECK") {
            ConstraintKind::Check
        } else if self.eat_word("FOREIGN") {
            self.word("KEY")?;
            ConstraintKind::ForeignKey
        } else if name.is_some() {
            return Ok(None);
        } else {
            return Err(self.unexpected());
        };
        let list = self.group()?;
        let references = (kind == ConstraintKind::ForeignKey)
            .then(|| self.references())
            .transpose()?;
        self.on_conflict()?;
        Ok(Some(Found {
            kind,
            name,
            whole: whole..self.at,
            tokens: start..self.at,
            list,
            references,
        }))
    }

    fn constraint_name(&mut self) -> Result<Option<String>, Error> {
        if self.eat_word("CONSTRAINT") {
            return self.name().map(Some);
        }
        Ok(None)
    }

    /// `REFERENCES table [(columns)] {ON ... | MATCH ...} [[NOT] DEFERRABLE [INITIALLY ...]]`
    fn references(&mut self) -> Result<Reference, Error> {
        self.word("REFERENCES")?;
        let table_token = self.at;
        let table = self.name()?;
        let list = if self.peek_symbol("(") {
            self.group()?
        } else {
            self.at..self.at
        };
        loop {
            if self.eat_word("MATCH") {
                self.skip()?;
            } else if self.peek_word("ON")
                && !self
                    .tokens
                    .get(self.at + 1)
                    .is_some_and(|t| t.is_word("CONFLICT"))
            {
                // The event, then the action, which may be two words.
                self.at += 2;
                let _ = self.eat_word("SET") || self.eat_word("NO");
                self.skip()?;
            } else {
                break;
            }
        }
        let start = self.at;
        let next = self.tokens.get(self.at + 1);
        if self.peek_word("NOT") && next.is_some_and(|t| t.is_word("DEFERRABLE")) {
            self.at += 1;
        }
        let deferrable = self
            .eat_word("DEFERRABLE")
            .then(|| self.initially())
            .transpose()?;
        Ok(Reference {
            table,
            table_token,
            list,
            deferrable: deferrable.map(|()| span_of(&self.tokens, &(start..self.at))),
        })
    }

    fn initially(&mut self) -> Result<(), Error> {
        if self.eat_word("INITIALLY") {
            self.skip()?;
        }
        Ok(())
    }

    fn on_conflict(&mut self) -> Result<(), Error> {
        if self.eat_word("ON") {
            self.word("CONFLICT")?;
            self.skip()?;
        }
        Ok(())
    }

    /// `( ... )`; returns the tokens between.
    fn group(&mut self) -> Result<Range<usize>, Error> {
        let start = self.at + 1;
        if !self.peek_symbol("(") {
            return Err(self.unexpected());
        }
        self.skip()?;
        Ok(start..self.at - 1)
    }
}
