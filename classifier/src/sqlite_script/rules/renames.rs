//! SL2705: the old name is gone in the same instant in which the new one appears.

use super::{Rule, Seen, part, sql};
use crate::rule::spec::rename;
use crate::sqlite_script::action::Action;
use crate::{Code, Finding, Page, Risk, Safer};

const PAGE: Page = Page {
    code: Code(2705),
    title: "What still uses the old name fails",
    risk: Risk::High,
    why: "The rename itself is instant, but code that was written for the old name fails from then on. A Sluice spec adds the new name, keeps \
          both the same in both directions, and drops the old one when nobody uses it.",
    example: "ALTER TABLE customer RENAME COLUMN fax TO fax_number;",
    safer: "name = 'rename-customer-fax'\n\n[[change]]\nkind = 'rename_column'\ntable = 'customer'\nfrom = 'fax'\nto = 'fax_number'",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    match seen.action {
        Action::RenameColumn { table, from, to } if !(seen.created)(table) => {
            let spec = rename(&["rename", &table.name, from], &part(&table.name), from, to);
            let message =
                format!("what still uses {table}.{from} fails from the instant in which it is {to}");
            Some(PAGE.found(message).with(Safer::Spec(spec)))
        }
        // The end of a copy: another table of this name was dropped before.
        Action::RenameTable { table, to } if !(seen.created)(table) && !(seen.dropped)(to) => {
            let message = format!("what still uses {table} fails from the instant in which it is {to}");
            let view = format!(
                "-- for readers: a writer needs INSTEAD OF triggers on the view\nCREATE VIEW {} AS SELECT * FROM {};",
                part(to),
                sql(table)
            );
            Some(PAGE.found(message).instead(view))
        }
        _ => None,
    }
}
