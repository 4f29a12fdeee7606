//! The operator's tool, `sluice`: reads the ledger, writes commands into it, or runs all three roles in one process.
//!
//! Reading order: [`args`] is the command line; [`commands`] has one file a command; [`place`] says which
//! database is meant; [`order`] gives a command to a planner, [`drive`] and [`embedded`] are the planner where there is none;
//! [`follow`] and [`progress`] watch a job; [`copies`] is about ledgers that are not where they were made; [`broker`] and [`queues`] are what is between roles;
//! [`measure`] tries a plan out on a copy of some rows; [`classify`] judges what others wrote;
//! [`rest`], [`way_back`], [`eta`], [`diff`], [`checklist`] and [`report`] are the pure parts; [`status`]
//! is what people look at; [`demo`] shows all of it on a table of its own, under the application of [`traffic`]; [`error`] ends it all with an exit code.
//!
//! Answers go to standard output, everything else to standard error. No secret is ever printed: URLs are shown redacted or not at all.

pub mod actor;
pub mod args;
pub mod broker;
pub mod checklist;
pub mod classify;
pub mod commands;
pub mod copies;
pub mod demo;
pub mod diff;
pub mod drive;
pub mod embedded;
pub mod error;
pub mod eta;
#[cfg(test)]
mod example;
pub mod filled;
pub mod follow;
pub mod measure;
pub mod order;
pub mod out;
pub mod paint;
pub mod place;
pub mod privileges;
pub mod progress;
pub mod queues;
pub mod report;
pub mod rest;
pub mod specfile;
pub mod status;
pub mod traffic;
pub mod view;
pub mod wake;
pub mod way_back;

pub use args::{Args, run};
pub use error::{Error, Outcome};
