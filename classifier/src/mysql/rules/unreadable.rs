//! SL2001 in this dialect: what cannot be read cannot be judged.

use super::{Rule, Seen};
use crate::Finding;
use crate::rule::{Page, unreadable};

pub(super) const RULE: Rule = Rule {
    page: Page {
        example: "ALTER TABLE orders ADD COLUMN COLUMN note text, FROBNICATE;",
        safer: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders ADD COLUMN note text, ALGORITHM=INSTANT;",
        ..unreadable::PAGE
    },
    judge,
};

/// The session says it before there is an action.
fn judge(_: &Seen<'_>) -> Option<Finding> {
    None
}

pub(crate) fn finding(line: usize, what: &str) -> Finding {
    unreadable::finding(line, what)
}
