//! The way forward on SQLite: the copy that makes an old column nullable, columns, mirrors.

use classifier::{Generated, Sqlite};
use engine::mirror::MirrorSql;
use engine::postgres::ident::IdentError;
use ledger::plan::{Phase, RefuseIf};

use crate::compile::assemble::forward::not_ours;
use crate::compile::assemble::step::{Made, NewStep, Steps, raw_step};
use crate::compile::draft::{Added, Draft, TableDraft};
use crate::compile::sqlite::{Form, done, rebuild};

/// Columns and raw SQL in the order of the spec, then mirrors.
pub(super) fn expand(
    draft: &Draft<'_>,
    mirrors: &[Option<MirrorSql>],
    steps: &mut Steps,
) -> Result<(), IdentError> {
    for (at, added) in draft.expand.iter().enumerate() {
        match added {
            Added::Column {
                table,
                column,
                statements,
                ..
            } => {
                let found = &draft.tables[*table];
                let loose = found.shape.as_ref().and_then(|shape| shape.loose.as_ref());
                match loose {
                    // One copy for all columns of the table.
                    Some(_) if first_added(draft, *table) != Some(at) => {}
                    Some(form) => loosen(draft, *table, form, steps)?,
                    None => add(found, column, statements, steps),
                }
                steps.makes(Made::Added(at));
            }
            Added::Raw(raw) => raw_step(steps, raw, Phase::Expand, &Made::Added(at)),
        }
    }
    for (table, mirror) in draft.tables.iter().zip(mirrors) {
        for early in table.shape.iter().flat_map(|shape| &shape.early) {
            let step = steps.push(NewStep {
                phase: Phase::Expand,
                table: Some(&table.table.name),
                what: Generated::Sqlite(Sqlite::CreateIndex),
                title: format!("an index like `{}` for {}", early.like, table.shown),
                statements: vec![early.create()],
                done: Some(done::all(&[done::has_index(&early.name)])),
            });
            // Nothing fills or repairs from old once new leads, so nobody could put it back; it would only hold the job.
            step.holds_until = Some(Phase::Lead);
        }
        if let Some(mirror) = mirror {
            let columns: Vec<&str> = table.new_columns().into_iter().collect();
            let step = steps.push(NewStep {
                phase: Phase::Expand,
                table: Some(&table.table.name),
                what: Generated::Sqlite(Sqlite::Triggers),
                title: format!("mirror every write of {} to {}", table.shown, columns.join(", ")),
                statements: mirror.install.clone(),
                done: Some(mirror.installed.clone()),
            });
            step.holds_until = Some(Phase::Lead);
        }
    }
    Ok(())
}

/// The place of the first column that is added to a table.
pub(super) fn first_added(draft: &Draft<'_>, at: usize) -> Option<usize> {
    draft.expand.iter().position(|added| match added {
        Added::Column { table, .. } => *table == at,
        Added::Raw(_) => false,
    })
}

/// Every column that is added to a table, with its statement.
pub(super) fn added_to<'a>(draft: &'a Draft<'_>, at: usize) -> impl Iterator<Item = (&'a str, &'a [String])> {
    draft.expand.iter().filter_map(move |added| match added {
        Added::Column {
            table,
            column,
            statements,
            ..
        } if *table == at => Some((column.as_str(), statements.as_slice())),
        Added::Column { .. } | Added::Raw(_) => None,
    })
}

fn add(table: &TableDraft<'_>, column: &str, statements: &[String], steps: &mut Steps) {
    let name = &table.table.name;
    let step = steps.push(NewStep {
        phase: Phase::Expand,
        table: Some(name),
        what: Generated::Sqlite(Sqlite::AddColumn),
        title: format!("add column {}.{column}", table.shown),
        statements: statements.to_vec(),
        done: Some(done::all(&[done::has_column(&name.name, column)])),
    });
    step.not_ours = Some(not_ours(&table.shown, column));
}

/// The copy, and the new columns in the same transaction: whoever sees one sees the other.
fn loosen(draft: &Draft<'_>, at: usize, form: &Form, steps: &mut Steps) -> Result<(), IdentError> {
    let table = &draft.tables[at];
    let Some(shape) = &table.shape else { return Ok(()) };
    let name = &table.table.name;
    let mut statements = rebuild::statements(table, form, shape.options, &shape.copy)?;
    let mut questions: Vec<String> = shape
        .loosened
        .iter()
        .map(|column| done::is_nullable(&name.name, column))
        .collect();
    let mut new = Vec::new();
    for (column, added) in added_to(draft, at) {
        statements.extend(added.iter().cloned());
        questions.push(done::has_column(&name.name, column));
        new.push(column);
    }
    let step = steps.push(NewStep {
        phase: Phase::Expand,
        table: Some(name),
        what: Generated::Sqlite(Sqlite::Rebuild),
        title: format!(
            "rebuild {} with {}; {} may be NULL meanwhile",
            table.shown,
            new.join(", "),
            shape.loosened.join(", ")
        ),
        statements,
        done: Some(done::all(&questions)),
    });
    step.not_ours = Some(not_ours(&table.shown, &new.join(", ")));
    // Then the column bears another name.
    step.holds_until = Some(Phase::Hide);
    step.refuse_if = vec![
        changed(table),
        rebuild::refuse_unknown(table, &draft.tag, &names(table)),
    ];
    Ok(())
}

/// The table's columns as they are.
pub(super) fn names(table: &TableDraft<'_>) -> Vec<String> {
    table.table.columns.iter().map(|c| c.name.clone()).collect()
}

/// The copy is made from the text that the plan was made from.
fn changed(table: &TableDraft<'_>) -> RefuseIf {
    use engine::sqlite::ident::literal;
    let definition = table.table.definition.as_deref().unwrap_or_default();
    RefuseIf {
        query: format!(
            "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = {} AND sql = {})",
            literal(&table.table.name.name),
            literal(definition)
        ),
        message: format!(
            "nothing was changed: the CREATE TABLE text of {} is not the one that the plan was made from; roll back and plan anew",
            table.shown
        ),
    }
}
