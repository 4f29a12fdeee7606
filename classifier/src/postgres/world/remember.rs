//! What is kept of a statement that has run.

use super::{Index, Known, World};
use crate::Facts;
use crate::postgres::action::{
    Action, Alter, AlterTable, Constraint, ConstraintKind, CreateIndex, CreateTable, DropRelations,
    IndexChange, Name, Persistence, Relation,
};

impl World {
    /// Keeps what later statements depend on.
    pub(crate) fn remember(&mut self, facts: Option<&Facts>, action: &Action, in_transaction: bool) {
        match action {
            Action::CreateTable(table) => self.create_table(facts, table),
            Action::CreateView(view) if !view.replace || !self.exists_already(facts, &view.view) => {
                self.create(facts, &view.view);
            }
            Action::CreateSequence { sequence, .. } => self.create(facts, sequence),
            Action::AlterTable(table) => self.alter_table(facts, table),
            Action::CreateIndex(index) => self.create_index(facts, index),
            Action::AlterIndex {
                index,
                change: IndexChange::Rename { to },
            } => self.rename_index(facts, index, to),
            Action::DropRelations(drop) => self.drop_relations(facts, drop),
            Action::Setting(setting) => self.set(setting, in_transaction),
            _ => {}
        }
    }

    fn exists_already(&self, facts: Option<&Facts>, name: &Name) -> bool {
        self.table(facts, name).is_some()
    }

    /// Where something without a schema is created.
    fn full(&self, facts: Option<&Facts>, name: &Name) -> Name {
        match (&name.schema, self.search_path(facts).into_iter().next()) {
            (None, Some(schema)) => Name::qualified(&schema, &name.name),
            _ => name.clone(),
        }
    }

    fn create(&mut self, facts: Option<&Facts>, name: &Name) {
        let full = self.full(facts, name);
        let mut identity = full.clone();
        // Something else had this name before it was renamed, and is still known by it.
        while self.renamed.iter().any(|(_, it)| *it == identity) {
            identity.name.push('\0');
        }
        if identity != full {
            self.renamed.insert(full, identity.clone());
        }
        self.created.insert(identity, ());
    }

    fn create_table(&mut self, facts: Option<&Facts>, table: &CreateTable) {
        let temporary = table.persistence == Persistence::Temporary;
        if table.if_not_exists && !temporary && self.exists_already(facts, &table.table) {
            return;
        }
        self.create(facts, &table.table);
        for column in &table.columns {
            for constraint in &column.constraints {
                self.add_constraint(facts, &table.table, constraint);
            }
            let key = (self.identity(facts, &table.table), column.name.clone());
            self.not_null.insert(key, column.not_null);
        }
        for constraint in &table.constraints {
            self.add_constraint(facts, &table.table, constraint);
        }
    }

    fn add_constraint(&mut self, facts: Option<&Facts>, table: &Name, constraint: &Constraint) {
        let key = (self.identity(facts, table), constraint_name(table, constraint));
        let known = Known {
            references: match &constraint.kind {
                ConstraintKind::ForeignKey(key) => Some(key.references.clone()),
                ConstraintKind::Check { .. }
                | ConstraintKind::NotNull { .. }
                | ConstraintKind::Unique { .. }
                | ConstraintKind::PrimaryKey { .. }
                | ConstraintKind::Exclude => None,
            },
            proves_not_null: proves(constraint),
            text: match &constraint.kind {
                ConstraintKind::Check { expression, .. } => expression.text.clone(),
                _ => String::new(),
            },
            valid: !constraint.not_valid && !constraint.not_enforced,
        };
        self.constraints.insert(key, Some(known));
    }

    fn alter_table(&mut self, facts: Option<&Facts>, statement: &AlterTable) {
        let table = &statement.table;
        for change in &statement.changes {
            let id = self.identity(facts, table);
            let key = |column: &str| (id.clone(), column.to_owned());
            match change {
                Alter::AddColumn { column, .. } => {
                    self.columns.insert(key(&column.name), column.type_name.clone());
                    self.not_null.insert(key(&column.name), column.not_null);
                    for constraint in &column.constraints {
                        self.add_constraint(facts, table, constraint);
                    }
                }
                Alter::DropColumn { column, .. } => {
                    self.not_null.insert(key(column), false);
                    self.columns.remove(&key(column));
                }
                Alter::SetType { column, to, .. } => {
                    self.columns.insert(key(column), to.clone());
                }
                Alter::RenameColumn { from, to } => self.rename_column(facts, table, from, to),
                Alter::SetNotNull { column } => {
                    self.not_null.insert(key(column), true);
                }
                Alter::DropNotNull { column } => {
                    self.not_null.insert(key(column), false);
                }
                Alter::AddConstraint(constraint) => self.constrain(facts, table, constraint),
                Alter::ValidateConstraint { constraint } => {
                    if let Some(mut known) = self.constraint(facts, table, constraint) {
                        known.valid = true;
                        self.constraints.insert(key(constraint), Some(known));
                    }
                }
                Alter::DropConstraint { constraint, .. } => {
                    self.constraints.insert(key(constraint), None);
                }
                Alter::RenameConstraint { from, to } => {
                    let known = self.constraint(facts, table, from);
                    self.constraints.insert(key(from), None);
                    self.constraints.insert(key(to), known);
                }
                Alter::Rename { to } => self.rename(facts, table, &table.renamed(to)),
                Alter::SetSchema { schema } => {
                    self.rename(facts, table, &Name::qualified(schema, &table.name));
                }
                _ => {}
            }
        }
    }

