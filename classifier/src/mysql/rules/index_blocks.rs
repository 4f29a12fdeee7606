//! SL2603: in place, but writes wait.

use super::shell::online_tool;
use super::{Rule, Seen};
use crate::mysql::action::{Algorithm, LockClause};
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2603),
    title: "In place, but writes wait until it is done",
    risk: Risk::High,
    why: "A FULLTEXT or SPATIAL index and an AUTO_INCREMENT column are made in place, but only with LOCK=SHARED: writes wait for as long as \
          the table is big.",
    example: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE posts ADD FULLTEXT INDEX body_words (body);",
    safer: "pt-online-schema-change --alter 'ADD FULLTEXT INDEX body_words (body)' --alter-foreign-keys-method auto \
            --set-vars lock_wait_timeout=5 --max-lag 1 --execute D=shop,t=posts",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let (alter, online) = seen.carried_out()?;
    let long = online.scans && online.algorithm < Algorithm::Copy && online.lock > LockClause::None;
    long.then(|| {
        PAGE.found(format!("reads every row of {} while writes wait", alter.table))
            .with(online_tool(alter, seen.flavor))
    })
}
