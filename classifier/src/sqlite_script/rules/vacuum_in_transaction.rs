//! SL2711: VACUUM inside a transaction.

use super::{Rule, Seen};
use crate::sqlite_script::action::Action;
use crate::sqlite_script::session::Transaction;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2711),
    title: "VACUUM fails inside a transaction",
    risk: Risk::Medium,
    why: "VACUUM makes the file anew and begins a transaction of its own, so the engine refuses it while one is open, and whatever the script has \
          done so far is left to a rollback. Put it behind the COMMIT, in a step of its own.",
    example: "BEGIN IMMEDIATE;\nVACUUM INTO 'copy.db';\nCOMMIT;",
    safer: "BEGIN IMMEDIATE;\nCOMMIT;\nVACUUM INTO 'copy.db';",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let vacuum = matches!(seen.action, Action::Vacuum { .. });
    (vacuum && seen.transaction != Transaction::None).then(|| {
        PAGE.found("fails: VACUUM does not run inside a transaction")
            .instead(format!("COMMIT;\n{};", seen.statement))
    })
}
