//! SL2206: a column whose old name is gone at once.

use super::Rule;
use super::help::changes;
use super::sql;
use crate::Safer;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::rule::spec;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2206),
    title: "What still uses the column's old name fails",
    risk: Risk::High,
    why: "An application is never replaced in one instant: as long as one instance uses the old name, it fails. A Sluice \
          spec adds the new name, keeps both the same in both directions, moves readers and writers step by step, and \
          drops the old one.",
    example: "SET lock_timeout = '2s';\nALTER TABLE customer RENAME COLUMN fax TO fax_number;",
    safer: "name = 'rename-customer-fax'\n\n[[change]]\nkind = 'rename_column'\ntable = 'customer'\nfrom = 'fax'\nto = \
            'fax_number'",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let renamed = changes(action, context)
        .into_iter()
        .filter_map(|(table, change)| match change {
            Alter::RenameColumn { from, to } => Some((table, from, to)),
            _ => None,
        });
    renamed
        .map(|(table, from, to)| {
            let spec = spec::rename(&["rename", &table.name, from], &sql::name(table), from, to);
            PAGE.found(format!(
                "what still uses {table}.{from} fails from the instant in which it is {to}"
            ))
            .with(Safer::Spec(spec))
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
            &[
                "ALTER TABLE t RENAME a TO b;",
                "ALTER VIEW v RENAME COLUMN a TO b;",
            ],
            &[
                "ALTER TABLE t RENAME CONSTRAINT a TO b;",
                "CREATE TABLE n (a int); ALTER TABLE n RENAME a TO b;",
            ],
        );
    }
}
