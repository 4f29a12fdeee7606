//! What a body decides while *new* is authoritative: changes are mirrored, and nothing else is touched.
//!
//! An UPDATE that changed neither side leaves both alone: `up` need not give what new holds (`up = lower(email)`, new is `Bob@x`), and a
//! "repair" would destroy the truth. A side is written here only because the application changed the other one.
//!
//! | written  | old side                    | new side  |
//! |----------|-----------------------------|-----------|
//! | neither  | as it is                    | as it is  |
//! | new only | `down(new)`, unless `up` gives new anyway | as it is  |
//! | old only | as it is                    | `up(old)`, unless `down` gives old anyway |
//! | both     | as it is if they are related, else `down(new)` and a conflict | as it is |
//!
//! An INSERT is read the same way, with "given" for "changed" (and new alone always leads); one that gives nothing takes `up` of nothing.
//!
//! The two "unless" are not in PostgreSQL's table. They are what lets an activation of the trigger by its own UPDATE come to rest, and what
//! they leave alone is related all the same: no check calls it a mismatch, and no truth is lost. The second one is a matter of `recursive_triggers` where
//! another pair's `down` restores a column that this pair reads: the inner activation takes that for a write of the old side.

use super::body::{Event, Place, Scene};
use super::restore::Sides;
use super::row::{Assignment, all, any, differs, not, wrong};
use super::written;
use crate::sqlite::ident::IdentError;

/// The new side was written and is not related to the old one, so old is to follow from it.
pub(super) fn leads(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    let sides = Sides::of(scene, place)?;
    let not_up = wrong(&sides.new, &sides.up);
    let not_old = not(&written::old(scene, place)?);
    let unrelated = match scene.event {
        Event::Insert => any([not_old, all(&[&not_up, &sides.not_down()])].into_iter()),
        Event::Update => all(&[&not_up, &any([not_old, sides.not_down()].into_iter())]),
    };
    Ok(all(&[&written::new(scene, place)?, &unrelated]))
}

/// Both sides were written and disagree: new wins.
pub(super) fn conflict(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    let sides = Sides::of(scene, place)?;
    Ok(all(&[
        &written::new(scene, place)?,
        &written::old(scene, place)?,
        &wrong(&sides.new, &sides.up),
        &sides.not_down(),
    ]))
}

/// The new side follows the old one: where the application did not write it and the old side is another than before, by whomever:
/// another pair's `down` may have restored a column that this one reads.
pub(super) fn follows(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    let not_new = not(&written::new(scene, place)?);
    let changed = |column: &str| -> Result<String, IdentError> {
        let cell = scene.row.cell(column)?;
        Ok(differs(&format!("OLD.{cell}"), &cell))
    };
    Ok(match scene.event {
        Event::Insert => not_new,
        Event::Update => {
            let reads: Result<Vec<_>, _> = place.pair.reads.iter().map(|c| changed(c)).collect();
            let cell = scene.row.cell(&place.down.column)?;
            let down = scene.row.down(place.down, &[])?;
            let restored = all(&[&changed(&place.down.column)?, &not(&wrong(&cell, &down))]);
            all(&[&not_new, &any(reads?.into_iter()), &not(&restored)])
        }
    })
}

/// What the application wrote to the new side stays. Where one pair's `down` restores a column that another pair reads, an inner
/// activation takes that for a write of the other pair's old side, and cannot know that its new side was written, too.
pub(super) fn put_back(scene: &Scene<'_>) -> Result<Option<String>, IdentError> {
    let reads_another = |place: &Place<'_>| {
        scene.places().any(|other| {
            other.down.column != place.down.column && place.pair.reads.contains(&other.down.column)
        })
    };
    let assignments: Result<Vec<_>, IdentError> = scene
        .places()
        .filter(reads_another)
        .map(|place| {
            let cell = scene.row.cell(&place.pair.new)?;
            let written = format!("NEW.{cell}");
            let when = all(&[&written::new(scene, &place)?, &differs(&cell, &written)]);
            Ok(Assignment {
                cell,
                value: written,
                when,
            })
        })
        .collect();
    Ok(scene.row.assign(&assignments?))
}