    fn constrain(&mut self, facts: Option<&Facts>, table: &Name, constraint: &Constraint) {
        self.add_constraint(facts, table, constraint);
        let id = self.identity(facts, table);
        let mut columns = match &constraint.kind {
            ConstraintKind::PrimaryKey { columns, .. } => columns.clone(),
            ConstraintKind::NotNull { column } if !constraint.not_valid => vec![column.clone()],
            _ => Vec::new(),
        };
        if let ConstraintKind::PrimaryKey {
            using_index: Some(index),
            ..
        } = &constraint.kind
        {
            columns.extend(
                self.index(facts, index)
                    .map(|it| it.keys.clone())
                    .unwrap_or_default(),
            );
        }
        for column in columns {
            self.not_null.insert((id.clone(), column), true);
        }
    }

    fn rename_column(&mut self, facts: Option<&Facts>, table: &Name, from: &str, to: &str) {
        let id = self.identity(facts, table);
        if let Some(known) = self.column_type(facts, table, from) {
            self.columns.insert((id.clone(), to.to_owned()), known);
        }
        let proven = self.proven_not_null(facts, table, from);
        self.not_null.insert((id.clone(), to.to_owned()), proven);
        self.columns.remove(&(id, from.to_owned()));
    }

    fn rename(&mut self, facts: Option<&Facts>, from: &Name, to: &Name) {
        let id = self.identity(facts, from);
        let old = self.full(facts, from);
        self.renamed.remove(&old);
        let to = match &to.schema {
            Some(_) => to.clone(),
            // It stays in its schema, which need not be the first of the search path.
            None => Name {
                schema: id.schema.clone(),
                name: to.name.clone(),
            },
        };
        self.renamed.insert(to, id);
    }

    fn create_index(&mut self, facts: Option<&Facts>, index: &CreateIndex) {
        let Some(name) = &index.name else { return };
        // An index is in the schema of its table.
        let table = self.identity(facts, &index.table);
        let full = Name {
            schema: table.schema,
            name: name.clone(),
        };
        let known = Index {
            table: index.table.clone(),
            keys: index.keys.clone(),
        };
        self.indexes.insert(full, known);
    }

    fn rename_index(&mut self, facts: Option<&Facts>, index: &Name, to: &str) {
        let id = self.identity(facts, index);
        if let Some(known) = self.indexes.remove(&id) {
            self.indexes.insert(id.renamed(to), known);
        }
    }

    fn drop_relations(&mut self, facts: Option<&Facts>, drop: &DropRelations) {
        for name in &drop.names {
            let id = self.identity(facts, name);
            if drop.relation == Relation::Index {
                self.indexes.remove(&id);
            } else {
                self.created.remove(&id);
                let names: Vec<Name> = self
                    .renamed
                    .iter()
                    .filter(|(_, it)| **it == id)
                    .map(|(name, _)| name.clone())
                    .collect();
                for name in names {
                    self.renamed.remove(&name);
                }
            }
        }
    }
}

/// Columns that it proves not null.
pub(super) fn proves(constraint: &Constraint) -> Vec<String> {
    match &constraint.kind {
        ConstraintKind::Check { proves_not_null, .. } => proves_not_null.clone(),
        ConstraintKind::NotNull { column } => vec![column.clone()],
        ConstraintKind::PrimaryKey { columns, .. } => columns.clone(),
        ConstraintKind::Unique { .. } | ConstraintKind::Exclude | ConstraintKind::ForeignKey(_) => Vec::new(),
    }
}

/// The name it has, or that the server gives it: `ChooseConstraintName` of PostgreSQL, without the number it appends where one is taken.
fn constraint_name(table: &Name, constraint: &Constraint) -> String {
    if let Some(name) = &constraint.name {
        return name.clone();
    }
    let table = &table.name;
    let joined = |columns: &[String], suffix: &str| format!("{table}_{}_{suffix}", columns.join("_"));
    match &constraint.kind {
        ConstraintKind::Check { expression, .. } => {
            let mut columns = expression.columns.clone();
            columns.dedup();
            match columns.as_slice() {
                [column] => format!("{table}_{column}_check"),
                _ => format!("{table}_check"),
            }
        }
        ConstraintKind::NotNull { column } => format!("{table}_{column}_not_null"),
        ConstraintKind::Unique { columns, using_index } => match using_index {
            Some(index) => index.name.clone(),
            None => joined(columns, "key"),
        },
        ConstraintKind::PrimaryKey { using_index, .. } => match using_index {
            Some(index) => index.name.clone(),
            None => format!("{table}_pkey"),
        },
        ConstraintKind::Exclude => format!("{table}_excl"),
        ConstraintKind::ForeignKey(key) => joined(&key.columns, "fkey"),
    }
}
