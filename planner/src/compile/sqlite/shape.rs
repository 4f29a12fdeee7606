//! What a table looks like before, while and after: which forms a plan needs, and their texts.
//!
//! An old column that may not be NULL has to be for the time of the job: an INSERT that gives the new column only is judged before
//! any trigger could fill the old one. That takes a copy of the table, and so does the way back from it, and so does what is
//! left at the end when a constraint, an index or a trigger goes over to a new name. Where none of that is the case, the columns are
//! plain and DROP COLUMN takes the old one away.

use engine::catalog::{Column, Index, Table};
use engine::sqlite::definition::{self, Definition};
use engine::sqlite::ident::quote;

use super::refuse;
use super::text::{self, Unsafe, renamed_index, renamed_trigger, trigger_names};
use crate::compile::dialect::is_same;
use crate::compile::draft::{Added, Draft, TableDraft};
use crate::kinds::Change;
use crate::spec::Code;
use engine::catalog::EngineKind::Sqlite;

/// What the table's text says of the table as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::compile) struct Options {
    pub(super) strict: bool,
    pub(super) without_rowid: bool,
    pub(super) autoincrement: bool,
}

/// Reads them.
pub(super) fn options(definition: &str) -> Result<Options, Unsafe> {
    let text = Definition::parse(definition)?;
    Ok(Options {
        strict: text.strict,
        without_rowid: text.without_rowid,
        autoincrement: text.tokens.iter().any(|token| token.is_word("AUTOINCREMENT")),
    })
}

/// What a table is rebuilt to.
#[derive(Clone, Debug)]
pub(in crate::compile) struct Form {
    /// CREATE TABLE, under the name that the copy bears until it takes the table's.
    pub(super) definition: String,
    /// The columns whose values are copied, by their names before and after.
    pub(super) columns: Vec<String>,
    /// The row's number is none of them, and is copied too.
    pub(super) copies_row: bool,
    pub(super) indexes: Vec<String>,
    pub(super) triggers: Vec<String>,
}

/// The forms of a table that is mirrored.
pub(in crate::compile) struct Shape {
    pub(in crate::compile) options: Options,
    /// Old columns that may be NULL for the time of the job, and may not otherwise.
    pub(in crate::compile) loosened: Vec<String>,
    /// For the time of the job; None if the table stays as it is.
    pub(in crate::compile) loose: Option<Form>,
    /// As it was; wherever there is a loose one.
    pub(in crate::compile) original: Option<Form>,
    /// As it is left by the contract; None if DROP COLUMN does.
    pub(in crate::compile) last: Option<Form>,
    /// Indexes that go with the old columns, where DROP COLUMN does.
    pub(in crate::compile) dropped_indexes: Vec<String>,
    /// The name that a copy of the table bears until it takes the table's.
    pub(in crate::compile) copy: String,
    /// The names of the triggers that judge what a loosened column no longer does.
    pub(in crate::compile) guards: [String; 2],
}

impl Shape {
    /// Some step copies the table.
    pub(super) fn is_rebuilt(&self) -> bool {
        self.loose.is_some() || self.last.is_some()
    }

    /// With the names of what is ours, as far as it is needed.
    fn with_names(mut self, draft: &mut Draft<'_>) -> Result<Self, Unsafe> {
        if self.loose.is_some() {
            self.guards = [draft.object(), draft.object()];
        }
        if self.is_rebuilt() {
            self.copy = draft.object();
        }
        let copy = quote(&self.copy).unwrap_or_default();
        for form in [&mut self.loose, &mut self.original, &mut self.last]
            .into_iter()
            .flatten()
        {
            form.definition = text::named(&form.definition, &copy)?;
        }
        Ok(self)
    }

    /// The old column lives on under another name, with all that belongs to it.
    pub(in crate::compile) fn is_renamed(table: &TableDraft<'_>, old: &str) -> bool {
        table
            .pairs
            .iter()
            .any(|pair| pair.cannot_raise && pair.down.as_ref().is_some_and(|down| down.column == old))
    }
}

/// Finds the forms of every table that is mirrored, or why there is none.
pub(super) fn choose(draft: &mut Draft<'_>) {
    for at in 0..draft.tables.len() {
        if draft.tables[at].pairs.is_empty() || draft.has_fault(at) {
            continue;
        }
        // Without a text the table was refused before.
        let Some(definition) = &draft.tables[at].table.definition else {
            continue;
        };
        let found = shape(draft, at, definition).and_then(|shape| {
            let shape = shape.with_names(draft);
            shape.map_err(about("table", &draft.tables[at].table.name.name))
        });
        match found {
            Ok(shape) => draft.tables[at].shape = Some(shape),
            Err(why) => {
                let message = format!(
                    "{} would have to be rebuilt, and that cannot be done from its text: {why}; change that first",
                    draft.tables[at].shown
                );
                let index = draft.tables[at].first_change;
                draft.fault(index, "table", Code::NotCarried, message);
            }
        }
        refuse_views(draft, at);
    }
}

/// What is wrong with which text.
fn about<'a>(what: &'a str, name: &'a str) -> impl Fn(Unsafe) -> String + 'a {
    move |why| format!("{what} `{name}`: {why}")
}

