//! Bodies that hold semicolons of their own: routines, triggers, rules.
//!
//! The beginning of a statement says whether it can have one; then its blocks are counted. `CASE` opens a block as well, because its
//! `END` would otherwise close another. What breaks it: a column called `end` that is not quoted and not behind a dot.

use super::Dialect;

/// How many words from the beginning decide what a statement is: `CREATE OR REPLACE DEFINER = a @ b PROCEDURE`.
const HEAD: usize = 10;

/// How the end of a statement is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    /// Any semicolon.
    #[default]
    Plain,
    /// One outside of parentheses: `CREATE RULE ... DO (a; b)`.
    Parentheses,
    /// One outside of `BEGIN ATOMIC ... END`.
    Atomic,
    /// One outside of `BEGIN ... END` and of whatever else `END` closes.
    Blocks,
}

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    /// Statements.
    Statements,
    /// `CASE` within an expression.
    Case,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Body {
    head: Vec<String>,
    form: Form,
    open: Vec<Block>,
    parentheses: usize,
    /// The word before, if nothing is between.
    before: String,
    is_after_dot: bool,
    is_statement_start: bool,
}

impl Body {
    /// A semicolon here belongs to the body.
    pub(super) fn is_open(&self) -> bool {
        match self.form {
            Form::Plain => false,
            Form::Parentheses => self.parentheses > 0,
            Form::Atomic | Form::Blocks => !self.open.is_empty(),
        }
    }

    /// Outside of all parentheses.
    pub(super) fn is_outside(&self) -> bool {
        self.parentheses == 0
    }

    /// The first words, in lower case.
    pub(super) fn head(&self) -> &[String] {
        &self.head
    }

    /// A word was read.
    pub(super) fn word(&mut self, word: &str, dialect: Dialect) {
        if self.head.len() < HEAD {
            self.head.push(word.to_owned());
            self.form = form(&self.head, dialect);
        }
        if !self.is_after_dot && self.parentheses == 0 {
            self.count(word);
        }
        self.is_statement_start =
            matches!(word, "begin" | "then" | "else" | "do" | "loop" | "repeat" | "row")
                && self.open.last() != Some(&Block::Case);
        word.clone_into(&mut self.before);
        self.is_after_dot = false;
    }

    /// Something else was read: a mark, a string, a semicolon of the body.
    pub(super) fn mark(&mut self, mark: u8) {
        match mark {
            b'(' => self.parentheses += 1,
            b')' => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        self.before.clear();
        self.is_after_dot = mark == b'.';
        self.is_statement_start = matches!(mark, b';' | b':');
    }

    fn count(&mut self, word: &str) {
        match self.form {
            Form::Plain | Form::Parentheses => {}
            Form::Atomic => match word {
                "atomic" if self.before == "begin" => self.open.push(Block::Statements),
                "case" if !self.open.is_empty() => self.open.push(Block::Case),
                "end" => drop(self.open.pop()),
                _ => {}
            },
            Form::Blocks => match word {
                // `END IF`, `END CASE`: the END has closed it.
                _ if self.before == "end" && word != "end" => {}
                "begin" => self.open.push(Block::Statements),
                "if" | "loop" | "while" | "repeat" | "case" | "for" if self.is_statement_start => {
                    self.open.push(Block::Statements);
                }
                "case" => self.open.push(Block::Case),
                "end" => drop(self.open.pop()),
                _ => {}
            },
        }
    }
}

fn form(head: &[String], dialect: Dialect) -> Form {
    let mut words = head.iter().map(String::as_str);
    let first = words.next();
    if first == Some("begin") && dialect.is_mysql() {
        return match words.next() {
            Some("not") => Form::Blocks,
            _ => Form::Plain,
        };
    }
    if first != Some("create") {
        return Form::Plain;
    }
    match dialect {
        Dialect::Postgres => match words.find(|word| !matches!(*word, "or" | "replace")) {
            Some("function" | "procedure") => Form::Atomic,
            Some("rule") => Form::Parentheses,
            _ => Form::Plain,
        },
        Dialect::Sqlite => match words.find(|word| !matches!(*word, "temp" | "temporary")) {
            Some("trigger") => Form::Blocks,
            _ => Form::Plain,
        },
        Dialect::Mysql | Dialect::Mariadb => {
            // What stands between is the definer; a table or view is named by its own word.
            let decides = |word: &&str| {
                matches!(
                    *word,
                    "trigger" | "procedure" | "function" | "event" | "table" | "view" | "index" | "package"
                )
            };
            match words.find(decides) {
                Some("trigger" | "procedure" | "function" | "event" | "package") => Form::Blocks,
                _ => Form::Plain,
            }
        }
    }
}
