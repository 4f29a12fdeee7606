//! The way back: what would hurt without the mirror goes with it, the rest with `--discard`.

use classifier::Generated;
use engine::postgres::ident::{IdentError, quote};
use engine::postgres::triggers::MirrorSql;
use ledger::plan::Phase;

use super::step::{NewStep, Steps, raw_step};
use crate::compile::done;
use crate::compile::draft::{Added, Draft, TableDraft};

/// The mirror goes, and before it what would judge writes by columns that nobody keeps right any more.
pub(super) fn rollback(
    table: &TableDraft<'_>,
    mirror: &MirrorSql,
    steps: &mut Steps,
) -> Result<(), IdentError> {
    let name = &table.table.name;
    let schema = quote(&name.schema)?;
    let mut statements = Vec::new();
    let mut is_done = format!("SELECT ({})", mirror.removed);
    let mut also = |condition: &str| is_done.push_str(&format!(" AND NOT {condition}"));
    for not_null in &table.not_null {
        let column = quote(&not_null.column)?;
        statements.push(format!(
            "ALTER TABLE {} ALTER COLUMN {column} DROP NOT NULL",
            table.quoted
        ));
        statements.push(format!(
            "ALTER TABLE {} DROP CONSTRAINT IF EXISTS \"{}\"",
            table.quoted, not_null.check
        ));
        also(&done::is_not_null(name, &not_null.column));
        also(&done::has_constraint(name, &not_null.check));
    }
    for constraint in &table.constraints {
        statements.push(format!(
            "ALTER TABLE {} DROP CONSTRAINT IF EXISTS \"{}\"",
            table.quoted, constraint.name
        ));
        also(&done::has_constraint(name, &constraint.name));
    }
    for index in table.indexes.iter().filter(|index| index.unique) {
        statements.push(format!("DROP INDEX IF EXISTS {schema}.\"{}\"", index.name));
        also(&done::has_index(name, &index.name));
    }
    statements.extend(mirror.remove.iter().cloned());
    steps.push(NewStep {
        phase: Phase::Rollback,
        table: Some(name),
        what: Generated::RemoveMirror,
        title: format!("stop mirroring {}", table.shown),
        statements,
        done: Some(is_done),
    });
    Ok(())
}

/// What is still there goes: indexes beside the traffic first, then in the reverse order of `expand`.
pub(super) fn discard(draft: &Draft<'_>, steps: &mut Steps) -> Result<(), IdentError> {
    for table in &draft.tables {
        let name = &table.table.name;
        let schema = quote(&name.schema)?;
        for index in table.indexes.iter().filter(|index| !index.unique) {
            steps.push(NewStep {
                phase: Phase::Discard,
                table: Some(name),
                what: Generated::DropIndexConcurrently,
                title: format!("drop the copy of index {} of {}", index.like, table.shown),
                statements: vec![format!(
                    "DROP INDEX CONCURRENTLY IF EXISTS {schema}.\"{}\"",
                    index.name
                )],
                done: Some(format!("SELECT NOT {}", done::has_index(name, &index.name))),
            });
        }
    }
    for added in draft.expand.iter().rev() {
        match added {
            Added::Column { table, column, .. } => {
                let table = &draft.tables[*table];
                steps.push(NewStep {
                    phase: Phase::Discard,
                    table: Some(&table.table.name),
                    what: Generated::DropColumn,
                    title: format!("drop column {}.{column}", table.shown),
                    statements: vec![format!(
                        "ALTER TABLE {} DROP COLUMN {}",
                        table.quoted,
                        quote(column)?
                    )],
                    done: Some(done::column_gone(&table.table.name, column)),
                });
            }
            Added::Raw(raw) => raw_step(steps, raw, Phase::Discard),
        }
    }
    Ok(())
}
