//! SL2601: the instant at the end of every change of a table is not one behind a long transaction.

use super::{Rule, Seen};
use crate::mysql::action::Action;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2601),
    title: "An exclusive metadata lock is waited for without a limit",
    risk: Risk::Medium,
    why: "Every change of a table ends with an exclusive metadata lock, an INSTANT one too. It waits for each transaction that has read the \
          table and is still open, and every new query on the table waits behind it. `lock_wait_timeout` is a year on MySQL and a day on \
          MariaDB, so nobody gives up. With a few seconds the change fails instead, and is tried again.",
    example: "ALTER TABLE orders ADD COLUMN note text, ALGORITHM=INSTANT;",
    safer: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders ADD COLUMN note text, ALGORITHM=INSTANT;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let changes = match seen.action {
        Action::Alter(_) => seen.done.is_some(),
        Action::DropTable { .. }
        | Action::RenameTable(_)
        | Action::Truncate(_)
        | Action::Optimize(_)
        | Action::CreateTrigger(_)
        | Action::CreateTable { .. }
        | Action::LockTables(_) => true,
        _ => false,
    };
    let table = &seen.effect.locks.first()?.table;
    (changes && !seen.waits_briefly).then(|| {
        PAGE.found(format!(
            "takes the EXCLUSIVE metadata lock on {table}: behind one open transaction it waits, and every query on the table waits behind it"
        ))
        .instead(format!("SET SESSION lock_wait_timeout = 5;\n{};", seen.statement))
    })
}
