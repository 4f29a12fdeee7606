//! The traps that a design like ours falls into: one test each, named for what must not happen, with every role at work.
//!
//! Where a part of Sluice has a test of its own for a trap, the one here asks what comes of it in the end.

mod bytes;
mod concurrency;
mod cutover;
mod drift;
mod expressions;
mod indexes;
mod mirror;
mod refusals;
mod rewrites;
