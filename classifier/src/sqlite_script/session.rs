//! What earlier statements of a script have set up, and the verdict on the next one.

use std::collections::BTreeSet;

use super::action::Action;
use super::effect::effect;
use super::read::read;
use super::rules::{self, Seen};
use crate::tokens::Name;
use crate::{Effect, Phase, Verdict, rule};

/// A script of SQLite, statement by statement.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Tables that the script has created: nobody waits for them.
    created: BTreeSet<String>,
    /// Tables that the script has dropped, so that another can take the name: a copy of the table.
    dropped: BTreeSet<String>,
    transaction: Transaction,
    /// `PRAGMA foreign_keys`, if the script said so.
    foreign_keys: Option<bool>,
}

/// How the open transaction began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transaction {
    /// There is none.
    #[default]
    None,
    /// It has read nothing and written nothing.
    Begun,
    /// It has read, and has no write lock.
    Reading,
    /// It has the write lock, or has asked for it first.
    Writing,
}

impl Session {
    /// A new connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The verdict on the next statement of the script, with or without a semicolon.
    pub fn judge(&mut self, statement: &str) -> Verdict {
        match read(statement) {
            Ok(Some(action)) => {
                let verdict = self.verdict(statement, &action);
                self.follow(&action);
                verdict
            }
            Ok(None) => rule::verdict(Effect::nothing(Phase::Neutral), Vec::new()),
            Err(unread) => rule::unknown(rules::unreadable(unread.line, &unread.what)),
        }
    }

    fn verdict(&self, statement: &str, action: &Action) -> Verdict {
        let created = |name: &Name| self.created.contains(&key(name));
        let effect = effect(action, |name| !created(name));
        let seen = Seen {
            statement: statement.trim().trim_end_matches(';').trim_end(),
            action,
            effect: &effect,
            created: &created,
            dropped: &|name| self.dropped.contains(&name.to_lowercase()),
            transaction: self.transaction,
            foreign_keys: self.foreign_keys,
        };
        let findings = rules::all()
            .iter()
            .filter_map(|rule| (rule.judge)(&seen))
            .collect();
        rule::verdict(effect, findings)
    }

    fn follow(&mut self, action: &Action) {
        let writes = matches!(
            action,
            Action::Insert { .. } | Action::Update(_) | Action::Delete(_)
        ) || !matches!(effect(action, |_| true).phase, Phase::Neutral | Phase::Data);
        self.transaction = match (action, self.transaction) {
            (Action::Begin { immediate: true }, _) => Transaction::Writing,
            (Action::Begin { immediate: false }, _) => Transaction::Begun,
            (Action::End, _) | (_, Transaction::None) => Transaction::None,
            (_, Transaction::Begun | Transaction::Writing) if writes => Transaction::Writing,
            (Action::Select, Transaction::Begun) => Transaction::Reading,
            (_, now) => now,
        };
        match action {
            Action::CreateTable { table, .. } => {
                self.created.insert(key(table));
            }
            Action::DropTable(table) if !self.created.remove(&key(table)) => {
                self.dropped.insert(key(table));
            }
            Action::RenameTable { table, to } if self.created.remove(&key(table)) => {
                self.created.insert(to.to_lowercase());
            }
            Action::Pragma {
                name,
                value: Some(value),
            } if name == "foreign_keys" && self.transaction == Transaction::None => {
                self.foreign_keys =
                    Some(["1", "on", "true", "yes"].contains(&value.to_ascii_lowercase().as_str()));
            }
            _ => {}
        }
    }
}

fn key(name: &Name) -> String {
    name.name.to_lowercase()
}
