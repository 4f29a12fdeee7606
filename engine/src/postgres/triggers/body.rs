//! The PL/pgSQL body of a mirror's function, while *old* is authoritative.
//!
//! Three passes over the pairs. First it is *noted* which sides this write changed, compared as bytes. Then the
//! *downs*: a new side that was written, and that is not simply what `up` gives, restores the old side. Last the
//! *ups*: each new column becomes `up` of the old side, whatever column the write was about.
//!
//! Why "not simply what `up` gives": the backfill's own UPDATE, a row moving between partitions and a repeated
//! full-row write all carry the new value that `up` yields. Restoring old from it would put `down(up(old))` in old's place,
//! and 5432 ms would become 5 s and then 5000 ms: data lost by the very tool that was to keep it.
//!
//! Why every pass ends before the next begins: what one pair's `down` restored is not what the application wrote, and
//! must not count as such for another pair that reads the same column; and an `up` may read a column that another pair's
//! `down` has just restored.
//!
//! What may raise runs in a block that catches it: the application's write succeeds, the new value is NULL (or the old
//! value stays as it was), and the row goes to the quarantine by its key. What tells of the server's state
//! instead of the row (serialization, deadlock, no resources, a lock, shutdown) is raised again. `OTHERS` leaves a failed
//! ASSERT out, which an author's function may hold, so it is named.
//!
//! Names: every variable begins with `sluice_` and is qualified by the block's label, and `use_column` lets a column win
//! in the author's expressions.

mod quarantine;

use std::fmt::Write as _;

use self::quarantine::{Kind, Report, quarantine, reraise};
use super::{Down, Mirror, Pair};
use crate::postgres::ident::{self, IdentError};

/// The body for every pair of the mirror.
pub(super) fn compile(mirror: &Mirror) -> Result<String, IdentError> {
    let mut out = Body::default();
    out.line(0, "");
    out.line(0, "#variable_conflict use_column");
    out.line(0, "<<sluice_mirror>>");
    out.line(0, "DECLARE");
    out.line(1, "sluice_sqlstate text;");
    out.line(1, "sluice_restored boolean := false;");
    for (n, pair) in mirror.pairs.iter().enumerate() {
        declare(&mut out, n, pair);
    }
    out.line(0, "BEGIN");
    for place in places(mirror) {
        note(&mut out, &place)?;
    }
    for place in places(mirror) {
        restore(&mut out, mirror, &place)?;
    }
    for (n, pair) in mirror.pairs.iter().enumerate() {
        derive(&mut out, mirror, n, pair)?;
    }
    out.line(1, "RETURN NEW;");
    out.line(0, "END");
    Ok(out.text)
}

#[derive(Default)]
struct Body {
    text: String,
}

impl Body {
    fn line(&mut self, depth: usize, line: impl AsRef<str>) {
        writeln!(self.text, "{:indent$}{}", "", line.as_ref(), indent = depth * 4)
            .expect("writing to a String cannot fail");
    }
}

/// A pair that has a way back.
struct Place<'a> {
    n: usize,
    pair: &'a Pair,
    down: &'a Down,
}

fn places(mirror: &Mirror) -> impl Iterator<Item = Place<'_>> {
    mirror.pairs.iter().enumerate().filter_map(|(n, pair)| {
        let down = pair.down.as_ref()?;
        Some(Place { n, pair, down })
    })
}

fn declare(out: &mut Body, n: usize, pair: &Pair) {
    if pair.down.is_some() {
        out.line(1, format!("sluice_{n}_new_written boolean;"));
        out.line(1, format!("sluice_{n}_old_written boolean;"));
        out.line(1, format!("sluice_{n}_agrees boolean := false;"));
        out.line(1, format!("sluice_{n}_conflict boolean := false;"));
    }
}

/// A name inside a `--` comment: it may hold anything but the end of the line.
fn comment(name: &str) -> String {
    format!("{name:?}")
}

