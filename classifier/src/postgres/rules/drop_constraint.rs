//! SL2205: a constraint that is dropped.

use super::Rule;
use super::help::changes;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2205),
    title: "What the constraint kept right is no longer kept",
    risk: Risk::Low,
    why: "Rows that the constraint would have refused can be written from the next instant on, and to add it again every \
          row is read. Without its unique or primary key an INSERT ... ON CONFLICT fails, and without a primary key a \
          published table cannot be updated. A foreign key locks the other table too.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders DROP CONSTRAINT orders_number_key;",
    safer: "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'orders'::regclass;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let dropped = changes(action, context)
        .into_iter()
        .filter_map(|(table, change)| match change {
            // One that the script has added itself, as the check that proves NOT NULL, is not missed.
            Alter::DropConstraint { constraint, .. } if !context.has_added(table, constraint) => {
                Some((table, constraint))
            }
            _ => None,
        });
    dropped
        .filter_map(|(table, constraint)| {
            let kind = context
                .table(table)
                .and_then(|table| table.constraints.get(constraint))
                .map(|known| known.kind);
            let (what, risk) = match kind {
                Some('p') => ("the primary key", Risk::High),
                Some('u') => ("a unique key", Risk::Medium),
                // A check or NOT NULL that goes away breaks nobody.
                Some('c' | 'n') => return None,
                Some(_) | None => ("", Risk::Low),
            };
            let what = if what.is_empty() {
                constraint.clone()
            } else {
                format!("{constraint}, {what},")
            };
            Some(
                PAGE.found(format!(
                    "rows of {table} that {what} would have refused can be written from now on"
                ))
                .of(risk),
            )
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
            &["ALTER TABLE t DROP CONSTRAINT k;"],
            &[
                "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID; ALTER TABLE t DROP CONSTRAINT k;",
                "CREATE TABLE n (a int); ALTER TABLE n DROP CONSTRAINT k;",
            ],
        );
    }
}
