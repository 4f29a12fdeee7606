//! SL2001, which every dialect says: what cannot be read cannot be judged.

use super::Page;
use crate::{Code, Finding, Risk};

/// The page; each dialect has examples of its own.
pub(crate) const PAGE: Page = Page {
    code: Code(2001),
    title: "The statement cannot be parsed",
    risk: Risk::Critical,
    why: "What cannot be read cannot be judged, so it is never called safe. Either it is not SQL of this database, or it is of a kind that is \
          not known here yet; then judge it by hand and allow it with a reason.",
    example: "",
    safer: "",
    needs_facts: false,
};

/// What stands where.
pub(crate) fn finding(line: usize, what: &str) -> Finding {
    PAGE.found(format!("line {line} of the statement: {what}"))
}
