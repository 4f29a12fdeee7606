//! SL2305: a table that is filled while it is created.

use super::Rule;
use super::help::by_size;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Persistence};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2305),
    title: "A table is copied in one transaction",
    risk: Risk::Low,
    why: "CREATE TABLE AS, SELECT INTO and CREATE MATERIALIZED VIEW run their query in one long transaction, during which \
          no vacuum can clean up anywhere in the database. What the copied table has in constraints, defaults and indexes \
          does not come along. Create the table first, and fill it a range of keys at a time; a materialized view WITH NO \
          DATA.",
    example: "CREATE TABLE orders_copy AS SELECT * FROM orders;",
    safer: "CREATE TABLE orders_copy (LIKE orders INCLUDING ALL);",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let (name, reads, materialized) = match action {
        Action::CreateTable(create) if create.from_query && create.persistence != Persistence::Temporary => {
            (&create.table, &create.reads, false)
        }
        Action::CreateView(view) if view.materialized && !view.no_data => (&view.view, &view.reads, true),
        _ => return Vec::new(),
    };
    let there: Vec<_> = reads.iter().filter(|read| !context.is_new(read)).collect();
    let [from, ..] = there.as_slice() else {
        return Vec::new();
    };
    let finding = by_size(
        PAGE.found(format!("reads {from} into {name} in one transaction")),
        context,
        from,
    );
    vec![match (materialized, there.len()) {
        (false, 1) => finding.instead(format!(
            "CREATE TABLE {} (LIKE {} INCLUDING ALL);\n-- then a range of keys at a time",
            sql::name(name),
            sql::name(from)
        )),
        (true, _) => finding.instead(format!("{} WITH NO DATA;", context.statement)),
        (false, _) => finding,
    }]
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
                "SELECT * INTO n FROM t;",
                "CREATE MATERIALIZED VIEW v AS SELECT * FROM t;",
            ],
            &[
                "CREATE TEMP TABLE x AS SELECT * FROM t;",
                "CREATE TABLE n AS SELECT 1;",
                "CREATE MATERIALIZED VIEW v AS SELECT * FROM t WITH NO DATA;",
            ],
        );
    }
}
