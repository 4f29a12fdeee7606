//! The way back: what would hurt without the mirror goes with it, the rest with `--discard`.

use classifier::Generated;
use engine::postgres::ident::{IdentError, literal, quote};
use engine::postgres::triggers::MirrorSql;
use ledger::plan::Phase;

use super::step::{Made, NewStep, Steps, raw_step};
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
        let is_not_null = done::is_not_null(name, &not_null.column);
        let drop = format!("ALTER TABLE {} ALTER COLUMN {column} DROP NOT NULL", table.quoted);
        statements.push(only_if(&is_not_null, &drop));
        statements.push(drop_constraint(table, &not_null.check));
        also(&is_not_null);
        also(&done::has_constraint(name, &not_null.check));
    }
    for constraint in &table.constraints {
        statements.push(drop_constraint(table, &constraint.name));
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

/// A statement for something that somebody may have taken away by hand: without the condition it would fail, and the
/// mirror, which by then makes the application's writes fail, would stay with it.
pub(super) fn only_if(condition: &str, statement: &str) -> String {
    let block = format!("BEGIN IF {condition} THEN {statement}; END IF; END");
    format!("DO {}", literal(&block))
}

fn drop_constraint(table: &TableDraft<'_>, name: &str) -> String {
    format!(
        "ALTER TABLE IF EXISTS {} DROP CONSTRAINT IF EXISTS \"{name}\"",
        table.quoted
    )
}

/// Refuses the drop of a new column while an old one that it came from is gone: what the new one holds may then be all there is.
fn only_copies(table: &TableDraft<'_>, column: &str) -> Option<String> {
    let pair = table.pairs.iter().find(|pair| pair.new == column)?;
    let missing: Vec<String> = pair
        .reads
        .iter()
        .map(|old| format!("NOT {}", done::has_column(&table.table.name, old)))
        .collect();
    if missing.is_empty() {
        return None;
    }
    let message = format!(
        "nothing was dropped: {} of {} is gone or renamed, so {column} may hold the only copy of what was in it; bring it back, or drop {column} \
         by hand if it may go",
        pair.reads.join(" or "),
        table.shown
    );
    let block = format!(
        "BEGIN IF {} THEN RAISE EXCEPTION USING ERRCODE = 'SL001', MESSAGE = {}; END IF; END",
        missing.join(" OR "),
        literal(&message)
    );
    Some(format!("DO {}", literal(&block)))
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
            steps.takes_away(&Made::Index(index.name.clone()));
        }
    }
    for (at, added) in draft.expand.iter().enumerate().rev() {
        match added {
            Added::Column { table, column, .. } => {
                let table = &draft.tables[*table];
                let drop = format!("ALTER TABLE {} DROP COLUMN {}", table.quoted, quote(column)?);
                steps.push(NewStep {
                    phase: Phase::Discard,
                    table: Some(&table.table.name),
                    what: Generated::DropColumn,
                    title: format!("drop column {}.{column}", table.shown),
                    statements: only_copies(table, column).into_iter().chain([drop]).collect(),
                    done: Some(done::column_gone(&table.table.name, column)),
                });
                steps.takes_away(&Made::Added(at));
            }
            Added::Raw(raw) => raw_step(steps, raw, Phase::Discard, &Made::Added(at)),
        }
    }
    Ok(())
}
