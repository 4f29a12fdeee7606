//! The table that traffic writes to, as SQL templates.

use fastrand::Rng;

use super::model::{Payload, Shape};

/// One column: its name as SQL, its type, and how values for it are made.
#[derive(Clone, Debug)]
pub struct Column {
    /// Name, quoted where needed.
    pub name: String,
    /// Type, as SQL.
    pub type_name: String,
    /// A value, as text of that type.
    pub value: fn(&mut Rng) -> String,
}

impl Column {
    /// A column of mixed-case text, unique in practice.
    #[must_use]
    pub fn text(name: &str) -> Self {
        let value = |rng: &mut Rng| {
            format!(
                "Name{}@Example.{}",
                rng.u64(..),
                if rng.bool() { "COM" } else { "org" }
            )
        };
        Self {
            name: name.to_owned(),
            type_name: "text".to_owned(),
            value,
        }
    }

    /// A column of positive integers.
    #[must_use]
    pub fn integer(name: &str) -> Self {
        let value = |rng: &mut Rng| rng.u32(0..10_000_000).to_string();
        Self {
            name: name.to_owned(),
            type_name: "integer".to_owned(),
            value,
        }
    }
}

/// The new side of a migration, and how it relates to the old one, as the application knows it.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The new column.
    pub new: Column,
    /// New from old, as text.
    pub up: fn(&str) -> String,
    /// Old from new, as text.
    pub down: fn(&str) -> String,
}

/// Which column a statement uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Old,
    New,
}

/// What traffic may do to rows that were there before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Nothing: they belong to somebody else.
    Nothing,
    /// Update their two columns: other tables may refer to their keys.
    UpdateOnly,
    /// Anything, also give them new keys and delete them.
    Anything,
}

/// A table with an integer key, the old side of a migration, and a column beside it.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name as SQL.
    pub name: String,
    /// The integer primary key, as SQL.
    pub key: String,
    /// The column that a migration computes from.
    pub old: Column,
    /// What it becomes; None if the traffic does not care.
    pub moved: Option<Moved>,
    /// A column that the migration does not touch: an update of it moves the row to another block.
    pub other: Column,
    /// What an insert needs besides: column and value, as SQL.
    pub constants: Vec<(String, String)>,
    /// See [`Existing`].
    pub existing: Existing,
    /// Keys of inserted rows begin here.
    pub first_key: i64,
}

impl Table {
    /// A table whose other columns need no value, and whose rows nothing refers to.
    #[must_use]
    pub fn new(name: &str, key: &str, old: Column, other: Column) -> Self {
        let (name, key) = (name.to_owned(), key.to_owned());
        Self {
            name,
            key,
            old,
            moved: None,
            other,
            constants: vec![],
            existing: Existing::Anything,
            first_key: 1_000_000_000,
        }
    }

    /// Adds a column that inserts must give, with its value, both as SQL.
    #[must_use]
    pub fn with(mut self, column: &str, value: &str) -> Self {
        self.constants.push((column.to_owned(), value.to_owned()));
        self
    }

    /// Says what the old side becomes, so that traffic can follow it.
    #[must_use]
    pub fn moving_to(mut self, new: Column, up: fn(&str) -> String, down: fn(&str) -> String) -> Self {
        self.moved = Some(Moved { new, up, down });
        self
    }

    /// Works on rows of its own only, with keys from `first` on: another traffic has the rest.
    #[must_use]
    pub fn from_key(mut self, first: i64) -> Self {
        self.existing = Existing::Nothing;
        self.first_key = first;
        self
    }

    /// Leaves the keys of existing rows alone.
    #[must_use]
    pub fn keeping_existing_rows(mut self) -> Self {
        self.existing = Existing::UpdateOnly;
        self
    }

    /// The column of a side; the old one where nothing moves.
    pub(super) fn column(&self, side: Side) -> &Column {
        match (side, &self.moved) {
            (Side::New, Some(moved)) => &moved.new,
            (Side::New | Side::Old, _) => &self.old,
        }
    }

