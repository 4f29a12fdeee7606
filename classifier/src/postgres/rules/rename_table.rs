//! SL2207: a table whose old name is gone at once.

use super::Rule;
use super::help::changes;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, AlterTable, Relation};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2207),
    title: "What still uses the old name fails",
    risk: Risk::High,
    why: "As long as one instance of the application uses the old name, it fails. Make a view of the new name first (one \
          over a single table can be written too), move the application to it, and rename the table when nobody uses the \
          old name any more.",
    example: "SET lock_timeout = '2s';\nALTER TABLE customer RENAME TO customers;",
    safer: "CREATE VIEW customers AS SELECT * FROM customer;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let relation = match action {
        Action::AlterTable(AlterTable { relation, .. }) => *relation,
        _ => return Vec::new(),
    };
    if matches!(relation, Relation::Index | Relation::Sequence) {
        return Vec::new();
    }
    let renamed = changes(action, context)
        .into_iter()
        .filter_map(|(table, change)| match change {
            Alter::Rename { to } => Some((table, to)),
            _ => None,
        });
    renamed
        .map(|(table, to)| {
            let view = format!(
                "CREATE VIEW {} AS SELECT * FROM {};",
                sql::name(&table.renamed(to)),
                sql::name(table)
            );
            PAGE.found(format!(
                "what still uses {table} fails from the instant in which it is {to}"
            ))
            .instead(view)
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
            &["ALTER VIEW v RENAME TO w;"],
            &[
                "ALTER INDEX i RENAME TO j;",
                "ALTER TABLE t RENAME CONSTRAINT a TO b;",
                "CREATE TABLE n (a int); ALTER TABLE n RENAME TO m;",
                "ALTER SEQUENCE s RENAME TO r;",
            ],
        );
    }
}
