//! Application traffic: the same that `sluice demo` runs, so that tests and demo believe the same model.

pub use cli::traffic::*;
