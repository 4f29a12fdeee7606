//! What a renamed column takes with it: NOT NULL, checks, foreign keys, indexes, unique constraints.

use engine::catalog::{Constraint, ConstraintKind, Index, Table};
use engine::postgres::ident::quote;

use super::draft::{CarriedConstraint, CarriedIndex, CarriedKind, CarriedNotNull, Draft};
use super::rewrite;
use crate::kinds::RenameColumn;
use crate::spec::Code;

/// What is carried from one column to another.
#[derive(Default)]
pub(super) struct Carried {
    pub(super) constraints: Vec<CarriedConstraint>,
    pub(super) not_null: Option<CarriedNotNull>,
    pub(super) indexes: Vec<CarriedIndex>,
}

/// Finds what belongs to the old column and rewrites it for the new one; refuses by name what cannot be.
pub(super) fn collect(draft: &mut Draft<'_>, index: usize, at: usize, change: &RenameColumn) -> Carried {
    let table = draft.tables[at].table;
    let Ok(to) = quote(&change.to) else {
        return Carried::default();
    };
    let ends = Ends {
        from: &change.from,
        to: &to,
    };
    let is_not_null = table.column(&change.from).is_some_and(|column| column.not_null);
    Carried {
        not_null: is_not_null.then(|| CarriedNotNull {
            column: change.to.clone(),
            check: draft.object(),
        }),
        constraints: constraints(draft, (index, change), table, ends),
        indexes: indexes(draft, (index, change), at, ends),
    }
}

fn constraints(
    draft: &mut Draft<'_>,
    (index, change): (usize, &RenameColumn),
    table: &Table,
    ends: Ends<'_>,
) -> Vec<CarriedConstraint> {
    let mut carried = Vec::new();
    for constraint in table
        .constraints
        .iter()
        .filter(|c| c.columns.contains(&change.from))
    {
        match carry_constraint(constraint, ends) {
            Ok(None) => {}
            Ok(Some((kind, definition))) => carried.push(CarriedConstraint {
                name: draft.object(),
                like: constraint.name.clone(),
                definition,
                kind,
                validated: constraint.validated,
                comment: constraint.comment.clone(),
            }),
            Err(why) => refuse(
                draft,
                index,
                change,
                &format!("constraint `{}`", constraint.name),
                &why,
            ),
        }
    }
    carried
}

fn indexes(
    draft: &mut Draft<'_>,
    (index, change): (usize, &RenameColumn),
    at: usize,
    ends: Ends<'_>,
) -> Vec<CarriedIndex> {
    let table = draft.tables[at].table;
    let mut carried = Vec::new();
    for old in table
        .indexes
        .iter()
        .filter(|i| i.columns.contains(&change.from) && is_carried(table, i))
    {
        if !old.valid {
            let message = format!(
                "Index `{}` is invalid, so it is not carried to `{}`.",
                old.name, change.to
            );
            draft.notice("SL-INVALID-INDEX", message);
            continue;
        }
        match carry_index(table, old, ends) {
            Ok(rest) => carried.push(CarriedIndex {
                name: draft.object(),
                like: old.name.clone(),
                unique: old.unique,
                constraint: old.constraint.is_some(),
                rest,
                comment: old.comment.clone(),
            }),
            Err(why) => refuse(draft, index, change, &format!("index `{}`", old.name), &why),
        }
        if old.unique {
            notice_upserts(draft, at, old, change);
        }
    }
    carried
}

/// The column's names, old as the catalog knows it and new as SQL has it.
#[derive(Clone, Copy)]
struct Ends<'a> {
    from: &'a str,
    to: &'a str,
}

fn carry_constraint(
    constraint: &Constraint,
    ends: Ends<'_>,
) -> Result<Option<(CarriedKind, String)>, String> {
    if constraint.definition.contains("NOT ENFORCED") {
        return Err("it is NOT ENFORCED, which this build cannot carry".to_owned());
    }
    match constraint.kind {
        ConstraintKind::Check => rewrite::check(&constraint.definition, ends.from, ends.to)
            .map(|definition| Some((CarriedKind::Check, definition)))
            .map_err(|why| why.to_string()),
        ConstraintKind::ForeignKey => {
            let other = constraint.references.as_ref().ok_or("it names no other table")?;
            let other = engine::postgres::ident::table(other).map_err(|error| error.to_string())?;
            rewrite::foreign_key(&constraint.definition, ends.from, ends.to, &other)
                .map(|definition| Some((CarriedKind::ForeignKey, definition)))
                .map_err(|why| why.to_string())
        }
        // An index each, or refused with the column.
        ConstraintKind::PrimaryKey | ConstraintKind::Unique | ConstraintKind::Exclusion => Ok(None),
        // Fires by table, not by column; listed with the triggers.
        ConstraintKind::Trigger => Ok(None),
    }
}

/// Those behind a primary key or an exclusion constraint were refused with the column.
fn is_carried(table: &Table, index: &Index) -> bool {
    let constraint = index
        .constraint
        .as_ref()
        .and_then(|name| table.constraints.iter().find(|c| c.name == *name));
    constraint.is_none_or(|c| match c.kind {
        ConstraintKind::PrimaryKey | ConstraintKind::Exclusion => false,
        ConstraintKind::Unique
        | ConstraintKind::Check
        | ConstraintKind::ForeignKey
        | ConstraintKind::Trigger => true,
    })
}

fn carry_index(table: &Table, index: &Index, ends: Ends<'_>) -> Result<String, String> {
    let constraint = index
        .constraint
        .as_ref()
        .and_then(|name| table.constraints.iter().find(|c| c.name == *name));
    if constraint.is_some_and(|c| rewrite::is_deferrable(&c.definition)) {
        return Err("it stands behind a deferrable constraint: an index on the new column would be checked at once, and writes that are \
                    allowed today would fail"
            .to_owned());
    }
    rewrite::index(&index.definition, ends.from, ends.to).map_err(|why| why.to_string())
}

fn refuse(draft: &mut Draft<'_>, index: usize, change: &RenameColumn, what: &str, why: &str) {
    let message = format!(
        "{what} of `{}` cannot be carried to `{}`: {why}; drop it first and create it anew afterwards",
        change.from, change.to
    );
    draft.fault(index, "from", Code::NotCarried, message);
}

/// Measured on PostgreSQL 15: an upsert arbitrates on one index only, so of two that race for the same new key the loser may
/// meet the other index first and fail.
fn notice_upserts(draft: &mut Draft<'_>, at: usize, old: &Index, change: &RenameColumn) {
    let message = format!(
        "Unique index `{}` of {} is carried to `{}`. From then on two INSERT ... ON CONFLICT that race for the same new key can fail with \
         a duplicate key (23505) on the second index, where one of them became an UPDATE before. Approve if the application retries, or never \
         upserts on `{}`.",
        old.name, draft.tables[at].shown, change.to, change.from
    );
    draft.notice_to_approve("SL-UPSERT-RACE", message);
}
