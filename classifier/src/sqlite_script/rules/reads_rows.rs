//! SL2702: every row is read while the file is locked for writing.

use super::{Rule, Seen};
use crate::sqlite_script::action::Action;
use crate::sqlite_script::effect::{reads_rows, refused};
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2702),
    title: "Every row is read while nobody can write to the file",
    risk: Risk::High,
    why: "The one write lock of the file is held until the last row is read, and a writer whose busy timeout is shorter fails. An index of a \
          table is best made while the table is small; a CHECK that comes with a column is looked at on every row, and fails where one \
          violates it. A partial index still reads every row, but writes few.",
    example: "CREATE INDEX orders_customer ON orders (customer_id);",
    safer: "CREATE TABLE orders_by_customer (customer_id integer PRIMARY KEY, orders integer NOT NULL);",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let long = "while nobody can write to the file; a writer whose busy timeout is shorter fails";
    match seen.action {
        Action::CreateIndex { table, .. } if !(seen.created)(table) => {
            Some(PAGE.found(format!("reads and sorts every row of {table} {long}")))
        }
        Action::Reindex { .. } => Some(PAGE.found(format!("builds indexes anew {long}"))),
        Action::AddColumn { table, column }
            if reads_rows(column) && refused(column).is_none() && !(seen.created)(table) =>
        {
            let message = format!("looks at the new column of every row of {table} {long}");
            let finding = PAGE.found(message);
            Some(match column.check {
                true => finding.instead(format!(
                    "-- without the check, a trigger can refuse what it would have refused\nALTER TABLE {} ADD COLUMN {} {};",
                    super::sql(table),
                    super::part(&column.name),
                    column.type_name
                )),
                false => finding,
            })
        }
        _ => None,
    }
}
