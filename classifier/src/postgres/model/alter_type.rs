//! ALTER COLUMN TYPE: whether every row is written anew.

use super::conversion::{Conversion, conversion};
use super::outcome::Build;
use crate::postgres::Assumption;
use crate::postgres::action::{Expression, Name, SqlType};
use crate::{Lock, Phase, facts};

/// What follows from the change, besides the lock on the table itself.
pub(super) fn set_type(
    build: &mut Build<'_>,
    table: &Name,
    column: &str,
    to: &SqlType,
    collated: bool,
    using: Option<&Expression>,
) {
    lock_partners(build, table, column);
    let Some(from) = build.world.column_type(build.facts, table, column) else {
        if !build.is_new(table) {
            build.assume(Assumption::OldTypeUnknown {
                table: table.to_string(),
                column: column.to_owned(),
            });
        }
        build.rewrite(table);
        build.tightens(table);
        return;
    };
    let plain = using.is_none_or(|it| is_plain(it, column, to));
    let utc = build.world.is_utc(build.facts);
    let conversion = if plain {
        conversion(&from, to, utc)
    } else {
        Conversion::Rewrite
    };
    match conversion {
        Conversion::Same => {}
        Conversion::Instant => build.phase(Phase::Expand),
        Conversion::Rewrite => {
            build.rewrite(table);
            build.tightens(table);
            return;
        }
    }
    if collated {
        build.build_index(table);
    }
    // The CHECKs that name the column are made again, and checked again.
    let checked = build.table(table).is_some_and(|it| {
        let names_it =
            |check: &facts::Constraint| check.kind == 'c' && check.columns.iter().any(|it| it == column);
        it.constraints.values().any(names_it)
    });
    if checked {
        build.scan(table);
    }
}

/// `USING column`, `USING column::type`: what happens without USING, too.
fn is_plain(using: &Expression, column: &str, to: &SqlType) -> bool {
    let text = using.text.trim();
    let text = text
        .strip_prefix('(')
        .and_then(|it| it.strip_suffix(')'))
        .unwrap_or(text);
    let is_column = |it: &str| it.trim().trim_matches('"').eq_ignore_ascii_case(column);
    match text.split_once("::") {
        None => is_column(text),
        Some((of, cast)) => {
            let cast = SqlType::read(cast);
            is_column(of)
                && cast.base == to.base
                && cast.modifiers == to.modifiers
                && cast.dimensions == to.dimensions
        }
    }
}

/// Foreign keys over the column, from here and to here, are dropped and made again: the other table is locked as this one is.
fn lock_partners(build: &mut Build<'_>, table: &Name, column: &str) {
    let (Some(facts), Some((name, own))) = (build.facts, build.world.table(build.facts, table)) else {
        if !build.is_new(table) {
            build.assume(Assumption::DependentsUnknown {
                table: table.to_string(),
            });
        }
        return;
    };
    for constraint in own
        .constraints
        .values()
        .filter(|it| it.columns.iter().any(|it| it == column))
    {
        if let Some(other) = &constraint.references {
            build.lock_catalog(other, Lock::AccessExclusiveLock);
        }
    }
    for (other, of) in &facts.tables {
        let points_here = |it: &facts::Constraint| {
            it.references.as_deref() == Some(name) && refers_to(&it.definition, column)
        };
        if other != name && of.constraints.values().any(points_here) {
            build.lock_catalog(other, Lock::AccessExclusiveLock);
            build.work_on_catalog(other, super::WorkKind::Scan);
        }
    }
}

/// `FOREIGN KEY (a) REFERENCES t(b)`: b is among the columns referred to.
fn refers_to(definition: &str, column: &str) -> bool {
    let Some((_, after)) = definition.split_once("REFERENCES ") else {
        return false;
    };
    let list = after
        .split_once('(')
        .and_then(|(_, it)| it.split_once(')'))
        .map_or("", |(list, _)| list);
    list.split(',').any(|it| it.trim().trim_matches('"') == column)
}
