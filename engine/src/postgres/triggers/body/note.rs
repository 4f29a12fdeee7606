//! The first pass: which sides this write gave.

use super::{Body, Place, Scene};
use crate::postgres::ident::IdentError;

/// The variables that [`written`] fills.
pub(super) fn declare(out: &mut Body, n: usize) {
    out.line(1, format!("sluice_{n}_new_written boolean;"));
    out.line(1, format!("sluice_{n}_old_written boolean;"));
}

/// An UPDATE wrote a side if it changed it; an INSERT, if the side is not all NULL.
pub(super) fn written(out: &mut Body, scene: &Scene<'_>, place: &Place<'_>) -> Result<(), IdentError> {
    let Place { n, pair, .. } = *place;
    let row = &scene.row;
    let new = std::slice::from_ref(&pair.new);
    out.line(1, "IF TG_OP = 'INSERT' THEN");
    out.line(2, format!("sluice_{n}_new_written := {};", row.given(new)?));
    out.line(
        2,
        format!("sluice_{n}_old_written := {};", row.given(&pair.reads)?),
    );
    out.line(1, "ELSE");
    out.line(2, format!("sluice_{n}_new_written := {};", row.changed(new)?));
    out.line(
        2,
        format!("sluice_{n}_old_written := {};", row.changed(&pair.reads)?),
    );
    out.line(1, "END IF;");
    Ok(())
}
