//! What earlier statements of a script have set up, and the verdict on the next one.

use std::collections::{BTreeMap, BTreeSet};

use super::Flavor;
use super::action::Action;
use super::effect::{commits, effect};
use super::online::{self, Surroundings};
use super::read::read;
use super::rules::{self, Seen};
use crate::tokens::Name;
use crate::{Effect, Facts, Phase, Verdict, facts, rule};

/// A script of MySQL or MariaDB, statement by statement.
#[derive(Clone, Debug)]
pub struct Session {
    flavor: Flavor,
    facts: Option<Facts>,
    /// Tables that the script has created: nobody waits for them.
    created: BTreeSet<String>,
    /// By name in lower case, as written.
    variables: BTreeMap<String, String>,
    in_transaction: bool,
}

impl Session {
    /// A new connection, of whose database nothing is known.
    #[must_use]
    pub fn new(flavor: Flavor) -> Self {
        Self {
            flavor,
            facts: None,
            created: BTreeSet::new(),
            variables: BTreeMap::new(),
            in_transaction: false,
        }
    }

    /// A new connection to a database of which something is known: tables by `schema.table` or `table`.
    #[must_use]
    pub fn with_facts(flavor: Flavor, facts: Facts) -> Self {
        Self {
            facts: Some(facts),
            ..Self::new(flavor)
        }
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
        let exists = |name: &Name| !self.created.contains(&key(name));
        let mut needed = None;
        let mut done = None;
        if let Action::Alter(alter) = action {
            let around = Surroundings {
                flavor: self.flavor,
                foreign_key_checks: self.foreign_key_checks(),
                table: self.table(&alter.table),
            };
            let online = online::needed(alter, around);
            needed = Some(online);
            done = online::done(alter, online).ok();
        }
        let effect = effect(action, done, exists);
        let seen = Seen {
            statement: statement.trim().trim_end_matches(';').trim_end(),
            action,
            effect: &effect,
            needed,
            done,
            flavor: self.flavor,
            in_transaction: self.in_transaction,
            waits_briefly: self.waits_briefly(),
            foreign_key_checks: self.foreign_key_checks(),
            read_committed: self.read_committed(),
            created: &|name| !exists(name),
        };
        let findings = rules::all()
            .iter()
            .filter_map(|rule| (rule.judge)(&seen))
            .collect();
        rule::verdict(effect, findings)
    }

    fn follow(&mut self, action: &Action) {
        if commits(action) {
            self.in_transaction = false;
        }
        match action {
            Action::Begin => self.in_transaction = true,
            Action::End => self.in_transaction = false,
            Action::CreateTable { table, .. } => {
                self.created.insert(key(table));
            }
            Action::RenameTable(pairs) => pairs.iter().for_each(|(from, to)| self.renamed(from, to)),
            Action::DropTable { tables, .. } => tables.iter().for_each(|table| {
                self.created.remove(&key(table));
            }),
            Action::Set(values) => self.variables.extend(values.iter().cloned()),
            _ => {}
        }
    }

    fn renamed(&mut self, from: &Name, to: &Name) {
        if self.created.remove(&key(from)) {
            self.created.insert(key(to));
        } else {
            self.created.remove(&key(to));
        }
    }

    fn table(&self, name: &Name) -> Option<&facts::Table> {
        let tables = &self.facts.as_ref()?.tables;
        let unqualified = || {
            tables
                .iter()
                .find(|(table, _)| table.rsplit('.').next() == Some(&name.name))
                .map(|(_, table)| table)
        };
        tables
            .get(&name.to_string())
            .or_else(|| name.schema.is_none().then(unqualified).flatten())
    }

    fn foreign_key_checks(&self) -> bool {
        let off = |value: &String| ["0", "off", "false"].contains(&value.to_ascii_lowercase().as_str());
        !self.variables.get("foreign_key_checks").is_some_and(off)
    }

    fn read_committed(&self) -> bool {
        let low = |level: &String| {
            let level = level.to_ascii_lowercase().replace('-', " ");
            level.contains("read committed") || level.contains("read uncommitted")
        };
        let names = ["transaction_isolation", "tx_isolation"];
        names.iter().filter_map(|name| self.variables.get(*name)).any(low)
    }

    /// A metadata lock is given up on within a minute: the server's own limit is a day or a year.
    fn waits_briefly(&self) -> bool {
        let seconds = self
            .variables
            .get("lock_wait_timeout")
            .and_then(|value| value.parse::<f64>().ok());
        seconds.is_some_and(|seconds| seconds <= 60.0)
    }
}

fn key(name: &Name) -> String {
    name.name.to_lowercase()
}
