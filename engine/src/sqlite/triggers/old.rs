//! What a body decides while *old* is authoritative: every row that a write leaves behind has `new = up(old)`.
//!
//! A new side that was written alone, and that is not simply what `up` gives, restores the old side first. Why "not simply what
//! `up` gives": the backfill's own UPDATE and a repeated full-row write carry the new value that `up` yields. Restoring old from it would
//! put `down(up(old))` in old's place: data lost by the very tool that was to keep it. For the same reason such a write is not
//! counted as one of the new side.

use super::body::{Place, Scene};
use super::restore::Sides;
use super::row::{Assignment, all, any, differs, wrong};
use super::written;
use crate::sqlite::ident::IdentError;

/// The new side was written, and it is not what `up` gives.
pub(super) fn counts(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    let disagrees = disagrees(scene, place, &Sides::of(scene, place)?)?;
    Ok(all(&[&written::new(scene, place)?, &disagrees]))
}

/// Both sides were written and disagree: old wins.
pub(super) fn conflict(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    let disagrees = disagrees(scene, place, &Sides::of(scene, place)?)?;
    Ok(all(&[
        &written::new(scene, place)?,
        &written::old(scene, place)?,
        &disagrees,
    ]))
}

/// The new side was written alone, and old is to follow from it.
pub(super) fn leads(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    let sides = Sides::of(scene, place)?;
    Ok(all(&[
        &written::new(scene, place)?,
        &not(&written::old(scene, place)?),
        &wrong(&sides.new, &sides.up),
    ]))
}

/// Somebody else's trigger may have written the row between the application's write and this trigger, some other column of it. That
/// made the row right, and the new side that the application wrote alone is gone from it: NEW still has it.
pub(super) fn put_back(scene: &Scene<'_>) -> Result<Option<String>, IdentError> {
    let assignments: Result<Vec<_>, IdentError> = scene
        .places()
        .map(|place| {
            let cell = scene.row.cell(&place.pair.new)?;
            let when = all(&[
                &written::new(scene, &place)?,
                &not(&written::old(scene, &place)?),
                &overridden(scene, &place)?,
            ]);
            Ok(Assignment {
                value: format!("NEW.{cell}"),
                cell,
                when,
            })
        })
        .collect();
    Ok(scene.row.assign(&assignments?))
}

/// The new side is not what `up` gives, or was not before somebody else's trigger had it made right.
fn disagrees(scene: &Scene<'_>, place: &Place<'_>, sides: &Sides) -> Result<String, IdentError> {
    let conditions = [wrong(&sides.new, &sides.up), overridden(scene, place)?];
    Ok(any(conditions.into_iter()))
}

/// The row no longer has what the application wrote to the new side, although nobody has written the old one since.
fn overridden(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    let changed = |column: &str| -> Result<String, IdentError> {
        let cell = scene.row.cell(column)?;
        Ok(differs(&cell, &format!("NEW.{cell}")))
    };
    let reads: Result<Vec<_>, _> = place.pair.reads.iter().map(|c| changed(c)).collect();
    Ok(all(&[&changed(&place.pair.new)?, &not(&any(reads?.into_iter()))]))
}

pub(super) fn not(condition: &str) -> String {
    format!("NOT ({condition})")
}
