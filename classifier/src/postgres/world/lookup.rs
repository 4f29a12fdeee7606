//! What is known of a table, by the script or by the database.

use super::{Index, Known, World};
use crate::postgres::action::{Name, SqlType};
use crate::{Facts, facts};

impl World {
    /// The table that a name means now.
    pub(crate) fn identity(&self, facts: Option<&Facts>, name: &Name) -> Name {
        if name.schema.is_some() {
            return self.renamed.get(name).unwrap_or(name).clone();
        }
        let path = self.search_path(facts);
        let mut candidates = path.iter().map(|schema| Name::qualified(schema, &name.name));
        let first = candidates.clone().next();
        let known = candidates.find(|it| self.exists(facts, it)).or(first);
        let full = known.unwrap_or_else(|| Name::qualified("public", &name.name));
        self.renamed.get(&full).cloned().unwrap_or(full)
    }

    fn exists(&self, facts: Option<&Facts>, full: &Name) -> bool {
        self.renamed.get(full).is_some()
            || self.created.get(full).is_some()
            || facts.is_some_and(|facts| facts.tables.contains_key(&full.to_string()))
    }

    /// The script has created it, or it is temporary: nobody else uses it.
    pub(crate) fn is_new(&self, facts: Option<&Facts>, name: &Name) -> bool {
        name.schema.as_deref() == Some("pg_temp") || self.created.get(&self.identity(facts, name)).is_some()
    }

    /// What the database says of it; None too for what the script has created.
    pub(crate) fn table<'a>(
        &self,
        facts: Option<&'a Facts>,
        name: &Name,
    ) -> Option<(&'a str, &'a facts::Table)> {
        let id = self.identity(facts, name);
        if self.created.get(&id).is_some() {
            return None;
        }
        let found = facts?.tables.get_key_value(&id.to_string());
        found.map(|(name, table)| (name.as_str(), table))
    }

    /// The type that a column has now.
    pub(crate) fn column_type(&self, facts: Option<&Facts>, table: &Name, column: &str) -> Option<SqlType> {
        let key = (self.identity(facts, table), column.to_owned());
        if let Some(known) = self.columns.get(&key) {
            return Some(known.clone());
        }
        let (_, table) = self.table(facts, table)?;
        table.columns.get(column).map(|it| SqlType::read(&it.type_name))
    }

    /// No row has NULL there, and the database knows it: it is NOT NULL, or a valid CHECK says so.
    pub(crate) fn proven_not_null(&self, facts: Option<&Facts>, table: &Name, column: &str) -> bool {
        let key = (self.identity(facts, table), column.to_owned());
        let of_script = self.not_null.get(&key).copied();
        let of_catalog = self
            .table(facts, table)
            .and_then(|(_, table)| table.columns.get(column))
            .is_some_and(|column| column.not_null);
        of_script.unwrap_or(of_catalog)
            || self
                .valid_checks(facts, table)
                .iter()
                .any(|it| it.proves_not_null.iter().any(|it| it == column))
    }

    /// CHECKs that every row fulfills.
    pub(crate) fn valid_checks(&self, facts: Option<&Facts>, table: &Name) -> Vec<Known> {
        let id = self.identity(facts, table);
        let of_script = self.constraints_of(&id);
        let mut valid: Vec<Known> = of_script
            .filter_map(|(_, known)| known.clone())
            .filter(|it| it.valid)
            .collect();
        let Some((_, table)) = self.table(facts, table) else {
            return valid;
        };
        for (name, constraint) in table.constraints.iter().filter(|(_, it)| it.kind == 'c') {
            match self.constraints.get(&(id.clone(), name.clone())) {
                Some(_) => {}
                None if constraint.valid => valid.push(known_of(constraint)),
                None => {}
            }
        }
        valid
    }

    /// A constraint by its name: of the script, or of the catalog.
    pub(crate) fn constraint(&self, facts: Option<&Facts>, table: &Name, name: &str) -> Option<Known> {
        let key = (self.identity(facts, table), name.to_owned());
        if let Some(of_script) = self.constraints.get(&key) {
            return of_script.clone();
        }
        let (_, table) = self.table(facts, table)?;
        table.constraints.get(name).map(known_of)
    }

    /// What the script has done to the constraints of a table.
    fn constraints_of(&self, id: &Name) -> impl Iterator<Item = (&(Name, String), &Option<Known>)> {
        let first = (id.clone(), String::new());
        self.constraints
            .from(first..)
            .take_while(move |((of, _), _)| of == id)
    }

    /// The tables that foreign keys refer to which the script has added.
    pub(crate) fn foreign_keys(&self, facts: Option<&Facts>, table: &Name) -> Vec<Name> {
        let id = self.identity(facts, table);
        let of_script = self.constraints_of(&id);
        of_script
            .filter_map(|(_, known)| known.as_ref()?.references.clone())
            .collect()
    }

    /// An index that the script has created.
    pub(crate) fn index(&self, facts: Option<&Facts>, name: &Name) -> Option<&Index> {
        self.indexes.get(&self.identity(facts, name))
    }
}

/// What the catalog says of a constraint, read as a statement would be.
fn known_of(constraint: &facts::Constraint) -> Known {
    let read = crate::postgres::parse::constraint(&constraint.definition);
    Known {
        references: constraint.references.as_deref().map(from_catalog),
        proves_not_null: read.as_ref().map(super::remember::proves).unwrap_or_default(),
        text: constraint.definition.clone(),
        valid: constraint.valid,
    }
}

/// `schema.table` as the catalog spells it.
pub(crate) fn from_catalog(name: &str) -> Name {
    match name.split_once('.') {
        Some((schema, name)) => Name::qualified(schema, name),
        None => Name::bare(name),
    }
}