/// The first pass for one pair: which of its sides this write gave.
fn note(out: &mut Body, place: &Place<'_>) -> Result<(), IdentError> {
    let Place { n, pair, .. } = *place;
    let new = ident::quote(&pair.new)?;
    out.line(1, "IF TG_OP = 'INSERT' THEN");
    out.line(2, format!("sluice_{n}_new_written := NEW.{new} IS NOT NULL;"));
    out.line(2, format!("sluice_{n}_old_written := {};", given(&pair.reads)?));
    out.line(1, "ELSE");
    out.line(
        2,
        format!(
            "sluice_{n}_new_written := {};",
            changed(std::slice::from_ref(&pair.new))?
        ),
    );
    out.line(2, format!("sluice_{n}_old_written := {};", changed(&pair.reads)?));
    out.line(1, "END IF;");
    Ok(())
}

/// The second pass for one pair: old is restored from new where new was written alone.
fn restore(out: &mut Body, mirror: &Mirror, place: &Place<'_>) -> Result<(), IdentError> {
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
    agreement(out, mirror, place)?;
    out.line(2, format!("IF sluice_{n}_agrees THEN"));
    out.line(3, "NULL;");
    out.line(2, format!("ELSIF sluice_{n}_old_written THEN"));
    out.line(3, format!("sluice_{n}_conflict := true;"));
    out.line(2, "ELSE");
    down_assignment(out, mirror, place)?;
    out.line(2, "END IF;");
    out.line(1, "END IF;");
    Ok(())
}

/// Does the written new value equal what `up` gives? A raising `up` agrees with nothing; the last pass reports it.
///
/// The variable has the column's own type and modifier, so that what does not fit raises instead of being cut; it
/// is declared with its value, because a domain may refuse the NULL it would begin with.
fn agreement(out: &mut Body, mirror: &Mirror, place: &Place<'_>) -> Result<(), IdentError> {
    let Place { n, pair, .. } = *place;
    let new = ident::quote(&pair.new)?;
    let compared = [
        "DECLARE".to_owned(),
        format!("    sluice_value {} := {};", pair.new_type, up(mirror, pair)?),
        "BEGIN".to_owned(),
        format!(
            "    sluice_{n}_agrees := NOT {};",
            differs(&format!("NEW.{new}"), "sluice_value")
        ),
        "END;".to_owned(),
    ];
    if pair.cannot_raise {
        compared.iter().for_each(|l| out.line(2, l));
        return Ok(());
    }
    out.line(2, "BEGIN");
    compared.iter().for_each(|l| out.line(3, l));
    out.line(2, "EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN");
    reraise(out, 3);
    out.line(3, format!("sluice_{n}_agrees := false;"));
    out.line(2, "END;");
    Ok(())
}

fn down_assignment(out: &mut Body, mirror: &Mirror, place: &Place<'_>) -> Result<(), IdentError> {
    let Place { pair, down, .. } = *place;
    let old = ident::quote(&down.column)?;
    let value = down_value(mirror, pair, down)?;
    if pair.cannot_raise {
        out.line(3, format!("NEW.{old} := {value};"));
        out.line(3, "sluice_restored := true;");
        return Ok(());
    }
    out.line(3, "BEGIN");
    out.line(4, "DECLARE");
    out.line(5, format!("sluice_value {} := {value};", down.column_type));
    out.line(4, "BEGIN");
    // A NOT NULL column would refuse the row after us: the application's write must not fail by our doing.
    out.line(5, "IF sluice_value IS NULL AND EXISTS (");
    out.line(6, "SELECT FROM pg_catalog.pg_attribute AS a");
    let name = ident::literal(&down.column);
    out.line(
        6,
        format!("WHERE a.attrelid = TG_RELID AND a.attname = {name} AND a.attnotnull"),
    );
    out.line(5, ") THEN");
    out.line(6, "RAISE not_null_violation;");
    out.line(5, "END IF;");
    out.line(5, format!("NEW.{old} := sluice_value;"));
    out.line(5, "sluice_restored := true;");
    out.line(4, "END;");
    out.line(3, "EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN");
    reraise(out, 4);
    quarantine(
        out,
        4,
        mirror,
        &Report {
            column: &down.column,
            new: &pair.new,
            kind: Kind::DownRaised,
        },
    )?;
    out.line(3, "END;");
    Ok(())
}

