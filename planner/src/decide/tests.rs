//! Histories against the pure core.

mod backfill;
mod commands;
mod cutover;
mod doubts;
mod histories;
mod model;
mod world;
