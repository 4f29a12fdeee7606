//! SL2606: there is no transaction around a change of a table.

use super::{Rule, Seen};
use crate::mysql::effect::commits;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2606),
    title: "Commits the transaction that is open",
    risk: Risk::Medium,
    why: "A statement that defines something commits what is open before it starts, and cannot be rolled back. What looks like one \
          transaction is several, and a failure in the middle leaves the first ones in place. Make each such statement a step of its own.",
    example: "BEGIN;\nUPDATE settings SET value = '2' WHERE name = 'schema';\nCREATE TABLE notes (id bigint PRIMARY KEY);\nCOMMIT;",
    safer: "BEGIN;\nUPDATE settings SET value = '2' WHERE name = 'schema';\nCOMMIT;\nCREATE TABLE notes (id bigint PRIMARY KEY);",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    (seen.in_transaction && commits(seen.action)).then(|| {
        PAGE.found("commits the transaction that is open, and cannot be rolled back itself")
            .instead(format!("COMMIT;\n{};", seen.statement))
    })
}
