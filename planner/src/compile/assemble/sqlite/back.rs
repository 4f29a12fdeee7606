//! The way back on SQLite: the mirror goes, and with `--discard` the table is again what it was.

use classifier::{Generated, Sqlite};
use engine::mirror::MirrorSql;
use engine::postgres::ident::IdentError;
use engine::sqlite::ident::{literal, quote};
use ledger::plan::{Phase, RefuseIf};

use super::forward::{added_to, first_added, names};
use crate::compile::assemble::step::{Made, NewStep, Steps, raw_step};
use crate::compile::draft::{Added, Draft, TableDraft};
use crate::compile::sqlite::{Form, Shape, done, rebuild};

/// A column that may be NULL only for the time of the job is judged by two triggers from here to the discard.
pub(super) fn rollback(
    draft: &Draft<'_>,
    mirrors: &[Option<MirrorSql>],
    steps: &mut Steps,
) -> Result<(), IdentError> {
    for (at, (table, mirror)) in draft.tables.iter().zip(mirrors).enumerate() {
        let Some(mirror) = mirror else { continue };
        let shape = table.shape.as_ref().filter(|shape| shape.loose.is_some());
        if let (Some(shape), Some(first)) = (shape, first_added(draft, at)) {
            guard(table, shape, steps)?;
            steps.takes_away(&Made::Added(first));
        }
        // Before the mirror, and in the same transaction: without it they would judge by a column that nobody keeps right.
        let early = || table.shape.iter().flat_map(|shape| &shape.early);
        let indexes = early().map(|early| format!("DROP INDEX IF EXISTS \"{}\"", early.name));
        let mut gone: Vec<String> = early()
            .map(|early| format!("NOT {}", done::has_index(&early.name)))
            .collect();
        gone.push(format!("({})", mirror.removed));
        steps.push(NewStep {
            phase: Phase::Rollback,
            table: Some(&table.table.name),
            what: Generated::Sqlite(Sqlite::Triggers),
            title: format!("stop mirroring {}", table.shown),
            statements: indexes.chain(mirror.remove.clone()).collect(),
            done: Some(done::all(&gone)),
        });
    }
    Ok(())
}

/// Before the mirror goes, which refused a NULL in the place of the column's own NOT NULL.
fn guard(table: &TableDraft<'_>, shape: &Shape, steps: &mut Steps) -> Result<(), IdentError> {
    let mut columns = Vec::new();
    let (mut inserted, mut updated) = (Vec::new(), Vec::new());
    for column in &shape.loosened {
        let quoted = quote(column)?;
        let message = literal(&format!(
            "NOT NULL constraint failed: {}.{column}",
            table.table.name.name
        ));
        let raise = format!("SELECT RAISE(ABORT, {message}) WHERE NEW.{quoted} IS NULL");
        // A row whose way back was closed has none, and an UPDATE of it that leaves it so is not to blame.
        updated.push(format!("{raise} AND OLD.{quoted} IS NOT NULL;"));
        inserted.push(format!("{raise};"));
        columns.push(quoted);
    }
    let [on_insert, on_update] = &shape.guards;
    let trigger = |name: &str, event: &str, body: &[String]| -> Result<String, IdentError> {
        Ok(format!(
            "CREATE TRIGGER IF NOT EXISTS {} BEFORE {event} ON {} BEGIN {} END",
            quote(name)?,
            table.quoted,
            body.join(" ")
        ))
    };
    steps.push(NewStep {
        phase: Phase::Rollback,
        table: Some(&table.table.name),
        what: Generated::Sqlite(Sqlite::Triggers),
        title: format!("refuse NULLs in {} by triggers", of(table, shape)),
        statements: vec![
            trigger(on_insert, "INSERT", &inserted)?,
            trigger(on_update, &format!("UPDATE OF {}", columns.join(", ")), &updated)?,
        ],
        done: Some(done::all(&[
            done::has_trigger(on_insert),
            done::has_trigger(on_update),
        ])),
    });
    Ok(())
}

fn of(table: &TableDraft<'_>, shape: &Shape) -> String {
    let names: Vec<String> = shape
        .loosened
        .iter()
        .map(|c| format!("{}.{c}", table.shown))
        .collect();
    names.join(", ")
}

