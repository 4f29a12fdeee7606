//! The brain: specs become plans, plans become tasks, signals become pace. It never writes to a
//! user's table.
//!
//! Reading order: [`spec`] is what an author declares; [`kinds`] and [`compile`] turn it into a plan;
//! [`render`] shows the plan; [`submit`] takes a job in; [`decide`] is the pure core that walks it
//! through its life, [`pace`] the pure rule of how hard to push; [`shell`] carries decisions out;
//! [`start()`] runs a shell for every target, as [`targets`] says that it is there.

pub mod budget;
pub mod compile;
pub mod decide;
mod gauges;
pub mod kinds;
pub mod pace;
pub mod render;
pub mod serve;
pub mod shell;
pub mod spec;
pub mod start;
pub mod submit;
pub mod targets;
mod upkeep;

pub use serve::serve;
pub use start::{Context, start};
pub use targets::Targets;
