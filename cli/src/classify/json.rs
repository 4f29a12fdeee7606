//! One JSON object, a line for each statement, so that a dump of any size passes through.

use std::io::{self, Write};

use super::Totals;
use super::record::{Record, Unreadable};

pub(super) fn begin(out: &mut impl Write) -> io::Result<()> {
    write!(out, "{{\n\"statements\": [")
}

pub(super) fn statement(out: &mut impl Write, record: &Record<'_>, is_first: &mut bool) -> io::Result<()> {
    next(out, is_first)?;
    serde_json::to_writer(&mut *out, record).map_err(io::Error::from)
}

pub(super) fn end(out: &mut impl Write, faults: &[Unreadable], totals: &Totals) -> io::Result<()> {
    write!(out, "\n],\n\"errors\": ")?;
    serde_json::to_writer(&mut *out, faults)?;
    write!(out, ",\n\"summary\": ")?;
    serde_json::to_writer(&mut *out, totals)?;
    writeln!(out, "\n}}")
}

/// Goes to the next line of a list.
pub(super) fn next(out: &mut impl Write, is_first: &mut bool) -> io::Result<()> {
    let between = if std::mem::take(is_first) { "\n" } else { ",\n" };
    out.write_all(between.as_bytes())
}
