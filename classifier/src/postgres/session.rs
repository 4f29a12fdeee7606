//! One script, statement by statement: what came before decides what a statement does.
//!
//! A script is judged as it would run in one session of its own. Outside of a transaction block each statement is a transaction; inside, a lock
//! is held from the statement that took it to the end, and a rollback puts back what was known before.
//! What would break it: a runner that wraps the script in a transaction without saying so; whoever knows that it does judges a `BEGIN` first.

use super::action::{Action, Transaction};
use super::model::{self, Outcome};
use super::world::{Mark, World};
use super::{Context, HeldLock, parse, risk, rules, timing};
use crate::{Code, Facts, Verdict};

/// What the statements so far have done.
#[derive(Clone, Debug)]
pub struct Session {
    facts: Option<Facts>,
    world: World,
    open: Option<Open>,
    /// Where the next statement begins, if statements follow each other without a gap.
    line: u32,
}

/// A transaction block that is open.
#[derive(Clone, Debug)]
struct Open {
    before: Mark,
    savepoints: Vec<(String, Mark)>,
}

impl Session {
    /// Before the first statement. Without facts every table is taken for large and busy, and the server for version 15.
    #[must_use]
    pub fn new(facts: Option<Facts>) -> Self {
        Self {
            facts,
            world: World::default(),
            open: None,
            line: 1,
        }
    }

    /// Judges the next statement of the script, and remembers what it did. Lines are counted as if nothing stood between the statements.
    pub fn judge(&mut self, statement: &str) -> Verdict {
        self.judge_at(self.line, statement)
    }

    /// The same, with the line of the script on which the statement begins: what locks are held since is told by it.
    pub fn judge_at(&mut self, line: u32, statement: &str) -> Verdict {
        self.judge_allowing(line, statement, &|_| None)
    }

    /// The same, where the author accepts the findings of some rules: `allowed` gives the reason. What is accepted, and what is no worse, does
    /// not count for the verdict's risk.
    pub fn judge_allowing(
        &mut self,
        line: u32,
        statement: &str,
        allowed: &dyn Fn(Code) -> Option<String>,
    ) -> Verdict {
        let lines = statement.bytes().filter(|byte| *byte == b'\n').count();
        self.line = line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        let action = parse::parse(statement);
        let outcome = model::outcome(&action, &self.world, self.facts.as_ref());
        let context = self.context(&outcome);
        let mut findings = rules::findings(&action, &outcome.effect, &context);
        for finding in &mut findings {
            finding.allowed = finding.allowed.take().or_else(|| allowed(finding.code));
        }
        let risk = risk::overall(risk::of_outcome(&outcome, &context), &findings);
        let expected_lock_seconds = timing::held(&outcome, self.facts.as_ref());
        self.remember(line, &action, &outcome);
        Verdict {
            effect: outcome.effect,
            risk,
            expected_lock_seconds,
            findings,
        }
    }

    fn context<'a>(&'a self, outcome: &'a Outcome) -> Context<'a> {
        Context {
            facts: self.facts.as_ref(),
            version: model::version(self.facts.as_ref()),
            in_transaction: self.open.is_some(),
            lock_timeout: self.world.timeout("lock_timeout"),
            statement_timeout: self.world.timeout("statement_timeout"),
            held: &self.world.held,
            assumed: &outcome.assumed,
            world: &self.world,
        }
    }

    fn remember(&mut self, line: u32, action: &Action, outcome: &Outcome) {
        if let Action::Transaction(transaction) = action {
            self.transact(transaction);
            return;
        }
        let in_transaction = self.open.is_some();
        self.world.remember(self.facts.as_ref(), action, in_transaction);
        if in_transaction {
            self.hold(line, outcome);
        } else {
            self.world.settle();
        }
    }

    /// Each lock once, with the line that took it first.
    fn hold(&mut self, line: u32, outcome: &Outcome) {
        let held = &mut self.world.held;
        for lock in &outcome.effect.locks {
            if !held
                .iter()
                .any(|it| it.table == lock.table && it.mode == lock.mode)
            {
                held.push(HeldLock {
                    table: lock.table.clone(),
                    mode: lock.mode,
                    line,
                });
            }
        }
    }

    fn transact(&mut self, transaction: &Transaction) {
        match transaction {
            Transaction::Begin => {
                if self.open.is_none() {
                    self.begin();
                }
            }
            Transaction::Commit { chain } => self.end(None, *chain),
            Transaction::Rollback { chain } => {
                let before = self.open.as_ref().map(|open| open.before);
                self.end(before, *chain);
            }
            Transaction::Prepare => self.end(None, false),
            Transaction::Savepoint(name) => {
                if let Some(open) = &mut self.open {
                    open.savepoints.push((name.clone(), self.world.mark()));
                }
            }
            Transaction::Release(name) => {
                if let Some((open, at)) = savepoint(&mut self.open, name) {
                    open.savepoints.truncate(at);
                }
            }
            Transaction::RollbackTo(name) => {
                if let Some((open, at)) = savepoint(&mut self.open, name) {
                    open.savepoints.truncate(at + 1);
                    if let Some((_, mark)) = open.savepoints.last() {
                        self.world.back_to(*mark);
                    }
                }
            }
            Transaction::FinishPrepared | Transaction::Characteristics => {}
        }
    }

    fn begin(&mut self) {
        self.open = Some(Open {
            before: self.world.mark(),
            savepoints: Vec::new(),
        });
    }

    fn end(&mut self, back_to: Option<Mark>, chain: bool) {
        let was_open = self.open.take().is_some();
        if let Some(mark) = back_to {
            self.world.back_to(mark);
        }
        self.world.settle();
        if chain && was_open {
            self.begin();
        }
    }
}

/// The last savepoint of this name.
fn savepoint<'a>(open: &'a mut Option<Open>, name: &str) -> Option<(&'a mut Open, usize)> {
    let open = open.as_mut()?;
    let at = open.savepoints.iter().rposition(|(it, _)| it == name)?;
    Some((open, at))
}
