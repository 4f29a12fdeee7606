//! Application traffic: the same that `sluice demo` runs, so that tests and demo believe the same model.

use std::time::Duration;

pub use cli::traffic::*;

/// The load of an application that shares two cores with a whole installation: it meets every batch, and leaves the services room.
pub fn beside_services() -> Load {
    Load {
        pause: Duration::from_millis(8),
        ..Load::default()
    }
}
