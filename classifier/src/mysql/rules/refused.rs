//! SL2607: the clauses ask for what the server cannot do.

use super::shell::online_tool;
use super::{Rule, Seen};
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2607),
    title: "The server refuses the ALGORITHM or LOCK that is asked for",
    risk: Risk::Medium,
    why: "The clauses did what they are for: the server would have to do more than they allow, so the statement fails and nothing happens. \
          To force it would block writes; an online schema tool does not.",
    example: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders ADD CHECK (amount > 0), ALGORITHM=INPLACE, LOCK=NONE;",
    safer: "gh-ost --host=REPLICA --database=shop --table=orders --alter='ADD CHECK (amount > 0)' --max-lag-millis=1500 \
            --cut-over-lock-timeout-seconds=3 --execute",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let alter = seen.alter()?;
    let needed = seen.needed?;
    seen.done.is_none().then(|| {
        PAGE.found(format!(
            "fails: on {} this needs ALGORITHM={} and LOCK={}, and the statement allows less",
            alter.table,
            needed.algorithm.as_str(),
            needed.lock.as_str()
        ))
        .with(online_tool(alter, seen.flavor))
    })
}
