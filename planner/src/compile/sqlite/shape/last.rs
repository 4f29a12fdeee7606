//! What a table is once the contract is done: renamed columns keep their place and all that belongs to them, a replaced one goes, and
//! what was added stands last.

use engine::catalog::EngineKind::Sqlite;
use engine::catalog::Table;
use engine::sqlite::definition;

use super::{Form, about, created};
use crate::compile::dialect::is_same;
use crate::compile::draft::{Added, Draft};
use crate::compile::sqlite::text::{self, Unsafe, renamed_index, renamed_trigger, trigger_names};
use crate::kinds::Change;

/// What the contract leaves, and whether only a copy leads there.
pub(super) struct Last {
    pub(super) form: Form,
    pub(super) must: bool,
    pub(super) dropped_indexes: Vec<String>,
}

impl Last {
    /// From the form that the table has, change by change.
    pub(super) fn of(draft: &Draft<'_>, at: usize, original: &Form) -> Result<Self, String> {
        let table = draft.tables[at].table;
        let mut last = Self {
            form: original.clone(),
            must: false,
            dropped_indexes: Vec::new(),
        };
        for change in draft.changes_of(at) {
            if let Change::RenameColumn(change) = change {
                last.rename(table, &change.from, &change.to)?;
            }
        }
        for added in &draft.expand {
            match added {
                Added::Column {
                    table: of,
                    column,
                    statements,
                    ..
                } if *of == at && !last.form.columns.contains(column) => {
                    last.add(&draft.tables[at].quoted, &table.name.name, column, statements)?;
                }
                Added::Column { .. } | Added::Raw(_) => {}
            }
        }
        // Last, because a table has at least one column.
        for change in draft.changes_of(at) {
            if let Change::AddColumn(change) = change
                && let Some(old) = &change.replaces
            {
                last.replace(table, old)?;
            }
        }
        Ok(last)
    }

    fn rename(&mut self, table: &Table, from: &str, to: &str) -> Result<(), String> {
        let name = &table.name.name;
        self.must |= is_constrained(table, from);
        let renamed = definition::with_column_renamed(&self.form.definition, from, to);
        self.form.definition = renamed.map_err(Unsafe::from).map_err(about("table", name))?;
        for column in self.form.columns.iter_mut().filter(|c| is_same(Sqlite, c, from)) {
            to.clone_into(column);
        }
        for index in &mut self.form.indexes {
            let renamed = renamed_index(&index.text, from, to).map_err(about("index", &index.name))?;
            self.must |= renamed != index.text;
            index.text = renamed;
        }
        for trigger in &mut self.form.triggers {
            let renamed =
                renamed_trigger(&trigger.text, from, to).map_err(about("trigger", &trigger.name))?;
            self.must |= renamed != trigger.text;
            trigger.text = renamed;
        }
        Ok(())
    }

    fn replace(&mut self, table: &Table, old: &str) -> Result<(), String> {
        let name = &table.name.name;
        self.must |= is_constrained(table, old);
        self.form.definition =
            text::without_column(&self.form.definition, old).map_err(about("table", name))?;
        self.form.columns.retain(|c| !is_same(Sqlite, c, old));
        let mut triggers = table.triggers.iter();
        if let Some(trigger) = triggers.find(|t| trigger_names(&t.definition, old)) {
            return Err(format!("trigger `{}` names `{old}`, which goes", trigger.name));
        }
        for index in created(table).filter(|i| i.columns.iter().any(|c| is_same(Sqlite, c, old))) {
            if index.columns.len() > 1 && (index.unique || index.expression_or_partial) {
                return Err(format!(
                    "index `{}` names `{old}`, which goes, together with other columns",
                    index.name
                ));
            }
            self.dropped_indexes.push(index.name.clone());
            self.form.indexes.retain(|kept| kept.name != index.name);
        }
        Ok(())
    }

    /// What ADD COLUMN says, in the text.
    fn add(&mut self, quoted: &str, name: &str, column: &str, statements: &[String]) -> Result<(), String> {
        let prefix = format!("ALTER TABLE {quoted} ADD COLUMN ");
        let added = statements
            .first()
            .and_then(|statement| statement.strip_prefix(&prefix))
            .ok_or_else(|| format!("column `{column}` is added in a form that this build does not know"))?;
        let longer = definition::with_column(&self.form.definition, added);
        self.form.definition = longer.map_err(Unsafe::from).map_err(about("table", name))?;
        self.form.columns.push(column.to_owned());
        Ok(())
    }
}

/// DROP COLUMN refuses a column with a constraint, and a rename would lose it.
fn is_constrained(table: &Table, column: &str) -> bool {
    let named = |columns: &[String]| columns.iter().any(|c| is_same(Sqlite, c, column));
    table.constraints.iter().any(|c| named(&c.columns))
        || table
            .indexes
            .iter()
            .any(|i| i.constraint.is_some() && named(&i.columns))
}
