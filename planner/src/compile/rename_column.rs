//! Compiles `rename_column`: a column like the old one, mirrored both ways.
//!
//! What belongs to the old column is carried to the new one ([`super::carry`]) or refused by name here: a rename
//! that silently loses a constraint is worse than one that does not happen.

use engine::catalog::{Column, ConstraintKind, Table, TableKind};
use engine::postgres::ident::{literal, quote};
use engine::postgres::triggers::{Down, OnDownError, Pair};

use super::draft::{Added, Draft, Presence};
use super::{add_column, carry};
use crate::kinds::{Change, RenameColumn};
use crate::spec::Code;

/// Adds what the change asks for to the draft, or its faults.
pub(super) fn compile(draft: &mut Draft<'_>, index: usize, change: &RenameColumn) {
    let Some(table) = draft.table_of[index] else {
        return;
    };
    let Some(from) = draft.column(index, table, "from", &change.from) else {
        return;
    };
    let is_new = add_column::is_new(draft, index, table, "to", &change.to);
    let before = draft.faults.len();
    refuse(draft, index, table, from);
    let carried = carry::collect(draft, index, table, change);
    let (Ok(old), Ok(new)) = (quote(&change.from), quote(&change.to)) else {
        return;
    };
    if !is_new || draft.faults.len() > before {
        return;
    }
    draft.expand.push(Added::Column {
        table,
        column: change.to.clone(),
        type_name: from.type_name.clone(),
        statements: statements(&draft.tables[table].quoted, &new, from),
    });
    let found = &mut draft.tables[table];
    found.rely(&change.from, &from.type_name, Presence::Before);
    found.rely(&change.to, &from.type_name, Presence::Added);
    found.pairs.push(Pair {
        new: change.to.clone(),
        new_type: from.type_name.clone(),
        up: old,
        reads: vec![change.from.clone()],
        down: Some(Down {
            column: change.from.clone(),
            column_type: from.type_name.clone(),
            expression: new,
            on_error: OnDownError::Close,
            has_default: from.default.is_some(),
            not_null: from.not_null,
        }),
        cannot_raise: true,
    });
    found.constraints.extend(carried.constraints);
    found.not_null.extend(carried.not_null);
    found.indexes.extend(carried.indexes);
    let default = from.default.clone().map(|sql| (change.to.clone(), sql));
    draft.replace(table, &change.from, default);
    if from.default.is_some() {
        let message = format!(
            "The default of `{}` is carried to `{}` at contract, not before: with a default nobody could tell whether a write gave the \
             new column. Until then a write that gives neither column still gets the old one's default, mirrored.",
            change.from, change.to
        );
        draft.notice("SL-DEFAULT-LATER", message);
    }
}

/// ADD COLUMN and everything about a column that is no constraint, in one transaction.
fn statements(table: &str, new: &str, from: &Column) -> Vec<String> {
    let collation = from
        .collation
        .as_ref()
        .map_or_else(String::new, |name| format!(" COLLATE {name}"));
    let mut statements = vec![format!(
        "ALTER TABLE {table} ADD COLUMN {new} {}{collation}",
        from.type_name
    )];
    let alter = format!("ALTER TABLE {table} ALTER COLUMN {new}");
    if let Some(target) = from.statistics_target {
        statements.push(format!("{alter} SET STATISTICS {target}"));
    }
    if !from.options.is_empty() {
        statements.push(format!("{alter} SET ({})", from.options.join(", ")));
    }
    if let Some(storage) = &from.storage {
        statements.push(format!("{alter} SET STORAGE {storage}"));
    }
    if let Some(comment) = &from.comment {
        statements.push(format!("COMMENT ON COLUMN {table}.{new} IS {}", literal(comment)));
    }
    for grant in &from.grants {
        let grantee = if grant.grantee == "PUBLIC" {
            Ok("PUBLIC".to_owned())
        } else {
            quote(&grant.grantee)
        };
        let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
        // A role's name comes from the catalog, so it can be quoted.
        if let Ok(grantee) = grantee {
            statements.push(format!(
                "GRANT {} ({new}) ON TABLE {table} TO {grantee}{option}",
                grant.privilege
            ));
        }
    }
    statements
}

/// What cannot be carried to another column while both are in use.
fn refuse(draft: &mut Draft<'_>, index: usize, at: usize, from: &Column) {
    let table = draft.tables[at].table;
    let mut why = of_the_column(from);
    why.extend(shared_with_another_rename(draft, index, at, from));
    why.extend(of_the_table(table, from));
    for reason in why {
        let message = format!("`{}` cannot be renamed this way: {reason}", from.name);
        draft.fault(index, "from", Code::NotCarried, message);
    }
}

