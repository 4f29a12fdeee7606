//! Whole migrations, every role in this process: forward to verified, and back to where they began.

mod add_column;
mod commands;
pub(crate) mod ground;
mod rename_column;
mod replicas;
mod restarts;
mod rows;
mod shapes;
mod sql;
mod throttle;
mod verification;
