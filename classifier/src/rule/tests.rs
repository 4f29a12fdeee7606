//! What every rule's examples must show, whatever the dialect.

use std::collections::BTreeSet;

use super::Page;
use crate::{Code, Finding};

/// The example is found, and the safer form is not; `run` gives the findings of a script, or None where the text is none (a spec, a command).
pub(crate) fn prove(page: &Page, run: impl Fn(&str) -> Option<Vec<Finding>>) {
    let codes = |script: &str| -> Option<BTreeSet<Code>> {
        Some(run(script)?.into_iter().map(|finding| finding.code).collect())
    };
    let example = codes(page.example).expect("an example is a script");
    assert!(
        example.contains(&page.code),
        "{} is not found in its example:\n{}\nbut {example:?}",
        page.code,
        page.example
    );
    if let Some(safer) = codes(page.safer) {
        assert!(
            safer.is_empty(),
            "the safer form of {} has findings itself: {safer:?}\n{}",
            page.code,
            page.safer
        );
    }
    assert!(page.why.len() > 80 && !page.title.ends_with('.'), "{}", page.code);
}
