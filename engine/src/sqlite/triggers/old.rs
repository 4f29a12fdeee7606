//! What a body decides while *old* is authoritative: every row that a write leaves behind has `new = up(old)`.
//!
//! A new side that was written alone, and that is not simply what `up` gives, restores the old side first. Why "not simply what
//! `up` gives": the backfill's own UPDATE and a repeated full-row write carry the new value that `up` yields. Restoring old from it would
//! put `down(up(old))` in old's place: data lost by the very tool that was to keep it. For the same reason such a write is not
//! counted as one of the new side.

use super::body::{Place, Scene};
use super::restore::Sides;
use super::row::{Laid, all, not, wrong};
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
        &disagrees(scene, place, &sides)?,
    ]))
}

/// What `down` gives for the new side that the application wrote. Somebody else's trigger may have written another column of the row between
/// the application's write and this trigger. That made the row right, and the new side that was written alone is gone from it: NEW
/// still has it, without its column's affinity, so this is done only then. (Writing it into the row again would not do: the other
/// trigger would fire once more, and so on for ever.)
pub(super) fn down(scene: &Scene<'_>, place: &Place<'_>, mut laid: Vec<Laid>) -> Result<String, IdentError> {
    let stored = scene.row.down(place.down, &laid)?;
    let new = &place.pair.new;
    laid.push((new.clone(), format!("NEW.{}", scene.row.cell(new)?)));
    let written = scene.row.down(place.down, &laid)?;
    let overridden = overridden(scene, place)?;
    Ok(format!(
        "(CASE WHEN {overridden} THEN {written} ELSE {stored} END)"
    ))
}

/// The new side is not what `up` gives, as the application wrote it: where somebody else's trigger has had the row made right since, NEW
/// still has that. Made right too early, perhaps: before the way back of an earlier pair, whose column this one reads; so what the row has
/// by then tells nothing.
fn disagrees(scene: &Scene<'_>, place: &Place<'_>, sides: &Sides) -> Result<String, IdentError> {
    Ok(format!(
        "(CASE WHEN {} THEN {} ELSE {} END)",
        overridden(scene, place)?,
        wrong(&format!("NEW.{}", sides.new), &sides.up),
        wrong(&sides.new, &sides.up),
    ))
}

/// The row no longer has what the application wrote to the new side, although nobody has written the old one since.
fn overridden(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    let column = |column: &String| scene.row.cell(column);
    let reads: Result<Vec<_>, IdentError> = place.pair.reads.iter().map(column).collect();
    let same = reads?
        .into_iter()
        .map(|cell| format!("{cell} COLLATE BINARY IS NEW.{cell}"));
    let new = scene.row.cell(&place.pair.new)?;
    let conditions: Vec<String> = std::iter::once(format!("{new} COLLATE BINARY IS NOT NEW.{new}"))
        .chain(same)
        .collect();
    Ok(format!("({})", conditions.join(" AND ")))
}
