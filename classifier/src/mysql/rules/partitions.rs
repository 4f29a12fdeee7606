//! SL2609: operations on partitions, for which no LOCK is promised.

use super::{Rule, Seen};
use crate::mysql::action::Clause;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2609),
    title: "An operation on partitions may copy the table behind an exclusive lock",
    risk: Risk::High,
    why: "Which of these are only a change of the definition depends on the kind of partitioning and the version, and the server takes no \
          LOCK clause that would hold it to that. Try it on a copy with its rows first; prepare a partition as a table of its own and \
          exchange it; and drop rows that are to be kept nowhere only after they were looked at.",
    example: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE events REORGANIZE PARTITION p_rest INTO (PARTITION p_2027 VALUES LESS THAN (2028), PARTITION p_rest VALUES LESS THAN MAXVALUE);",
    safer: "pt-online-schema-change --alter 'REORGANIZE PARTITION p_rest INTO (PARTITION p_2027 VALUES LESS THAN (2028), PARTITION p_rest VALUES LESS THAN MAXVALUE)' \
            --alter-foreign-keys-method auto --set-vars lock_wait_timeout=5 --max-lag 1 --execute D=shop,t=events",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let (alter, _) = seen.carried_out()?;
    let (words, loses_rows) = alter.clauses.iter().find_map(|clause| match clause {
        Clause::Partition { words, loses_rows } => Some((words, *loses_rows)),
        _ => None,
    })?;
    if loses_rows {
        let message = format!(
            "{words} on {}: the rows of the partition are gone, and cannot be rolled back",
            alter.table
        );
        return Some(PAGE.found(message).of(Risk::Critical));
    }
    let message = format!(
        "{words} on {} may copy rows while reads and writes wait",
        alter.table
    );
    Some(
        PAGE.found(message)
            .with(super::shell::online_tool(alter, seen.flavor)),
    )
}
