//! SL2119: a partition whose rows are read under the strongest lock.

use super::Rule;
use super::help::by_size;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2119),
    title: "Every row of the new partition is read while it is locked",
    risk: Risk::High,
    why: "ATTACH PARTITION reads the table under an AccessExclusiveLock on it, to see that each row belongs there, unless \
          a validated CHECK says the same as the bounds; and it reads the default partition, if there is one, for rows \
          that would belong to the new one. Add such a CHECK as NOT VALID, validate it, attach, and drop it.",
    example: "SET lock_timeout = '2s';\nALTER TABLE events ATTACH PARTITION events_2027 FOR VALUES FROM ('2027-01-01') TO \
              ('2028-01-01');",
    safer: "SET lock_timeout = '2s';\nCREATE TABLE events_2027 (LIKE events INCLUDING ALL);\nALTER TABLE events ATTACH \
            PARTITION events_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let Action::AlterTable(alter) = action else {
        return Vec::new();
    };
    let attached = alter.changes.iter().find_map(|change| match change {
        Alter::AttachPartition { partition, .. } => Some(partition),
        _ => None,
    });
    let Some(partition) = attached.filter(|_| effect.scans_table) else {
        return Vec::new();
    };
    if context.is_new(partition) {
        let message = format!(
            "reads every row of the default partition of {}, which is locked meanwhile",
            alter.table
        );
        return vec![PAGE.found(message)];
    }
    let message = format!(
        "reads every row of {partition} while nobody can use it, unless a validated CHECK says the same as the bounds"
    );
    vec![by_size(PAGE.found(message), context, partition)]
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["ALTER TABLE p ATTACH PARTITION c FOR VALUES IN (1);"],
            &[
                "CREATE TABLE c (LIKE p); ALTER TABLE p ATTACH PARTITION c FOR VALUES IN (1);",
                "ALTER TABLE p DETACH PARTITION c;",
            ],
        );
    }
}
