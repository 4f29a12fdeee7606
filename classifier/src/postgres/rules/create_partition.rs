//! SL2121: a partition that is created in place.

use super::Rule;
use super::help::created;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2121),
    title: "Reads and writes of the partitioned table wait while a partition is created",
    risk: Risk::Medium,
    why: "CREATE TABLE ... PARTITION OF takes an AccessExclusiveLock on the parent, and reads the default partition, if \
          there is one. A table that is created like the parent and attached afterwards needs a ShareUpdateExclusiveLock \
          there only, beside reads and writes.",
    example: "SET lock_timeout = '2s';\nCREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO \
              ('2028-01-01');",
    safer: "SET lock_timeout = '2s';\nCREATE TABLE events_2027 (LIKE events INCLUDING ALL);\nALTER TABLE events ATTACH \
            PARTITION events_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let Some(create) = created(action) else {
        return Vec::new();
    };
    let Some((parent, _)) = create
        .partition_of
        .as_ref()
        .filter(|(parent, _)| !context.is_new(parent))
    else {
        return Vec::new();
    };
    let (table, quoted) = (sql::name(&create.table), sql::name(parent));
    let finding = PAGE.found(format!(
        "every query on {parent}, of any partition, waits while {} is created",
        create.table
    ));
    let bounds = bounds(context.statement);
    vec![match bounds {
        Some(bounds) => {
            let lines = [
                format!("CREATE TABLE {table} (LIKE {quoted} INCLUDING ALL)"),
                format!(
                    "-- in a transaction of its own\nALTER TABLE {quoted} ATTACH PARTITION {table} {bounds}"
                ),
            ];
            finding.instead(sql::timed(context, &lines))
        }
        None => finding,
    }]
}

/// `FOR VALUES ...` or DEFAULT at the end, as written; not where something follows that belongs to the table.
fn bounds(statement: &str) -> Option<&str> {
    let lower = statement.to_ascii_lowercase();
    let more = ["partition by", " tablespace ", " with (", " using "]
        .iter()
        .any(|words| lower.contains(words));
    let from = lower
        .rfind("for values")
        .or_else(|| lower.ends_with("default").then(|| lower.len() - "default".len()))?;
    statement.get(from..).filter(|_| !more)
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["CREATE TABLE c PARTITION OF p DEFAULT;"],
            &[
                "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE c PARTITION OF p FOR VALUES IN (1);",
                "CREATE TABLE c (LIKE p);",
            ],
        );
    }
}
