//! Where the model differs from PostgreSQL, by name, each with its reason.

use super::compare::{Disagreement, Field};

/// One field of one statement.
#[derive(Debug)]
pub(super) struct Exception {
    /// As it stands in the scripts.
    pub(super) statement: &'static str,
    /// Which field.
    pub(super) field: Field,
    /// Why it stays.
    pub(super) reason: &'static str,
}

impl Exception {
    pub(super) fn is(&self, found: &Disagreement) -> bool {
        self.statement == found.statement && self.field == found.field
    }
}

pub(super) const EXCEPTIONS: &[Exception] = &[];
