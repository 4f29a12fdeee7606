//! SL2304: rows that are copied from table to table in one transaction.

use super::Rule;
use super::help::by_size;
use crate::postgres::Context;
use crate::postgres::action::{Action, Name};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2304),
    title: "Rows of a whole table are written in one transaction",
    risk: Risk::Medium,
    why: "INSERT ... SELECT, and MERGE, of a large table is one long transaction: no vacuum can clean up behind it \
          anywhere in the database, replicas get it as one burst, and a failure at the end begins again at the first row. \
          Copy a range of keys at a time, each in a transaction of its own.",
    example: "INSERT INTO orders_archive SELECT * FROM orders;",
    safer: "INSERT INTO orders_archive SELECT * FROM orders WHERE id BETWEEN 1 AND 10000;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let (into, reads): (&Name, &[Name]) = match action {
        Action::Insert(insert) if insert.from_query => (&insert.table, &insert.query.reads),
        Action::Merge(merge) => (&merge.table, &merge.query.reads),
        _ => return Vec::new(),
    };
    let lower = context.statement.to_ascii_lowercase();
    let bounded = ["where", "limit", "fetch first", "fetch next"]
        .iter()
        .any(|word| lower.contains(word));
    let from = reads.iter().find(|read| *read != into && !context.is_new(read));
    let Some(from) = from.filter(|_| !bounded) else {
        return Vec::new();
    };
    vec![by_size(
        PAGE.found(format!(
            "writes a row of {into} for each of {from} in one transaction"
        )),
        context,
        from,
    )]
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DO NOTHING;"],
            &[
                "INSERT INTO t VALUES (1);",
                "INSERT INTO t SELECT 1;",
                "CREATE TABLE n (a int); INSERT INTO t SELECT a FROM n;",
                "INSERT INTO t SELECT * FROM u LIMIT 10;",
            ],
        );
    }
}
