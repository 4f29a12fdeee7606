//! Puts `down` of the new side into the old column, where it can be and where the authority says so.

use super::body::{Place, Scene, laid};
use super::row::{Assignment, all, any, mentions, wrong};
use super::{Authority, new, old};
use crate::sqlite::ident::IdentError;

/// Both sides of a pair as the row has them, and what each would be by the other.
pub(super) struct Sides {
    /// The new column, quoted.
    pub(super) new: String,
    /// The column that `down` restores, quoted, as it is called now.
    pub(super) old: String,
    pub(super) up: String,
    pub(super) down: String,
    not_null: bool,
}

impl Sides {
    /// Pairs are gone through in order: one that reads a column which an earlier one restores sees the value to be restored (as `down` gives it,
    /// not yet as the column will store it: where that makes a difference, the derived new columns are right all the same).
    pub(super) fn of(scene: &Scene<'_>, place: &Place<'_>) -> Result<Self, IdentError> {
        let Place { pair, down } = *place;
        let for_up = laid(scene, place, |column| pair.reads.iter().any(|c| c == column))?;
        let for_down = laid(scene, place, |column| mentions(&down.expression, column))?;
        let by_down = match scene.authority {
            Authority::Old => old::down(scene, place, for_down)?,
            Authority::New => scene.row.down(down, &for_down)?,
        };
        Ok(Self {
            new: scene.row.cell(&pair.new)?,
            old: scene.row.cell(&down.column)?,
            up: scene.row.up(pair, &for_up)?,
            down: by_down,
            not_null: down.not_null,
        })
    }

    /// Old is not what `down` gives. Where old may not be NULL, a NULL is related to nothing.
    pub(super) fn not_down(&self) -> String {
        let wrong = wrong(&self.old, &self.down);
        if self.not_null {
            any([format!("{} IS NULL", self.old), wrong].into_iter())
        } else {
            wrong
        }
    }
}

/// The new side leads, under this authority.
pub(super) fn leads(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    match scene.authority {
        Authority::Old => old::leads(scene, place),
        Authority::New => new::leads(scene, place),
    }
}

/// The new side leads, and `down` gives what the old column may hold and does not hold yet.
pub(super) fn carried(scene: &Scene<'_>, place: &Place<'_>, sides: &Sides) -> Result<String, IdentError> {
    let leads = leads(scene, place)?;
    let changes = wrong(&sides.old, &sides.down);
    if place.down.not_null {
        let fits = format!("{} IS NOT NULL", sides.down);
        return Ok(all(&[&leads, &changes, &fits]));
    }
    Ok(all(&[&leads, &changes]))
}

/// What the old column of this pair will hold once it is restored, or as it is.
pub(super) fn value(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    let sides = Sides::of(scene, place)?;
    let carried = carried(scene, place, &sides)?;
    Ok(format!(
        "CASE WHEN {carried} THEN {} ELSE {} END",
        sides.down, sides.old
    ))
}

/// Every old column that a new side leads, in one statement.
pub(super) fn restore(scene: &Scene<'_>) -> Result<Option<String>, IdentError> {
    let assignments: Result<Vec<_>, IdentError> = scene
        .places()
        .map(|place| {
            let sides = Sides::of(scene, &place)?;
            Ok(Assignment {
                when: carried(scene, &place, &sides)?,
                cell: sides.old,
                value: sides.down,
            })
        })
        .collect();
    Ok(scene.row.assign(&assignments?))
}
