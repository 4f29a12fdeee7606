//! What is refused about a table before anything is touched, by name and with what to do.
//!
//! Each rule keeps out a way in which the job, or the application because of the job, would fail or lose
//! data later, when it is harder to mend.

use std::collections::BTreeMap;

use engine::catalog::{Table, TableKind};

use super::dialect;
use super::draft::Draft;
use crate::kinds::Change;
use crate::spec::Code;

/// Every rule about every table.
pub(super) fn tables(draft: &mut Draft<'_>) {
    published_all(draft);
    for at in 0..draft.tables.len() {
        let table = draft.tables[at].table;
        if kind(draft, at, table) {
            inheritance(draft, at, table);
            if draft.is_filled(at) {
                row_security(draft, at, table);
            }
            published(draft, at, table);
        }
    }
}

/// Two changes that want the same column.
pub(super) fn overlaps(draft: &mut Draft<'_>) {
    let engine = draft.engine();
    let mut new: BTreeMap<(usize, String), usize> = BTreeMap::new();
    let mut left: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for index in 0..draft.spec.changes.len() {
        let Some(table) = draft.table_of[index] else {
            continue;
        };
        let change = &draft.spec.changes[index].change;
        let (new_key, old_key, old) = match change {
            Change::AddColumn(change) => ("column", "replaces", change.replaces.as_deref()),
            Change::RenameColumn(change) => ("to", "from", Some(change.from.as_str())),
            Change::Sql(_) => continue,
        };
        let claims = [
            (new_key, change.new_column(), &mut new),
            (old_key, old, &mut left),
        ];
        for (key, column, claimed) in claims {
            let Some(column) = column else { continue };
            if let Some(first) = claimed.insert((table, dialect::folded(engine, column)), index) {
                let message = format!(
                    "change {} already has column `{column}` of this table; one of the two is too many",
                    first + 1
                );
                draft.fault(index, key, Code::Overlap, message);
            }
        }
    }
}

fn fault(draft: &mut Draft<'_>, at: usize, code: Code, message: String) {
    let index = draft.tables[at].first_change;
    draft.fault(index, "table", code, message);
}

/// False if it is not a table at all; other rules would only repeat that.
fn kind(draft: &mut Draft<'_>, at: usize, table: &Table) -> bool {
    let why = match table.kind {
        TableKind::Ordinary | TableKind::Partitioned | TableKind::Unlogged => return true,
        TableKind::Temporary => "a temporary table, which only its own session sees; name a permanent one",
        TableKind::Foreign => "a foreign table: its rows are on another server; run Sluice there",
        TableKind::View => "a view; name the table that it reads",
    };
    let message = format!("{} is {why}", draft.tables[at].shown);
    fault(draft, at, Code::NotATable, message);
    false
}

fn inheritance(draft: &mut Draft<'_>, at: usize, table: &Table) {
    let shown = draft.tables[at].shown.clone();
    if let Some(parent) = table.parents.first() {
        let message = format!(
            "{shown} is a partition or a child of {}.{}: its columns come from there; name that table instead",
            parent.schema, parent.name
        );
        fault(draft, at, Code::Inheritance, message);
    }
    let child = table.leaves.iter().find(|leaf| leaf.name != table.name);
    if let (TableKind::Ordinary | TableKind::Unlogged, Some(child)) = (table.kind, child) {
        let message = format!(
            "{shown} has the child {}.{} by inheritance: our trigger would not fire there, so its rows would go stale; \
             partitioned tables are supported, inheritance is not",
            child.name.schema, child.name.name
        );
        fault(draft, at, Code::Inheritance, message);
    }
    if let Some(foreign) = table.dependents.iter().find(|d| d.kind == "foreign partition") {
        let message = format!(
            "{shown} has a partition on another server ({}): its rows are out of reach",
            foreign.name
        );
        fault(draft, at, Code::NotATable, message);
    }
}

/// A batch that sees only some of the rows would call the table done.
fn row_security(draft: &mut Draft<'_>, at: usize, table: &Table) {
    if !table.row_security || draft.acknowledged.unfiltered.contains(&table.name) {
        return;
    }
    let policies = if table.policies.is_empty() {
        "no policy yet".to_owned()
    } else {
        table.policies.join(", ")
    };
    let message = format!(
        "row security is enabled on {} ({policies}): rows that it hides from the target's data role would be left out; \
         give that role BYPASSRLS (`ALTER ROLE ... BYPASSRLS`), or let it own the table without FORCE",
        draft.tables[at].shown
    );
    fault(draft, at, Code::RowSecurity, message);
}

/// The ledger would be published with everything else, and its first row would stop the subscriber.
fn published_all(draft: &mut Draft<'_>) {
    for publication in &draft.catalog.publications_for_all_tables {
        let message = format!(
            "publication `{publication}` is FOR ALL TABLES: it would publish Sluice's ledger too, and the subscriber stops at the first \
             row of a table it does not have; list its tables instead, or create the tables on the subscriber and \
             add \"{publication}\" to `acknowledge_publications` of this target"
        );
        if draft.acknowledged.publications.contains(publication) {
            draft.notice(
                "SL-PUBLISHED-ALL",
                format!("Acknowledged: publication `{publication}` publishes every table, the ledger too."),
            );
        } else {
            draft.fault(0, "table", Code::PublishedAll, message);
        }
    }
}

fn published(draft: &mut Draft<'_>, at: usize, table: &Table) {
    let catalog = draft.catalog;
    let by_schema = catalog
        .publications_for_schema
        .iter()
        .filter(|(_, schema)| *schema == table.name.schema)
        .map(|(publication, _)| publication);
    let named: Vec<&String> = table.publications.iter().chain(by_schema).collect();
    let shown = draft.tables[at].shown.clone();
    for publication in &named {
        if draft.acknowledged.publications.contains(*publication) {
            let message = format!(
                "Acknowledged: {shown} is published by `{publication}`; its subscribers need each new column before the first row arrives."
            );
            draft.notice("SL-PUBLISHED", message);
        } else {
            let message = format!(
                "{shown} is published by `{publication}`: a subscriber stops at the first row that has a column it does not know, and \
                 the slot then fills this server's disk; add the column on the subscriber first and add \"{publication}\" to \
                 `acknowledge_publications` of this target"
            );
            fault(draft, at, Code::Published, message);
        }
    }
    let published = !named.is_empty() || !catalog.publications_for_all_tables.is_empty();
    if published && draft.is_filled(at) {
        replica_identity(draft, at, table);
    }
}

/// A published table whose rows cannot be told apart refuses every UPDATE, ours first.
fn replica_identity(draft: &mut Draft<'_>, at: usize, table: &Table) {
    let without = match table.replica_identity {
        'n' => true,
        'd' => table.primary_key().is_empty(),
        _ => false,
    };
    if without {
        let message = format!(
            "{} is published but has no replica identity, so the server refuses every UPDATE of it; give it a primary key, or \
             ALTER TABLE {} REPLICA IDENTITY FULL",
            draft.tables[at].shown, draft.tables[at].quoted
        );
        fault(draft, at, Code::ReplicaIdentity, message);
    }
}
