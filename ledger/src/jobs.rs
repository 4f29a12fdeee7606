//! Jobs and plans: taking one in, reading it, and the one compare-and-set through which it changes.

mod read;
mod take;
mod write;

pub use read::Job;
pub use take::{NewJob, Taken};
pub use write::{JobChange, TableHold, change, hold_tables, require_planner, set_stage};
