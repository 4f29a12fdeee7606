//! From flip to contract on SQLite: new becomes the authority, old is hidden, comes back or is dropped.

use classifier::{Generated, Sqlite};
use engine::mirror::{Authority, MirrorSql};
use engine::postgres::ident::{IdentError, quote};
use engine::sqlite::ident::literal;
use ledger::plan::{OnlyIf, Phase, RefuseIf};

use super::forward::{added_to, names};
use crate::compile::assemble::cutover::{
    Mirrored, bare_successor, columns, dropped, is_contractible, mirrored, writes_move,
};
use crate::compile::assemble::step::{Made, NewStep, Steps};
use crate::compile::dialect::is_same;
use crate::compile::draft::{Draft, Replaced, TableDraft};
use crate::compile::sqlite::{Shape, done, rebuild};
use engine::catalog::EngineKind;

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
        hide(draft, table, mirror, steps);
    }
    for (table, mirror) in &tables {
        drop_old(draft, table, mirror, steps)?;
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
        what: Generated::Sqlite(Sqlite::Triggers),
        title: format!("the new side of {} becomes the authority", shown.join(", ")),
        statements: tables
            .iter()
            .flat_map(|(_, m)| m.lead.statements.clone())
            .collect(),
        done: Some(done::all(&questions)),
    });
    step.holds_until = Some(Phase::Hide);
    step.authority = Some(Authority::New);
}

/// What would keep the drop from happening is asked before anything is hidden, while there is a way back.
fn hide(draft: &Draft<'_>, table: &TableDraft<'_>, mirror: &MirrorSql, steps: &mut Steps) {
    let Some(swap) = &mirror.hide else { return };
    let step = steps.push(NewStep {
        phase: Phase::Hide,
        table: Some(&table.table.name),
        what: Generated::Sqlite(Sqlite::RenameColumn),
        title: format!("soft drop: hide {}", columns(table)),
        statements: swap.statements.clone(),
        done: Some(swap.done.clone()),
    });
    step.refuse_if = unknown(draft, table);
    step.refuse_if.extend(
        table
            .replaced
            .iter()
            .map(|replaced| newcomers(table, &replaced.column)),
    );
    let shown = |replaced: &Replaced| replaced.column.clone();
    step.only_if = renames(table, &swap.statements, shown);
    steps.makes(Made::Hidden(table.function.clone()));
}

fn unhide(table: &TableDraft<'_>, mirror: &MirrorSql, steps: &mut Steps) {
    let Some(swap) = &mirror.unhide else { return };
    let step = steps.push(NewStep {
        phase: Phase::Unhide,
        table: Some(&table.table.name),
        what: Generated::Sqlite(Sqlite::RenameColumn),
        title: format!("bring back {}", columns(table)),
        statements: swap.statements.clone(),
        done: Some(swap.done.clone()),
    });
    step.only_if = renames(table, &swap.statements, |replaced| replaced.hidden.clone());
    steps.takes_away(&Made::Hidden(table.function.clone()));
}

/// A column is renamed only while it bears the name it is to lose: after a drift the triggers may be all that is missing.
fn renames(
    table: &TableDraft<'_>,
    statements: &[String],
    loses: impl Fn(&Replaced) -> String,
) -> Vec<OnlyIf> {
    let renaming = (0..)
        .zip(statements)
        .filter(|(_, s)| s.starts_with("ALTER TABLE"));
    renaming
        .zip(&table.replaced)
        .map(|((statement, _), replaced)| OnlyIf {
            statement,
            query: format!(
                "SELECT {}",
                done::has_column(&table.table.name.name, &loses(replaced))
            ),
        })
        .collect()
}

/// A view or a trigger that came after the plan was made and names the column: the rename would carry the hidden name into its text,
/// and after the drop SQLite would read that as a string.
fn newcomers(table: &TableDraft<'_>, column: &str) -> RefuseIf {
    let name = &table.table.name.name;
    let triggers = table.table.triggers.iter().map(|t| t.name.as_str());
    // As the catalog words them: "view NAME", "trigger NAME on TABLE".
    let dependents = table.table.dependents.iter().filter_map(|dependent| {
        let (kind, rest) = dependent.name.split_once(' ')?;
        Some(if kind == "trigger" {
            rest.rsplit_once(" on ").map_or(rest, |(name, _)| name)
        } else {
            rest
        })
    });
    let mut known: Vec<String> = triggers
        .chain(dependents)
        .map(|name| literal(&name.to_ascii_lowercase()))
        .collect();
    known.sort_unstable();
    known.dedup();
    known.insert(0, "''".to_owned());
    RefuseIf {
        query: format!(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type IN ('view', 'trigger') AND lower(substr(name, 1, 7)) <> 'sluice_' \
             AND {} AND {} AND lower(name) NOT IN ({}))",
            says(name),
            says(column),
            known.join(", ")
        ),
        message: format!(
            "nothing was hidden: a view or a trigger that was not there when the plan was made names `{column}` of {}, and would name \
             something else once it is gone; drop it, or write it without that column, then resume",
            table.shown
        ),
    }
}

