//! Statements of SQLite: which are a change of the schema's text, which read or write every row, and which the engine refuses.
//!
//! There is one lock that matters, the write lock of the whole file; every statement that writes holds it, most for an instant. What
//! matters is for how long. A statement is read (`read`) into an `action`, the action has an `effect`, and every rule looks at both.
//! What cannot be read is [`Phase::Unknown`](crate::Phase::Unknown), of critical risk.
//!
//! Not to be confused with [`Sqlite`](crate::Sqlite), the fixed labels of what Sluice itself generates for SQLite.

mod action;
mod column;
mod effect;
mod read;
pub mod rules;
mod session;

pub use session::Session;

#[cfg(test)]
mod tests;
