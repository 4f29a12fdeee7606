//! SL2117: an exclusion constraint, for which there is no way beside the application.

use super::Rule;
use super::help::{by_size, constraints};
use crate::postgres::Context;
use crate::postgres::action::{Action, ConstraintKind};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2117),
    title: "An exclusion constraint is built under the strongest lock",
    risk: Risk::Critical,
    why: "EXCLUDE builds its index under an AccessExclusiveLock, and no version can build it beforehand. Where a table is \
          large, make a new table with the constraint, move the rows, and swap the two; or let a trigger refuse what the \
          constraint would.",
    example: "SET lock_timeout = '2s';\nALTER TABLE bookings ADD CONSTRAINT bookings_no_overlap EXCLUDE USING gist (room WITH \
              =, during WITH &&);",
    safer: "SET lock_timeout = '2s';\nCREATE TABLE bookings_new (room int, during tsrange, EXCLUDE USING gist (room WITH =, \
            during WITH &&));",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let added = constraints(action, context)
        .into_iter()
        .filter(|(_, constraint)| constraint.kind == ConstraintKind::Exclude);
    added
        .map(|(table, _)| {
            let message = format!("builds the index of EXCLUDE on {table} while reads and writes wait, and cannot be built beforehand");
            by_size(PAGE.found(message), context, table)
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
            &["ALTER TABLE t ADD EXCLUDE USING gist (r WITH &&);"],
            &["ALTER TABLE t ADD CHECK (a > 0) NOT VALID;"],
        );
    }
}
