//! One statement: what was seen beside what was said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use classifier::{Effect, Lock};
use engine::postgres::observe::{self, Observed, Outcome, RelationKind};
use sqlx::postgres::PgConnection;

use super::scripts::words;

/// What of a statement is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Locks,
    Rewrites,
    Scans,
    Transactional,
    /// Any of them, where the model knows nothing of the database.
    WithoutFacts,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Locks => "locks",
            Self::Rewrites => "rewrites_table",
            Self::Scans => "scans_table",
            Self::Transactional => "transactional",
            Self::WithoutFacts => "without facts",
        })
    }
}

/// One field in which they differ.
#[derive(Clone, Debug)]
pub(super) struct Disagreement {
    /// The script up to the statement.
    pub(super) script: Vec<String>,
    pub(super) field: Field,
    said: String,
    seen: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            script,
            field,
            said,
            seen,
        } = self;
        let script = script.join("; ");
        write!(
            f,
            "{script}
  {field}: the model says {said}; PostgreSQL did {seen}"
        )
    }
}

/// Kind of every relation that was there before the script, by `schema.name`.
pub(super) type Kinds = BTreeMap<String, String>;

pub(super) async fn kinds(conn: &mut PgConnection) -> anyhow::Result<Kinds> {
    let text = "SELECT n.nspname || '.' || c.relname, c.relkind::text FROM pg_class c \
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid >= 16384";
    let rows: Vec<(String, String)> = engine::sql::query_as(text).fetch_all(conn).await?;
    Ok(rows.into_iter().collect())
}

/// Strongest lock by table.
type Locks = BTreeMap<String, Lock>;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) before: &'a [&'a str],
    pub(super) text: &'a str,
    pub(super) seen: &'a Observed,
    pub(super) kinds: &'a Kinds,
}

impl Subject<'_> {
    /// Where what was said with facts is not what was seen. A statement that failed has let go of its locks: only whether it may be in a
    /// transaction can be compared, if that was why.
    pub(super) fn exact(&self, effect: &Effect) -> Vec<Disagreement> {
        let mut found = Vec::new();
        if let Some(transactional) = self.seen.transactional
            && transactional != effect.transactional
        {
            found.push(self.differs(Field::Transactional, &effect.transactional, &transactional));
        }
        if self.seen.outcome != Outcome::Done {
            return found;
        }
        let said = self.said(effect);
        let (new, all) = (strongest(&self.seen.locks), self.all());
        let right = new.keys().all(|table| said.contains_key(table))
            && said
                .iter()
                .all(|(table, mode)| new.get(table) == Some(mode) || all.get(table) == Some(mode));
        if !right {
            found.push(self.differs(Field::Locks, &shown(&said), &shown(&new)));
        }
        let rewrites = !self.seen.rewritten.is_empty();
        if rewrites != effect.rewrites_table {
            found.push(self.differs(
                Field::Rewrites,
                &effect.rewrites_table,
                &self.seen.rewritten.join(", "),
            ));
        }
        let scans = !self.seen.scanned.is_empty();
        if scans != effect.scans_table {
            found.push(self.differs(Field::Scans, &effect.scans_table, &self.seen.scanned.join(", ")));
        }
        found
    }

    /// Where what was said without facts is less than what was seen of the tables that the statement names.
    pub(super) fn no_less(&self, effect: &Effect) -> Option<Disagreement> {
        if self.seen.outcome != Outcome::Done {
            return None;
        }
        let words: BTreeSet<String> = words(self.text).into_iter().collect();
        let named = |table: &str| table.rsplit('.').next().is_some_and(|name| words.contains(name));
        let said = self.said(effect);
        let mut less = Vec::new();
        for (table, mode) in strongest(&self.seen.locks) {
            if named(&table) && said.get(&table).is_none_or(|said| *said < mode) {
                less.push(format!("{table} {}", mode.as_str()));
            }
        }
        if self.seen.rewritten.iter().any(|table| named(table)) && !effect.rewrites_table {
            less.push("a rewrite".to_owned());
        }
        if self.seen.scanned.iter().any(|table| named(table)) && !effect.scans_table {
            less.push("a scan".to_owned());
        }
        (!less.is_empty()).then(|| self.differs(Field::WithoutFacts, &shown(&said), &less.join(", ")))
    }

    fn differs(&self, field: Field, said: &impl ToString, seen: &impl ToString) -> Disagreement {
        let text = |value: String| {
            if value.is_empty() {
                "nothing".to_owned()
            } else {
                value
            }
        };
        Disagreement {
            script: self
                .before
                .iter()
                .chain([&self.text])
                .map(ToString::to_string)
                .collect(),
            field,
            said: text(said.to_string()),
            seen: text(seen.to_string()),
        }
    }

    /// What was said of tables and views, by their full names.
    fn said(&self, effect: &Effect) -> Locks {
        let mut said = Locks::new();
        for lock in &effect.locks {
            let name = if lock.table.contains('.') {
                lock.table.clone()
            } else {
                format!("public.{}", lock.table)
            };
            let kind = self.kinds.get(&name).map_or("", String::as_str);
            if !matches!(kind, "i" | "I" | "S") {
                let mode = said.entry(name).or_insert(lock.mode);
                *mode = (*mode).max(lock.mode);
            }
        }
        said
    }

    /// With what earlier statements of the transaction hold.
    fn all(&self) -> Locks {
        let both: Vec<_> = self.seen.locks.iter().chain(&self.seen.held).cloned().collect();
        strongest(&both)
    }
}

fn strongest(locks: &[observe::Lock]) -> Locks {
    let mut found = Locks::new();
    for lock in locks {
        let table = match lock.kind {
            RelationKind::Table | RelationKind::MaterializedView | RelationKind::View => &lock.relation,
            RelationKind::Index | RelationKind::Sequence | RelationKind::Other => continue,
        };
        let Some(mode) = Lock::of_postgres(&lock.mode) else {
            continue;
        };
        let known = found.entry(table.clone()).or_insert(mode);
        *known = (*known).max(mode);
    }
    found
}

fn shown(locks: &Locks) -> String {
    let each = locks
        .iter()
        .map(|(table, mode)| format!("{table} {}", mode.as_str()));
    each.collect::<Vec<_>>().join(", ")
}