/// What is still there goes, in the reverse order of `expand`.
pub(super) fn discard(draft: &Draft<'_>, steps: &mut Steps) -> Result<(), IdentError> {
    for (at, added) in draft.expand.iter().enumerate().rev() {
        match added {
            Added::Column { table, column, .. } => {
                let found = &draft.tables[*table];
                match found.shape.as_ref().and_then(|shape| shape.original.as_ref()) {
                    Some(_) if first_added(draft, *table) != Some(at) => continue,
                    Some(form) => restore(draft, *table, form, steps)?,
                    None => drop_new(found, column, steps)?,
                }
                steps.takes_away(&Made::Added(at));
            }
            Added::Raw(raw) => raw_step(steps, raw, Phase::Discard, &Made::Added(at)),
        }
    }
    Ok(())
}

fn drop_new(table: &TableDraft<'_>, column: &str, steps: &mut Steps) -> Result<(), IdentError> {
    let name = &table.table.name;
    let step = steps.push(NewStep {
        phase: Phase::Discard,
        table: Some(name),
        what: Generated::Sqlite(Sqlite::DropColumn),
        title: format!("drop column {}.{column}", table.shown),
        statements: vec![format!(
            "ALTER TABLE {} DROP COLUMN {}",
            table.quoted,
            quote(column)?
        )],
        done: Some(done::all(&[format!(
            "NOT {}",
            done::has_column(&name.name, column)
        )])),
    });
    step.refuse_if = only_copies(table, column).into_iter().collect();
    Ok(())
}

/// The copy back, to the very text that the table had.
fn restore(draft: &Draft<'_>, at: usize, form: &Form, steps: &mut Steps) -> Result<(), IdentError> {
    let table = &draft.tables[at];
    let Some(shape) = &table.shape else { return Ok(()) };
    let name = &table.table.name;
    let new: Vec<&str> = added_to(draft, at).map(|(column, _)| column).collect();
    let gone = new
        .iter()
        .map(|column| format!("NOT {}", done::has_column(&name.name, column)));
    let strict = shape
        .loosened
        .iter()
        .map(|column| done::is_not_null(&name.name, column));
    let questions: Vec<String> = gone.chain(strict).collect();
    let step = steps.push(NewStep {
        phase: Phase::Discard,
        table: Some(name),
        what: Generated::Sqlite(Sqlite::Rebuild),
        title: format!("rebuild {} as it was", table.shown),
        statements: rebuild::statements(table, form, shape.options, &shape.copy)?,
        done: Some(done::all(&questions)),
    });
    let mut known = names(table);
    known.extend(new.iter().map(|column| (*column).to_owned()));
    step.refuse_if = new
        .iter()
        .filter_map(|column| only_copies(table, column))
        .collect();
    step.refuse_if
        .push(rebuild::refuse_unknown(table, &draft.tag, &known));
    for column in &shape.loosened {
        step.refuse_if.push(without_old(table, column)?);
    }
    Ok(())
}

/// Rows whose way back was closed have their only value in the new column, and the old one would refuse them.
fn without_old(table: &TableDraft<'_>, column: &str) -> Result<RefuseIf, IdentError> {
    Ok(RefuseIf {
        query: format!(
            "SELECT EXISTS (SELECT 1 FROM {} WHERE {}.{} IS NULL)",
            table.quoted,
            table.quoted,
            quote(column)?
        ),
        message: format!(
            "nothing was dropped: {} has rows without `{column}`, whose way back was closed (`sluice status` lists them); give each a value \
             in `{column}` first, because the new column holds the only one",
            table.shown
        ),
    })
}

/// Refuses the drop of a new column while an old one that it came from is gone: what the new one holds may then be all there is.
fn only_copies(table: &TableDraft<'_>, column: &str) -> Option<RefuseIf> {
    let pair = table.pairs.iter().find(|pair| pair.new == column)?;
    let name = &table.table.name.name;
    let missing: Vec<String> = pair
        .reads
        .iter()
        .map(|old| format!("NOT {}", done::has_column(name, old)))
        .collect();
    if missing.is_empty() {
        return None;
    }
    Some(RefuseIf {
        query: format!("SELECT {}", missing.join(" OR ")),
        message: format!(
            "nothing was dropped: {} of {} is gone or renamed, so {column} may hold the only copy of what was in it; bring it back, or drop \
             {column} by hand if it may go",
            pair.reads.join(" or "),
            table.shown
        ),
    })
}
