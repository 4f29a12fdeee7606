//! ADD COLUMN: instant since 11, unless the value differs from row to row or must be checked.

use super::constraints;
use super::outcome::Build;
use crate::postgres::Assumption;
use crate::postgres::action::{Column, ConstraintKind, Generated, Name};
use crate::{Lock, Phase};

/// What follows from the column, besides the lock on the table itself.
pub(super) fn add(build: &mut Build<'_>, table: &Name, column: &Column, if_not_exists: bool) {
    build.phase(Phase::Expand);
    let exists = build
        .table(table)
        .is_some_and(|it| it.columns.contains_key(&column.name));
    if if_not_exists && exists {
        return;
    }
    let rewrites = rewrites(build, column);
    if rewrites {
        build.rewrite(table);
    }
    let filled = column.default.is_some() || column.generated.is_some() || column.type_name.is_serial();
    if column.not_null && !filled {
        // It fails at the first row, and every INSERT that does not know the column would.
        build.scan(table);
        build.breaks(table);
    }
    if column.not_null && matches!(column.generated, Some(Generated::Virtual(_))) {
        build.scan(table);
    }
    for constraint in &column.constraints {
        match &constraint.kind {
            ConstraintKind::ForeignKey(key) => {
                constraints::lock_referenced(build, &key.references, Lock::ShareRowExclusiveLock);
                // A column full of NULLs refers to nothing; one with a default does, in every row.
                if filled && !constraint.not_enforced {
                    build.scan(table);
                }
            }
            ConstraintKind::Check { .. } if !constraint.not_enforced => build.scan(table),
            ConstraintKind::Check { .. } | ConstraintKind::NotNull { .. } => {}
            ConstraintKind::Unique { .. } | ConstraintKind::PrimaryKey { .. } | ConstraintKind::Exclude => {
                build.build_index(table);
            }
        }
    }
}

fn rewrites(build: &mut Build<'_>, column: &Column) -> bool {
    match &column.generated {
        Some(Generated::Stored(_) | Generated::Identity) => return true,
        Some(Generated::Virtual(_)) => return false,
        None => {}
    }
    let differs = column
        .default
        .as_ref()
        .is_some_and(|default| build.is_volatile(default));
    column.type_name.is_serial() || differs || is_constrained_domain(build, column)
}

/// Its constraint is checked by writing every row.
fn is_constrained_domain(build: &mut Build<'_>, column: &Column) -> bool {
    let type_name = &column.type_name;
    if type_name.is_built_in() || type_name.dimensions > 0 {
        return false;
    }
    let Some(facts) = build.facts else {
        build.assume(Assumption::TypeUnknown {
            type_name: type_name.text.clone(),
        });
        return false;
    };
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    facts
        .constrained_domains
        .iter()
        .any(|domain| bare(domain) == bare(&type_name.base))
}
