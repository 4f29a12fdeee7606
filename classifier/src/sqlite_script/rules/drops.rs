//! SL2704: what is dropped is gone, and what still uses it fails.

use super::{Rule, Seen, part, sql};
use crate::sqlite_script::action::Action;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2704),
    title: "Rows or values are lost, and running code that uses them fails",
    risk: Risk::Critical,
    why: "Once it is committed nothing brings it back, and code that still names it fails. Stop using it first; a table can be kept under \
          another name for a while. A column goes away with a Sluice spec that has `replaces`: the old side is hidden first and can come back. \
          SQLite refuses to drop a column that an index, trigger, view or another column uses.",
    example: "DROP TABLE invoices;",
    safer: "ALTER TABLE orders ADD COLUMN note text;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    match seen.action {
        Action::DropTable(table) if !(seen.created)(table) => {
            let kept = part(&format!("{}_dropped", table.name));
            Some(PAGE.found(format!("drops {table} with its rows")).instead(format!(
                "-- keep it under another name until nobody has missed it\nALTER TABLE {} RENAME TO {kept};",
                sql(table)
            )))
        }
        Action::DropColumn { table, column } if !(seen.created)(table) => Some(PAGE.found(format!(
            "drops {table}.{column} with its values, and what still names it fails"
        ))),
        Action::Drop { what: "VIEW", name } => Some(
            PAGE.found(format!("what still uses the view {name} fails"))
                .of(Risk::High),
        ),
        _ => None,
    }
}
