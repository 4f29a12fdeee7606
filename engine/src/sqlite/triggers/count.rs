//! Counts writes of the new side, so that somebody can tell when they have stopped.
//!
//! In the application's own transaction: a write that is rolled back takes its count with it, and no other writer waits, since there is
//! only one. A counter that somebody deleted fails nothing here; the question whether the mirror is in place finds it missing.

use super::body::Scene;
use super::row::any;
use super::{Authority, old, restore};
use crate::sqlite::ident::{self, IdentError};

/// Once a row: several pairs are one write. Before anything is restored, while the row tells whether the new side says something new.
/// That a pair sees no earlier one's restored column here makes no difference: then the earlier one counts.
pub(super) fn count(scene: &Scene<'_>) -> Result<Option<String>, IdentError> {
    let counts: Result<Vec<_>, IdentError> = scene
        .places()
        .map(|place| match scene.authority {
            Authority::Old => old::counts(scene, &place),
            Authority::New => restore::leads(scene, &place),
        })
        .collect();
    let counts = counts?;
    if counts.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!(
        "UPDATE sluice_counter SET writes = writes + 1\n        WHERE name = {} AND EXISTS (SELECT 1 FROM {} WHERE {} AND {})",
        ident::literal(&scene.mirror.counter),
        scene.row.table,
        scene.row.here(),
        any(counts.into_iter()),
    )))
}
