//! The rows as they should be, and the SQL that should make them so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::super::db::{Db, Phase};
use super::super::oracle::{self, Refused, Row, Rule, Value};
use super::rules::{COLUMNS, Variant};
use super::{How, Op, Set};
use crate::mirror::{Authority, Mirror};

pub(super) struct World {
    rules: Vec<Rule>,
    recursive: bool,
    /// Where one pair reads what another restores, one write may count as two; never as none.
    may_count_twice: bool,
    pub(super) phase: Phase,
    state: State,
}

#[derive(Clone, Default)]
struct State {
    rows: BTreeMap<i64, Row>,
    once: BTreeSet<String>,
    lost: Vec<String>,
    counted: u32,
}

impl World {
    pub(super) fn new(variant: Variant, recursive: bool) -> Self {
        Self {
            rules: variant.rules(),
            recursive,
            may_count_twice: variant.is_together(),
            phase: Phase::Old,
            state: State::default(),
        }
    }

    /// A statement happens as a whole or not at all.
    pub(super) fn apply(&mut self, op: &Op) -> Result<(), Refused> {
        let before = self.state.clone();
        let done = self.try_to(op);
        if done.is_err() {
            self.state = before;
        }
        done
    }

    fn try_to(&mut self, op: &Op) -> Result<(), Refused> {
        match op {
            Op::Insert { how, ids, sets } => ids.iter().try_for_each(|&id| self.insert(*how, id, sets)),
            Op::Update { from, to, sets, .. } => {
                let ids: Vec<i64> = self.state.rows.keys().copied().collect();
                let mut ids = ids.into_iter().filter(|id| (from..=to).contains(&id));
                ids.try_for_each(|id| self.update(id, id, sets))
            }
            Op::Move { how, from, to, sets } => {
                if !self.state.rows.contains_key(from) {
                    return Ok(());
                }
                if from != to && self.state.rows.contains_key(to) {
                    match how {
                        How::Abort | How::Upsert => return Err(Refused),
                        How::Ignore => return Ok(()),
                        How::Replace => drop(self.state.rows.remove(to)),
                    }
                }
                self.update(*from, *to, sets)
            }
            Op::Delete { id } => {
                self.state.rows.remove(id);
                Ok(())
            }
            Op::Reach { .. } => unreachable!("no statement of the application"),
        }
    }

    fn insert(&mut self, how: How, id: i64, sets: &Set) -> Result<(), Refused> {
        if self.state.rows.contains_key(&id) {
            match how {
                How::Abort => return Err(Refused),
                How::Ignore => return Ok(()),
                How::Replace => drop(self.state.rows.remove(&id)),
                How::Upsert => return self.update(id, id, sets),
            }
        }
        let mut row: Row = COLUMNS.iter().map(|&column| (column, Value::Null)).collect();
        row.extend(sets.clone());
        self.write(None, id, &row)
    }

    fn update(&mut self, from: i64, to: i64, sets: &Set) -> Result<(), Refused> {
        let before = self.state.rows.remove(&from).unwrap();
        let mut row = before.clone();
        row.extend(sets.clone());
        self.write(Some(&before), to, &row)
    }

