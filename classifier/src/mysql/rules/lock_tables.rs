//! SL2623: a table is locked by hand.

use super::{Rule, Seen};
use crate::mysql::action::Action;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2623),
    title: "A table is locked until the session says otherwise",
    risk: Risk::High,
    why: "LOCK TABLES holds from here to UNLOCK TABLES or the end of the session; writers wait, with WRITE readers too, and a client that \
          hangs in between keeps them waiting. The change of a table takes the locks that it needs by itself.",
    example: "SET SESSION lock_wait_timeout = 5;\nLOCK TABLES orders WRITE;",
    safer: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders ADD COLUMN note text, ALGORITHM=INSTANT;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let Action::LockTables(tables) = seen.action else {
        return None;
    };
    let (table, writes) = tables.iter().find(|(table, _)| !(seen.created)(table))?;
    let who = if *writes { "reads and writes" } else { "writes" };
    Some(PAGE.found(format!(
        "{who} of {table} wait until UNLOCK TABLES or the end of the session"
    )))
}
