//! What the old column would have refused, and what the spec wants refused.
//!
//! Constraints are judged before an AFTER trigger runs, so a NOT NULL old column would refuse every write of the new side alone. The planner
//! makes it nullable for the time of the job, and here is refused what it would have refused, once the new side had its chance
//! to fill it. The application gets SQLite's own words; the extended code says that a trigger raised them.

use super::body::{Event, Place, Scene};
use super::restore::{Sides, carried, leads};
use super::row::{all, differs, not};
use super::{Authority, OnDownError};
use crate::sqlite::ident::{self, IdentError};

/// An old column that this write left empty. An UPDATE answers for what it emptied itself: another trigger may write a row whose INSERT
/// has not been mirrored yet, or whose way back is closed.
pub(super) fn null(scene: &Scene<'_>, place: &Place<'_>) -> Result<Option<String>, IdentError> {
    if !place.down.not_null {
        return Ok(None);
    }
    let cell = scene.row.cell(&place.down.column)?;
    let empty = format!("{cell} IS NULL");
    let when = match (scene.event, scene.authority) {
        (Event::Insert, Authority::Old) => empty,
        // A way back that is closed is the one reason for a row without an old side.
        (Event::Insert, Authority::New) => all(&[&empty, &not(&leads(scene, place)?)]),
        (Event::Update, _) => all(&[&empty, &format!("OLD.{cell} IS NOT NULL")]),
    };
    let message = format!(
        "NOT NULL constraint failed: {}.{}",
        scene.mirror.table.name, place.down.column
    );
    Ok(Some(raise(scene, &message, &when)))
}

/// An old column that was to be restored and still is what the application's statement left. OR IGNORE takes the place of every conflict
/// clause in a trigger, so a UNIQUE or a CHECK of the old column leaves out the body's own UPDATE and nothing else: the row would
/// stay with a new side that its old side never had, twice where it may be there once. The application asked for the whole row to be
/// left out, which no trigger can do any more; so the statement fails.
pub(super) fn left_out(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    let sides = Sides::of(scene, place)?;
    let carried = carried(scene, place, &sides)?;
    let untouched = not(&differs(&sides.old, &format!("NEW.{}", sides.old)));
    let message = format!(
        "sluice: this write of column {:?} of table {:?} is refused by a constraint of column {:?}, and OR IGNORE cannot leave it out",
        place.pair.new, scene.mirror.table.name, place.down.column
    );
    Ok(raise(scene, &message, &all(&[&carried, &untouched])))
}

/// A write of the new side that `down` cannot carry back, where the spec chose to fail it.
pub(super) fn unable(scene: &Scene<'_>, place: &Place<'_>, when: &str) -> String {
    let message = format!(
        "sluice: this write of column {:?} of table {:?} cannot be carried back to column {:?}, and the migration's spec chose \"fail\" for such writes",
        place.pair.new, scene.mirror.table.name, place.down.column
    );
    raise(scene, &message, when)
}

/// `down` cannot carry the write back: it gives NULL where the old column may not be NULL. None where it may: then NULL is what is
/// carried, for nothing here can raise.
pub(super) fn is_unable(scene: &Scene<'_>, place: &Place<'_>) -> Result<Option<String>, IdentError> {
    if !place.down.not_null {
        return Ok(None);
    }
    // Such an INSERT leaves an empty old column, which is refused while old is the authority: nothing is lost that would have to be told.
    let refused = scene.event == Event::Insert && scene.authority == Authority::Old;
    if refused && place.down.on_error == OnDownError::Close {
        return Ok(None);
    }
    let empty = format!("{} IS NULL", Sides::of(scene, place)?.down);
    Ok(Some(all(&[&leads(scene, place)?, &empty])))
}

fn raise(scene: &Scene<'_>, message: &str, when: &str) -> String {
    format!(
        "SELECT RAISE(ABORT, {}) FROM {}\n        WHERE {} AND {when}",
        ident::literal(message),
        scene.row.table,
        scene.row.here(),
    )
}
