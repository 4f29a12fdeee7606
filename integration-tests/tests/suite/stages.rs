//! Whole migrations, every role in this process: forward to verified or to the end, and back to where they began.

mod add_column;
mod alone;
mod budget;
mod commands;
mod contract;
pub(crate) mod cutover;
pub(crate) mod flip;
pub(crate) mod ground;
mod long_rounds;
pub(crate) mod moves;
pub(crate) mod old_process;
mod publishing;
mod rename_column;
mod replicas;
mod reread_replica;
mod restarts;
mod rows;
mod shapes;
mod sql;
mod throttle;
mod throttle_gives_way;
mod throttle_replicas;
mod throttle_signals;
mod upkeep;
mod verification;
pub(crate) mod way_back;
