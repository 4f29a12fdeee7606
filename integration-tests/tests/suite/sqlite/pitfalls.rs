//! The traps of a design like ours, on SQLite: one test each, named for what must not happen, with every role at work.

mod cutover;
mod drift;
mod mirror;
mod rewrites;
