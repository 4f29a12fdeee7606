//! What a body decides while *new* is authoritative: changes are mirrored, and nothing else is touched.
//!
//! An UPDATE that changed neither side leaves both alone: `up` need not give what new holds (`up = lower(email)`, new is `Bob@x`), and a
//! "repair" would destroy the truth. A side is written here only because the application changed the other one.
//!
//! | written  | old side                    | new side  |
//! |----------|-----------------------------|-----------|
//! | neither  | as it is                    | as it is  |
//! | new only | `down(new)`                 | as it is  |
//! | old only | as it is                    | `up(old)` |
//! | both     | as it is if they are related, else `down(new)` and a conflict | as it is |
//!
//! An INSERT is read the same way, with "given" for "changed"; one that gives nothing takes `up` of nothing. Two things look like
//! what they are not there. A row that **moves between partitions** arrives by INSERT, with both sides or with an old side that is rightly
//! empty: if the sides are related, nothing is touched. An old column with a **default** looks given when it was not: a
//! disagreement is then no conflict worth telling, and a writer that declares itself (`SET LOCAL sluice.path = 'new'`) is not even asked
//! whether the default happens to be related.

use super::quarantine::{Kind, Report, quarantine};
use super::restore::{Restoring, restore};
use super::{Body, Pair, Place, Scene, comment, count, derive, note, related};
use crate::postgres::ident::{self, IdentError};

/// The variables of this body.
pub(super) fn declare(out: &mut Body, scene: &Scene<'_>) {
    if scene.places().next().is_some() {
        count::declare(out);
        out.line(1, "sluice_asked boolean;");
    }
    for Place { n, .. } in scene.places() {
        note::declare(out, n);
        out.line(1, format!("sluice_{n}_related boolean := false;"));
        out.line(1, format!("sluice_{n}_follows boolean;"));
    }
}

/// The second pass for one pair: old is restored from new wherever new was written, unless the two are related already.
pub(super) fn decide(out: &mut Body, scene: &Scene<'_>, place: &Place<'_>) -> Result<(), IdentError> {
    let Place { n, pair, down } = *place;
    let related = format!("sluice_{n}_related");
    out.line(
        1,
        format!(
            "-- {n}: from {} back to {}",
            comment(&pair.new),
            comment(&down.column)
        ),
    );
    out.line(1, format!("IF sluice_{n}_new_written THEN"));
    asked(out, scene, place)?;
    out.line(2, "IF sluice_asked THEN");
    related::by_up(out, 3, scene, place, &related)?;
    out.line(3, format!("IF NOT {related} THEN"));
    related::by_down(out, 4, scene, place, &related)?;
    out.line(3, "END IF;");
    out.line(2, "END IF;");
    out.line(2, format!("IF NOT {related} THEN"));
    count::mark(out, 3);
    let restoring = Restoring {
        unable: Kind::Closed,
        then: None,
    };
    conflict(out, scene, place)?;
    restore(out, 3, scene, place, &restoring)?;
    out.line(2, "END IF;");
    out.line(1, "END IF;");
    Ok(())
}

/// `sluice_asked` becomes: it matters whether the sides are related. Only an INSERT needs to look at the catalog for that.
fn asked(out: &mut Body, scene: &Scene<'_>, place: &Place<'_>) -> Result<(), IdentError> {
    let Place { n, down, .. } = *place;
    let declared = if down.has_default {
        " AND (TG_OP = 'UPDATE' OR current_setting('sluice.path', true) IS DISTINCT FROM 'new')"
    } else {
        ""
    };
    let name = ident::literal(scene.row.name(&down.column));
    out.line(2, format!("sluice_asked := sluice_{n}_old_written{declared};"));
    out.line(2, "IF TG_OP = 'INSERT' AND NOT sluice_asked THEN");
    // In a partition this may be a row that moves: its transaction may have declared itself for other writes, and its old side
    // may be rightly empty, if it may be empty at all, where `up` of nothing is something.
    out.line(3, "sluice_asked := EXISTS (");
    out.line(4, "SELECT FROM pg_catalog.pg_class AS c");
    out.line(4, "JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid");
    out.line(
        4,
        format!("WHERE c.oid = TG_RELID AND c.relispartition AND a.attname = {name}"),
    );
    out.line(4, format!("AND (sluice_{n}_old_written OR NOT a.attnotnull)"));
    out.line(3, ");");
    out.line(2, "END IF;");
    Ok(())
}

/// Both sides were written and disagree: new wins, and it is told, unless the old side may be nothing but its default.
fn conflict(out: &mut Body, scene: &Scene<'_>, place: &Place<'_>) -> Result<(), IdentError> {
    let Place { n, pair, down } = *place;
    let surely_written = if down.has_default {
        format!("sluice_{n}_old_written AND TG_OP = 'UPDATE'")
    } else {
        format!("sluice_{n}_old_written")
    };
    out.line(3, format!("IF {surely_written} THEN"));
    // The ledger asks for a code: this one says that nothing raised.
    out.line(4, "sluice_sqlstate := '00000';");
    let report = Report {
        column: &pair.new,
        new: &pair.new,
        kind: Kind::NewWon,
    };
    quarantine(out, 4, scene, &report)?;
    out.line(3, "END IF;");
    Ok(())
}

/// The last pass for one pair. A derived column is `up` of old always. A new side with a way back follows the old side only
/// where the application did not write it and the old side is another than before, by whomever: another pair's `down` may have
/// restored a column that this one reads.
pub(super) fn derive(out: &mut Body, scene: &Scene<'_>, n: usize, pair: &Pair) -> Result<(), IdentError> {
    out.line(1, format!("-- {n}: {} from the old side", comment(&pair.new)));
    if pair.down.is_none() {
        return derive::derive(out, 1, scene, pair, |_, _| Ok(()));
    }
    out.line(1, "IF TG_OP = 'INSERT' THEN");
    out.line(2, format!("sluice_{n}_follows := NOT sluice_{n}_new_written;"));
    out.line(1, "ELSE");
    out.line(
        2,
        format!(
            "sluice_{n}_follows := NOT sluice_{n}_new_written AND {};",
            scene.row.changed(&pair.reads)?
        ),
    );
    out.line(1, "END IF;");
    out.line(1, format!("IF sluice_{n}_follows THEN"));
    derive::derive(out, 2, scene, pair, |_, _| Ok(()))?;
    out.line(1, "END IF;");
    Ok(())
}
