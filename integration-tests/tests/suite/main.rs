//! Every test of the whole, in one binary: it links once, and its tests share one server of a kind.
//!
//! A module here is a group; `cargo xtask test` runs them one after the other and prints the time of each.

mod bad_input;
mod bus;
mod chinook;
mod classify;
mod cli;
mod compose;
mod distributed;
mod engine;
mod faults;
mod languages;
mod ledger;
mod pitfalls;
mod security;
mod services;
mod sqlite;
mod stages;
mod testbed;
mod workspace;
