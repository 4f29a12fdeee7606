//! The plan while it is being compiled: what each change asks of each table.
//!
//! Changes are compiled one by one into this; only [`super::assemble`] knows the order of steps.

use std::collections::BTreeSet;

use classifier::Generated;
use engine::catalog::{Catalog, Column, EngineKind, Table, TableName};
use engine::mirror::Pair;
use ledger::plan::{Notice, ReliedColumn};
use sha2::{Digest, Sha256};

use super::input::{Acknowledged, Expressions};
use super::sqlite::Shape;
use super::{dialect, names};
use crate::kinds::Change;
use crate::spec::{Code, Fault, Spec};

/// Everything found out so far.
pub(super) struct Draft<'a> {
    pub(super) spec: &'a Spec,
    pub(super) catalog: &'a Catalog,
    pub(super) expressions: &'a Expressions,
    pub(super) acknowledged: &'a Acknowledged,
    pub(super) tag: String,
    next_object: u32,
    /// The tables, each once, in the order in which changes name them.
    pub(super) tables: Vec<TableDraft<'a>>,
    /// By the number of the change: the table it names.
    pub(super) table_of: Vec<Option<usize>>,
    /// What is added, in the order of changes.
    pub(super) expand: Vec<Added>,
    pub(super) notices: Vec<Notice>,
    /// Why the job waits before `expand`, beside what the notices say.
    pub(super) reasons: Vec<String>,
    pub(super) faults: Vec<Fault>,
}

/// What is asked of one table.
pub(super) struct TableDraft<'a> {
    pub(super) table: &'a Table,
    /// Quoted and qualified.
    pub(super) quoted: String,
    /// For messages.
    pub(super) shown: String,
    /// The first change that names it.
    pub(super) first_change: usize,
    pub(super) pairs: Vec<Pair>,
    pub(super) constraints: Vec<CarriedConstraint>,
    pub(super) not_null: Vec<CarriedNotNull>,
    pub(super) indexes: Vec<CarriedIndex>,
    pub(super) relies_on: Vec<ReliedColumn>,
    /// What the contract drops, in the order of changes.
    pub(super) replaced: Vec<Replaced>,
    /// Name of the function that mirrors, and of its trigger; empty until chosen.
    pub(super) function: String,
    pub(super) trigger: String,
    /// Name of the sequence that counts writes of the new side.
    pub(super) counter: String,
    /// SQLite: what the table looks like before, while and after; None on PostgreSQL.
    pub(super) shape: Option<Shape>,
}

/// A column that the contract drops.
pub(super) struct Replaced {
    pub(super) column: String,
    /// Its name between the soft drop and the drop.
    pub(super) hidden: String,
    /// The new column's default after the drop, if there is one to carry: the column and the SQL.
    pub(super) default: Option<(String, String)>,
}

/// Something that `expand` adds and `discard` takes away.
pub(super) enum Added {
    /// A column, with what makes it like another one.
    Column {
        /// Index into the draft's tables.
        table: usize,
        column: String,
        type_name: String,
        /// The whole step, ADD COLUMN first.
        statements: Vec<String>,
    },
    /// The author's own SQL.
    Raw(RawStep),
}

/// Raw SQL, forward and back.
pub(super) struct RawStep {
    pub(super) title: String,
    pub(super) table: Option<TableName>,
    pub(super) mode: ledger::plan::StepMode,
    pub(super) run: Vec<String>,
    pub(super) undo: Option<Vec<String>>,
    pub(super) done: Option<String>,
}

/// A check or foreign key on a new column, as on the old one.
pub(super) struct CarriedConstraint {
    pub(super) name: String,
    /// The old one's name, for titles.
    pub(super) like: String,
    /// Without NOT VALID.
    pub(super) definition: String,
    pub(super) kind: CarriedKind,
    /// Whether the old one is validated, and so will this be.
    pub(super) validated: bool,
    pub(super) comment: Option<String>,
}

/// What kind of constraint is carried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CarriedKind {
    Check,
    ForeignKey,
}

