//! PostgreSQL 12 to 18: what a statement of somebody else's script locks, rewrites and scans.
//!
//! Three steps, each a value: the text becomes an [`Action`]; the action, with what the [`Session`] has seen so far and what the database
//! says, becomes an [`Effect`](crate::Effect); both, with a [`Context`], go through the rules.

pub mod action;
mod context;
mod functions;
mod lookup;
mod model;
mod parse;
mod risk;
pub mod rules;
mod session;
#[cfg(test)]
mod tests;
mod timing;
mod world;

pub use action::Action;
pub use context::{Context, HeldLock};
pub use model::Assumption;
pub use session::Session;
