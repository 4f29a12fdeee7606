//! What differs between databases, in small parts that are plain functions over a connection or over values.
//!
//! The engine knows how a database spells, locks, remembers and fails; it knows nothing of jobs,
//! chunks or stages. Whoever holds a connection asks it: what is this table, is this expression safe
//! to repeat, which SQL mirrors these columns, is the world still as it was, how far behind are the replicas.
//!
//! Reading order: [`catalog`] and [`mirror`] (what a table is and how it is mirrored, as values), [`sql`] (the
//! door for SQL text that is built at run time), [`db`] (one kind of connection for both engines), [`mod@error`] and
//! [`relation`] (what is asked of either), [`signal`] (what pressure there is, by name); then [`postgres`] and [`sqlite`]: `ident` and `error` first, since
//! everything leans on them; `session` (whom are we talking to); `catalog` and
//! `fingerprint` (what is there, and is it still); `expression` and `triggers` (what the author wants, made
//! safe).

pub mod catalog;
pub mod db;
pub mod error;
pub mod mirror;
pub mod postgres;
pub mod relation;
pub mod signal;
pub mod sql;
pub mod sqlite;