impl CarriedKind {
    /// What adding it is to the classifier.
    pub(super) fn adding(self) -> Generated {
        match self {
            Self::Check => Generated::AddCheckNotValid,
            Self::ForeignKey => Generated::AddForeignKeyNotValid,
        }
    }

    /// What validating it is to the classifier.
    pub(super) fn validating(self) -> Generated {
        match self {
            Self::Check => Generated::ValidateCheck,
            Self::ForeignKey => Generated::ValidateForeignKey,
        }
    }
}

/// NOT NULL on a new column: first a check that is not valid, then a valid one, then the real thing.
pub(super) struct CarriedNotNull {
    pub(super) column: String,
    /// The check that proves it.
    pub(super) check: String,
}

/// An index on a new column, as on the old one.
pub(super) struct CarriedIndex {
    pub(super) name: String,
    /// The old one's name, for titles.
    pub(super) like: String,
    pub(super) unique: bool,
    /// The old one stands behind a unique constraint of its name.
    pub(super) constraint: bool,
    /// `USING ...`
    pub(super) rest: String,
    pub(super) comment: Option<String>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        spec: &'a Spec,
        catalog: &'a Catalog,
        expressions: &'a Expressions,
        acknowledged: &'a Acknowledged,
    ) -> Self {
        let mut draft = Self {
            spec,
            catalog,
            expressions,
            acknowledged,
            tag: String::new(),
            next_object: 1,
            tables: Vec::new(),
            table_of: Vec::new(),
            expand: Vec::new(),
            notices: Vec::new(),
            reasons: Vec::new(),
            faults: Vec::new(),
        };
        for index in 0..spec.changes.len() {
            let table = draft.resolve(index);
            draft.table_of.push(table);
        }
        draft.tag = tag(spec, &draft.tables);
        draft
    }

    /// The table that a change names; a fault if there is none of that name.
    fn resolve(&mut self, index: usize) -> Option<usize> {
        let text = self.spec.changes[index].change.table()?;
        let table = match names::table_of(self.catalog, text) {
            Ok(table) => table,
            Err(message) => {
                self.fault(index, "table", Code::NoTable, message);
                return None;
            }
        };
        if let Some(known) = self.tables.iter().position(|t| t.table.name == table.name) {
            return Some(known);
        }
        let quoted = match dialect::table(self.catalog.engine, &table.name) {
            Ok(quoted) => quoted,
            Err(error) => {
                self.fault(index, "table", Code::NoTable, error.to_string());
                return None;
            }
        };
        self.tables.push(TableDraft {
            table,
            quoted,
            shown: names::shown(self.catalog, &table.name),
            first_change: index,
            pairs: Vec::new(),
            constraints: Vec::new(),
            not_null: Vec::new(),
            indexes: Vec::new(),
            relies_on: Vec::new(),
            replaced: Vec::new(),
            function: String::new(),
            trigger: String::new(),
            counter: String::new(),
            shape: None,
        });
        Some(self.tables.len() - 1)
    }

    /// For which engine it is compiled.
    pub(super) fn engine(&self) -> EngineKind {
        self.catalog.engine
    }

    /// Writes down a fault with the line of the spec.
    pub(super) fn fault(&mut self, index: usize, key: &str, code: Code, message: impl Into<String>) {
        self.faults.push(self.spec.fault(index, key, code, message));
    }

    /// The changes of a table, in the order of the spec.
    pub(super) fn changes_of(&self, table: usize) -> impl Iterator<Item = &'a Change> {
        let all = self.spec.changes.iter().zip(&self.table_of);
        all.filter(move |(_, of)| **of == Some(table))
            .map(|(declared, _)| &declared.change)
    }

    /// Some change fills a column of the table.
    pub(super) fn is_filled(&self, table: usize) -> bool {
        self.changes_of(table).any(|change| match change {
            Change::AddColumn(change) => change.up.is_some(),
            Change::RenameColumn(_) => true,
            Change::Sql(_) => false,
        })
    }

    /// Whether some change of a table has a fault: what would follow from it need not be told too.
    pub(super) fn has_fault(&self, table: usize) -> bool {
        let changes = self
            .table_of
            .iter()
            .enumerate()
            .filter(|(_, of)| **of == Some(table));
        changes
            .map(|(index, _)| format!("[[change]] {} ", index + 1))
            .any(|begin| {
                let keys = self.faults.iter().filter_map(|fault| fault.key.as_ref());
                keys.into_iter().any(|key| key.starts_with(&begin))
            })
    }

    /// Writes down something the reader should know.
    pub(super) fn notice(&mut self, code: &str, message: impl Into<String>) {
        self.notices.push(Notice {
            code: code.to_owned(),
            message: message.into(),
            needs_approval: false,
        });
    }

    /// The same, and the job waits for somebody to have read it.
    pub(super) fn notice_to_approve(&mut self, code: &str, message: impl Into<String>) {
        self.notices.push(Notice {
            code: code.to_owned(),
            message: message.into(),
            needs_approval: true,
        });
    }

    /// A name that nobody else has: never longer than 63 bytes.
    pub(super) fn object(&mut self) -> String {
        let name = format!("sluice_{}_{}", self.tag, self.next_object);
        self.next_object += 1;
        name
    }

    /// Notes a column that the contract drops, and the default that its successor then gets.
    pub(super) fn replace(&mut self, table: usize, column: &str, default: Option<(String, String)>) {
        let hidden = self.object();
        self.tables[table].replaced.push(Replaced {
            column: column.to_owned(),
            hidden,
            default,
        });
    }

    /// A column of a table; a fault, with a similar name, if there is none.
    pub(super) fn column(&mut self, index: usize, table: usize, key: &str, name: &str) -> Option<&'a Column> {
        let found = self.tables[table].table;
        if let Some(column) = dialect::column(self.engine(), found, name) {
            return Some(column);
        }
        let similar = crate::spec::nearest(name, found.columns.iter().map(|c| c.name.as_str()))
            .map_or_else(String::new, |similar| format!("; did you mean `{similar}`?"));
        let message = format!(
            "table {} has no column `{name}`{similar}",
            self.tables[table].shown
        );
        self.fault(index, key, Code::NoColumn, message);
        None
    }
}

