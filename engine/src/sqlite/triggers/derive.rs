//! The last statement: new columns become `up` of the old side as the row has it by then.
//!
//! While old is authoritative, all of them, whatever column the write was about. While new is, those that follow; a derived column, which has
//! no way back, follows always.

use super::body::{Place, Scene};
use super::row::{Assignment, all, wrong};
use super::{Authority, new};
use crate::sqlite::ident::IdentError;

/// New becomes `up` of old in every column where it is not.
pub(super) fn derive(scene: &Scene<'_>) -> Result<Option<String>, IdentError> {
    let assignments: Result<Vec<_>, IdentError> = scene
        .mirror
        .pairs
        .iter()
        .map(|pair| {
            let cell = scene.row.cell(&pair.new)?;
            let value = scene.row.up(pair, &[])?;
            let not_up = wrong(&cell, &value);
            let when = match (scene.authority, &pair.down) {
                (Authority::New, Some(down)) => {
                    let follows = new::follows(scene, &Place { pair, down })?;
                    all(&[&follows, &not_up])
                }
                (Authority::Old, _) | (Authority::New, None) => not_up,
            };
            Ok(Assignment { cell, value, when })
        })
        .collect();
    Ok(scene.row.assign(&assignments?))
}
