//! SL2706: the table takes less than before.

use super::{Rule, Seen, sql};
use crate::sqlite_script::action::Action;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2706),
    title: "What running code writes may be refused from now on",
    risk: Risk::Medium,
    why: "A unique index fails if there are two equal rows already, and from then on a second one cannot be written: code that was written \
          before does not know. Look for doubles first, and let the code that obeys the new rule run before the rule does.",
    example: "CREATE UNIQUE INDEX users_email ON users (email);",
    safer: "SELECT email, count(*) FROM users GROUP BY email HAVING count(*) > 1;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let Action::CreateIndex {
        table,
        unique: true,
        partial,
        columns,
    } = seen.action
    else {
        return None;
    };
    if (seen.created)(table) {
        return None;
    }
    let finding = PAGE.found(format!(
        "a second row of {table} with the same ({columns}) is refused; it fails if there is one already"
    ));
    Some(match partial {
        true => finding,
        false => finding.instead(format!(
            "-- none may be left\nSELECT {columns}, count(*) FROM {} GROUP BY {columns} HAVING count(*) > 1;",
            sql(table)
        )),
    })
}
