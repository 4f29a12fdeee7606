//! PostgreSQL 12 and later (block ranges from 14).

pub mod activity;
pub mod catalog;
pub mod error;
pub mod expression;
pub mod fingerprint;
pub mod ident;
pub mod identity;
pub mod live_facts;
pub mod observe;
pub mod privileges;
pub mod replayed;
pub mod session;
pub mod signals;
pub mod triggers;
pub mod upkeep;
pub mod wal;

pub use error::Error;
