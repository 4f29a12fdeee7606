//! SL2002, which every dialect says: its body is run, and cannot be read here.

use super::Page;
use crate::{Code, Finding, Risk};

/// The page; each dialect has examples of its own.
pub(crate) const PAGE: Page = Page {
    code: Code(2002),
    title: "What it runs cannot be read here",
    risk: Risk::Critical,
    why: "Anything can happen inside: a change of a table, a loop over all its rows. Write the statements themselves, so that each is judged; or \
          judge it by hand and allow it with a reason.",
    example: "",
    safer: "",
    needs_facts: false,
};

/// What runs it.
pub(crate) fn finding(what: &str) -> Finding {
    PAGE.found(format!(
        "{what} runs what cannot be read here: its locks, and what it changes, are unknown"
    ))
}
