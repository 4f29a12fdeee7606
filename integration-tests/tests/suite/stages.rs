//! Whole migrations, every role in this process: forward to verified or to the end, and back to where they began.

mod add_column;
mod commands;
mod contract;
pub(crate) mod cutover;
mod flip;
pub(crate) mod ground;
mod long_rounds;
mod publishing;
mod rename_column;
mod replicas;
mod restarts;
mod rows;
mod shapes;
mod sql;
mod throttle;
mod verification;
mod way_back;
