//! What the verifier found: re-read chunks, whole-table checks, mismatches by key, and verdicts that stick.
//!
//! `reread` is the second look at each chunk; `run` is how far the check of a whole table is; `verdict` is what follows from
//! both; `mismatch` keeps the rows found wrong.

mod mismatch;
mod reread;
mod run;
mod verdict;

pub use mismatch::{MISMATCH_LIMIT, Mismatch, forget_findings};
pub use reread::{Counted, Reread};
pub use run::{CheckLeaf, CheckedRange, Last};
pub use verdict::{Outcome, Verdict};