    fn write(&mut self, before: Option<&Row>, id: i64, row: &Row) -> Result<(), Refused> {
        let authority = match self.phase {
            Phase::Old => Authority::Old,
            Phase::New | Phase::Hidden => Authority::New,
        };
        let (row, told) = oracle::write(&self.rules, (authority, self.recursive), before, row)?;
        self.state.rows.insert(id, row);
        self.state.counted += u32::from(told.counted);
        for (kind, column) in told.notes {
            let note = format!(r#"{kind} {column} {{"id":{id}}}"#);
            if kind == "lost" {
                self.state.lost.push(note);
            } else {
                self.state.once.insert(note);
            }
        }
        Ok(())
    }

    /// The planner's next swap on the way to a phase; old never becomes the authority again.
    pub(super) async fn reach(&mut self, db: &mut Db, phase: Phase) {
        let swap = match (self.phase, phase) {
            (Phase::Old, _) => db.sql.lead.clone(),
            (Phase::New, Phase::Hidden) => db.sql.hide.clone().unwrap(),
            (Phase::Hidden, Phase::New) => db.sql.unhide.clone().unwrap(),
            (Phase::New | Phase::Hidden, _) => return,
        };
        assert!(!db.asks(&swap.done).await);
        db.transaction(&swap.statements).await;
        assert!(db.asks(&swap.done).await);
        self.phase = if self.phase == Phase::Old {
            Phase::New
        } else {
            phase
        };
    }

    /// The same about the database, in the same words.
    pub(super) async fn found(&mut self, db: &mut Db, mirror: &Mirror) -> String {
        let hidden = |column: &str| {
            let hidden = mirror.hidden.iter().find(|h| h.column == column);
            match hidden {
                Some(h) if self.phase == Phase::Hidden => format!("\"{}\"", h.name),
                Some(_) | None => column.to_owned(),
            }
        };
        let columns: Vec<String> = std::iter::once("id")
            .chain(COLUMNS.iter().copied())
            .map(hidden)
            .collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let (rows, notes, counted) = (db.rows(&columns).await, db.notes().await, db.counted().await);
        let counted: u32 = counted.parse().unwrap();
        if self.may_count_twice && counted > self.state.counted {
            self.state.counted = counted;
        }
        format!("rows: {rows}\nnotes: {notes}\ncounted: {counted}")
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.state.rows.iter().map(|(id, row)| {
            let cells: Vec<String> = COLUMNS.iter().map(|column| literal(&row[column])).collect();
            format!("{id} {}", cells.join(" "))
        });
        let mut notes: Vec<&String> = self.state.once.iter().chain(&self.state.lost).collect();
        notes.sort();
        let notes: Vec<&str> = notes.into_iter().map(String::as_str).collect();
        let (rows, notes) = (rows.collect::<Vec<_>>().join(", "), notes.join(", "));
        write!(f, "rows: {rows}\nnotes: {notes}\ncounted: {}", self.state.counted)
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Int(n) => n.to_string(),
        Value::Text(t) => format!("'{t}'"),
    }
}

/// The statement as the application would write it.
pub(super) fn sql(op: &Op) -> String {
    let or = |how: &How| match how {
        How::Abort | How::Upsert => "",
        How::Ignore => "OR IGNORE ",
        How::Replace => "OR REPLACE ",
    };
    let assigned = |sets: &Set| {
        let sets = sets
            .iter()
            .map(|(column, value)| format!("{column} = {}", literal(value)));
        let sets: Vec<String> = sets.collect();
        // Nothing is left of a write of hidden columns.
        if sets.is_empty() {
            "other = other".to_owned()
        } else {
            sets.join(", ")
        }
    };
    match op {
        Op::Insert { how, ids, sets } => {
            let names: Vec<&str> = std::iter::once("id").chain(sets.keys().copied()).collect();
            let rows = ids.iter().map(|id| {
                let cells: Vec<String> = std::iter::once(id.to_string())
                    .chain(sets.values().map(literal))
                    .collect();
                format!("({})", cells.join(", "))
            });
            let (names, rows) = (names.join(", "), rows.collect::<Vec<_>>().join(", "));
            let upsert = match how {
                How::Upsert => format!(" ON CONFLICT (id) DO UPDATE SET {}", assigned(sets)),
                How::Abort | How::Ignore | How::Replace => String::new(),
            };
            format!("INSERT {}INTO track ({names}) VALUES {rows}{upsert}", or(how))
        }
        Op::Update { how, from, to, sets } => {
            format!(
                "UPDATE {}track SET {} WHERE id BETWEEN {from} AND {to}",
                or(how),
                assigned(sets)
            )
        }
        Op::Move { how, from, to, sets } => {
            format!(
                "UPDATE {}track SET id = {to}, {} WHERE id = {from}",
                or(how),
                assigned(sets)
            )
        }
        Op::Delete { id } => format!("DELETE FROM track WHERE id = {id}"),
        Op::Reach { phase } => format!("-- reach {phase:?}"),
    }
}
