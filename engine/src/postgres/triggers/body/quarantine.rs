//! What a mirror's function does with a row it cannot mirror: its key goes to the ledger's quarantine, without any value
//! that an error's own text might quote.

use super::{Body, Scene};
use crate::postgres::ident::{self, IdentError};
use crate::postgres::triggers::SCHEMA;

/// What tells of the server's state, not of the row, is the application's to retry.
pub(super) fn reraise(out: &mut Body, depth: usize) {
    out.line(depth, "sluice_sqlstate := SQLSTATE;");
    out.line(
        depth,
        "IF left(SQLSTATE, 2) IN ('40', '53', '55', '57', '58') THEN",
    );
    out.line(depth + 1, "RAISE;");
    out.line(depth, "END IF;");
}

/// Why a row is written down.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// `up` raised.
    UpRaised,
    /// `down` could not be carried out while old is the authority: old and new agree afterwards, so looking at the row again would show nothing.
    Lost,
    /// `down` could not be carried out while new is the authority: the two sides tell different things now.
    Closed,
    /// Both sides were written and disagree, while old is the authority.
    OldWon,
    /// The same, while new is.
    NewWon,
}

pub(super) struct Report<'a> {
    /// The column whose value was to be computed.
    pub(super) column: &'a str,
    /// The pair's new column.
    pub(super) new: &'a str,
    pub(super) kind: Kind,
}

impl Report<'_> {
    fn kind(&self) -> &'static str {
        match self.kind {
            Kind::UpRaised => "error",
            Kind::Lost => "lost",
            Kind::Closed => "closed",
            Kind::OldWon | Kind::NewWon => "conflict",
        }
    }

    /// For people; never a value of the row, which an error's own text could hold.
    fn message(&self) -> String {
        let (column, new) = (self.column, self.new);
        match self.kind {
            Kind::UpRaised => {
                format!("computing {column:?} from the old side raised an error; it is NULL")
            }
            Kind::Lost => format!(
                "a write of the new side was lost: computing {column:?} from {new:?} raised an error; {column:?} was kept"
            ),
            Kind::Closed => format!(
                "the way back is closed for this row: computing {column:?} from {new:?} raised an error; {new:?} was written and {column:?} was kept"
            ),
            Kind::OldWon => {
                format!("both sides of {column:?} were written and disagree; the old side won")
            }
            Kind::NewWon => {
                format!("both sides of {column:?} were written and disagree; the new side won")
            }
        }
    }
}

/// Writes the row's key to the quarantine. If even that fails, the application's write still succeeds: the new
/// value is wrong then, which every sweep and check finds.
pub(super) fn quarantine(
    out: &mut Body,
    depth: usize,
    scene: &Scene<'_>,
    report: &Report<'_>,
) -> Result<(), IdentError> {
    let mirror = scene.mirror;
    out.line(depth, "BEGIN");
    out.line(
        depth + 1,
        format!("INSERT INTO {}.\"quarantine\"", ident::quote(SCHEMA)?),
    );
    out.line(
        depth + 2,
        "(job_tag, table_schema, table_name, row_key, new_column, kind, sqlstate, message)",
    );
    out.line(depth + 1, "VALUES (");
    let values = [
        ident::literal(tag_of(&mirror.function)),
        ident::literal(&mirror.table.schema),
        ident::literal(&mirror.table.name),
        scene.row.key(&mirror.key)?,
        ident::literal(report.new),
        ident::literal(report.kind()),
        "sluice_mirror.sluice_sqlstate".to_owned(),
        ident::literal(&report.message()),
    ];
    out.line(depth + 2, values.join(", "));
    out.line(depth + 1, ") ON CONFLICT DO NOTHING;");
    out.line(depth, "EXCEPTION WHEN OTHERS THEN");
    out.line(
        depth + 1,
        "IF left(SQLSTATE, 2) IN ('40', '53', '55', '57', '58') THEN",
    );
    out.line(depth + 2, "RAISE;");
    out.line(depth + 1, "END IF;");
    out.line(
        depth + 1,
        "RAISE LOG 'sluice: a row could not be written to the quarantine: %', SQLSTATE;",
    );
    out.line(depth, "END;");
    Ok(())
}

/// `sluice_<tag>_<n>` without its ends; another name as it is.
fn tag_of(function: &str) -> &str {
    function
        .strip_prefix("sluice_")
        .and_then(|rest| rest.split('_').next())
        .unwrap_or(function)
}
