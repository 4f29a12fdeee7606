//! What a mirror's function does with a row it cannot mirror: its key goes to the ledger's quarantine, without any value
//! that an error's own text might quote.

use super::Body;
use crate::postgres::ident::{self, IdentError};
use crate::postgres::triggers::{Mirror, SCHEMA};

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

#[derive(Clone, Copy)]
pub(super) enum Kind {
    UpRaised,
    DownRaised,
    Conflict,
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
            // Old and new agree afterwards, so looking at the row again would show nothing.
            Kind::DownRaised => "lost",
            Kind::Conflict => "conflict",
        }
    }

    /// For people; never a value of the row, which an error's own text could hold.
    fn message(&self) -> String {
        match self.kind {
            Kind::UpRaised => format!(
                "computing {:?} from the old side raised an error; it is NULL",
                self.column
            ),
            Kind::DownRaised => {
                format!(
                    "a write of the new side was lost: computing {:?} from {:?} raised an error; {:?} was kept",
                    self.column, self.new, self.column
                )
            }
            Kind::Conflict => format!(
                "both sides of {:?} were written and disagree; the old side won",
                self.column
            ),
        }
    }
}

/// Writes the row's key to the quarantine. If even that fails, the application's write still succeeds: the new
/// value is wrong then, which every sweep and check finds.
pub(super) fn quarantine(
    out: &mut Body,
    depth: usize,
    mirror: &Mirror,
    report: &Report<'_>,
) -> Result<(), IdentError> {
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
        row_key(&mirror.key)?,
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

fn row_key(key: &[String]) -> Result<String, IdentError> {
    if key.is_empty() {
        return Ok("to_jsonb(NEW)".to_owned());
    }
    let parts: Result<Vec<_>, IdentError> = key
        .iter()
        .map(|c| Ok(format!("{}, NEW.{}", ident::literal(c), ident::quote(c)?)))
        .collect();
    Ok(format!("jsonb_build_object({})", parts?.join(", ")))
}
