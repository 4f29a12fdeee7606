//! What the compiler is told beside spec and catalog.

use std::collections::{BTreeMap, BTreeSet};

use engine::catalog::{Catalog, TableName};

use super::{dialect, names};
use crate::kinds::Change;
use crate::spec::Spec;

/// Which of a change's expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// New from old.
    Up,
    /// Old from new.
    Down,
}

impl Side {
    /// The spec's key.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// Who vouches for the expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The target parsed, typed and found them immutable.
    ByDatabase,
    /// Nobody: there was only a saved catalog.
    ByNobody,
}

/// What is known about the expressions and types of a spec, by the number of the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expressions {
    /// Who says so.
    pub checked: Checked,
    /// The columns of the table that each expression reads.
    pub reads: BTreeMap<(usize, Side), Vec<String>>,
    /// The new column's type as the catalog spells it.
    pub types: BTreeMap<usize, String>,
    /// SQLite: what of an expression an older version does not know, with the version it came in; the application's own SQLite runs it.
    pub newer: BTreeMap<(usize, Side), Vec<String>>,
}

impl Expressions {
    /// Without a database: every column whose name occurs in the expression counts as read.
    #[must_use]
    pub fn guess(spec: &Spec, catalog: &Catalog) -> Self {
        let mut guessed = Self {
            checked: Checked::ByNobody,
            reads: BTreeMap::new(),
            types: BTreeMap::new(),
            newer: BTreeMap::new(),
        };
        for (index, declared) in spec.changes.iter().enumerate() {
            let Change::AddColumn(change) = &declared.change else {
                continue;
            };
            if let Ok(name) = dialect::spelled(catalog.engine, &change.type_name) {
                guessed.types.insert(index, name);
            }
            let Ok(table) = names::table_of(catalog, &change.table) else {
                continue;
            };
            for (side, text) in [(Side::Up, &change.up), (Side::Down, &change.down)] {
                let Some(text) = text else { continue };
                let words: BTreeSet<String> = dialect::words(catalog.engine, text)
                    .iter()
                    .map(|word| dialect::folded(catalog.engine, word))
                    .collect();
                let reads = table
                    .columns
                    .iter()
                    .map(|c| c.name.clone())
                    .filter(|name| words.contains(&dialect::folded(catalog.engine, name)))
                    .collect();
                guessed.reads.insert((index, side), reads);
            }
        }
        guessed
    }
}

/// What somebody answers for, so that it is not refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// Publications whose subscribers are taken care of: the target's setting `acknowledge_publications`.
    pub publications: BTreeSet<String>,
    /// Tables with row security on which the data role was seen to read every row: see [`super::unfiltered`].
    pub unfiltered: BTreeSet<TableName>,
}
