//! SQLite: one file, one writer at a time, triggers that cannot assign to NEW.

pub mod expression;
pub mod ident;
pub mod triggers;
