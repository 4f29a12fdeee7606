//! SL2213: a label of an enum that is used too early.

use super::Rule;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2213),
    title: "A new label of an enum cannot be used in the transaction that adds it",
    risk: Risk::Medium,
    why: "ALTER TYPE ... ADD VALUE is instant, but until it is committed the label cannot be written or compared (12 and \
          later: unsafe use of new value), so that the transaction fails; before 12 it does not run inside a transaction \
          at all. Add it in a migration of its own.",
    example: "BEGIN;\nALTER TYPE mood ADD VALUE 'calm';\nINSERT INTO people (feeling) VALUES ('calm');\nCOMMIT;",
    safer: "ALTER TYPE mood ADD VALUE 'calm';\nINSERT INTO people (feeling) VALUES ('calm');",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let adds = matches!(action, Action::AlterType { .. });
    let used = context
        .new_labels()
        .find(|label| !adds && context.statement.contains(&sql::literal(label)));
    let Some(label) = used else {
        return Vec::new();
    };
    let message = format!(
        "fails: {} was added in this transaction and cannot be used before it is committed",
        sql::literal(label)
    );
    vec![
        PAGE.found(message)
            .instead(format!("COMMIT;\n{};", context.statement)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["BEGIN; ALTER TYPE m ADD VALUE 'x'; UPDATE t SET a = 'x' WHERE id = 1;"],
            &[
                "ALTER TYPE m ADD VALUE 'x'; SELECT 'x';",
                "BEGIN; ALTER TYPE m ADD VALUE 'x'; COMMIT; SELECT 'x';",
                "BEGIN; ALTER TYPE m ADD VALUE 'x'; ALTER TYPE m ADD VALUE 'y' AFTER 'x';",
            ],
        );
    }
}