/// A constraint over two renamed columns would be carried once for each, and at contract both copies would go.
fn shared_with_another_rename(draft: &Draft<'_>, index: usize, at: usize, from: &Column) -> Option<String> {
    let table = draft.tables[at].table;
    let others: Vec<&String> = draft
        .spec
        .changes
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != index && draft.table_of[*other] == Some(at))
        .filter_map(|(_, declared)| match &declared.change {
            Change::RenameColumn(change) => Some(&change.from),
            Change::AddColumn(_) | Change::Sql(_) => None,
        })
        .collect();
    let constraints = table.constraints.iter().map(|c| (&c.name, &c.columns));
    let indexes = table.indexes.iter().map(|i| (&i.name, &i.columns));
    constraints
        .chain(indexes)
        .find(|(_, columns)| columns.contains(&from.name) && columns.iter().any(|c| others.contains(&c)))
        .map(|(name, _)| format!("`{name}` also covers another column that this spec renames; rename them one job after the other"))
}

fn of_the_column(from: &Column) -> Vec<String> {
    let mut why = Vec::new();
    if from.identity {
        why.push("it is an identity column, and a table has one sequence for it; drop the identity first, or keep the name".to_owned());
    }
    if from.owns_sequence {
        why.push(
            "it is a serial column: its default belongs to a sequence that it owns; keep the name".to_owned(),
        );
    }
    if from.generated {
        why.push(
            "it is generated; add a column with its expression as `up` instead (`add_column`)".to_owned(),
        );
    }
    if from.constrained_domain {
        why.push(format!(
            "its type {} is a domain with constraints, and adding a column of such a type rewrites the table; use `add_column` with the base type",
            from.type_name
        ));
    }
    why
}

fn of_the_table(table: &Table, from: &Column) -> Vec<String> {
    let mut why = Vec::new();
    let name = &from.name;
    if table.partition_columns.contains(name) {
        why.push("it is part of the partition key, which cannot change".to_owned());
    }
    for constraint in table.constraints.iter().filter(|c| c.columns.contains(name)) {
        match constraint.kind {
            ConstraintKind::PrimaryKey => {
                why.push(format!("it is part of the primary key `{}`, which names rows while the job runs", constraint.name));
            }
            ConstraintKind::Exclusion => why.push(format!(
                "the exclusion constraint `{}` uses it, and there is no way to add one without blocking writes",
                constraint.name
            )),
            ConstraintKind::Unique | ConstraintKind::Check | ConstraintKind::ForeignKey | ConstraintKind::Trigger => {}
        }
    }
    for reference in table.referenced_by.iter().filter(|r| r.columns.contains(name)) {
        why.push(format!(
            "the foreign key `{}` of {}.{} points at it; drop or move that foreign key first",
            reference.constraint, reference.table.schema, reference.table.name
        ));
    }
    for dependent in table.dependents.iter().filter(|d| d.column == *name) {
        match dependent.kind.as_str() {
            "policy" | "rule" => why.push(format!("{} reads it; change that first", dependent.name)),
            "generated column" => {
                why.push(format!(
                    "generated {} reads it; that would have to be rewritten",
                    dependent.name
                ));
            }
            _ => {}
        }
    }
    if table.replica_identity == 'i' && table.indexes.iter().any(|i| i.unique && i.columns.contains(name)) {
        why.push(
            "it may be part of the table's replica identity index, which subscribers rely on".to_owned(),
        );
    }
    if table.kind == TableKind::Partitioned {
        why.extend(of_a_partitioned_table(table, name));
    }
    why
}

/// Each needs one operation per partition that a plan cannot list: partitions come and go.
fn of_a_partitioned_table(table: &Table, name: &String) -> Vec<String> {
    let foreign = |kind| kind == ConstraintKind::ForeignKey;
    let indexes = table.indexes.iter().filter(|i| i.columns.contains(name)).map(|index| {
        format!(
            "index `{}` uses it, and on a partitioned table an index cannot be created concurrently; drop the index first and create it \
             anew afterwards",
            index.name
        )
    });
    let keys = table.constraints.iter().filter(|c| foreign(c.kind) && c.columns.contains(name)).map(|key| {
        format!(
            "foreign key `{}` uses it, and on a partitioned table a foreign key cannot be added without reading every row under a lock; \
             drop it first and add it anew afterwards",
            key.name
        )
    });
    indexes.chain(keys).collect()
}
