//! What to know about a statement: the findings of all rules.

use super::{Action, Context};
use crate::{Effect, Finding};

/// Every finding on the statement, worst first.
#[must_use]
pub fn findings(_action: &Action, _effect: &Effect, _context: &Context<'_>) -> Vec<Finding> {
    Vec::new()
}
