//! How a body spells the columns of the row in hand, and the author's expressions over them.
//!
//! The author's SQL names the columns that the author knew, and may name the table. So it runs over a subquery that bears the
//! table's name and has just those columns, wherever their values are now: after the soft drop `milliseconds` is read from
//! `NEW."sluice_0123456789_h1"`.

use super::{Down, Hidden, Pair};
use crate::postgres::ident::{self, IdentError};

/// The row's columns as they are called now.
pub(super) struct Row<'a> {
    /// The table's name, unquoted.
    pub(super) table: &'a str,
    /// The columns that bear another name.
    pub(super) hidden: &'a [Hidden],
}

impl Row<'_> {
    /// What the column is called now, unquoted.
    pub(super) fn name<'c>(&'c self, column: &'c str) -> &'c str {
        self.hidden
            .iter()
            .find(|h| h.column == column)
            .map_or(column, |h| h.name.as_str())
    }

    /// The column of `NEW`.
    pub(super) fn cell(&self, column: &str) -> Result<String, IdentError> {
        self.of("NEW", column)
    }

    fn of(&self, record: &str, column: &str) -> Result<String, IdentError> {
        Ok(format!("{record}.{}", ident::quote(self.name(column))?))
    }

    /// `up` over the old side as this row has it now.
    pub(super) fn up(&self, pair: &Pair) -> Result<String, IdentError> {
        // A renamed column needs no query: plain assignment is several times faster.
        if let [only] = pair.reads.as_slice()
            && pair.up.trim() == ident::quote(only)?
        {
            return self.cell(only);
        }
        let columns: Result<Vec<_>, IdentError> = pair.reads.iter().map(|c| self.aliased(c)).collect();
        self.over(&pair.up, &columns?.join(", "))
    }

    /// `down` may read any column of the row.
    pub(super) fn down(&self, pair: &Pair, down: &Down) -> Result<String, IdentError> {
        if down.expression.trim() == ident::quote(&pair.new)? {
            return self.cell(&pair.new);
        }
        let mut columns = "NEW.*".to_owned();
        for hidden in self.hidden {
            columns.push_str(&format!(", {}", self.aliased(&hidden.column)?));
        }
        self.over(&down.expression, &columns)
    }

    fn aliased(&self, column: &str) -> Result<String, IdentError> {
        Ok(format!("{} AS {}", self.cell(column)?, ident::quote(column)?))
    }

    fn over(&self, expression: &str, columns: &str) -> Result<String, IdentError> {
        Ok(format!(
            "(SELECT ({expression}) FROM (SELECT {columns}) AS {})",
            ident::quote(self.table)?
        ))
    }

    /// This UPDATE changed one of the columns, compared as bytes.
    pub(super) fn changed(&self, columns: &[String]) -> Result<String, IdentError> {
        if columns.is_empty() {
            return Ok("false".to_owned());
        }
        let side = |record: &str| -> Result<String, IdentError> {
            let cells: Result<Vec<_>, _> = columns.iter().map(|c| self.of(record, c)).collect();
            Ok(cells?.join(", "))
        };
        Ok(differs(&side("OLD")?, &side("NEW")?))
    }

    /// This INSERT gave one of the columns. Not `IS NOT NULL`, which is false for a composite value with one NULL in it.
    pub(super) fn given(&self, columns: &[String]) -> Result<String, IdentError> {
        if columns.is_empty() {
            return Ok("false".to_owned());
        }
        let cells: Result<Vec<_>, IdentError> = columns
            .iter()
            .map(|c| Ok(format!("{} IS DISTINCT FROM NULL", self.cell(c)?)))
            .collect();
        Ok(cells?.join(" OR "))
    }

    /// The key that names the row in the quarantine; without key columns the whole row does.
    pub(super) fn key(&self, key: &[String]) -> Result<String, IdentError> {
        if key.is_empty() {
            return Ok("to_jsonb(NEW)".to_owned());
        }
        let parts: Result<Vec<_>, IdentError> = key
            .iter()
            .map(|c| Ok(format!("{}, {}", ident::literal(c), self.cell(c)?)))
            .collect();
        Ok(format!("jsonb_build_object({})", parts?.join(", ")))
    }
}

/// Record images differ. The cast keeps the server from comparing column by column with the types' own operators.
pub(super) fn differs(left: &str, right: &str) -> String {
    format!("(ROW({left})::record *<> ROW({right})::record)")
}
