//! Histories against the pure core.

mod backfill;
mod commands;
mod cutover;
mod histories;
mod world;
