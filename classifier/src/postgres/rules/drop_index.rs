//! SL2103: an index that is dropped under the strongest lock.

use super::Rule;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Relation};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2103),
    title: "Reads and writes wait while an index is dropped",
    risk: Risk::Low,
    why: "DROP INDEX takes an AccessExclusiveLock on the table of the index: short, but it waits for the oldest query and \
          everybody waits behind it. CONCURRENTLY waits without blocking. Before an index is dropped, look at how often it \
          was used: pg_stat_user_indexes.idx_scan, on the replicas too.",
    example: "SET lock_timeout = '2s';\nDROP INDEX orders_customer;",
    safer: "DROP INDEX CONCURRENTLY orders_customer;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let Action::DropRelations(drop) = action else {
        return Vec::new();
    };
    let new = |name| {
        context
            .table_of_index(name)
            .is_some_and(|table| context.is_new(table))
    };
    if drop.relation != Relation::Index || drop.concurrently || drop.cascade || drop.names.iter().all(new) {
        return Vec::new();
    }
    let exists = if drop.if_exists { "IF EXISTS " } else { "" };
    let lines = drop.names.iter().map(|index| {
        format!(
            "-- outside of a transaction\nDROP INDEX CONCURRENTLY {exists}{};",
            sql::name(index)
        )
    });
    let lines: Vec<_> = lines.collect();
    vec![
        PAGE.found("reads and writes of the index's table wait while it is dropped")
            .instead(lines.join("\n")),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["DROP INDEX a, b;", "DROP INDEX IF EXISTS s.i;"],
            &[
                "DROP INDEX CONCURRENTLY i;",
                "DROP TABLE t;",
                "CREATE TABLE n (a int); CREATE INDEX i ON n (a); DROP INDEX i;",
            ],
        );
    }
}
