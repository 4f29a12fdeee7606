//! SL2707: a backfill in disguise.

use super::{Rule, Seen, part};
use crate::rule::spec::Fill;
use crate::sqlite_script::action::{Action, Change};
use crate::{Code, Finding, Page, Risk, Safer};

const PAGE: Page = Page {
    code: Code(2707),
    title: "Every row is written while nobody else can write to the file",
    risk: Risk::High,
    why: "One statement over a whole table is a backfill in disguise: it holds the file's write lock until the last row, and the log of the \
          transaction grows by the table. A Sluice spec fills a new column a few rows at a time, keeps it right while the application writes, \
          and proves it at the end.",
    example: "UPDATE customer SET email_lower = lower(email);",
    safer: "name = 'fill-customer-email_lower'\n\n[[change]]\nkind = 'add_column'\ntable = 'customer'\ncolumn = 'email_lower'\ntype = 'text'\nup = 'lower(email)'",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    match seen.action {
        Action::Update(change) if change.whole && !(seen.created)(&change.table) => {
            let message = format!(
                "updates every row of {} while nobody else can write to the file: a backfill in disguise",
                change.table
            );
            let finding = PAGE.found(message);
            Some(match spec(change) {
                Some(spec) => finding.with(Safer::Spec(spec)),
                None => finding,
            })
        }
        Action::Delete(change) if change.whole && !(seen.created)(&change.table) => {
            let table = super::sql(&change.table);
            let message = format!(
                "deletes every row of {} while nobody else can write to the file, and what was there is lost",
                change.table
            );
            Some(PAGE.found(message).instead(format!(
                "-- again and again, until it changes no row\nDELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} LIMIT 1000);"
            )))
        }
        _ => None,
    }
}

/// The column that is filled is taken for a new one: the spec adds it, so the ADD COLUMN before goes away.
fn spec(change: &Change) -> Option<String> {
    let [(column, up)] = change.set.as_slice() else {
        return None;
    };
    let fills_itself = up.to_lowercase().contains(&column.to_lowercase());
    if fills_itself {
        return None;
    }
    let spec = Fill {
        name: &["fill", &change.table.name, column],
        table: &part(&change.table.name),
        column,
        type_name: "text",
        up,
        down: None,
        replaces: None,
    };
    Some(format!(
        "# adds the column, of the type that it is to have, and fills it: instead of ADD COLUMN and UPDATE\n{}",
        spec.spec()
    ))
}
