//! SL2104: an index that is built anew while writes wait.

use super::Rule;
use super::help::by_size;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, ReindexTarget};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2104),
    title: "Writes wait until the indexes are built anew",
    risk: Risk::High,
    why: "REINDEX takes a ShareLock on the table and an AccessExclusiveLock on the index, so that writes wait, and reads \
          too that would use the index. CONCURRENTLY (12 and later) builds another index beside it and swaps them.",
    example: "SET lock_timeout = '2s';\nREINDEX TABLE orders;",
    safer: "REINDEX TABLE CONCURRENTLY orders;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let Action::Reindex(reindex) = action else {
        return Vec::new();
    };
    if reindex.concurrently {
        return Vec::new();
    }
    let again = match &reindex.target {
        ReindexTarget::Index(index)
            if context
                .table_of_index(index)
                .is_some_and(|table| context.is_new(table)) =>
        {
            return Vec::new();
        }
        ReindexTarget::Table(table) if context.is_new(table) => return Vec::new(),
        ReindexTarget::Index(index) => Some(format!("INDEX CONCURRENTLY {}", sql::name(index))),
        ReindexTarget::Table(table) => Some(format!("TABLE CONCURRENTLY {}", sql::name(table))),
        ReindexTarget::Schema(schema) => Some(format!("SCHEMA CONCURRENTLY {}", sql::ident(schema))),
        // The catalogs know no other way; the name of the database may be left out.
        ReindexTarget::Database | ReindexTarget::System => None,
    };
    let finding =
        PAGE.found("writes wait until the indexes are built anew, and so do reads that would use them");
    let finding = match &reindex.target {
        ReindexTarget::Table(table) => by_size(finding, context, table),
        _ => finding,
    };
    vec![match again {
        Some(again) => finding.instead(format!("-- outside of a transaction\nREINDEX {again};")),
        None => finding,
    }]
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["REINDEX INDEX i;", "REINDEX SCHEMA s;", "REINDEX DATABASE d;"],
            &["REINDEX INDEX CONCURRENTLY i;"],
        );
    }
}
