//! Puts `down` of the new side into the old column, or says that it cannot be.

use super::quarantine::{Kind, Report, quarantine, reraise};
use super::{Body, Place, Scene};
use crate::postgres::ident::{self, IdentError};
use crate::postgres::triggers::OnDownError;

/// What the body does around the assignment.
pub(super) struct Restoring {
    /// How a `down` that cannot be carried out is recorded, where the spec did not choose to fail the write.
    pub(super) unable: Kind,
    /// A line after the assignment.
    pub(super) then: Option<&'static str>,
}

/// Old becomes `down` of new. If `down` raises, or gives NULL for a column that refuses it, old stays as it was.
pub(super) fn restore(
    out: &mut Body,
    depth: usize,
    scene: &Scene<'_>,
    place: &Place<'_>,
    restoring: &Restoring,
) -> Result<(), IdentError> {
    let Place { pair, down, .. } = *place;
    let old = scene.row.cell(&down.column)?;
    let value = scene.row.down(pair, down)?;
    if pair.cannot_raise {
        refuses_null(out, depth, scene, place, &value)?;
        out.line(depth + 1, "sluice_sqlstate := '23502';");
        unable(out, depth + 1, scene, place, restoring)?;
        out.line(depth, "ELSE");
        out.line(depth + 1, format!("{old} := {value};"));
        restoring.then.iter().for_each(|l| out.line(depth + 1, l));
        out.line(depth, "END IF;");
        return Ok(());
    }
    out.line(depth, "BEGIN");
    out.line(depth + 1, "DECLARE");
    out.line(
        depth + 2,
        format!("sluice_value {} := {value};", down.column_type),
    );
    out.line(depth + 1, "BEGIN");
    refuses_null(out, depth + 2, scene, place, "sluice_value")?;
    out.line(depth + 3, "RAISE not_null_violation;");
    out.line(depth + 2, "END IF;");
    out.line(depth + 2, format!("{old} := sluice_value;"));
    restoring.then.iter().for_each(|l| out.line(depth + 2, l));
    out.line(depth + 1, "END;");
    out.line(depth, "EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN");
    reraise(out, depth + 1);
    unable(out, depth + 1, scene, place, restoring)?;
    out.line(depth, "END;");
    Ok(())
}

/// `IF` the value is a NULL that the old column would refuse after us `THEN`: the application's write must not fail by our
/// doing. Asked of the table that fires, which may be a partition.
fn refuses_null(
    out: &mut Body,
    depth: usize,
    scene: &Scene<'_>,
    place: &Place<'_>,
    value: &str,
) -> Result<(), IdentError> {
    let name = ident::literal(scene.row.name(&place.down.column));
    out.line(
        depth,
        format!("IF {value} IS NOT DISTINCT FROM NULL AND EXISTS ("),
    );
    out.line(depth + 1, "SELECT FROM pg_catalog.pg_attribute AS a");
    out.line(
        depth + 1,
        format!("WHERE a.attrelid = TG_RELID AND a.attname = {name} AND a.attnotnull"),
    );
    out.line(depth, ") THEN");
    Ok(())
}

/// What the spec chose for such a write. `sluice_sqlstate` says what was wrong.
fn unable(
    out: &mut Body,
    depth: usize,
    scene: &Scene<'_>,
    place: &Place<'_>,
    restoring: &Restoring,
) -> Result<(), IdentError> {
    let Place { pair, down, .. } = *place;
    match down.on_error {
        OnDownError::Close => quarantine(
            out,
            depth,
            scene,
            &Report {
                column: &down.column,
                new: &pair.new,
                kind: restoring.unable,
            },
        ),
        OnDownError::Fail => {
            fail(out, depth, scene, place);
            Ok(())
        }
    }
}

/// The application hears it, under the code of what went wrong, as it would from a constraint of its own.
fn fail(out: &mut Body, depth: usize, scene: &Scene<'_>, place: &Place<'_>) {
    let Place { pair, down, .. } = *place;
    let message = format!(
        "sluice: this write of column {:?} of table {:?} cannot be carried back to column {:?}, and the migration's spec chose \"fail\" for such writes",
        pair.new, scene.mirror.table.name, down.column
    );
    out.line(depth, "RAISE EXCEPTION USING");
    out.line(depth + 1, "ERRCODE = sluice_mirror.sluice_sqlstate,");
    out.line(depth + 1, format!("MESSAGE = {},", ident::literal(&message)));
    out.line(depth + 1, "SCHEMA = TG_TABLE_SCHEMA,");
    out.line(depth + 1, "TABLE = TG_TABLE_NAME,");
    out.line(depth + 1, format!("COLUMN = {};", ident::literal(&pair.new)));
}
