//! SL2604: rewritten beside the application, and then once more on every replica.

use super::shell::online_tool;
use super::{Rule, Seen};
use crate::mysql::action::{Action, Algorithm, Alter, Clause, LockClause};
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2604),
    title: "Every row is rewritten, and replicas fall behind for as long",
    risk: Risk::Low,
    why: "The table is rebuilt in place: reads and writes go on, disk space for a second copy is needed, and the log of concurrent writes \
          can overflow (`innodb_online_alter_log_max_size`). A replica replays it as one statement, and everything behind it waits. On a \
          large table with replicas use an online schema tool, which pauses for them.",
    example: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders FORCE, ALGORITHM=INPLACE, LOCK=NONE;",
    safer: "gh-ost --host=REPLICA --database=shop --table=orders --alter=FORCE --max-lag-millis=1500 --cut-over-lock-timeout-seconds=3 --execute",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    if let Action::Optimize(tables) = seen.action {
        let table = tables.iter().find(|table| !(seen.created)(table))?;
        let forced = Alter {
            table: table.clone(),
            clauses: vec![Clause::Rebuild { engine: None }],
            text: "FORCE".to_owned(),
            algorithm: None,
            lock: None,
            index_statement: false,
        };
        return Some(found(&forced, seen));
    }
    let (alter, online) = seen.carried_out()?;
    let beside = online.rewrites && online.algorithm < Algorithm::Copy && online.lock == LockClause::None;
    beside.then(|| found(alter, seen))
}

fn found(alter: &Alter, seen: &Seen<'_>) -> Finding {
    let message = format!(
        "rewrites every row of {} beside reads and writes; replicas fall behind by as long as it takes",
        alter.table
    );
    PAGE.found(message).with(online_tool(alter, seen.flavor))
}
