//! SL2710: a transaction that reads first and then wants to write.

use super::{Rule, Seen};
use crate::sqlite_script::session::Transaction;
use crate::{Code, Finding, Lock, Page, Risk};

const PAGE: Page = Page {
    code: Code(2710),
    title: "A transaction that has read may not get to write",
    risk: Risk::Medium,
    why: "BEGIN takes no lock; the first write asks for one. If somebody else has written since this transaction first read, it fails at once \
          with SQLITE_BUSY, whatever the busy timeout, halfway through the script. BEGIN IMMEDIATE waits for the lock at the beginning.",
    example: "BEGIN;\nSELECT max(version) FROM migrations;\nALTER TABLE orders ADD COLUMN note text;\nCOMMIT;",
    safer: "BEGIN IMMEDIATE;\nSELECT max(version) FROM migrations;\nALTER TABLE orders ADD COLUMN note text;\nCOMMIT;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let writes = seen.effect.locks.iter().any(|lock| lock.mode == Lock::Write);
    (writes && seen.transaction == Transaction::Reading).then(|| {
        PAGE.found("the transaction has read before it writes: if somebody else wrote in between, this fails at once")
            .instead(format!("-- begin with BEGIN IMMEDIATE instead of BEGIN\n{};", seen.statement))
    })
}
