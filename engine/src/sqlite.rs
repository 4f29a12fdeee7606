//! SQLite: one file, one writer at a time, triggers that cannot assign to NEW.

pub mod catalog;
pub mod definition;
pub mod error;
pub mod expression;
pub mod fingerprint;
pub mod ident;
pub mod ranges;
pub mod session;
pub mod text;
pub mod tokens;
pub mod triggers;
