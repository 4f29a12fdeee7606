//! How a trigger spells the columns of the row in hand, and the author's expressions over them.
//!
//! The author's expressions are evaluated over the **stored** row, never over `NEW.x`: an expression over a column has that column's
//! affinity, and `code = '5'` is true of a stored 5 but not of a `NEW.code` of 5. So every statement is about the table itself, at
//! the one row, and bare names mean its columns. What was written is asked of `OLD.x` and `NEW.x`, where no expression is.
//!
//! A column that goes by another name or holds another value than the author's expression should see is laid over the row:
//! `(SELECT (expression) FROM (SELECT "sluice_0123456789_h1" AS "milliseconds") AS "track")`. The inner names win, and what is not
//! among them is found one scope further out, in the row itself. The hidden column keeps its affinity and collation there.

use super::{Down, Hidden, Mirror, Pair};
use crate::sqlite::ident::{self, IdentError};

/// The row that fired the trigger.
pub(super) struct Row<'a> {
    /// The table's name, quoted.
    pub(super) table: String,
    /// The column that identifies the row, quoted.
    pub(super) row: &'a str,
    /// The columns that bear another name.
    pub(super) hidden: &'a [Hidden],
}

/// A column, by the name that the author knows, and the SQL of what an expression is to see in it.
pub(super) type Laid = (String, String);

impl<'a> Row<'a> {
    pub(super) fn of(mirror: &Mirror, row: &'a str, hidden: &'a [Hidden]) -> Result<Self, IdentError> {
        Ok(Self {
            table: ident::table(&mirror.table)?,
            row,
            hidden,
        })
    }

    /// `WHERE` this is the row. An update of the key has moved it already, and NEW knows where.
    pub(super) fn here(&self) -> String {
        format!("{row} = NEW.{row}", row = self.row)
    }

    /// What the column is called now, quoted.
    pub(super) fn cell(&self, column: &str) -> Result<String, IdentError> {
        let now = self.hidden.iter().find(|h| h.column == column);
        ident::quote(now.map_or(column, |h| h.name.as_str()))
    }

    /// `up` over the old side as the row has it, but for what is laid over it.
    pub(super) fn up(&self, pair: &Pair, laid: &[Laid]) -> Result<String, IdentError> {
        let hidden = self.hidden.iter().filter(|h| pair.reads.contains(&h.column));
        self.over(&pair.up, laid, hidden)
    }

    /// `down` may read any column of the row.
    pub(super) fn down(&self, down: &Down, laid: &[Laid]) -> Result<String, IdentError> {
        let hidden = self
            .hidden
            .iter()
            .filter(|h| mentions(&down.expression, &h.column));
        self.over(&down.expression, laid, hidden)
    }

    fn over<'h>(
        &self,
        expression: &str,
        laid: &[Laid],
        hidden: impl Iterator<Item = &'h Hidden>,
    ) -> Result<String, IdentError> {
        let mut columns = Vec::new();
        for (column, value) in laid {
            columns.push(format!("{value} AS {}", ident::quote(column)?));
        }
        for h in hidden.filter(|h| !laid.iter().any(|(column, _)| *column == h.column)) {
            columns.push(format!(
                "{} AS {}",
                ident::quote(&h.name)?,
                ident::quote(&h.column)?
            ));
        }
        if columns.is_empty() {
            return Ok(format!("({expression})"));
        }
        let columns = columns.join(", ");
        Ok(format!(
            "(SELECT ({expression}) FROM (SELECT {columns}) AS {})",
            self.table
        ))
    }

    /// One statement that gives each column its value where its condition holds, and touches nothing where none does. One and not
    /// several, because each one fires the table's triggers again, ours and the user's.
    pub(super) fn assign(&self, assignments: &[Assignment]) -> Option<String> {
        let set: Vec<String> = match assignments {
            [] => return None,
            [only] => vec![format!("{} = {}", only.cell, only.value)],
            several => several
                .iter()
                .map(|a| {
                    format!(
                        "{cell} = CASE WHEN {} THEN {} ELSE {cell} END",
                        a.when,
                        a.value,
                        cell = a.cell
                    )
                })
                .collect(),
        };
        Some(format!(
            "UPDATE {} SET {}\n        WHERE {} AND ({})",
            self.table,
            set.join(",\n            "),
            self.here(),
            any(assignments.iter().map(|a| a.when.clone())),
        ))
    }
}

/// A value for a column where a condition over the stored row holds.
pub(super) struct Assignment {
    /// Quoted, as it is called now.
    pub(super) cell: String,
    pub(super) value: String,
    pub(super) when: String,
}

/// The expression may read the column: its name occurs in it. Names know no case beyond ASCII, and one that holds a quote is written in more
/// than one way, so that it is taken to be read. A column that is laid over the row in vain changes nothing.
pub(super) fn mentions(expression: &str, column: &str) -> bool {
    let is_plain = !column.contains(['"', '`', '[', ']', '\'']);
    let (expression, column) = (expression.to_ascii_lowercase(), column.to_ascii_lowercase());
    !is_plain || expression.contains(&column)
}

/// The stored value is not what is stored of `value`. The binary collation, so that NOCASE hides nothing; the unary plus, so that
/// the column's own affinity decides and not that of a column that `value` may be: '05' in a text column is not 5.
pub(super) fn wrong(cell: &str, value: &str) -> String {
    format!("{cell} COLLATE BINARY IS NOT +{value}")
}

/// Two stored values differ. 1, 1.0 and '1' are three.
pub(super) fn differs(left: &str, right: &str) -> String {
    format!("({left} COLLATE BINARY IS NOT {right} OR typeof({left}) <> typeof({right}))")
}

/// One of the conditions holds; false if there is none.
pub(super) fn any(conditions: impl Iterator<Item = String>) -> String {
    let conditions: Vec<String> = conditions.collect();
    match conditions.as_slice() {
        [] => "0".to_owned(),
        [only] => only.clone(),
        several => format!("({})", several.join(" OR ")),
    }
}

/// All of the conditions hold.
pub(super) fn all(conditions: &[&str]) -> String {
    format!("({})", conditions.join(" AND "))
}

/// The condition does not hold.
pub(super) fn not(condition: &str) -> String {
    format!("NOT ({condition})")
}