fn shape(draft: &Draft<'_>, at: usize, text: &str) -> Result<Shape, String> {
    let table = draft.tables[at].table;
    let name = &table.name.name;
    let options = options(text).map_err(about("table", name))?;
    let mut loosened: Vec<String> = Vec::new();
    let mut loose = text.to_owned();
    for down in draft.tables[at].pairs.iter().filter_map(|p| p.down.as_ref()) {
        if down.not_null && !loosened.contains(&down.column) {
            let looser = definition::without_not_null(&loose, &down.column);
            loose = looser.map_err(Unsafe::from).map_err(about("table", name))?;
            loosened.push(down.column.clone());
        }
    }
    let original = Form {
        definition: text.to_owned(),
        columns: table
            .columns
            .iter()
            .filter(|c| !c.generated)
            .map(|c| c.name.clone())
            .collect(),
        copies_row: !options.without_rowid && !has_row_key(table, text),
        indexes: created(table).map(|i| i.definition.clone()).collect(),
        triggers: table.triggers.iter().map(|t| t.definition.clone()).collect(),
    };
    let last = if draft.tables[at].is_contractible() {
        Some(last(draft, at, &original)?)
    } else {
        None
    };
    let must = !loosened.is_empty() || last.as_ref().is_some_and(|last| last.must);
    Ok(Shape {
        options,
        loose: (!loosened.is_empty()).then(|| Form {
            definition: loose,
            ..original.clone()
        }),
        original: (!loosened.is_empty()).then_some(original),
        dropped_indexes: last
            .as_ref()
            .map(|l| l.dropped_indexes.clone())
            .unwrap_or_default(),
        last: last.filter(|_| must).map(|last| last.form),
        loosened,
        copy: String::new(),
        guards: <[String; 2]>::default(),
    })
}

/// `INTEGER PRIMARY KEY` is the row's number, but for `DESC`, where by an old mistake it is not. Copied with its key the number is the
/// same, so a doubt costs nothing.
fn has_row_key(table: &Table, text: &str) -> bool {
    let [only] = table.primary_key() else {
        return false;
    };
    let is_integer = |column: &Column| column.type_name.eq_ignore_ascii_case("integer");
    table.column(only).is_some_and(is_integer) && !text.to_ascii_uppercase().contains("DESC")
}

/// The indexes that have a text; the others stand behind constraints.
fn created(table: &Table) -> impl Iterator<Item = &Index> {
    table.indexes.iter().filter(|i| i.constraint.is_none())
}

/// What the contract leaves, and whether only a copy leads there.
struct Last {
    form: Form,
    must: bool,
    dropped_indexes: Vec<String>,
}

fn last(draft: &Draft<'_>, at: usize, original: &Form) -> Result<Last, String> {
    let table = draft.tables[at].table;
    let mut last = Last {
        form: original.clone(),
        must: false,
        dropped_indexes: Vec::new(),
    };
    let changes = draft.spec.changes.iter().zip(&draft.table_of);
    let of_table = || {
        changes
            .clone()
            .filter(|(_, of)| **of == Some(at))
            .map(|(declared, _)| &declared.change)
    };
    for change in of_table() {
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
    for change in of_table() {
        if let Change::AddColumn(change) = change
            && let Some(old) = &change.replaces
        {
            last.replace(table, old)?;
        }
    }
    Ok(last)
}

impl Last {
    fn rename(&mut self, table: &Table, from: &str, to: &str) -> Result<(), String> {
        let name = &table.name.name;
        self.must |= is_constrained(table, from);
        let renamed = definition::with_column_renamed(&self.form.definition, from, to);
        self.form.definition = renamed.map_err(Unsafe::from).map_err(about("table", name))?;
        for column in self.form.columns.iter_mut().filter(|c| is_same(Sqlite, c, from)) {
            to.clone_into(column);
        }
        for (index, text) in created(table).zip(&mut self.form.indexes) {
            let renamed = renamed_index(text, from, to).map_err(about("index", &index.name))?;
            self.must |= renamed != *text;
            *text = renamed;
        }
        for (trigger, text) in table.triggers.iter().zip(&mut self.form.triggers) {
            let renamed = renamed_trigger(text, from, to).map_err(about("trigger", &trigger.name))?;
            self.must |= renamed != *text;
            *text = renamed;
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
            self.form.indexes.retain(|text| *text != index.definition);
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

/// A view that names the table would follow it through the copy, or break.
fn refuse_views(draft: &mut Draft<'_>, at: usize) {
    let table = draft.tables[at].table;
    let is_rebuilt = draft.tables[at].shape.as_ref().is_some_and(Shape::is_rebuilt);
    let goes: Vec<String> = draft.tables[at]
        .replaced
        .iter()
        .map(|r| r.column.clone())
        .collect();
    let index = draft.tables[at].first_change;
    let mut why: Vec<String> = Vec::new();
    if draft.tables[at].is_contractible() {
        why.extend(goes.iter().flat_map(|column| refuse::readers(table, column)));
    }
    if is_rebuilt && why.is_empty() {
        let views = table.dependents.iter().filter(|d| d.kind == "view");
        why.extend(views.map(|view| {
            format!(
                "{} names {}, which has to be rebuilt; drop the view for the time of the job, and create it anew afterwards",
                view.name, draft.tables[at].shown
            )
        }));
        why.dedup();
    }
    for reason in why {
        draft.fault(index, "table", Code::NotCarried, reason);
    }
}
