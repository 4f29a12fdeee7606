//! What a body decides while *old* is authoritative: every row that a write leaves behind has `new = up(old)`.
//!
//! A new side that was written alone, and that is not simply what `up` gives, restores the old side first. Why "not simply what
//! `up` gives": the backfill's own UPDATE, a row moving between partitions and a repeated full-row write all carry the new value
//! that `up` yields. Restoring old from it would put `down(up(old))` in old's place, and 5432 ms would become 5 s and then
//! 5000 ms: data lost by the very tool that was to keep it. For the same reason such a write is not counted as one of the new side.

use super::quarantine::{Kind, Report, quarantine};
use super::restore::{Restoring, restore};
use super::{Body, Pair, Place, Scene, comment, count, derive, note, related};
use crate::postgres::ident::IdentError;

/// The variables of this body.
pub(super) fn declare(out: &mut Body, scene: &Scene<'_>) {
    if scene.places().next().is_some() {
        count::declare(out);
        out.line(1, "sluice_restored boolean := false;");
    }
    for Place { n, .. } in scene.places() {
        note::declare(out, n);
        out.line(1, format!("sluice_{n}_agrees boolean := false;"));
        out.line(1, format!("sluice_{n}_conflict boolean := false;"));
    }
}

/// The second pass for one pair: old is restored from new where new was written alone.
pub(super) fn decide(out: &mut Body, scene: &Scene<'_>, place: &Place<'_>) -> Result<(), IdentError> {
    let Place { n, pair, down } = *place;
    out.line(
        1,
        format!(
            "-- {n}: from {} back to {}",
            comment(&pair.new),
            comment(&down.column)
        ),
    );
    out.line(1, format!("IF sluice_{n}_new_written THEN"));
    related::by_up(out, 2, scene, place, &format!("sluice_{n}_agrees"))?;
    out.line(2, format!("IF NOT sluice_{n}_agrees THEN"));
    count::mark(out, 3);
    out.line(3, format!("IF sluice_{n}_old_written THEN"));
    out.line(4, format!("sluice_{n}_conflict := true;"));
    out.line(3, "ELSE");
    let restoring = Restoring {
        unable: Kind::Lost,
        then: Some("sluice_restored := true;"),
    };
    restore(out, 4, scene, place, &restoring)?;
    out.line(3, "END IF;");
    out.line(2, "END IF;");
    out.line(1, "END IF;");
    Ok(())
}

/// The last pass for one pair: new becomes `up` of old, whatever column the write was about.
pub(super) fn derive(out: &mut Body, scene: &Scene<'_>, n: usize, pair: &Pair) -> Result<(), IdentError> {
    out.line(1, format!("-- {n}: {} from the old side", comment(&pair.new)));
    if pair.down.is_none() {
        return derive::derive(out, 1, scene, pair, |_, _| Ok(()));
    }
    // Otherwise it was computed already, and nothing it could have read was restored since.
    out.line(1, format!("IF NOT sluice_{n}_agrees OR sluice_restored THEN"));
    derive::derive(out, 2, scene, pair, |out, depth| {
        conflict(out, depth, scene, n, pair)
    })?;
    out.line(1, "END IF;");
    Ok(())
}

/// Both sides were written and disagree: old wins, and it is told.
fn conflict(
    out: &mut Body,
    depth: usize,
    scene: &Scene<'_>,
    n: usize,
    pair: &Pair,
) -> Result<(), IdentError> {
    out.line(depth, format!("IF sluice_{n}_conflict THEN"));
    // The ledger asks for a code: this one says that nothing raised.
    out.line(depth + 1, "sluice_sqlstate := '00000';");
    let report = Report {
        column: &pair.new,
        new: &pair.new,
        kind: Kind::OldWon,
    };
    quarantine(out, depth + 1, scene, &report)?;
    out.line(depth, "END IF;");
    Ok(())
}
