//! The table that traffic writes to, as SQL templates.

use fastrand::Rng;

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

/// What traffic may do to rows that were there before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
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

    /// Leaves the keys of existing rows alone.
    #[must_use]
    pub fn keeping_existing_rows(mut self) -> Self {
        self.existing = Existing::UpdateOnly;
        self
    }

    /// `$1` key, `$2` old, `$3` other.
    pub(super) fn insert(&self) -> String {
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
        let (old, other) = (&self.old, &self.other);
        format!(
            "INSERT INTO {} ({}, {}, {}{names}) VALUES ($1, $2::text::{}, $3::text::{}{values})",
            self.name, self.key, old.name, other.name, old.type_name, other.type_name
        )
    }

    /// `$1` key, `$2` old, `$3` other.
    pub(super) fn upsert(&self) -> String {
        let (old, other) = (&self.old.name, &self.other.name);
        format!(
            "{} ON CONFLICT ({}) DO UPDATE SET {old} = EXCLUDED.{old}, {other} = EXCLUDED.{other}",
            self.insert(),
            self.key
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

    /// Key and both columns, of the rows whose key is in `$1`.
    pub(super) fn read_these(&self) -> String {
        format!("{} WHERE {} = ANY ($1)", self.read_all(), self.key)
    }

    /// Key and both columns, of every row.
    fn read_all(&self) -> String {
        let Self {
            name,
            key,
            old,
            other,
            ..
        } = self;
        format!(
            "SELECT {key}::bigint, {}::text, {}::text FROM {name}",
            old.name, other.name
        )
    }

    /// The same, of `$3` existing rows spread over the table whose key is `$1` modulo `$2`.
    pub(super) fn read_some(&self) -> String {
        format!(
            "{} WHERE {} % $2 = $1 ORDER BY md5({}::text) LIMIT $3",
            self.read_all(),
            self.key,
            self.key
        )
    }
}
