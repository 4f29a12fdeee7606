//! Which side is the truth, how far the flags are, and whether there is a way back.

use engine::catalog::EngineKind;
use engine::{postgres, sqlite};
use ledger::flags::Flag;

use super::Page;
use crate::out::moment;
use crate::status::model::Status;

pub(super) fn write(page: &mut Page, status: &Status) {
    if status.flags.is_empty() && status.way_back.is_none() {
        return;
    }
    page.title("cut-over");
    page.line(&format!("  {} is the authority", status.authority));
    for flag in &status.flags {
        page.line(&format!("  {}", line(flag)));
    }
    if let Some(flag) = status.flags.first() {
        page.line(&format!("  {}", how_to_read(flag, status.engine)));
    }
    if let Some(way) = &status.way_back {
        page.line(&format!("  way back: {}", way.words()));
    }
}

/// A file has no functions of ours: there the share is read, and who is inside it is computed.
fn how_to_read(flag: &Flag, engine: EngineKind) -> String {
    match engine {
        EngineKind::Postgresql => format!(
            "read them with plain SQL: SELECT sluice.is_on({}, 'KEY')",
            postgres::ident::literal(&flag.name)
        ),
        EngineKind::Sqlite => format!(
            "read them with plain SQL: SELECT percentage FROM sluice_flag WHERE name = {}; the application's flag client computes \
             who is inside it",
            sqlite::ident::literal(&flag.name)
        ),
    }
}

fn line(flag: &Flag) -> String {
    format!(
        "flag {}: {} % of {}s use new, since {}",
        flag.name,
        flag.percentage,
        flag.side,
        moment(flag.updated_at)
    )
}
