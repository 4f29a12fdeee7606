//! The way forward: what is added, in an order in which no write of the application can fail.

use classifier::Generated;
use engine::postgres::ident::{IdentError, literal, quote};
use engine::postgres::triggers::MirrorSql;
use ledger::plan::Phase;

use super::step::{Made, NewStep, Steps, raw_step};
use crate::compile::done;
use crate::compile::draft::{Added, CarriedConstraint, CarriedIndex, CarriedNotNull, Draft, TableDraft};

/// Columns and raw SQL, mirrors, then constraints.
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
                type_name,
                statements,
            } => {
                let table = &draft.tables[*table];
                let path = &draft.catalog.search_path;
                let step = steps.push(NewStep {
                    phase: Phase::Expand,
                    table: Some(&table.table.name),
                    what: Generated::AddColumnNullable,
                    title: format!("add column {}.{column}", table.shown),
                    statements: statements.clone(),
                    done: Some(done::column_added(&table.table.name, column, type_name, path)),
                });
                step.not_ours = Some(not_ours(&table.shown, column));
                steps.makes(Made::Added(at));
            }
            Added::Raw(raw) => raw_step(steps, raw, Phase::Expand, &Made::Added(at)),
        }
    }
    for (table, mirror) in draft.tables.iter().zip(mirrors) {
        if let Some(mirror) = mirror {
            let columns: Vec<&str> = table.new_columns().into_iter().collect();
            let step = steps.push(NewStep {
                phase: Phase::Expand,
                table: Some(&table.table.name),
                what: Generated::InstallMirror,
                title: format!("mirror every write of {} to {}", table.shown, columns.join(", ")),
                statements: mirror.install.clone(),
                done: Some(mirror.installed.clone()),
            });
            step.holds_until = Some(Phase::Lead);
        }
    }
    for table in &draft.tables {
        for not_null in &table.not_null {
            guard_not_null(table, not_null, steps)?;
        }
        for constraint in &table.constraints {
            guard(table, constraint, steps);
        }
    }
    Ok(())
}

/// Somebody added a column of that name while the job waited.
pub(super) fn not_ours(table: &str, column: &str) -> String {
    format!(
        "column `{column}` of {table} exists already and was not made by this job; the mirror would overwrite what is in it, and a \
         discard would drop it; rename or drop that column, or choose another name in the spec"
    )
}

/// Refuses new NULLs at once; what is there is proven later.
fn guard_not_null(
    table: &TableDraft<'_>,
    not_null: &CarriedNotNull,
    steps: &mut Steps,
) -> Result<(), IdentError> {
    let name = &table.table.name;
    let (column, check) = (quote(&not_null.column)?, &not_null.check);
    let guarded = done::has_constraint(name, check);
    steps.push(NewStep {
        phase: Phase::Expand,
        table: Some(name),
        what: Generated::AddCheckNotValid,
        title: format!("refuse new NULLs in {}.{}", table.shown, not_null.column),
        statements: vec![format!(
            "ALTER TABLE {} ADD CONSTRAINT \"{check}\" CHECK ({column} IS NOT NULL) NOT VALID",
            table.quoted
        )],
        done: Some(format!(
            "SELECT {guarded} OR {}",
            done::is_not_null(name, &not_null.column)
        )),
    });
    Ok(())
}

/// Holds for new writes at once, and for old rows once it is validated.
fn guard(table: &TableDraft<'_>, constraint: &CarriedConstraint, steps: &mut Steps) {
    let name = &table.table.name;
    let mut statements = vec![format!(
        "ALTER TABLE {} ADD CONSTRAINT \"{}\" {} NOT VALID",
        table.quoted, constraint.name, constraint.definition
    )];
    if let Some(comment) = &constraint.comment {
        statements.push(format!(
            "COMMENT ON CONSTRAINT \"{}\" ON {} IS {}",
            constraint.name,
            table.quoted,
            literal(comment)
        ));
    }
    steps.push(NewStep {
        phase: Phase::Expand,
        table: Some(name),
        what: constraint.kind.adding(),
        title: format!("carry constraint {} of {}", constraint.like, table.shown),
        statements,
        done: Some(format!("SELECT {}", done::has_constraint(name, &constraint.name))),
    });
}