/// The last pass for one pair: new becomes `up` of old.
fn derive(out: &mut Body, mirror: &Mirror, n: usize, pair: &Pair) -> Result<(), IdentError> {
    let new = ident::quote(&pair.new)?;
    out.line(1, format!("-- {n}: {} from the old side", comment(&pair.new)));
    let mut depth = 1;
    if pair.down.is_some() {
        // Otherwise it was computed already, and nothing it could have read was restored since.
        out.line(depth, format!("IF NOT sluice_{n}_agrees OR sluice_restored THEN"));
        depth += 1;
    }
    let assign = format!("NEW.{new} := {};", up(mirror, pair)?);
    if pair.cannot_raise {
        out.line(depth, assign);
        conflict(out, depth, mirror, n, pair)?;
    } else {
        out.line(depth, "BEGIN");
        out.line(depth + 1, assign);
        conflict(out, depth + 1, mirror, n, pair)?;
        out.line(depth, "EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN");
        reraise(out, depth + 1);
        out.line(depth + 1, format!("NEW.{new} := NULL;"));
        let report = Report {
            column: &pair.new,
            new: &pair.new,
            kind: Kind::UpRaised,
        };
        quarantine(out, depth + 1, mirror, &report)?;
        out.line(depth, "END;");
    }
    if pair.down.is_some() {
        out.line(1, "END IF;");
    }
    Ok(())
}

/// Both sides were written and disagree: old wins, and it is told.
fn conflict(out: &mut Body, depth: usize, mirror: &Mirror, n: usize, pair: &Pair) -> Result<(), IdentError> {
    if pair.down.is_none() {
        return Ok(());
    }
    out.line(depth, format!("IF sluice_{n}_conflict THEN"));
    // The ledger asks for a code: this one says that nothing raised.
    out.line(depth + 1, "sluice_sqlstate := '00000';");
    let report = Report {
        column: &pair.new,
        new: &pair.new,
        kind: Kind::Conflict,
    };
    quarantine(out, depth + 1, mirror, &report)?;
    out.line(depth, "END IF;");
    Ok(())
}

/// `up` over the old side as this row has it now. The subquery bears the table's name, so that `track.milliseconds` works.
fn up(mirror: &Mirror, pair: &Pair) -> Result<String, IdentError> {
    // A renamed column needs no query: plain assignment is several times faster.
    if let [only] = pair.reads.as_slice()
        && pair.up.trim() == ident::quote(only)?
    {
        return Ok(format!("NEW.{}", ident::quote(only)?));
    }
    let columns: Result<Vec<_>, IdentError> = pair
        .reads
        .iter()
        .map(|c| ident::quote(c).map(|c| format!("NEW.{c} AS {c}")))
        .collect();
    over(mirror, &pair.up, &columns?.join(", "))
}

/// `down` may read any column of the row.
fn down_value(mirror: &Mirror, pair: &Pair, down: &Down) -> Result<String, IdentError> {
    if down.expression.trim() == ident::quote(&pair.new)? {
        return Ok(format!("NEW.{}", ident::quote(&pair.new)?));
    }
    over(mirror, &down.expression, "NEW.*")
}

fn over(mirror: &Mirror, expression: &str, columns: &str) -> Result<String, IdentError> {
    Ok(format!(
        "(SELECT ({expression}) FROM (SELECT {columns}) AS {})",
        ident::quote(&mirror.table.name)?
    ))
}

/// This UPDATE changed one of the columns, compared as bytes.
fn changed(columns: &[String]) -> Result<String, IdentError> {
    if columns.is_empty() {
        return Ok("false".to_owned());
    }
    let side = |record: &str| -> Result<String, IdentError> {
        let quoted: Result<Vec<_>, _> = columns
            .iter()
            .map(|c| ident::quote(c).map(|c| format!("{record}.{c}")))
            .collect();
        Ok(quoted?.join(", "))
    };
    Ok(differs(&side("OLD")?, &side("NEW")?))
}

/// This INSERT gave one of the columns.
fn given(columns: &[String]) -> Result<String, IdentError> {
    if columns.is_empty() {
        return Ok("false".to_owned());
    }
    let quoted: Result<Vec<_>, _> = columns
        .iter()
        .map(|c| ident::quote(c).map(|c| format!("NEW.{c} IS NOT NULL")))
        .collect();
    Ok(quoted?.join(" OR "))
}

/// Record images differ. The cast keeps the server from comparing column by column with the types' own operators.
fn differs(left: &str, right: &str) -> String {
    format!("(ROW({left})::record *<> ROW({right})::record)")
}
