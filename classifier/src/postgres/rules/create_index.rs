//! SL2102: an index that is built while writes wait.

use super::Rule;
use super::help::by_size;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, CreateIndex};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2102),
    title: "Writes wait until the index is built",
    risk: Risk::High,
    why: "CREATE INDEX takes a ShareLock for as long as it reads and sorts the table: every INSERT, UPDATE and DELETE \
          waits. CONCURRENTLY reads the table twice and waits for transactions that are older, but blocks nobody. If it \
          fails it leaves an invalid index, which is dropped concurrently before the next try. A partitioned table does \
          not know CONCURRENTLY: make the index on the parent only, one on each partition concurrently, and attach them.",
    example: "CREATE INDEX orders_customer ON orders (customer_id);",
    safer: "CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let Action::CreateIndex(index) = action else {
        return Vec::new();
    };
    if index.concurrently || index.only || context.is_new(&index.table) {
        return Vec::new();
    }
    let finding = PAGE.found(format!("writes to {} wait until the index is built", index.table));
    let partitioned = context.table(&index.table).is_some_and(|table| table.partitioned);
    let sql = match partitioned {
        true => for_partitions(index, context),
        false => format!(
            "-- outside of a transaction\n{};",
            concurrently(context.statement)
        ),
    };
    vec![by_size(finding, context, &index.table).instead(sql)]
}

/// The statement with the word behind INDEX.
fn concurrently(statement: &str) -> String {
    let at = statement
        .to_ascii_lowercase()
        .find("index")
        .map_or(0, |at| at + "index".len());
    let (before, after) = statement.split_at(at);
    format!("{before} CONCURRENTLY{after}")
}

fn for_partitions(index: &CreateIndex, context: &Context<'_>) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let keys = index.keys.join(", ");
    let parent = index
        .name
        .clone()
        .unwrap_or_else(|| format!("{}_idx", index.table.name));
    let method = index
        .method
        .as_ref()
        .map_or_else(String::new, |method| format!(" USING {}", sql::ident(method)));
    let mut lines = vec![format!(
        "CREATE {unique}INDEX {} ON ONLY {}{method} ({keys})",
        sql::ident(&parent),
        sql::name(&index.table)
    )];
    let partitions = context
        .table(&index.table)
        .map(|table| table.partitions.as_slice())
        .unwrap_or_default();
    for partition in partitions {
        let (schema, name) = partition.split_once('.').unwrap_or(("public", partition));
        let own = sql::made(&[name, &parent]);
        let table = format!("{}.{}", sql::ident(schema), sql::ident(name));
        lines.push(format!(
            "-- outside of a transaction\nCREATE {unique}INDEX CONCURRENTLY {own} ON {table}{method} ({keys})"
        ));
        lines.push(format!(
            "ALTER INDEX {} ATTACH PARTITION {}.{own}",
            sql::ident(&parent),
            sql::ident(schema)
        ));
    }
    sql::timed(context, &lines)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, safer};
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &[
                "CREATE UNIQUE INDEX ON t (lower(a)) WHERE b;",
                "SET lock_timeout = '2s'; CREATE INDEX i ON s.t USING gin (a);",
            ],
            &[
                "CREATE TABLE n (a int); CREATE INDEX ON n (a);",
                "CREATE INDEX i ON ONLY t (a);",
                "CREATE TEMP TABLE x (a int); CREATE INDEX ON x (a);",
            ],
        );
    }

    #[test]
    fn the_word_is_put_where_it_belongs() {
        let safer = safer(&RULE, "create unique  Index if not exists i on t (a)");
        assert_eq!(
            safer,
            crate::Safer::Sql(
                "-- outside of a transaction\ncreate unique  Index CONCURRENTLY if not exists i on t (a);"
                    .to_owned()
            )
        );
    }
}
