//! Which side is the truth, how far the flags are, and whether there is a way back.

use engine::postgres::ident::literal;
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
        page.line(&format!(
            "  read them with plain SQL: SELECT sluice.is_on({}, 'KEY')",
            literal(&flag.name)
        ));
    }
    if let Some(way) = &status.way_back {
        page.line(&format!("  way back: {}", way.words()));
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
