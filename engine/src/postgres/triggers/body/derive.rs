//! The last pass: a new column becomes `up` of the old side as this row has it by then.

use super::quarantine::{Kind, Report, quarantine, reraise};
use super::{Body, Pair, Scene};
use crate::postgres::ident::IdentError;

/// New becomes `up` of old, or NULL and a row in the quarantine if that raises. `then` writes what follows a success.
pub(super) fn derive(
    out: &mut Body,
    depth: usize,
    scene: &Scene<'_>,
    pair: &Pair,
    then: impl Fn(&mut Body, usize) -> Result<(), IdentError>,
) -> Result<(), IdentError> {
    let new = scene.row.cell(&pair.new)?;
    let assign = format!("{new} := {};", scene.row.up(pair)?);
    if pair.cannot_raise {
        out.line(depth, assign);
        return then(out, depth);
    }
    out.line(depth, "BEGIN");
    out.line(depth + 1, assign);
    then(out, depth + 1)?;
    out.line(depth, "EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN");
    reraise(out, depth + 1);
    out.line(depth + 1, format!("{new} := NULL;"));
    let report = Report {
        column: &pair.new,
        new: &pair.new,
        kind: Kind::UpRaised,
    };
    quarantine(out, depth + 1, scene, &report)?;
    out.line(depth, "END;");
    Ok(())
}
