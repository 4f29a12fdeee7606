//! SL2118: a materialized view that nobody can read while it is filled.

use super::Rule;
use super::help::by_size;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2118),
    title: "Reads of the materialized view wait until it is filled",
    risk: Risk::High,
    why: "REFRESH MATERIALIZED VIEW holds an AccessExclusiveLock on the view while its query runs. CONCURRENTLY compares \
          the result with what is there and changes only that, beside readers; it needs a unique index over all rows, \
          without WHERE.",
    example: "SET lock_timeout = '2s';\nREFRESH MATERIALIZED VIEW daily_sales;",
    safer: "SET lock_timeout = '2s';\nREFRESH MATERIALIZED VIEW CONCURRENTLY daily_sales;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let Action::Refresh(refresh) = action else {
        return Vec::new();
    };
    if refresh.concurrently || refresh.no_data || context.is_new(&refresh.view) {
        return Vec::new();
    }
    let finding = PAGE.found(format!("reads of {} wait until its query has run", refresh.view));
    let sql = format!(
        "-- needs a unique index on columns of the view\nREFRESH MATERIALIZED VIEW CONCURRENTLY {}",
        sql::name(&refresh.view)
    );
    vec![by_size(finding, context, &refresh.view).instead(sql::timed(context, &[sql]))]
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["REFRESH MATERIALIZED VIEW s.v;"],
            &[
                "REFRESH MATERIALIZED VIEW CONCURRENTLY v;",
                "CREATE MATERIALIZED VIEW n AS SELECT 1; REFRESH MATERIALIZED VIEW n;",
            ],
        );
    }
}
