//! The ledger: Sluice's own tables, inside the target database, in schema `sluice`.
//!
//! Every fact of a job is a row here; messages are hints. A batch commits its rows together with
//! its chunk's cursor, so a lost, doubled or late message can delay work, never lose or repeat it.
//!
//! Reading order: [`job`] and [`plan`] are the vocabulary; [`open`] finds or creates the ledger, [`standing`] says whether it is
//! where it was used last, [`failover`] puts it in order if its server was promoted, [`copies`] is what a person makes of one that was copied;
//! [`jobs`] holds the compare-and-set that every change of a job's state goes through; [`tasks`]
//! and [`chunks`] are the work with its leases and fences; [`checks`] is what the verifier found;
//! [`flags`] move the application; [`commands`], [`events`], [`pace`], [`pulse`] and [`status`] are what people see and say; [`role`] is what the
//! processes that work on tasks have in common.
//!
//! Statements are constants beside the function that runs them, each with a leading comment tag so
//! that it is recognised in `pg_stat_activity`.

pub mod checks;
pub mod chunks;
pub mod commands;
pub mod copies;
pub mod cursor;
pub mod error;
pub mod events;
pub mod failover;
pub mod flags;
pub mod hold;
pub mod job;
pub mod jobs;
pub mod leases;
pub mod migrations;
pub mod open;
pub mod pace;
pub mod plan;
pub mod pulse;
pub mod quarantine;
pub mod role;
pub mod shares;
pub mod standing;
pub mod status;
pub mod steps;
pub mod sweeps;
pub mod target;
pub mod tasks;

pub use error::Error;
pub use job::{JobState, Stage, StageStatus};
pub use open::Ledger;
pub use plan::Plan;
pub use target::Target;
