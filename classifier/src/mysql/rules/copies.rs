//! SL2602: the table is copied, and writes wait until the copy is done.

use super::shell::online_tool;
use super::{Rule, Seen};
use crate::mysql::action::{Algorithm, Clause, LockClause};
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2602),
    title: "The table is copied while writes wait",
    risk: Risk::High,
    why: "The server can do this only with ALGORITHM=COPY: every row goes into a new table, and writes to the old one wait from the first row \
          to the last. Replicas do the same afterwards and fall behind by as long. An online schema tool copies in small pieces beside the \
          application and swaps the tables at the end.",
    example: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders MODIFY amount bigint NOT NULL;",
    safer: "gh-ost --host=REPLICA --database=shop --table=orders --alter='MODIFY amount bigint NOT NULL' --max-lag-millis=1500 \
            --cut-over-lock-timeout-seconds=3 --execute",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let (alter, online) = seen.carried_out()?;
    let partitions = alter
        .clauses
        .iter()
        .any(|clause| matches!(clause, Clause::Partition { .. }));
    if online.algorithm != Algorithm::Copy || partitions {
        return None;
    }
    let assumed = match online.assumed {
        true => {
            ", unless the column's type only grows within its kind: the statement does not say what it is now"
        }
        false => "",
    };
    let blocks = match online.lock {
        LockClause::None => "beside reads and writes",
        LockClause::Shared => "and writes wait until it is done",
        LockClause::Exclusive => "and reads and writes wait until it is done",
    };
    let message = format!("copies {} row by row, {blocks}{assumed}", alter.table);
    Some(PAGE.found(message).with(online_tool(alter, seen.flavor)))
}
