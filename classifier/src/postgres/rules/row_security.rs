//! SL2215: row-level security that hides every row.

use super::Rule;
use super::help::changes;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, Switch};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2215),
    title: "Without a policy every row is hidden",
    risk: Risk::High,
    why: "From ENABLE ROW LEVEL SECURITY on, whoever is not the owner sees and writes only what a policy allows, and \
          without one nothing at all. Create the policies first: they do nothing until row-level security is enabled.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders ENABLE ROW LEVEL SECURITY;",
    safer: "SET lock_timeout = '2s';\nCREATE POLICY tenant ON orders USING (tenant = current_setting('app.tenant'));\nALTER \
            TABLE orders ENABLE ROW LEVEL SECURITY;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let enabled = changes(action, context).into_iter().filter(|(table, change)| {
        matches!(change, Alter::RowSecurity(Switch::On)) && !context.has_policy(table)
    });
    enabled
        .map(|(table, _)| {
            let policy = format!("-- USING: which rows are seen, with the condition that is meant\nCREATE POLICY {} ON {} USING (true)", sql::made(&[&table.name, "all"]), sql::name(table));
            PAGE.found(format!("every row of {table} is hidden from all but its owner, unless a policy shows it"))
                .instead(sql::timed(context, &[policy, context.statement.to_owned()]))
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
            &["ALTER TABLE t ENABLE ROW LEVEL SECURITY;"],
            &[
                "ALTER TABLE t DISABLE ROW LEVEL SECURITY;",
                "CREATE TABLE n (a int); ALTER TABLE n ENABLE ROW LEVEL SECURITY;",
            ],
        );
    }
}
