//! SQLite: one file, one writer at a time, triggers that cannot assign to NEW.

pub mod definition;
pub mod expression;
pub mod ident;
pub mod ranges;
pub(crate) mod text;
pub mod tokens;
