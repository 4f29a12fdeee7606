//! What the roles that carry out tasks have in common: a backfiller and a verifier differ in what they do with a
//! task, not in how they come by one.
//!
//! `serve` is the process around a role; `site` is what every handler of one target holds; `intake` brings its messages;
//! `turns` bound how many long tasks are in hand; `beat` says that it is alive. The loop in the middle is each role's own, and so is everything a task asks for.

pub mod beat;
pub mod crash;
mod error;
pub mod intake;
pub mod serve;
pub mod site;
pub mod turns;

pub use error::Error;