/// The text of an object has the name as a word; one with odd characters counts wherever it stands.
fn says(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let word = literal(&format!("*[^a-z0-9_]{name}[^a-z0-9_]*"));
        format!("lower(sql) || ' ' GLOB {word}")
    } else {
        format!("instr(lower(sql), {}) > 0", literal(&name))
    }
}

/// What a copy at the drop would lose; nothing where DROP COLUMN does.
fn unknown(draft: &Draft<'_>, table: &TableDraft<'_>) -> Vec<RefuseIf> {
    if table.shape.as_ref().is_none_or(|shape| shape.last.is_none()) {
        return Vec::new();
    }
    let mut known = names(table);
    known.extend(table.new_columns().into_iter().map(str::to_owned));
    known.extend(table.replaced.iter().map(|r| r.hidden.clone()));
    let at = draft.tables.iter().position(|t| t.table.name == table.table.name);
    known.extend(
        at.into_iter()
            .flat_map(|at| added_to(draft, at))
            .map(|(column, _)| column.to_owned()),
    );
    vec![rebuild::refuse_unknown(table, &draft.tag, &known)]
}

/// The mirror goes first, because its triggers name what is dropped. There is no way back from here.
fn drop_old(
    draft: &Draft<'_>,
    table: &TableDraft<'_>,
    mirror: &MirrorSql,
    steps: &mut Steps,
) -> Result<(), IdentError> {
    let Some(shape) = &table.shape else { return Ok(()) };
    let name = &table.table.name;
    let mut statements = mirror.remove.clone();
    let mut questions = vec![format!("({})", mirror.removed)];
    for replaced in &table.replaced {
        questions.push(format!("NOT {}", done::has_column(&name.name, &replaced.hidden)));
    }
    let (what, title) = if let Some(form) = &shape.last {
        statements.extend(rebuild::statements(table, form, shape.options, &shape.copy)?);
        let old: Vec<&str> = table.replaced.iter().map(|r| r.column.as_str()).collect();
        (
            Sqlite::Rebuild,
            format!("drop {} by a rebuild of {}", old.join(", "), table.shown),
        )
    } else {
        for index in &shape.dropped_indexes {
            statements.push(format!("DROP INDEX IF EXISTS {}", quote_any(index)));
        }
        for replaced in &table.replaced {
            statements.push(format!(
                "ALTER TABLE {} DROP COLUMN {}",
                table.quoted,
                quote(&replaced.hidden)?
            ));
        }
        (Sqlite::DropColumn, format!("drop {}", columns(table)))
    };
    let step = steps.push(NewStep {
        phase: Phase::Drop,
        table: Some(name),
        what: Generated::Sqlite(what),
        title,
        statements,
        done: Some(done::all(&questions)),
    });
    step.refuse_if = unknown(draft, table);
    Ok(())
}

/// The name of an index that is there.
fn quote_any(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What whoever opens the gate into the contract must know.
pub(in crate::compile::assemble) fn reasons(tables: &Mirrored<'_, '_>) -> Vec<String> {
    let mut reasons = vec![
        format!(
            "it ends in the drop of {}: after that there is no way back",
            dropped(tables).join(", ")
        ),
        "no proof of no use is gathered: this is an approval without evidence".to_owned(),
        "from the soft drop on every statement that names the old column fails, and INSERT without a column list as well; one that names it in \
         double quotes may not fail but read the name itself as text, as SQLite does with a name that it does not know: look \
         through the application's statements"
            .to_owned(),
        "the drop writes the table anew and holds the file's one write lock for as long as that takes: a writer whose busy timeout is shorter \
         fails, and in a file whose journal mode is not WAL a reader, too"
            .to_owned(),
    ];
    for (table, _) in tables {
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

/// NOT NULL, default, constraints and indexes of a column that another one replaces; a renamed one keeps its own.
fn goes_along(table: &TableDraft<'_>) -> Vec<String> {
    let is_replaced = |columns: &[String]| {
        let replaced = table
            .replaced
            .iter()
            .filter(|r| !Shape::is_renamed(table, &r.column));
        let mut replaced = replaced.map(|r| r.column.as_str());
        replaced.any(|old| columns.iter().any(|c| is_same(EngineKind::Sqlite, c, old)))
    };
    let constraints = table.table.constraints.iter().filter(|c| is_replaced(&c.columns));
    let indexes = table
        .table
        .indexes
        .iter()
        .filter(|i| i.constraint.is_none() && is_replaced(&i.columns));
    let replaced = table
        .replaced
        .iter()
        .filter(|gone| !Shape::is_renamed(table, &gone.column));
    replaced
        .flat_map(|gone| bare_successor(table, gone))
        .chain(constraints.map(|c| format!("constraint `{}`", c.definition)))
        .chain(indexes.map(|i| format!("index `{}`", i.name)))
        .collect()
}
