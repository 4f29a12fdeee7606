//! What a table looks like before, while and after: which forms a plan needs, and their texts.
//!
//! An old column that may not be NULL has to be for the time of the job: an INSERT that gives the new column only is judged before
//! any trigger could fill the old one. That takes a copy of the table, and so does the way back from it, and so does what is
//! left at the end when a constraint, an index or a trigger goes over to a new name. Where none of that is the case, the columns are
//! plain and DROP COLUMN takes the old one away.

pub(super) mod early;
mod last;

use engine::catalog::{Column, Index, Table};
use engine::sqlite::definition::{self, Definition};
use engine::sqlite::ident::quote;

use super::refuse;
use super::text::{self, Unsafe};
use crate::compile::draft::{Draft, TableDraft};
use crate::spec::Code;
use last::Last;

/// What the table's text says of the table as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::compile) struct Options {
    pub(super) strict: bool,
    pub(super) without_rowid: bool,
    pub(super) autoincrement: bool,
    /// Some key is in falling order.
    falls: bool,
}

/// Reads them.
pub(super) fn options(definition: &str) -> Result<Options, Unsafe> {
    let text = Definition::parse(definition)?;
    let has = |word: &str| text.tokens.iter().any(|token| token.is_word(word));
    Ok(Options {
        strict: text.strict,
        without_rowid: text.without_rowid,
        autoincrement: has("AUTOINCREMENT"),
        falls: has("DESC"),
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
    /// Made anew after the copy.
    pub(super) indexes: Vec<Object>,
    /// The same, after the indexes.
    pub(super) triggers: Vec<Object>,
}

/// An index or a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Object {
    pub(super) name: String,
    /// The statement that makes it.
    pub(super) text: String,
}

impl Object {
    fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
        }
    }
}

/// An index over a renamed column that stands from the beginning, beside the old one: for queries by the new name, and so that a value that
/// may be there once is refused by the new column's own index, too. At the drop the old one's text takes over, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Early {
    /// Ours.
    pub(in crate::compile) name: String,
    /// The old one's name, for titles.
    pub(in crate::compile) like: String,
    unique: bool,
    /// `ON table(...)` and what follows.
    on: String,
}

impl Early {
    /// The statement that makes it.
    pub(in crate::compile) fn create(&self) -> String {
        text::create_index(&self.name, self.unique, &self.on)
    }
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
    /// Indexes over renamed columns, which stand until the drop.
    pub(in crate::compile) early: Vec<Early>,
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
        for early in &mut self.early {
            early.name = draft.object();
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
        copies_row: !options.without_rowid && (options.falls || !has_row_key(table)),
        indexes: created(table)
            .map(|i| Object::new(&i.name, &i.definition))
            .collect(),
        triggers: table
            .triggers
            .iter()
            .map(|t| Object::new(&t.name, &t.definition))
            .collect(),
    };
    let last = if draft.tables[at].is_contractible() {
        Some(Last::of(draft, at, &original)?)
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
        early: early::indexes(draft, at)?,
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

/// `INTEGER PRIMARY KEY` is the row's number, but for `DESC`, where by an old mistake of SQLite's it is not. Copied beside its key the
/// number is the same, so a doubt costs nothing.
fn has_row_key(table: &Table) -> bool {
    let [only] = table.primary_key() else {
        return false;
    };
    let is_integer = |column: &Column| column.type_name.eq_ignore_ascii_case("integer");
    table.column(only).is_some_and(is_integer)
}

/// The indexes that have a text; the others stand behind constraints.
fn created(table: &Table) -> impl Iterator<Item = &Index> {
    table.indexes.iter().filter(|i| i.constraint.is_none())
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
