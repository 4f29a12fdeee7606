//! SL2613: MODIFY and CHANGE give the whole definition anew.

use super::{Rule, Seen};
use crate::mysql::action::Clause;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2613),
    title: "What the column's new definition does not repeat is lost",
    risk: Risk::Medium,
    why: "MODIFY and CHANGE replace the whole definition: NOT NULL, DEFAULT, COMMENT, character set and AUTO_INCREMENT that are not written \
          again are gone, and values that do not fit the new type are refused or cut. Copy the definition from SHOW CREATE TABLE; to change \
          only the default, use ALTER COLUMN.",
    example: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders MODIFY status varchar(20), ALGORITHM=INSTANT;",
    safer: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders MODIFY status varchar(20) NOT NULL DEFAULT 'new', ALGORITHM=INSTANT;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

/// Only where nothing at all is repeated: whoever wrote NOT NULL, NULL or a default has looked.
fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let (alter, _) = seen.carried_out()?;
    let column = alter.clauses.iter().find_map(|clause| match clause {
        Clause::ModifyColumn { column, .. } if !column.attributes => Some(column),
        _ => None,
    })?;
    let message = format!(
        "NOT NULL, DEFAULT, COMMENT and whatever else {}.{} has now is lost, because the new definition is only a type",
        alter.table, column.name
    );
    Some(PAGE.found(message).instead(format!(
        "-- repeat what it says of the column\nSHOW CREATE TABLE {};",
        super::sql(&alter.table)
    )))
}
