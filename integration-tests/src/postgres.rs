//! Private PostgreSQL servers: a primary, its streaming replicas, and the installed programs.
//!
//! Settings are those of a test, not of a production server: nothing is flushed (the data folder is
//! thrown away), everything listens on the loopback interface by TCP only. The server's own defaults
//! for time zone and styles are deliberately unusual, so that what forgets to pin them is seen.

mod binaries;
mod disk;
mod replica;
mod server;

pub(crate) use binaries::in_search_path as installed;
pub use binaries::{output, program};
pub use disk::SmallDisk;
pub use replica::Replica;
pub use server::{Durability, Server};

/// Name of the superuser of every server here.
pub const SUPERUSER: &str = "postgres";
