//! What every rule's examples must show, whatever the dialect.

use std::collections::BTreeSet;

use super::Page;
use crate::{Code, Finding, Safer};

/// The example is found, and the safer form is not; `run` gives the findings of a script, or None where the text is none (a spec, a command).
/// What is wrong, if anything.
pub(crate) fn faults(page: &Page, run: impl Fn(&str) -> Option<Vec<Finding>>) -> Vec<String> {
    let codes = |script: &str| -> Option<BTreeSet<Code>> {
        Some(run(script)?.into_iter().map(|finding| finding.code).collect())
    };
    let mut faults = own_form(page, &run);
    let example = codes(page.example).unwrap_or_default();
    if !example.contains(&page.code) {
        faults.push(format!(
            "{} is not found in its example, only {example:?}:\n{}",
            page.code, page.example
        ));
    }
    let safer = codes(page.safer).unwrap_or_default();
    if !safer.is_empty() {
        faults.push(format!(
            "the safer form of {} has findings itself, {safer:?}:\n{}",
            page.code, page.safer
        ));
    }
    if page.why.len() < 80 || page.title.ends_with('.') {
        faults.push(format!(
            "the page of {} says too little, or its title is a sentence",
            page.code
        ));
    }
    faults
}

/// The SQL that the rule itself offers for its example can be parsed, and the rule finds nothing in it.
fn own_form(page: &Page, run: &impl Fn(&str) -> Option<Vec<Finding>>) -> Vec<String> {
    let findings = run(page.example).unwrap_or_default();
    let own = findings.into_iter().filter(|finding| finding.code == page.code);
    let forms = own.filter_map(|finding| match finding.safer? {
        Safer::Sql(sql) => Some(sql),
        Safer::Spec(_) | Safer::Command(_) => None,
    });
    let bad = |finding: &Finding| finding.code == page.code || finding.code < Code(2100);
    let told = |sql: String| {
        let found: Vec<_> = run(&sql)?.into_iter().filter(bad).collect();
        (!found.is_empty()).then(|| format!("what {} offers has findings, {found:?}:\n{sql}", page.code))
    };
    forms.filter_map(told).collect()
}

/// Nothing is wrong with any page; all that is wrong is told at once.
pub(crate) fn prove<'a>(
    pages: impl IntoIterator<Item = &'a Page>,
    run: impl Fn(&str) -> Option<Vec<Finding>>,
) {
    let faults: Vec<_> = pages.into_iter().flat_map(|page| faults(page, &run)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn no_two_rules_have_the_same_code() {
    let mut seen = BTreeSet::new();
    for page in crate::pages() {
        assert!(seen.insert(page.code), "{} twice", page.code);
    }
    assert!(seen.len() > 80, "{}", seen.len());
}
