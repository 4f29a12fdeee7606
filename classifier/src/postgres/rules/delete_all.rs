//! SL2302: a delete of every row.

use super::Rule;
use super::help::by_size;
use super::sql;
use super::update_all::is_always;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2302),
    title: "Every row is deleted in one transaction",
    risk: Risk::High,
    why: "Each row stays locked until the end, the dead rows stay until a vacuum after it, replicas fall behind, and what \
          was there is lost. Delete a few thousand rows at a time, each time in a transaction of its own.",
    example: "DELETE FROM sessions;",
    safer: "DELETE FROM sessions WHERE ctid = ANY (ARRAY(SELECT ctid FROM sessions LIMIT 5000));",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let Action::Delete(delete) = action else {
        return Vec::new();
    };
    if context.is_new(&delete.table) || !delete.condition.as_deref().is_none_or(is_always) {
        return Vec::new();
    }
    let table = sql::name(&delete.table);
    let finding = PAGE.found(format!(
        "deletes every row of {} in one transaction, and what was there is lost",
        delete.table
    ));
    let finding = by_size(finding, context, &delete.table);
    if sql::says(context.statement, &["ONLY"]) {
        // The form below would empty its children as well.
        return vec![finding];
    }
    vec![finding.instead(format!(
        "-- again and again, each time in a transaction of its own, until it deletes no row\nDELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} LIMIT 5000));"
    ))]
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["DELETE FROM ONLY s.t WHERE true;"],
            &[
                "DELETE FROM t WHERE id = 1;",
                "CREATE TABLE n (a int); DELETE FROM n;",
            ],
        );
    }
}