/// What needs every row to be filled.
pub(super) fn finish(table: &TableDraft<'_>, steps: &mut Steps) -> Result<(), IdentError> {
    for not_null in &table.not_null {
        finish_not_null(table, not_null, steps)?;
    }
    for constraint in table.constraints.iter().filter(|c| c.validated) {
        validate(table, constraint, steps);
    }
    for index in &table.indexes {
        create_index(table, index, steps)?;
    }
    Ok(())
}

fn validate(table: &TableDraft<'_>, constraint: &CarriedConstraint, steps: &mut Steps) {
    let name = &table.table.name;
    steps.push(NewStep {
        phase: Phase::Finish,
        table: Some(name),
        what: constraint.kind.validating(),
        title: format!(
            "validate the copy of constraint {} of {}",
            constraint.like, table.shown
        ),
        statements: vec![format!(
            "ALTER TABLE {} VALIDATE CONSTRAINT \"{}\"",
            table.quoted, constraint.name
        )],
        done: Some(format!(
            "SELECT {}",
            done::has_valid_constraint(name, &constraint.name)
        )),
    });
}

/// An attempt that failed leaves an invalid index, which would be in the way of the next.
fn create_index(table: &TableDraft<'_>, index: &CarriedIndex, steps: &mut Steps) -> Result<(), IdentError> {
    let name = &table.table.name;
    let qualified = format!("{}.\"{}\"", quote(&name.schema)?, index.name);
    let unique = if index.unique { "UNIQUE " } else { "" };
    let step = steps.push(NewStep {
        phase: Phase::Finish,
        table: Some(name),
        what: Generated::CreateIndexConcurrently,
        title: format!("carry index {} of {}", index.like, table.shown),
        statements: vec![format!(
            "CREATE {unique}INDEX CONCURRENTLY \"{}\" ON {} {}",
            index.name, table.quoted, index.rest
        )],
        done: Some(format!("SELECT {}", done::has_valid_index(name, &index.name))),
    });
    step.cleanup = vec![format!("DROP INDEX CONCURRENTLY IF EXISTS {qualified}")];
    steps.makes(Made::Index(index.name.clone()));
    if let Some(comment) = &index.comment {
        steps.push(NewStep {
            phase: Phase::Finish,
            table: Some(name),
            what: Generated::Comment,
            title: format!("carry the comment of index {} of {}", index.like, table.shown),
            statements: vec![format!("COMMENT ON INDEX {qualified} IS {}", literal(comment))],
            done: Some(format!(
                "SELECT {}",
                done::has_commented_index(name, &index.name, comment)
            )),
        });
    }
    Ok(())
}

/// A validated check proves it, so that SET NOT NULL reads no row under its lock; then the check is no longer needed.
fn finish_not_null(
    table: &TableDraft<'_>,
    not_null: &CarriedNotNull,
    steps: &mut Steps,
) -> Result<(), IdentError> {
    let name = &table.table.name;
    let (column, check) = (&not_null.column, &not_null.check);
    let is_not_null = done::is_not_null(name, column);
    steps.push(NewStep {
        phase: Phase::Finish,
        table: Some(name),
        what: Generated::ValidateCheck,
        title: format!("prove that {}.{column} has no NULL", table.shown),
        statements: vec![format!(
            "ALTER TABLE {} VALIDATE CONSTRAINT \"{check}\"",
            table.quoted
        )],
        done: Some(format!(
            "SELECT {} OR {is_not_null}",
            done::has_valid_constraint(name, check)
        )),
    });
    steps.push(NewStep {
        phase: Phase::Finish,
        table: Some(name),
        what: Generated::SetNotNullProven,
        title: format!("make {}.{column} NOT NULL", table.shown),
        statements: vec![
            format!(
                "ALTER TABLE {} ALTER COLUMN {} SET NOT NULL",
                table.quoted,
                quote(column)?
            ),
            format!("ALTER TABLE {} DROP CONSTRAINT \"{check}\"", table.quoted),
        ],
        done: Some(format!(
            "SELECT {is_not_null} AND NOT {}",
            done::has_constraint(name, check)
        )),
    });
    Ok(())
}
