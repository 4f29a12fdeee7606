//! Matters of style, from the published linter library: which types to prefer, how long a name may be.
//!
//! Nothing here blocks, breaks or loses anything, so all of it has the risk `none` and the one code SL2900; the message begins with the linter's own
//! name of the rule, under which its documentation and its `-- squawk-ignore` comments know it. Its rules about locks are left out: those
//! questions are answered by our own model. What would break it: a new version of the library that gives a rule to another purpose; the list below
//! is by name.

use squawk_linter::{Linter, Rule, Violation};

use super::parse;
use crate::{Code, Finding, Page, Risk};

/// What is said of all of them.
pub const PAGE: Page = Page {
    code: Code(2900),
    title: "A matter of style",
    risk: Risk::None,
    why: "Nothing is blocked, broken or lost. The linter that squawk publishes prefers another type or another name, and its message says why; \
          `-- squawk-ignore` with the name of its rule is obeyed.",
    example: "CREATE TABLE orders (made timestamp);",
    safer: "CREATE TABLE orders (made timestamptz);",
    needs_facts: false,
};

/// Those that are about style.
const RULES: [Rule; 7] = [
    Rule::PreferBigintOverInt,
    Rule::PreferBigintOverSmallint,
    Rule::PreferIdentity,
    Rule::PreferTextField,
    Rule::PreferTimestampTz,
    Rule::BanCharField,
    Rule::IdentifierTooLong,
];

/// What the linter says of a statement, in the order of the text. Nothing where it cannot be parsed: the rules say that.
#[must_use]
pub fn lint(text: &str) -> Vec<Finding> {
    let Some(parsed) = parse::tree(text) else {
        return Vec::new();
    };
    let mut linter = Linter::from(RULES);
    let mut violations = linter.lint(&parsed, text);
    violations.retain(|violation| RULES.contains(&violation.code));
    violations.sort_by_key(|violation| violation.text_range.start());
    violations
        .iter()
        .map(|violation| finding(text, violation))
        .collect()
}

fn finding(text: &str, violation: &Violation) -> Finding {
    let help = violation
        .help
        .as_ref()
        .map_or_else(String::new, |help| format!(" {help}"));
    let finding = PAGE.found(format!("{}: {}{help}", violation.code, violation.message));
    match fixed(text, violation) {
        Some(sql) => finding.instead(sql),
        None => finding,
    }
}

/// The text with the linter's own edits, if it has any; from the back, so that places stay right.
fn fixed(text: &str, violation: &Violation) -> Option<String> {
    let mut edits: Vec<_> = violation.fix.as_ref()?.edits.iter().collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.text_range.start()));
    let mut fixed = text.to_owned();
    for edit in edits {
        let (start, end) = (
            usize::from(edit.text_range.start()),
            usize::from(edit.text_range.end()),
        );
        fixed.get(start..end)?;
        fixed.replace_range(start..end, edit.text.as_deref().unwrap_or_default());
    }
    Some(fixed.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::tests::prove;

    fn rules(text: &str) -> Vec<String> {
        let name = |finding: Finding| finding.message.split(':').next().unwrap_or_default().to_owned();
        lint(text).into_iter().map(name).collect()
    }

    #[test]
    fn style_is_told_by_the_linters_own_names() {
        prove([&PAGE], |text| Some(lint(text)));
        assert_eq!(
            rules("CREATE TABLE t (a smallint, b int, c varchar(10), d char(3), e timestamp);").len(),
            5
        );
        assert_eq!(rules("CREATE TABLE t (c varchar(10));"), ["prefer-text-field"]);
        assert_eq!(
            rules(&format!("CREATE TABLE t ({} text);", "x".repeat(70))),
            ["identifier-too-long"]
        );
    }

    #[test]
    fn locks_are_none_of_its_business() {
        for text in [
            "CREATE INDEX i ON t (a);",
            "ALTER TABLE t ALTER a TYPE text;",
            "DROP TABLE t;",
            "ALTER TABLE t ADD c text NOT NULL;",
            "CREATE TABLE (",
            "",
            "DO $$ x $$",
        ] {
            assert!(lint(text).is_empty(), "{text}: {:?}", lint(text));
        }
    }

    #[test]
    fn its_fix_is_the_safer_form_and_its_comment_is_obeyed() {
        let safer = lint("ALTER TABLE t ADD a text, ADD c varchar(10);")
            .remove(0)
            .safer;
        assert_eq!(
            safer,
            Some(crate::Safer::Sql(
                "ALTER TABLE t ADD a text, ADD c text;".to_owned()
            ))
        );
        assert!(lint("-- squawk-ignore prefer-text-field\nCREATE TABLE t (c varchar(10));").is_empty());
    }
}
