//! SL2105: what must run on its own, inside of a transaction.

use super::Rule;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2105),
    title: "Fails inside a transaction",
    risk: Risk::Medium,
    why: "CREATE INDEX CONCURRENTLY, VACUUM and their like begin transactions of their own, so the server refuses them \
          inside a block; and several statements sent in one string are such a block. Put each in a migration of its own \
          for which the framework opens no transaction (`disable_ddl_transaction!`, `-- no-transaction`, \
          `executeInTransaction=false`, `autocommit_block`).",
    example: "BEGIN;\nCREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);\nCOMMIT;",
    safer: "CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let known = !matches!(action, Action::Opaque { .. } | Action::Unread { .. });
    if !context.in_transaction || effect.transactional || !known {
        return Vec::new();
    }
    let message = "fails: the server does not run it inside a transaction";
    vec![PAGE.found(message).instead(format!(
        "-- behind the COMMIT, outside of a transaction\n{};",
        context.statement
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
            &[
                "BEGIN; VACUUM t;",
                "BEGIN; DROP INDEX CONCURRENTLY i;",
                "BEGIN; REINDEX TABLE CONCURRENTLY t;",
            ],
            &[
                "VACUUM t;",
                "BEGIN; COMMIT; VACUUM t;",
                "BEGIN; CREATE INDEX i ON t (a);",
            ],
        );
    }
}
