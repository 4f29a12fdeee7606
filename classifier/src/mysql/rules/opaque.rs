//! SL2002 in this dialect: its body is run, and cannot be read here.

use super::{Rule, Seen};
use crate::Finding;
use crate::mysql::action::Action;
use crate::rule::{Page, opaque};

pub(super) const RULE: Rule = Rule {
    page: Page {
        example: "CALL migrate_orders();",
        safer: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders ADD COLUMN note text, ALGORITHM=INSTANT;",
        ..opaque::PAGE
    },
    judge,
};

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    match seen.action {
        Action::Opaque(what) => Some(opaque::finding(what)),
        _ => None,
    }
}
