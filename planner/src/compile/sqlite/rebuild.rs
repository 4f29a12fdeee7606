//! A table copied into another of its name: the way of sqlite.org/lang_altertable.html, as one step.
//!
//! Row numbers are copied too: ranges of a sweep and keys of the quarantine are made of them. What AUTOINCREMENT remembers goes along,
//! so that no number is used twice. Foreign keys of other tables name the table and not its place, so they hold again after the
//! rename, provided that `legacy_alter_table` keeps RENAME from following them to the temporary name and `foreign_keys` keeps
//! DROP TABLE from deleting their rows; the step's mode says that ([`ledger::plan::StepMode::Rebuild`]).
//!
//! What would break it: a column, an index or a trigger that the plan does not know of, because somebody added it since. It would be
//! gone after the copy, so the step asks for such first and refuses.

use engine::sqlite::ident::{IdentError, literal, quote};
use ledger::plan::RefuseIf;

use super::shape::{Form, Options};
use crate::compile::draft::TableDraft;

/// The statements that bring a table into a form; `copy` is the name it bears meanwhile.
pub(in crate::compile) fn statements(
    table: &TableDraft<'_>,
    form: &Form,
    options: Options,
    copy: &str,
) -> Result<Vec<String>, IdentError> {
    let (name, quoted_copy) = (&table.table.name.name, quote(copy)?);
    let mut columns: Vec<String> = form.columns.iter().map(|c| quote(c)).collect::<Result<_, _>>()?;
    if form.copies_row {
        columns.insert(0, super::row(table));
    }
    let columns = columns.join(", ");
    let mut statements = vec![
        form.definition.clone(),
        format!(
            "INSERT INTO {quoted_copy} ({columns}) SELECT {columns} FROM {}",
            table.quoted
        ),
    ];
    if options.autoincrement {
        let (old, new) = (literal(name), literal(copy));
        statements.push(format!("DELETE FROM sqlite_sequence WHERE name = {new}"));
        statements.push(format!(
            "INSERT INTO sqlite_sequence (name, seq) SELECT {new}, seq FROM sqlite_sequence WHERE name = {old}"
        ));
    }
    statements.push(format!("DROP TABLE {}", table.quoted));
    statements.push(format!("ALTER TABLE {quoted_copy} RENAME TO {}", table.quoted));
    let objects = form.indexes.iter().chain(&form.triggers);
    statements.extend(objects.map(|object| object.text.clone()));
    Ok(statements)
}

/// Whether the table has something that the copy would lose. Ours (`sluice_<tag>_...`) comes and goes with the job.
pub(in crate::compile) fn refuse_unknown(table: &TableDraft<'_>, tag: &str, columns: &[String]) -> RefuseIf {
    let name = literal(&table.table.name.name);
    let list = |names: Vec<String>| {
        if names.is_empty() {
            "''".to_owned()
        } else {
            names.join(", ")
        }
    };
    let own = format!("sluice_{tag}_");
    let columns = list(columns.iter().map(|c| literal(&c.to_ascii_lowercase())).collect());
    let found = table.table;
    let indexes = found.indexes.iter().map(|i| &i.name);
    let objects = indexes.chain(found.triggers.iter().map(|t| &t.name));
    let objects = list(objects.map(|o| literal(&o.to_ascii_lowercase())).collect());
    RefuseIf {
        query: format!(
            "SELECT EXISTS (SELECT 1 FROM pragma_table_xinfo({name}) WHERE lower(name) NOT IN ({columns})) \
             OR EXISTS (SELECT 1 FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL \
             AND tbl_name = {name} COLLATE NOCASE AND lower(name) NOT IN ({objects}) AND substr(name, 1, {}) <> {})",
            own.len(),
            literal(&own)
        ),
        message: format!(
            "nothing was changed: {} has a column, an index or a trigger that it did not have when the plan was made, and rebuilding the \
             table would lose it; drop it for the time of the job, or roll back and plan anew",
            table.shown
        ),
    }
}
