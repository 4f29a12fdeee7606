//! SL2106: a table that is written anew under the strongest lock.

use super::Rule;
use super::help::{by_size, changes};
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, Maintenance, Name};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2106),
    title: "The table is written anew while reads and writes wait",
    risk: Risk::Critical,
    why: "VACUUM FULL, CLUSTER, SET LOGGED or UNLOGGED, SET TABLESPACE and SET ACCESS METHOD copy the whole table and \
          build its indexes anew under an AccessExclusiveLock. For bloat a plain VACUUM makes the space usable again; \
          pg_repack and pg_squeeze write a table anew, and move it to another tablespace, with a short lock at the end.",
    example: "SET lock_timeout = '2s';\nVACUUM FULL orders;",
    safer: "VACUUM (ANALYZE) orders;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    match action {
        Action::Maintenance(Maintenance::Vacuum { tables, full: true }) => {
            cleaned("VACUUM FULL", tables.first(), context)
        }
        Action::Maintenance(Maintenance::Cluster { table }) => cleaned("CLUSTER", table.as_ref(), context),
        Action::MoveAllInTablespace => vec![
            PAGE.found("every table or index of the tablespace is copied while reads and writes of it wait"),
        ],
        _ => changes(action, context)
            .into_iter()
            .filter(|_| effect.rewrites_table)
            .filter_map(|(table, change)| moved(table, change, context))
            .collect(),
    }
}

fn cleaned(what: &str, table: Option<&Name>, context: &Context<'_>) -> Vec<Finding> {
    let Some(table) = table else {
        return vec![PAGE.found(format!(
            "{what} of every table: each is written anew while reads and writes of it wait"
        ))];
    };
    if context.is_new(table) {
        return Vec::new();
    }
    let finding = PAGE.found(format!(
        "{what} writes {table} and its indexes anew while reads and writes wait"
    ));
    let sql = format!(
        "-- outside of a transaction\nVACUUM (ANALYZE) {};",
        sql::name(table)
    );
    vec![by_size(finding, context, table).instead(sql)]
}

fn moved(table: &Name, change: &Alter, context: &Context<'_>) -> Option<Finding> {
    let what = match change {
        Alter::SetLogged => "SET LOGGED",
        Alter::SetUnlogged => "SET UNLOGGED",
        Alter::SetTablespace { .. } => "SET TABLESPACE",
        Alter::SetAccessMethod { .. } => "SET ACCESS METHOD",
        _ => return None,
    };
    let finding = PAGE.found(format!("{what} writes {table} anew while reads and writes wait"));
    let finding = by_size(finding, context, table);
    Some(match change {
        Alter::SetTablespace { tablespace } => {
            let command = format!(
                "pg_repack --table={} --tablespace={} --moveidx",
                shell(&sql::name(table)),
                shell(tablespace)
            );
            finding.with(crate::Safer::Command(command))
        }
        _ => finding,
    })
}

/// One word of a shell.
fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &[
                "CLUSTER t USING i;",
                "CLUSTER;",
                "ALTER TABLE t SET UNLOGGED;",
                "ALTER TABLE t SET LOGGED;",
                "ALTER TABLE t SET TABLESPACE fast;",
                "ALTER TABLE t SET ACCESS METHOD heap2;",
                "VACUUM (FULL, ANALYZE) t;",
            ],
            &[
                "VACUUM t;",
                "ANALYZE t;",
                "ALTER TABLE t CLUSTER ON i;",
                "CREATE TABLE n (a int); CLUSTER n;",
            ],
        );
    }
}
