//! The plan of one table as it would be for a copy of it: the same statements under other names, so that they can be tried out.

use engine::catalog::TableName;
use engine::postgres::{catalog, ident};
use ledger::plan::Plan;
use sqlx::PgConnection;

use super::compile_live;
use crate::compile::Acknowledged;
use crate::kinds::Change;
use crate::spec::{Code, Fault, Spec};

/// Compiles what a spec does to `table` for `copy`, which has its columns. Raw SQL is left out: it says by itself what it is about.
///
/// # Errors
/// Every fault, as for the table itself.
pub async fn compile_for_copy(
    conn: &mut PgConnection,
    spec: &Spec,
    (table, copy): (&TableName, &TableName),
    acknowledged: &Acknowledged,
) -> Result<Plan, Vec<Fault>> {
    let quoted =
        ident::table(copy).map_err(|error| vec![spec.fault(0, "table", Code::Value, error.to_string())])?;
    let mut changes = Vec::new();
    for declared in &spec.changes {
        let Some(text) = declared.change.table() else {
            continue;
        };
        if catalog::resolve(conn, text)
            .await
            .is_ok_and(|name| name == *table)
            && let Some(change) = renamed(&declared.change, &quoted)
        {
            let mut declared = declared.clone();
            declared.change = change;
            changes.push(declared);
        }
    }
    let spec = Spec {
        changes,
        ..spec.clone()
    };
    compile_live(conn, &spec, acknowledged).await
}

/// The change, made to another table.
fn renamed(change: &Change, table: &str) -> Option<Change> {
    let mut change = change.clone();
    match &mut change {
        Change::AddColumn(add) => table.clone_into(&mut add.table),
        Change::RenameColumn(rename) => table.clone_into(&mut rename.table),
        Change::Sql(_) => return None,
    }
    Some(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_the_same_but_for_its_table_and_raw_sql_has_none() {
        let spec = Spec::from_toml(
            "name = \"x\"\n[[change]]\nkind = \"rename_column\"\ntable = \"a\"\nfrom = \"b\"\nto = \"c\"\n\
             [[change]]\nkind = \"sql\"\nrun = \"SELECT 1\"\nundo = \"SELECT 1\"\ntable = \"a\"\n",
            "spec.toml",
        )
        .unwrap();
        let renamed: Vec<_> = spec
            .changes
            .iter()
            .map(|declared| renamed(&declared.change, "\"s\".\"t\""))
            .collect();
        let [Some(Change::RenameColumn(rename)), None] = &renamed[..] else {
            panic!("{renamed:?}");
        };
        assert_eq!(
            (rename.table.as_str(), rename.from.as_str(), rename.to.as_str()),
            ("\"s\".\"t\"", "b", "c")
        );
    }
}
