//! SL2505: replicas that fall behind.

use super::Rule;
use super::help::size;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::postgres::world::from_catalog;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2505),
    title: "Replicas fall behind for as long as it takes",
    risk: Risk::Medium,
    why: "What writes a table or an index anew writes as much to the log, and each replica replays it in one row: readers \
          there see old rows, and a lock that reads wait for is replayed too, cancelling queries that stand in its way. \
          Fill in small steps that pause for replicas, as a Sluice spec does.",
    example: "SET lock_timeout = '2s';\nALTER TABLE t ADD COLUMN token uuid DEFAULT gen_random_uuid();",
    safer: "SELECT application_name, replay_lag FROM pg_stat_replication;",
    needs_facts: true,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

/// A replica replays this much within a second or so.
const MUCH: u64 = 512 << 20;

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let replicas = context.facts.map_or(0, |facts| facts.replicas);
    let every_row = match action {
        Action::Update(update) => update.condition.is_none(),
        Action::Delete(delete) => delete.condition.is_none(),
        Action::CreateIndex(_) | Action::Reindex(_) => true,
        _ => effect.rewrites_table,
    };
    if replicas == 0 || !every_row {
        return Vec::new();
    }
    let tables = effect.locks.iter().filter_map(|lock| {
        let table = context.table(&from_catalog(&lock.table))?;
        Some((&lock.table, size(context, table)))
    });
    let Some((table, bytes)) = tables
        .max_by_key(|(_, bytes)| *bytes)
        .filter(|(_, bytes)| *bytes >= MUCH)
    else {
        return Vec::new();
    };
    let message = format!(
        "up to {} MB of {table} go through the log at once, and {replicas} replicas fall behind by as long",
        bytes >> 20
    );
    vec![PAGE.found(message)]
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, risks};
    use super::*;

    #[test]
    fn finds_it_where_much_is_written_and_replicas_are_there() {
        let replicated = facts(|facts, _| facts.replicas = 2);
        for script in [
            "ALTER TABLE t ADD c float DEFAULT random();",
            "UPDATE t SET a = 1;",
            "CREATE INDEX CONCURRENTLY i ON t (a);",
        ] {
            assert_eq!(risks(&RULE, &replicated, script), [Risk::Medium], "{script}");
        }
        assert!(risks(&RULE, &replicated, "ALTER TABLE t ADD c int;").is_empty());
        assert!(risks(&RULE, &facts(|_, _| {}), "UPDATE t SET a = 1;").is_empty());
        let small = facts(|facts, table| {
            facts.replicas = 2;
            table.bytes = 1 << 20;
        });
        assert!(risks(&RULE, &small, "UPDATE t SET a = 1;").is_empty());
    }
}
