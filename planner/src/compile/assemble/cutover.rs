//! From flip to contract: new becomes the authority, old is hidden, comes back or is dropped.

use classifier::Generated;
use engine::catalog::{ConstraintKind, EngineKind};
use engine::mirror::Pair;
use engine::postgres::ident::{IdentError, literal, quote};
use engine::postgres::triggers::MirrorSql;
use ledger::plan::{Contract, Flip, Phase, Sides};

use super::back::only_if;
use super::step::{Made, NewStep, Steps};
use crate::compile::done;
use crate::compile::draft::{Draft, Replaced, TableDraft};

/// Tables with their mirrors, as far as they have one.
pub(super) type Mirrored<'a, 'd> = Vec<(&'a TableDraft<'d>, &'a MirrorSql)>;

pub(super) fn mirrored<'a, 'd>(draft: &'a Draft<'d>, mirrors: &'a [Option<MirrorSql>]) -> Mirrored<'a, 'd> {
    draft
        .tables
        .iter()
        .zip(mirrors)
        .filter_map(|(table, mirror)| Some((table, mirror.as_ref()?)))
        .collect()
}

/// Every pair of every table has a way back, so writes can move.
pub(super) fn writes_move(tables: &Mirrored<'_, '_>) -> bool {
    !tables.is_empty()
        && tables
            .iter()
            .all(|(table, _)| table.pairs.iter().all(|pair| pair.down.is_some()))
}

/// Every old column has a successor that writes can move to, so it can go.
pub(super) fn is_contractible(tables: &Mirrored<'_, '_>) -> bool {
    !tables.is_empty() && tables.iter().all(|(table, _)| table.is_contractible())
}

/// How reads and writes move; None if nothing is mirrored.
pub(super) fn flip(draft: &Draft<'_>, mirrors: &[Option<MirrorSql>]) -> Option<Flip> {
    let tables = mirrored(draft, mirrors);
    if tables.is_empty() {
        return None;
    }
    let declared = &draft.spec.flip;
    Some(Flip {
        flag: declared.flag.clone().unwrap_or_else(|| draft.spec.name.clone()),
        steps: declared.steps.clone(),
        soak: declared.soak,
        cache: declared.cache,
        sides: if writes_move(&tables) {
            Sides::ReadsAndWrites
        } else {
            Sides::Reads
        },
        counted: tables.iter().map(|(_, mirror)| mirror.counted.clone()).collect(),
    })
}

/// How old goes away; None if some of it has to stay.
pub(super) fn contract(draft: &Draft<'_>, mirrors: &[Option<MirrorSql>]) -> Option<Contract> {
    let tables = mirrored(draft, mirrors);
    is_contractible(&tables).then(|| Contract {
        soak: draft.spec.contract.soak,
        drops: dropped(&tables),
    })
}

pub(super) fn dropped(tables: &Mirrored<'_, '_>) -> Vec<String> {
    tables
        .iter()
        .flat_map(|(table, _)| {
            table
                .replaced
                .iter()
                .map(|r| format!("{}.{}", table.shown, r.column))
        })
        .collect()
}

/// What whoever lets writes move must know: writes that fail because of the old side, which no trigger can help.
pub(super) fn writes_that_fail(draft: &Draft<'_>, mirrors: &[Option<MirrorSql>]) -> Vec<String> {
    let tables = mirrored(draft, mirrors);
    // On SQLite the old column may be NULL for the time of the job.
    if !writes_move(&tables) || draft.engine() == EngineKind::Sqlite {
        return Vec::new();
    }
    let mut reasons = Vec::new();
    for (table, _) in &tables {
        for pair in table.pairs.iter().filter(|pair| !pair.cannot_raise) {
            let Some(down) = &pair.down else { continue };
            let old = table.table.column(&down.column);
            if old.is_some_and(|old| old.not_null && old.default.is_none()) {
                reasons.push(format!(
                    "an INSERT that gives {}.{} a value for which `down` has none fails, because `{}` is NOT NULL and without a default",
                    table.shown, pair.new, down.column
                ));
            }
        }
    }
    reasons
}

/// What whoever opens the gate into the contract must know.
pub(super) fn reasons(draft: &Draft<'_>, mirrors: &[Option<MirrorSql>]) -> Vec<String> {
    let tables = mirrored(draft, mirrors);
    if !is_contractible(&tables) {
        return Vec::new();
    }
    if draft.engine() == EngineKind::Sqlite {
        return super::sqlite::reasons(&tables);
    }
    let mut reasons = vec![
        format!(
            "it ends in the drop of {}: after that there is no way back",
            dropped(&tables).join(", ")
        ),
        "no proof of no use is gathered: this is an approval without evidence".to_owned(),
        "from the soft drop on every statement that names the old column fails, COPY or INSERT without a column list as well, and so does \
         every trigger or function whose body names it: look through those of the table".to_owned(),
    ];
    for (table, _) in &tables {
        let goes = goes_along(table);
        if !goes.is_empty() {
            reasons.push(format!(
                "these go with the columns of {} and have no successor: {}",
                table.shown,
                goes.join(", ")
            ));
        }
    }
    reasons
}

/// NOT NULL and the default of a column that goes, where its successor has neither.
pub(super) fn bare_successor(table: &TableDraft<'_>, gone: &Replaced) -> Vec<String> {
    let Some(old) = table.table.column(&gone.column) else {
        return Vec::new();
    };
    let is_successor = |pair: &&Pair| pair.down.as_ref().is_some_and(|down| down.column == gone.column);
    let successor = table.pairs.iter().find(is_successor);
    let stays_not_null = successor.is_some_and(|pair| table.not_null.iter().any(|n| n.column == pair.new));
    let mut lost = Vec::new();
    if old.not_null && !stays_not_null {
        lost.push(format!("NOT NULL of `{}`", gone.column));
    }
    if let (Some(default), None) = (&old.default, &gone.default) {
        lost.push(format!("DEFAULT {default} of `{}`", gone.column));
    }
    lost
}

/// What DROP COLUMN takes along, but for what was carried: NOT NULL, defaults, constraints, indexes.
fn goes_along(table: &TableDraft<'_>) -> Vec<String> {
    let is_replaced = |columns: &[String]| {
        columns
            .iter()
            .any(|c| table.replaced.iter().any(|r| r.column == *c))
    };
    let carried = |name: &str| {
        table.indexes.iter().any(|i| i.like == name) || table.constraints.iter().any(|c| c.like == name)
    };
    let constraints = table
        .table
        .constraints
        .iter()
        .filter(|c| c.kind != ConstraintKind::Trigger && is_replaced(&c.columns) && !carried(&c.name))
        .map(|c| format!("constraint `{}`", c.name));
    let indexes = table
        .table
        .indexes
        .iter()
        .filter(|i| i.constraint.is_none() && is_replaced(&i.columns) && !carried(&i.name))
        .map(|i| format!("index `{}`", i.name));
    let bare = table.replaced.iter().flat_map(|gone| bare_successor(table, gone));
    bare.chain(constraints).chain(indexes).collect()
}

/// The steps forward, and the one that brings hidden columns back.
pub(super) fn steps(
    draft: &Draft<'_>,
    mirrors: &[Option<MirrorSql>],
    steps: &mut Steps,
) -> Result<(), IdentError> {
    let tables = mirrored(draft, mirrors);
    if writes_move(&tables) {
        lead(&tables, steps);
    }
    if !is_contractible(&tables) {
        return Ok(());
    }
    for (table, mirror) in &tables {
        hide(table, mirror, steps)?;
    }
    for (table, mirror) in &tables {
        drop_old(table, mirror, steps)?;
    }
    for (table, mirror) in &tables {
        unhide(table, mirror, steps);
    }
    Ok(())
}

/// One transaction for all tables: there is one authority a job.
fn lead(tables: &Mirrored<'_, '_>, steps: &mut Steps) {
    let questions: Vec<String> = tables.iter().map(|(_, m)| format!("({})", m.lead.done)).collect();
    let shown: Vec<&str> = tables.iter().map(|(t, _)| t.shown.as_str()).collect();
    let step = steps.push(NewStep {
        phase: Phase::Lead,
        table: tables.first().map(|(t, _)| &t.table.name),
        what: Generated::SwapMirror,
        title: format!("the new side of {} becomes the authority", shown.join(", ")),
        statements: tables
            .iter()
            .flat_map(|(_, m)| m.lead.statements.clone())
            .collect(),
        done: Some(format!("SELECT {}", questions.join(" AND "))),
    });
    step.holds_until = Some(Phase::Hide);
    step.authority = Some(engine::postgres::triggers::Authority::New);
}

pub(super) fn columns(table: &TableDraft<'_>) -> String {
    let names: Vec<String> = table
        .replaced
        .iter()
        .map(|r| format!("{}.{}", table.shown, r.column))
        .collect();
    names.join(", ")
}

/// Before anything is hidden the drop is tried, and undone in its own subtransaction: a view or trigger that still needs the
/// column is found now, while there is a way back, and not after the soak.
fn hide(table: &TableDraft<'_>, mirror: &MirrorSql, steps: &mut Steps) -> Result<(), IdentError> {
    let Some(swap) = &mirror.hide else { return Ok(()) };
    let mut statements = vec![trial(table)?];
    statements.extend(swap.statements.iter().cloned());
    steps.push(NewStep {
        phase: Phase::Hide,
        table: Some(&table.table.name),
        what: Generated::HideColumn,
        title: format!("soft drop: hide {}", columns(table)),
        statements,
        done: Some(swap.done.clone()),
    });
    steps.makes(Made::Hidden(table.function.clone()));
    Ok(())
}

fn trial(table: &TableDraft<'_>) -> Result<String, IdentError> {
    let drops: Result<Vec<String>, IdentError> = table
        .replaced
        .iter()
        .map(|r| Ok(format!("DROP COLUMN IF EXISTS {}", quote(&r.column)?)))
        .collect();
    let block = format!(
        "BEGIN ALTER TABLE {} {}; RAISE SQLSTATE 'SL000'; EXCEPTION WHEN SQLSTATE 'SL000' THEN NULL; END",
        table.quoted,
        drops?.join(", ")
    );
    Ok(format!("DO {}", literal(&block)))
}

fn unhide(table: &TableDraft<'_>, mirror: &MirrorSql, steps: &mut Steps) {
    let Some(swap) = &mirror.unhide else { return };
    steps.push(NewStep {
        phase: Phase::Unhide,
        table: Some(&table.table.name),
        what: Generated::HideColumn,
        title: format!("bring back {}", columns(table)),
        statements: swap.statements.clone(),
        done: Some(swap.done.clone()),
    });
    steps.takes_away(&Made::Hidden(table.function.clone()));
}

/// The drop; in the same transaction the new column gets the default, and the copies of indexes and constraints the names,
/// that were the old one's.
fn drop_old(table: &TableDraft<'_>, mirror: &MirrorSql, steps: &mut Steps) -> Result<(), IdentError> {
    let Some(swap) = &mirror.drop else { return Ok(()) };
    let mut statements = swap.statements.clone();
    for (column, default) in table.replaced.iter().filter_map(|r| r.default.as_ref()) {
        statements.push(format!(
            "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {default}",
            table.quoted,
            quote(column)?
        ));
    }
    let name = &table.table.name;
    for constraint in &table.constraints {
        let ours = done::has_constraint(name, &constraint.name);
        let rename = format!(
            "ALTER TABLE {} RENAME CONSTRAINT \"{}\" TO {}",
            table.quoted,
            constraint.name,
            quote(&constraint.like)?
        );
        statements.push(only_if(
            &format!("{ours} AND NOT {}", done::has_constraint(name, &constraint.like)),
            &rename,
        ));
    }
    for index in &table.indexes {
        let ours = done::has_index(name, &index.name);
        let like = quote(&index.like)?;
        let rename = if index.constraint {
            format!(
                "ALTER TABLE {} ADD CONSTRAINT {like} UNIQUE USING INDEX \"{}\"",
                table.quoted, index.name
            )
        } else {
            format!(
                "ALTER INDEX {}.\"{}\" RENAME TO {like}",
                quote(&name.schema)?,
                index.name
            )
        };
        let free = format!(
            "pg_catalog.to_regclass({}) IS NULL",
            literal(&format!("{}.{like}", quote(&name.schema)?))
        );
        statements.push(only_if(&format!("{ours} AND {free}"), &rename));
    }
    steps.push(NewStep {
        phase: Phase::Drop,
        table: Some(name),
        what: Generated::DropColumn,
        title: format!("drop {}", columns(table)),
        statements,
        done: Some(swap.done.clone()),
    });
    Ok(())
}
