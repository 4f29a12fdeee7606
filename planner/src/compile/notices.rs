//! What the reader of a plan should know before approving: facts about these tables that the application will feel.
//!
//! Nothing here is refused; each names the case, says why it matters and what to do.

use engine::catalog::{Table, Trigger};

use super::draft::Draft;
use super::input::Checked;
use crate::kinds::Change;

/// Every notice that is about tables and the database as a whole, after those of the changes.
pub(super) fn add(draft: &mut Draft<'_>) {
    unchecked(draft);
    for at in 0..draft.tables.len() {
        let table = draft.tables[at].table;
        if adds_columns(draft, at) {
            prepared_star(draft, at);
        }
        if !draft.tables[at].pairs.is_empty() {
            for trigger in table.triggers.iter().filter(|t| t.enabled != 'D') {
                user_trigger(draft, at, trigger);
            }
            dependents(draft, at, table);
            partitions(draft, at, table);
        }
    }
    derived(draft);
    database(draft);
}

pub(super) fn unchecked(draft: &mut Draft<'_>) {
    if draft.expressions.checked == Checked::ByNobody && !draft.expressions.reads.is_empty() {
        draft.notice(
            "SL-UNCHECKED",
            "The expressions were not checked by a database: this plan was made from a saved catalog, and every column whose name occurs in \
             an expression counts as read. With a database they are parsed, typed and tested for immutability before a job is accepted.",
        );
    }
}

pub(super) fn adds_columns(draft: &Draft<'_>, at: usize) -> bool {
    draft.changes_of(at).any(|change| change.new_column().is_some())
}

fn prepared_star(draft: &mut Draft<'_>, at: usize) {
    let shown = draft.tables[at].shown.clone();
    let message = format!(
        "{shown} gets a column. A prepared `SELECT *` of it fails once (\"cached plan must not change result type\"), COPY into it without a \
         column list fails, and `INSERT ... SELECT *` from it has one column more. Name the columns where the application does that."
    );
    draft.notice("SL-PREPARED-STAR", message);
}

fn user_trigger(draft: &mut Draft<'_>, at: usize, trigger: &Trigger) {
    let shown = draft.tables[at].shown.clone();
    let name = &trigger.name;
    let old: Vec<String> = draft.tables[at]
        .relies_on
        .iter()
        .filter(|c| !c.added)
        .map(|c| c.name.clone())
        .collect();
    let watched: Vec<&str> = trigger
        .update_of
        .iter()
        .filter(|c| old.contains(c))
        .map(String::as_str)
        .collect();
    if !watched.is_empty() {
        let message = format!(
            "Trigger `{name}` on {shown} fires on UPDATE OF {}. It does not fire when the application writes the new column and the mirror \
             brings that to the old one: before writes flip, make it fire on the new column too.",
            watched.join(", ")
        );
        draft.notice("SL-TRIGGER-UPDATE-OF", message);
    } else if trigger.on_update && trigger.update_of.is_empty() {
        let message = format!(
            "Trigger `{name}` on {shown} fires for every row that the backfill writes: whatever it costs, and whatever it writes elsewhere, \
             happens once a row."
        );
        draft.notice("SL-USER-TRIGGER", message);
    }
}

fn dependents(draft: &mut Draft<'_>, at: usize, table: &Table) {
    let replaced: Vec<String> = draft
        .changes_of(at)
        .filter_map(|change| match change {
            Change::AddColumn(change) => change.replaces.clone(),
            Change::RenameColumn(change) => Some(change.from.clone()),
            Change::Sql(_) => None,
        })
        .collect();
    let shown = draft.tables[at].shown.clone();
    for dependent in table.dependents.iter().filter(|d| replaced.contains(&d.column)) {
        let message = format!(
            "{} depends on {shown}.{}: nothing changes for it until the drop, which the server refuses while it does. Change it to the new column first.",
            dependent.name, dependent.column
        );
        draft.notice("SL-DEPENDENT", message);
    }
}

fn partitions(draft: &mut Draft<'_>, at: usize, table: &Table) {
    let renames = draft
        .changes_of(at)
        .any(|change| matches!(change, Change::RenameColumn(_)));
    let partitioned = table.kind == engine::catalog::TableKind::Partitioned;
    if partitioned && renames {
        let message = format!(
            "{} is partitioned. What only a single partition has (its own indexes, constraints, privileges) is not carried to the new column.",
            draft.tables[at].shown
        );
        draft.notice("SL-PARTITION-OWN", message);
    }
}

pub(super) fn derived(draft: &mut Draft<'_>) {
    for index in 0..draft.spec.changes.len() {
        let Change::AddColumn(change) = &draft.spec.changes[index].change else {
            continue;
        };
        if change.up.is_some() && change.down.is_none() {
            let kept = change
                .replaces
                .as_ref()
                .map_or_else(String::new, |old| format!(" `{old}` cannot be dropped, because"));
            let message = format!(
                "`{}` is derived: without `down`{kept} a write to it is overridden by `up`. Only reads can move to it. Give `down` if writes should.",
                change.column
            );
            draft.notice("SL-DERIVED", message);
        }
    }
}

fn database(draft: &mut Draft<'_>) {
    let (triggers, slots) = (&draft.catalog.event_triggers, &draft.catalog.logical_slots);
    if !triggers.is_empty() {
        let message = format!(
            "Event triggers fire on our DDL: {}. One that rejects it stops the job before anything is filled.",
            triggers.join(", ")
        );
        draft.notice("SL-EVENT-TRIGGER", message);
    }
    if !slots.is_empty() {
        let message = format!(
            "Logical replication slots decode every row that the backfill writes: {}. Watch that their consumers keep up; what they have not \
             read stays on this server's disk.",
            slots.join(", ")
        );
        draft.notice("SL-LOGICAL-SLOT", message);
    }
}
