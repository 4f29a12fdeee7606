//! Rows that need somebody's eyes: set aside by the triggers, found wrong, impossible to fill.

use super::Page;
use crate::out::moment;
use crate::status::model::Status;

pub(super) fn write(page: &mut Page, status: &Status) {
    if !status.quarantined.is_empty() {
        page.title("quarantined rows");
    }
    for row in &status.quarantined {
        page.line(&format!(
            "  {} {}: column {}, {}, SQLSTATE {}, {}, {}",
            row.table,
            row.key,
            row.column,
            kind(&row.kind),
            row.sqlstate,
            row.message,
            moment(row.at)
        ));
    }
    if !status.mismatches.is_empty() {
        page.title("rows found wrong");
    }
    for row in &status.mismatches {
        page.line(&format!("  {} {}: {}", row.table, row.key, row.detail));
    }
    if !status.failed_chunks.is_empty() {
        page.title("ranges that could not be filled");
    }
    for range in &status.failed_chunks {
        let keys = range.keys.as_ref().map_or(String::new(), |[first, last]| {
            format!(", stopped between keys {first} and {last}")
        });
        page.line(&format!(
            "  {} blocks {} to {}{keys}: SQLSTATE {}, {}",
            range.table,
            range.first_block,
            range.end_block,
            range.sqlstate.as_deref().unwrap_or("none"),
            range.message
        ));
    }
}

/// A kind that a person has to act on before the job can go back says so.
fn kind(kind: &str) -> &str {
    match kind {
        "closed" => "the way back is closed for this row",
        kind => kind,
    }
}