    /// The new value that belongs to an old one.
    pub(super) fn new_of(&self, old: &str) -> Option<String> {
        self.moved.as_ref().map(|moved| (moved.up)(old))
    }

    /// What a row holds after a write of one side.
    ///
    /// Writing the new value that was there changes nothing, so old keeps what it has: `down` of it may be less exact.
    pub(super) fn payload(
        &self,
        side: Side,
        value: String,
        other: Option<String>,
        before: Option<&Payload>,
    ) -> Payload {
        let unchanged = before.filter(|row| row.new.as_deref() == Some(value.as_str()));
        match (side, &self.moved) {
            (Side::New, Some(moved)) => Payload {
                old: match unchanged {
                    Some(row) => row.old.clone(),
                    None => Some((moved.down)(&value)),
                },
                new: Some(value),
                other,
            },
            (Side::Old | Side::New, _) => Payload {
                new: self.new_of(&value),
                old: Some(value),
                other,
            },
        }
    }

    /// `$1` key, `$2` the side's value, `$3` other.
    pub(super) fn insert(&self, side: Side) -> String {
        let names: String = self
            .constants
            .iter()
            .map(|(column, _)| format!(", {column}"))
            .collect();
        let values: String = self
            .constants
            .iter()
            .map(|(_, value)| format!(", {value}"))
            .collect();
        let (column, other) = (self.column(side), &self.other);
        format!(
            "INSERT INTO {} ({}, {}, {}{names}) VALUES ($1, $2::text::{}, $3::text::{}{values})",
            self.name, self.key, column.name, other.name, column.type_name, other.type_name
        )
    }

    /// `$1` key, `$2` the side's value, `$3` other.
    pub(super) fn upsert(&self, side: Side) -> String {
        let (column, other) = (&self.column(side).name, &self.other.name);
        format!(
            "{} ON CONFLICT ({}) DO UPDATE SET {column} = EXCLUDED.{column}, {other} = EXCLUDED.{other}",
            self.insert(side),
            self.key
        )
    }

    /// `$1` key: the side's value.
    pub(super) fn read(&self, side: Side) -> String {
        let Self { name, key, .. } = self;
        format!(
            "SELECT {}::text FROM {name} WHERE {key} = $1",
            self.column(side).name
        )
    }

    /// `$1` key, `$2` the value.
    pub(super) fn update(&self, column: &Column) -> String {
        let Self { name, key, .. } = self;
        format!(
            "UPDATE {name} SET {} = $2::text::{} WHERE {key} = $1",
            column.name, column.type_name
        )
    }

    /// `$1` key, `$2` the new key.
    pub(super) fn update_key(&self) -> String {
        let Self { name, key, .. } = self;
        format!("UPDATE {name} SET {key} = $2 WHERE {key} = $1")
    }

    /// `$1` key.
    pub(super) fn delete(&self) -> String {
        format!("DELETE FROM {} WHERE {} = $1", self.name, self.key)
    }

    /// Key, old, new and other of the rows whose key is in `$1`; NULL for the side that is not there.
    pub(super) fn read_these(&self, shape: Shape) -> String {
        format!("{} WHERE {} = ANY ($1)", self.read_all(shape), self.key)
    }

    /// The same of every row.
    fn read_all(&self, shape: Shape) -> String {
        let Self { name, key, other, .. } = self;
        let side = |side: Side, missing: Shape| {
            if shape == missing {
                "NULL".to_owned()
            } else {
                self.column(side).name.clone()
            }
        };
        format!(
            "SELECT {key}::bigint, {}::text, {}::text, {}::text FROM {name}",
            side(Side::Old, Shape::New),
            side(Side::New, Shape::Old),
            other.name
        )
    }

    /// The same, of `$3` existing rows spread over the table whose key is `$1` modulo `$2`.
    pub(super) fn read_some(&self) -> String {
        format!(
            "{} WHERE {} % $2 = $1 ORDER BY ({} * 2654435761) % 1000003 LIMIT $3",
            self.read_all(Shape::Old),
            self.key,
            self.key
        )
    }
}
