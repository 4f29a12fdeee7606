//! Counts writes of the new side, so that somebody can tell when they have stopped.
//!
//! A sequence, because it is seen before the writer commits and costs no lock that two writers would wait for. Its count
//! may be too high (a write that is rolled back counts), never too low.

use super::{Body, Scene};
use crate::postgres::ident::{self, IdentError};
use crate::postgres::triggers::SCHEMA;

/// The variable that says so.
pub(super) fn declare(out: &mut Body) {
    out.line(1, "sluice_counts boolean := false;");
}

/// This write counts.
pub(super) fn mark(out: &mut Body, depth: usize) {
    out.line(depth, "sluice_counts := true;");
}

/// Once a row, at the end: several pairs are one write. A counter that somebody dropped does not fail the
/// application's write; the question whether the mirror is in place finds it missing.
pub(super) fn count(out: &mut Body, scene: &Scene<'_>) -> Result<(), IdentError> {
    let counter = format!(
        "{}.{}",
        ident::quote(SCHEMA)?,
        ident::quote(&scene.mirror.counter)?
    );
    out.line(1, "IF sluice_counts THEN");
    out.line(2, "BEGIN");
    out.line(
        3,
        format!("PERFORM pg_catalog.nextval({});", ident::literal(&counter)),
    );
    out.line(2, "EXCEPTION WHEN OTHERS THEN");
    super::quarantine::reraise(out, 3);
    out.line(
        3,
        "RAISE LOG 'sluice: a write of the new side could not be counted: %', SQLSTATE;",
    );
    out.line(2, "END;");
    out.line(1, "END IF;");
    Ok(())
}
