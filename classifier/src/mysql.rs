//! Statements of MySQL and MariaDB: how the server carries them out, what that blocks, and which tool does it beside the application.
//!
//! There is no transaction around a change of a table here, and no plan: what matters is the ALGORITHM and LOCK that the server needs
//! (`online`), and the metadata lock that everybody queues behind. A statement is read (`read`) into an `action`, the action has an
//! `effect`, and every rule looks at both. What cannot be read is [`crate::Phase::Unknown`], of critical risk.

mod action;
mod alter;
mod column;
mod effect;
mod online;
mod read;
pub mod rules;
mod session;

pub use action::{Algorithm, LockClause};
pub use session::Session;

/// Whose server it is: they share a language, and answer differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavor {
    /// MySQL from 8.0.29.
    MySql,
    /// MariaDB from 10.6.
    MariaDb,
}

#[cfg(test)]
mod tests;
