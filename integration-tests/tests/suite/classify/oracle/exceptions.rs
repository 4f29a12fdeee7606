//! Where the model differs from PostgreSQL, by name, each with its reason.

use super::compare::{Disagreement, Field};

/// One field of one statement.
#[derive(Debug)]
pub(super) struct Exception {
    /// The script up to the statement.
    pub(super) script: &'static [&'static str],
    /// Which field.
    pub(super) field: Field,
    /// Why it stays.
    pub(super) reason: &'static str,
}

impl Exception {
    pub(super) fn is(&self, found: &Disagreement) -> bool {
        self.field == found.field && self.script == found.script.as_slice()
    }
}

pub(super) const EXCEPTIONS: &[Exception] = &[];
