//! SL2120: a partition that is detached under the strongest lock.

use super::Rule;
use super::help::changes;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2120),
    title: "Reads and writes of the whole partitioned table wait while a partition is detached",
    risk: Risk::Medium,
    why: "DETACH PARTITION takes an AccessExclusiveLock on the parent, so that every query on any partition waits behind \
          it. CONCURRENTLY (14 and later) waits for running queries instead, in two transactions; it does not run inside \
          of one, nor while there is a default partition.",
    example: "SET lock_timeout = '2s';\nALTER TABLE events DETACH PARTITION events_2020;",
    safer: "SET lock_timeout = '2s';\nALTER TABLE events DETACH PARTITION events_2020 CONCURRENTLY;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let detached = changes(action, context)
        .into_iter()
        .filter_map(|(table, change)| match change {
            Alter::DetachPartition {
                partition,
                concurrently: false,
                finalize: false,
            } if !context.is_new(partition) => Some((table, partition)),
            _ => None,
        });
    detached
        .map(|(table, partition)| {
            let finding = PAGE.found(format!(
                "every query on {table}, of any partition, waits while {partition} is detached"
            ));
            let has_default = context
                .table(table)
                .is_some_and(|table| table.default_partition.is_some());
            match context.version < 14 || has_default {
                true => finding,
                false => {
                    let detach = format!(
                        "-- outside of a transaction\nALTER TABLE {} DETACH PARTITION {} CONCURRENTLY",
                        sql::name(table),
                        sql::name(partition)
                    );
                    finding.instead(sql::timed(context, &[detach]))
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["ALTER TABLE p DETACH PARTITION c;"],
            &[
                "ALTER TABLE p DETACH PARTITION c CONCURRENTLY;",
                "ALTER TABLE p DETACH PARTITION c FINALIZE;",
            ],
        );
    }
}
