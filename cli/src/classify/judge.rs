//! Files through the classifier: one session a file, because each is run by itself and nothing is assumed of one by the next.
//!
//! A file that cannot be read does not keep the others from being read.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write};

use classifier::postgres::style;
use classifier::script::{
    Dialect, Side, Splitter, Statement, UNREADABLE_FILE, made_by_code, without_session,
};
use classifier::{Code, Facts, Risk, Verdict, allow, pages, script};
use engine::postgres::observe::Observed;

use super::Totals;
use super::alembic::{self, Piece};
use super::observed::Seen;
use super::printer::{Format, Printer};
use super::record::{Record, Unreadable};
use super::session::Session;
use super::walk::{Form, Input, Source};

/// The longest Python file that is read, in bytes.
const LONGEST_PYTHON: u64 = 4 << 20;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// At which risk the run fails; None: at none.
    pub fail_on: Option<Risk>,
    /// The way back too.
    pub down: bool,
    /// Matters of style too.
    pub lint: bool,
    /// What the database says, if it was asked.
    pub facts: Option<Facts>,
    /// What was seen of each statement, if they were run: in the order of [`statements`].
    pub observed: Option<VecDeque<Observed>>,
}

/// Judges every source and tells it; gives the counts.
///
/// # Errors
/// Only if it cannot be written.
pub fn classify<W: Write>(
    request: &Request,
    sources: impl IntoIterator<Item = Result<Source, Unreadable>>,
    printer: &mut Printer<W>,
) -> io::Result<Totals> {
    let mut run = Run::new(request, printer);
    run.observed = request.observed.clone();
    for source in sources {
        run.source(source)?;
    }
    Ok(run.totals)
}

/// The statements that [`classify`] would judge, but for what no server is sent, in that order.
///
/// # Errors
/// None but of the memory that they are kept in.
pub fn statements(request: &Request, sources: &[Result<Source, Unreadable>]) -> io::Result<Vec<String>> {
    let mut printer = Printer::begin(Format::Json, io::sink())?;
    let mut run = Run::new(request, &mut printer);
    run.collected = Some(Vec::new());
    for source in sources.iter().flatten() {
        run.source(Ok(source.clone()))?;
    }
    Ok(run.collected.unwrap_or_default())
}

struct Run<'a, W> {
    request: &'a Request,
    printer: &'a mut Printer<W>,
    totals: Totals,
    codes: HashSet<Code>,
    /// What was seen of the statements to come.
    observed: Option<VecDeque<Observed>>,
    /// Some: statements are not judged but collected.
    collected: Option<Vec<String>>,
}

impl<'a, W: Write> Run<'a, W> {
    fn new(request: &'a Request, printer: &'a mut Printer<W>) -> Self {
        Self {
            request,
            printer,
            totals: Totals::new(),
            codes: pages::all().iter().map(|page| page.code).collect(),
            observed: None,
            collected: None,
        }
    }

    fn source(&mut self, source: Result<Source, Unreadable>) -> io::Result<()> {
        match source {
            Ok(source) if source.side == Side::Down && !self.request.down => {
                self.totals.left_out += 1;
                Ok(())
            }
            Ok(source) => self.file(&source),
            Err(fault) => self.fault(fault),
        }
    }

    fn file(&mut self, source: &Source) -> io::Result<()> {
        match &source.input {
            Input::Stdin => self.script(source, io::stdin().lock()),
            Input::Text(text) => self.script(source, &text[..]),
            Input::Path(path) => match File::open(path).and_then(|file| is_no_folder(&file).map(|()| file)) {
                Ok(file) => match source.form {
                    Form::Sql => self.script(source, BufReader::with_capacity(64 << 10, file)),
                    Form::Alembic => self.python(source, file),
                },
                Err(error) => self.fault(unreadable(&source.name, None, error.to_string())),
            },
        }
    }

    fn script(&mut self, source: &Source, reader: impl BufRead) -> io::Result<()> {
        self.totals.files += 1;
        let dialect = self.request.dialect;
        let mut session = None;
        let mut side = source.side;
        let mut splitter = Splitter::new(reader, dialect, source.side);
        while let Some(statement) = splitter.next() {
            let statement = match statement {
                Ok(statement) => statement,
                Err(fault) => {
                    let message = crate::error::chain(&fault);
                    return self.fault(unreadable(&source.name, Some(fault.line()), message));
                }
            };
            if statement.side == Side::Down && !self.request.down {
                self.totals.left_out += 1;
                continue;
            }
            // The two directions of a file are never run together.
            if statement.side != side {
                side = statement.side;
                session = None;
            }
            let session = session.get_or_insert_with(|| {
                let mut session = Session::new(dialect, self.request.facts.as_ref());
                if splitter.is_wrapped() {
                    session.begin();
                }
                session
            });
            self.statement(source, session, &statement)?;
        }
        Ok(())
    }

