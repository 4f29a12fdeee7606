//! Chaos: a whole installation under an application and faults that a seed draws, judged by an oracle.
//!
//! ```text
//!  seed ─> plan (pure) ─> crew: 2 planners, 3 or 4 backfillers, 2 verifiers, each behind two proxies of its own
//!                         faults at their times, each healed after its time ─> quiescence ─> verdict ─> one line
//! ```
//!
//! What a seed fixes is which faults come when, for how long and to whom, and what the application writes; how the processes
//! interleave with that is the machine's. So a seed that failed is tried more than once.
//!
//! What breaks it: a fault that is not healed. Every fault heals itself, also when it fails half-way, and the crew is mended once
//! more before the oracle asks.

mod act;
mod crew;
mod plan;
mod run;
mod verdict;

pub use plan::{Fault, Kind, Plan};
pub use run::{Grounds, Ran, one};
pub use verdict::{Tally, Violation};