impl TableDraft<'_> {
    /// Notes a column that must stay as it is.
    pub(super) fn rely(&mut self, name: &str, type_name: &str, presence: Presence) {
        if !self.relies_on.iter().any(|c| c.name == name) {
            self.relies_on.push(ReliedColumn {
                name: name.to_owned(),
                type_name: type_name.to_owned(),
                added: presence == Presence::Added,
                replaced: false,
            });
        }
    }

    /// Every pair has a way back, and its old column is replaced: the table can be contracted.
    pub(super) fn is_contractible(&self) -> bool {
        let replaced = |name: &String| self.replaced.iter().any(|r| r.column == *name);
        self.pairs
            .iter()
            .all(|pair| pair.down.as_ref().is_some_and(|down| replaced(&down.column)))
    }

    /// What has a way back first: a column that one pair restores is then right when another reads it.
    pub(super) fn ordered_pairs(&self) -> Vec<Pair> {
        let (restoring, derived): (Vec<&Pair>, Vec<&Pair>) =
            self.pairs.iter().partition(|p| p.down.is_some());
        restoring.into_iter().chain(derived).cloned().collect()
    }

    /// Columns whose mirror writes them: they are new.
    pub(super) fn new_columns(&self) -> BTreeSet<&str> {
        self.pairs.iter().map(|pair| pair.new.as_str()).collect()
    }
}

/// Whether a column is there before the job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Before,
    Added,
}

/// Ten hexadecimal digits that belong to this spec on these tables.
fn tag(spec: &Spec, tables: &[TableDraft<'_>]) -> String {
    let mut hash = Sha256::new();
    hash.update(spec.canonical().to_string());
    for table in tables {
        hash.update([0]);
        hash.update(&table.table.name.schema);
        hash.update([0]);
        hash.update(&table.table.name.name);
    }
    hash.finalize()
        .iter()
        .take(5)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
