//! SL2203: a view, a sequence or a materialized view that is dropped.

use super::Rule;
use crate::postgres::Context;
use crate::postgres::action::{Action, Relation};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2203),
    title: "Running code that uses it fails",
    risk: Risk::High,
    why: "A view is often what the application knows instead of a table. Look at who uses it, replace it by one of the \
          same columns, and drop it when nobody does any more. A view that is dropped to be created again is missing in \
          between, unless both happen in one transaction.",
    example: "SET lock_timeout = '2s';\nDROP VIEW active_users;",
    safer: "SET lock_timeout = '2s';\nCREATE OR REPLACE VIEW active_users AS SELECT id, email FROM users WHERE active;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let Action::DropRelations(drop) = action else {
        return Vec::new();
    };
    let what = match drop.relation {
        Relation::View => "view",
        Relation::MaterializedView => "materialized view",
        Relation::Sequence => "sequence",
        Relation::Table | Relation::ForeignTable | Relation::Index => return Vec::new(),
    };
    let there = drop.names.iter().filter(|name| !context.is_new(name));
    there
        .map(|name| PAGE.found(format!("what still uses the {what} {name} fails")))
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
            &["DROP MATERIALIZED VIEW v;", "DROP SEQUENCE s;"],
            &["DROP INDEX i;", "CREATE VIEW v AS SELECT 1; DROP VIEW v;"],
        );
    }
}
