//! What the rules are told besides the statement: what came before it in the script, and what the database says.

use super::action::{Expression, Name, Volatility};
use super::model::Assumption;
use super::world::World;
use crate::{Facts, Lock, facts};

/// A view of the session right before the statement.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What the database says, if it was asked.
    pub facts: Option<&'a Facts>,
    /// The server's major version; 15 is assumed where nobody said.
    pub version: u32,
    /// A transaction block is open.
    pub in_transaction: bool,
    /// `lock_timeout` in force, in milliseconds; None: waits for ever.
    pub lock_timeout: Option<u64>,
    /// `statement_timeout` in force, in milliseconds.
    pub statement_timeout: Option<u64>,
    /// Locks that this transaction took before this statement and still holds.
    pub held: &'a [HeldLock],
    /// What the model could not know about this statement and took for granted.
    pub assumed: &'a [Assumption],
    /// What the script has done so far.
    pub(crate) world: &'a World,
}

/// A lock taken earlier in the open transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLock {
    /// The table.
    pub table: String,
    /// The mode.
    pub mode: Lock,
    /// Line of the script of the statement that took it.
    pub line: u32,
}

impl<'a> Context<'a> {
    /// The table as the database knows it, found along the search path. None too if the script itself has created it.
    #[must_use]
    pub fn table(&self, name: &Name) -> Option<&'a facts::Table> {
        self.world.table(self.facts, name).map(|(_, table)| table)
    }

    /// The name under which the database knows the table, `schema.table`.
    #[must_use]
    pub fn catalog_name(&self, name: &Name) -> Option<&'a str> {
        self.world.table(self.facts, name).map(|(name, _)| name)
    }

    /// How often the expression must be evaluated, with what the database says of its functions.
    #[must_use]
    pub fn volatility(&self, expression: &Expression) -> Volatility {
        super::lookup::volatility(self.facts, expression)
    }

    /// The script itself has created the table, or it is temporary: nobody else uses it yet.
    #[must_use]
    pub fn is_new(&self, table: &Name) -> bool {
        self.world.is_new(self.facts, table)
    }

    /// The database knows that no row has NULL there: the column is NOT NULL, or a valid CHECK says so.
    #[must_use]
    pub fn is_proven_not_null(&self, table: &Name, column: &str) -> bool {
        self.world.proven_not_null(self.facts, table, column)
    }

    /// The table that an index belongs to which the script has created.
    #[must_use]
    pub fn table_of_index(&self, index: &Name) -> Option<&'a Name> {
        self.world.index(self.facts, index).map(|it| &it.table)
    }
}
