//! SL2202: a table that is dropped with its rows.

use super::Rule;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Relation};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2202),
    title: "A table's rows are lost, and running code that uses it fails",
    risk: Risk::Critical,
    why: "What is dropped is in the last backup only. See first whether anybody still reads or writes it; take away the \
          privileges of those who might, which can be given back; and drop it when nobody has missed it.",
    example: "SET lock_timeout = '2s';\nDROP TABLE invoices;",
    safer: "SELECT relname, seq_scan, idx_scan, n_tup_ins, n_tup_upd FROM pg_stat_user_tables WHERE relname = 'invoices';",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let Action::DropRelations(drop) = action else {
        return Vec::new();
    };
    if !matches!(drop.relation, Relation::Table | Relation::ForeignTable) {
        return Vec::new();
    }
    let there = drop.names.iter().filter(|table| !context.is_new(table));
    there
        .map(|table| {
            let used = format!(
                "-- twice, some days apart: whoever still uses it moves these figures\nSELECT relname, seq_scan, idx_scan, n_tup_ins, n_tup_upd FROM pg_stat_user_tables WHERE relname = {};",
                sql::literal(&table.name)
            );
            PAGE.found(format!("drops {table} with its rows, and what still uses it fails")).instead(used)
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
            &["DROP TABLE IF EXISTS a, b CASCADE;"],
            &["CREATE TABLE n (a int); DROP TABLE n;", "DROP VIEW v;"],
        );
    }
}