    fn statement(&mut self, source: &Source, session: &mut Session, statement: &Statement) -> io::Result<()> {
        let aside = without_session(statement, self.request.dialect);
        if let Some(collected) = &mut self.collected {
            if aside.is_none() {
                collected.push(statement.text.clone());
            }
            return Ok(());
        }
        let seen = match (&aside, &mut self.observed) {
            (None, Some(observed)) => observed.pop_front(),
            (Some(_), _) | (None, None) => None,
        };
        let mut verdict = match aside {
            Some(verdict) => verdict,
            None => session.judge(statement.line, &statement.text, &statement.allows),
        };
        if self.request.lint && statement.kind == script::Kind::Sql {
            verdict.findings.extend(style::lint(&statement.text));
        }
        allow::apply(&mut verdict, &statement.allows, |code| self.codes.contains(&code));
        let seen = seen.map(|seen| Seen::new(&verdict.effect, &seen));
        self.tell(source, (statement.line, &statement.text), &verdict, seen)
    }

    fn python(&mut self, source: &Source, file: File) -> io::Result<()> {
        self.totals.files += 1;
        let mut bytes = Vec::new();
        let read = file.take(LONGEST_PYTHON + 1).read_to_end(&mut bytes);
        let text = match read {
            Err(error) => return self.fault(unreadable(&source.name, None, error.to_string())),
            Ok(length) if length as u64 > LONGEST_PYTHON => {
                let message = format!("longer than {} MiB", LONGEST_PYTHON >> 20);
                return self.fault(unreadable(&source.name, None, message));
            }
            Ok(_) => match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => {
                    let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                    let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count() as u64;
                    return self.fault(unreadable(&source.name, Some(line), "it is not UTF-8".to_owned()));
                }
            },
        };
        let mut session: Option<(Side, Session)> = None;
        for piece in alembic::pieces(&text) {
            if piece.side == Side::Down && !self.request.down {
                self.totals.left_out += 1;
                continue;
            }
            let kept = session
                .take()
                .filter(|(side, _)| *side == piece.side)
                .map(|(_, kept)| kept);
            let mut current = kept.unwrap_or_else(|| {
                let mut session = Session::new(self.request.dialect, self.request.facts.as_ref());
                session.begin();
                session
            });
            self.piece(source, &mut current, &piece)?;
            session = Some((piece.side, current));
        }
        Ok(())
    }

    fn piece(&mut self, source: &Source, session: &mut Session, piece: &Piece) -> io::Result<()> {
        let Some(sql) = &piece.sql else {
            if self.collected.is_some() {
                return Ok(());
            }
            let mut verdict = made_by_code(&piece.name);
            allow::apply(&mut verdict, &piece.allows, |code| self.codes.contains(&code));
            return self.tell(source, (piece.line, &piece.call), &verdict, None);
        };
        if piece.is_autocommit {
            session.commit();
        }
        let mut is_first = true;
        for statement in Splitter::new(sql.as_bytes(), self.request.dialect, piece.side).flatten() {
            let mut allows = statement.allows.clone();
            if std::mem::take(&mut is_first) {
                allows.extend(piece.allows.iter().cloned());
            }
            let line = (piece.line + statement.line - 1).min(piece.last_line);
            let statement = Statement {
                line,
                allows,
                ..statement
            };
            self.statement(source, session, &statement)?;
        }
        if piece.is_autocommit {
            session.begin();
        }
        Ok(())
    }

    fn tell(
        &mut self,
        source: &Source,
        (line, text): (u64, &str),
        verdict: &Verdict,
        observed: Option<Seen>,
    ) -> io::Result<()> {
        let record = Record {
            observed,
            ..Record::new(&source.name, line, text, verdict)
        };
        self.totals.statement(&record, self.request.fail_on);
        self.printer.statement(&record)
    }

    fn fault(&mut self, fault: Unreadable) -> io::Result<()> {
        self.totals.fault(&fault);
        self.printer.fault(fault)
    }
}

/// Opening a folder succeeds, reading it does not, and says so with a number.
fn is_no_folder(file: &File) -> io::Result<()> {
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    Ok(())
}

pub(super) fn unreadable(file: &str, line: Option<u64>, message: String) -> Unreadable {
    Unreadable {
        file: file.to_owned(),
        line,
        code: UNREADABLE_FILE.code,
        message,
    }
}
