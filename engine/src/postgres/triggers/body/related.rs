//! Do the two sides of a pair tell the same? A side whose expression raises is related to nothing.

use super::quarantine::reraise;
use super::row::differs;
use super::{Body, Place, Scene};
use crate::postgres::ident::IdentError;

/// `variable` becomes: the new value is just what `up` gives.
pub(super) fn by_up(
    out: &mut Body,
    depth: usize,
    scene: &Scene<'_>,
    place: &Place<'_>,
    variable: &str,
) -> Result<(), IdentError> {
    let Place { pair, .. } = *place;
    let value = scene.row.up(pair)?;
    let found = scene.row.cell(&pair.new)?;
    let compared = compared(variable, &pair.new_type, &value, &found);
    guarded(out, depth, &compared, pair.cannot_raise, variable);
    Ok(())
}

/// `variable` becomes: the old value is just what `down` gives.
pub(super) fn by_down(
    out: &mut Body,
    depth: usize,
    scene: &Scene<'_>,
    place: &Place<'_>,
    variable: &str,
) -> Result<(), IdentError> {
    let Place { pair, down, .. } = *place;
    let value = scene.row.down(pair, down)?;
    let found = scene.row.cell(&down.column)?;
    let compared = compared(variable, &down.column_type, &value, &found);
    guarded(out, depth, &compared, pair.cannot_raise, variable);
    Ok(())
}

/// The variable has the column's own type and modifier, so that what does not fit raises instead of being cut; it
/// is declared with its value, because a domain may refuse the NULL it would begin with.
fn compared(variable: &str, type_name: &str, value: &str, found: &str) -> [String; 5] {
    [
        "DECLARE".to_owned(),
        format!("    sluice_value {type_name} := {value};"),
        "BEGIN".to_owned(),
        format!("    {variable} := NOT {};", differs(found, "sluice_value")),
        "END;".to_owned(),
    ]
}

fn guarded(out: &mut Body, depth: usize, lines: &[String], cannot_raise: bool, variable: &str) {
    if cannot_raise {
        lines.iter().for_each(|l| out.line(depth, l));
        return;
    }
    out.line(depth, "BEGIN");
    lines.iter().for_each(|l| out.line(depth + 1, l));
    out.line(depth, "EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN");
    reraise(out, depth + 1);
    out.line(depth + 1, format!("{variable} := false;"));
    out.line(depth, "END;");
}
