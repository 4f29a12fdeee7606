//! Which sides this write gave: conditions over OLD and NEW alone, which stay what they are while the body changes the row.

use super::body::{Event, Place, Scene};
use super::row::{any, differs};
use crate::sqlite::ident::IdentError;

/// The new side was written.
pub(super) fn new(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    one(scene, &place.pair.new)
}

/// The old side was written: any column that `up` reads.
pub(super) fn old(scene: &Scene<'_>, place: &Place<'_>) -> Result<String, IdentError> {
    let columns: Result<Vec<_>, IdentError> = place.pair.reads.iter().map(|c| one(scene, c)).collect();
    Ok(any(columns?.into_iter()))
}

/// An UPDATE wrote a column if it changed it; an INSERT, if it is not NULL.
fn one(scene: &Scene<'_>, column: &str) -> Result<String, IdentError> {
    let cell = scene.row.cell(column)?;
    Ok(match scene.event {
        Event::Insert => format!("NEW.{cell} IS NOT NULL"),
        Event::Update => differs(&format!("OLD.{cell}"), &format!("NEW.{cell}")),
    })
}
